// Package deploy holds what servers of Prometheus and Grafana need to watch linkd. It is embedded, so that linkd can
// hand it out; nothing here is code.
package deploy

import "embed"

// Files are grafana/linkd.json, a dashboard, and prometheus/rules.yml, recording rules and alerts.
//
//go:embed grafana/linkd.json prometheus/rules.yml
var Files embed.FS
