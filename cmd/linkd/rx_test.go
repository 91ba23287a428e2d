package main_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// TestBytes: what a device sends comes byte for byte to who subscribes to it, over NATS and MQTT, and to nobody else.
func TestBytes(t *testing.T) {
	t.Parallel()
	in := serve(t, commanded, anyPorts...)
	viewer, _ := in.newToken(t, "bob", "viewer")
	c := in.nats(t, viewer)
	heard, err := c.SubscribeSync("linkd.greenhouse.rx.s1.c2")
	if err != nil {
		t.Fatal(err)
	}
	everything, err := c.SubscribeSync("linkd.greenhouse.>")
	if err != nil {
		t.Fatal(err)
	}
	other := in.dial(t, "s1", "c0001\n")
	device := in.dial(t, "s1", "c0002\n")
	in.online(t, "s1/c1", 0)
	in.online(t, "s1/c2", 0)
	if _, err := io.WriteString(other, "not asked for"); err != nil {
		t.Fatal(err)
	}
	comesThrough(t, device, heard)
	shown := in.subscribe(t, viewer, "linkd/greenhouse/rx/#")
	eventually(t, "mosquitto_sub shows what both devices send", func() error {
		for device, says := range map[net.Conn]string{other: "one", device: "two"} {
			if _, err := io.WriteString(device, says); err != nil {
				return err
			}
		}
		if said := shown.log.String(); !strings.Contains(said, "linkd/greenhouse/rx/s1/c1 one") ||
			!strings.Contains(said, "linkd/greenhouse/rx/s1/c2 two") {
			return fmt.Errorf("it shows %q", said)
		}
		return nil
	})
	for m, err := everything.NextMsg(patience); err == nil; m, err = everything.NextMsg(10 * time.Millisecond) {
		if strings.Contains(string(m.Data), "not asked for") {
			t.Errorf("%s: %s", m.Subject, m.Data)
		}
	}
	if dropped := in.metric(t, `linkd_bus_dropped_total{kind="rx"}`); dropped != 0 {
		t.Errorf("%v pieces were dropped", dropped)
	}
}

// TestBytesAbroad: a NATS server of one's own gets the bytes that linkd is told of.
func TestBytesAbroad(t *testing.T) {
	t.Parallel()
	bus := newNATS(t)
	in := serve(t, commanded, "--nats", "nats://"+bus.addr(), "--bus-rx", "none/c2,*/c2")
	client, err := nats.Connect("nats://" + bus.addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	heard, err := client.SubscribeSync("linkd.greenhouse.rx.s1.c2")
	if err != nil {
		t.Fatal(err)
	}
	device := in.dial(t, "s1", "c0002\n")
	in.online(t, "s1/c2", 0)
	comesThrough(t, device, heard)
	for args, want := range map[string]string{
		"s1/c2":                   "--bus-rx is for a NATS server of your own (--nats); the embedded bus sees who subscribes",
		"s1 --nats nats://h":      `--bus-rx "s1"; give PROVIDER/CONNECTION, * for any: s1/c1, s1/* or */*`,
		"s1/c.2 --nats nats://h":  `--bus-rx "s1/c.2"; give PROVIDER/CONNECTION, * for any: s1/c1, s1/* or */*`,
		"s1/c2/x --nats nats://h": `--bus-rx "s1/c2/x"; give PROVIDER/CONNECTION, * for any: s1/c1, s1/* or */*`,
	} {
		said := refused(t, 2, append([]string{"serve", "--bus-rx"}, strings.Fields(args)...)...)
		if !strings.Contains(said, want) {
			t.Errorf("--bus-rx %s says %q, want %q", args, said, want)
		}
	}
}

// comesThrough has a device send, and fails unless all of it is heard once anything is.
func comesThrough(t *testing.T, device net.Conn, heard *nats.Subscription) {
	t.Helper()
	eventually(t, "something comes through", func() error {
		if _, err := io.WriteString(device, "?"); err != nil {
			return err
		}
		_, err := heard.NextMsg(50 * time.Millisecond)
		return err
	})
	want := ""
	for i := range 200 {
		said := fmt.Sprintf("\x00\xff%d\r\n", i)
		want += said
		if _, err := io.WriteString(device, said); err != nil {
			t.Fatal(err)
		}
	}
	got := ""
	for len(strings.TrimLeft(got, "?")) < len(want) {
		m, err := heard.NextMsg(patience)
		if err != nil {
			t.Fatalf("%v after %q", err, got)
		}
		got += string(m.Data)
	}
	if got = strings.TrimLeft(got, "?"); got != want {
		t.Errorf("%q came, want %q", got, want)
	}
}
