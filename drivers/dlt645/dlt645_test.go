package dlt645_test

import (
	"testing"

	"linkd/drivers/dlt645"
	"linkd/drivers/drivertest"
)

func TestDriver(t *testing.T) { drivertest.Run(t, dlt645.Driver()) }
