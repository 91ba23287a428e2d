package json

import (
	"testing"

	"linkd/drivers/drivertest"
)

func TestConformance(t *testing.T) { drivertest.Run(t, Driver()) }
