package main_test

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// bus connects to the bus of a linkd as an admin.
func (in *instance) bus(t *testing.T) *nats.Conn {
	t.Helper()
	var bus struct{ Listen string }
	in.read(t, "/bus", &bus)
	token, err := exec.Command(binary, "token", "show", "--url", in.url).Output()
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect("nats://"+bus.Listen, nats.Token(strings.TrimSpace(string(token))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// hears waits for a report of the greenhouse under a project's name, and has its history.
func (in *instance) hears(t *testing.T, project string) {
	t.Helper()
	from := time.Now().Add(-time.Minute)
	sub, err := in.bus(t).SubscribeSync("linkd." + project + ".tags.ch_dev1.d1")
	if err != nil {
		t.Fatal(err)
	}
	if m, err := sub.NextMsg(patience); err != nil {
		t.Fatalf("under the name %s: %v, %v", project, m, err)
	}
	eventually(t, "the history has values under the name "+project, func() error {
		if n := in.counted(t, "ch_dev1/d1/temperature", from, time.Now()); n == 0 {
			return fmt.Errorf("it has %d", n)
		}
		return nil
	})
}

// TestRenamedProject: a linkd that began without a project has the bus follow the first that it is given, and each
// later name, at once: values, history and commands. It starts again with what is kept under all of them.
func TestRenamedProject(t *testing.T) {
	t.Parallel()
	in := launch(t, "", "--bus-listen", "127.0.0.1:0", "--data", t.TempDir())
	for _, name := range []string{"greenhouse", "glasshouse"} {
		file := text(t, name+".yaml", strings.Replace(greenhouseModbus, "project: greenhouse", "project: "+name, 1))
		if plan, _ := in.outs(t, 0, "apply", "-f", file, "--prune"); !strings.Contains(plan, "~ project name\n") {
			t.Fatalf("the plan is\n%s", plan)
		}
		if name == "greenhouse" {
			simulated(t, "127.0.0.1:"+in.port(t, "s1"), "c{n:04}")
		}
		in.hears(t, name)
		m, err := in.bus(t).Request("linkd."+name+".cmd.ch_dev1.d1.none", []byte("1"), patience)
		if err != nil || !strings.Contains(string(m.Data), `"status":404`) {
			t.Errorf("a command: %v, %v", m, err)
		}
	}
	in.again(t)
	simulated(t, "127.0.0.1:"+in.port(t, "s1"), "c{n:04}") // the port is another
	in.hears(t, "glasshouse")
	streams := ""
	js, err := in.bus(t).JetStream()
	if err != nil {
		t.Fatal(err)
	}
	for name := range js.StreamNames() {
		streams += name + " "
	}
	for _, want := range []string{"linkd_greenhouse_tags", "linkd_greenhouse_conn", "linkd_glasshouse_tags"} {
		if !strings.Contains(streams, want+" ") {
			t.Errorf("there is no %s among %s", want, streams)
		}
	}
	if strings.Contains(streams, "linkd_linkd_") {
		t.Errorf("the streams of no project are there: %s", streams)
	}
	if code := in.end(syscall.SIGTERM); code != 0 {
		t.Errorf("linkd ended with status %d", code)
	}
}
