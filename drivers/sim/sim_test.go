package sim

import (
	"strings"
	"testing"

	"linkd/drivers"
	"linkd/drivers/drivertest"
	"linkd/project"
)

func TestConformance(t *testing.T) { drivertest.Run(t, Driver()) }

// TestRefusals pins what a wrong sim channel is told, and that a link does not go with it.
func TestRefusals(t *testing.T) {
	for more, want := range map[string]string{
		`poll: 1s`: "a sim channel has devices",
		`options: {a: 1}, devices: [{name: d1, tags: [{name: a, address: "1"}]}]`: `a is no option of sim`,
		`devices: [{name: d1, tags: [{name: a, address: "1"}]}]`:                  "write poll: 1s",
		`poll: 1s, devices: [{name: d1, tags: [{name: a, address: "1 +"}]}]`:      "write an expression such as",
		`poll: 1s, devices: [{name: d1, tags: [{name: a, address: "b"}]}]`:        "unknown name b",
		`poll: 1s, connection: s1/c1, devices: [{name: d1, tags: [{name: a, address: "1"}]}]`: "driver sim runs without a " +
			"link, not on a tcp-server; leave connection out",
		`poll: 1s, devices: [{name: d1, tags: [{name: a, address: "sin(\"x\")"}]}]`: "wrong expression",
	} {
		src := "project: p\nproviders:\n" +
			"- {name: s1, type: tcp-server, local_port: 0, connections: [{name: c1, socket_conn_id: x}]}\n" +
			"channels:\n- {name: ch, driver: sim, " + more + "}\n"
		_, err := project.Parse("x.yaml", []byte(src), drivers.Table{Driver()})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", more, err, want)
		}
	}
}
