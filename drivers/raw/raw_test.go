package raw_test

import (
	"strings"
	"testing"

	"linkd/drivers"
	"linkd/drivers/drivertest"
	"linkd/drivers/raw"
	"linkd/project"
)

func TestConformance(t *testing.T) { drivertest.Run(t, raw.Driver()) }

// TestAllowed: raw runs on links, and says why it does not run without one.
func TestAllowed(t *testing.T) {
	d := raw.Driver()
	for _, kind := range []project.LinkKind{project.TCPServer, project.TCPClient} {
		if err := d.Allow(kind); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	want := "driver raw runs on tcp-server and tcp-client links; give the channel a connection: PROVIDER/NAME"
	if err := d.Allow(project.NoLink); err == nil || err.Error() != want {
		t.Errorf("without a link: %v, want %q", err, want)
	}
}

// TestRefusals pins what a project file with a bad raw channel is told, and where.
func TestRefusals(t *testing.T) {
	src := func(more string) []byte {
		return []byte("project: p\nproviders:\n" +
			"- {name: s1, type: tcp-server, local_port: 0, connections: [{name: c1, socket_conn_id: x}]}\n" +
			"channels:\n- {name: ch, connection: s1/c1, driver: " + more + "}\n")
	}
	for more, want := range map[string]string{
		"raw, options: {echo: 1}":  `echo is 1; write true or false`,
		"raw, options: {echos: 1}": `raw has no option "echos"; it has echo`,
		"row":                      `driver "row" is not known; choose one of: raw`,
		"raw, devices: [{name: d, tags: [{name: t, address: a, type: bool}]}]": "" +
			"raw knows no devices; leave them out, or choose a driver with a protocol",
	} {
		_, err := project.Parse("f", src(more), drivers.Table{raw.Driver()})
		if err == nil || !strings.Contains(err.Error(), "f:5:") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q at line 5", more, err, want)
		}
	}
}
