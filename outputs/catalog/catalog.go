// Package catalog is the one table of the outputs that linkd has. A new output is one line here.
package catalog

import (
	"linkd/outputs"
	"linkd/outputs/file"
	"linkd/outputs/mqtt"
	"linkd/outputs/nats"
	"linkd/outputs/webhook"
)

// New returns the table.
func New() outputs.Table { return outputs.Table{mqtt.Kind(), nats.Kind(), webhook.Kind(), file.Kind()} }
