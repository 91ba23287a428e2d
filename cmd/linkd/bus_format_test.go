package main_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"linkd/internal/payload"
)

// TestBusFormats: who listens gets what devices say in the format that was asked for, with the device's id; and the
// history is there.
func TestBusFormats(t *testing.T) {
	t.Parallel()
	for format, is := range map[string]func([]byte) error{
		"influx": func(b []byte) error {
			if !strings.HasPrefix(string(b), "ch_dev1,connection=s1/c1,id=c0001,device=d1 ") {
				return fmt.Errorf("no line: %q", b)
			}
			return nil
		},
		"protobuf": func(b []byte) error {
			var e payload.Entry
			err := e.Parse(b)
			if r := e.Report; err == nil && (r.Provider != "s1" || r.Connection != "c1" || r.Device != "d1" ||
				len(r.Values) == 0 || !strings.Contains(string(b), "c0001")) {
				err = fmt.Errorf("%+v", r)
			}
			return err
		},
	} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			from := time.Now().Add(-time.Minute)
			in := serve(t, greenhouseModbus, "--bus-listen", "127.0.0.1:0", "--bus-format", format)
			var bus struct{ Format, Listen string }
			in.read(t, "/bus", &bus)
			if bus.Format != format {
				t.Errorf("the bus says that its format is %q", bus.Format)
			}
			token, err := exec.Command(binary, "token", "show", "--url", in.url).Output()
			if err != nil {
				t.Fatal(err)
			}
			client, err := nats.Connect("nats://"+bus.Listen, nats.Token(strings.TrimSpace(string(token))))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(client.Close)
			values, err := client.SubscribeSync("linkd.greenhouse.tags.ch_dev1.d1")
			if err != nil {
				t.Fatal(err)
			}
			simulated(t, "127.0.0.1:"+in.port(t, "s1"), "c{n:04}")
			m, err := values.NextMsg(patience)
			if err == nil {
				err = is(m.Data)
			}
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, "the history has values", func() error {
				if n := in.counted(t, "ch_dev1/d1/temperature", from, time.Now()); n == 0 {
					return fmt.Errorf("it has %d", n)
				}
				return nil
			})
		})
	}
	for _, command := range []string{"serve", "demo"} {
		const want = `--bus-format "xml"; give one of: json, influx, protobuf`
		if said := refused(t, 2, command, "--http", "127.0.0.1:0", "--bus-format", "xml"); !strings.Contains(said, want) {
			t.Errorf("%s says %q, want %q", command, said, want)
		}
	}
}
