package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// commanded has a device whose tags are written, and one that passes bytes through.
var commanded = strings.NewReplacer("connections:\n", "connections:\n      - {name: c2, socket_conn_id: c0002}\n",
	"channels:\n", "channels:\n  - {name: ch_raw, connection: s1/c2, driver: raw}\n").Replace(greenhouseModbus)

// natsClient is a client of others, and what went wrong with it.
type natsClient struct {
	*nats.Conn
	errs   *transcript
	closed chan struct{}
}

// nats comes in to the embedded bus with a token.
func (in *instance) nats(t *testing.T, token string) *natsClient {
	t.Helper()
	c := &natsClient{errs: &transcript{}, closed: make(chan struct{})}
	conn, err := nats.Connect("nats://"+in.busAt(t).Listen, nats.Token(token), nats.NoReconnect(), nats.Timeout(patience),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { fmt.Fprintln(c.errs, err) }),
		nats.ClosedHandler(func(*nats.Conn) { close(c.closed) }))
	if err != nil {
		t.Fatal(err)
	}
	c.Conn = conn
	t.Cleanup(func() {
		conn.Close()
		<-c.closed
	})
	return c
}

// answered is what the bus answers to a command.
type answered struct {
	Status         int
	Result, Detail string
	Readback       any
	ReceivedText   string `json:"received_text"`
}

// ask sends a command and returns its answer.
func (c *natsClient) ask(t *testing.T, subject, body string) (a answered) {
	t.Helper()
	m, err := c.Request(subject, []byte(body), patience)
	if err == nil {
		err = json.Unmarshal(m.Data, &a)
	}
	if err != nil {
		t.Fatalf("%s %s: %v: %s", subject, body, err, c.errs)
	}
	return a
}

// pong is a device with an id that answers every ping, until the test ends. It returns what it was sent.
func (in *instance) pong(t *testing.T, id string) *transcript {
	t.Helper()
	got := &transcript{}
	device := in.dial(t, "s1", id)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b := make([]byte, 64)
		for {
			n, err := device.Read(b)
			if err != nil {
				return // linkd, or the test, has closed the link
			}
			got.Write(b[:n])
			if _, err := io.WriteString(device, "pong"); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		device.Close()
		<-ended
	})
	return got
}

// wrote is what a Modbus server was asked to write.
func (r *registers) wrote() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen)
}

// TestCommands: writes and bytes come over NATS and MQTT, are answered with what the device says, need an operator's
// token, and end with it.
func TestCommands(t *testing.T) {
	t.Parallel()
	in := serve(t, commanded, anyPorts...)
	device := &registers{}
	defer in.dialIn(t, serveModbus(t, device))()
	raw := in.pong(t, "c0002")
	in.online(t, "s1/c1", 0)
	in.online(t, "s1/c2", 0)
	operator, id := in.newToken(t, "eve", "operator")
	viewer, _ := in.newToken(t, "bob", "viewer")
	c := in.nats(t, operator)

	const cmd, tx = "linkd.greenhouse.cmd.ch_dev1.d1.", "linkd.greenhouse.tx.s1.c2"
	if a := c.ask(t, cmd+"setpoint", `{"value": 22.5, "readback": true}`); a.Status != 200 || a.Result != "confirmed" ||
		a.Readback != 22.5 {
		t.Errorf("the setpoint: %+v", a)
	}
	if a := c.ask(t, cmd+"setpoint", "90"); a.Status != 422 || a.Result != "rejected" {
		t.Errorf("a setpoint that is too high: %+v", a)
	}
	if a := c.ask(t, cmd+"humidity", "9"); a.Status != 422 {
		t.Errorf("a tag that cannot be written: %+v", a)
	}
	if a := c.ask(t, cmd+"pressure", "9"); a.Status != 404 || !strings.Contains(a.Detail, "pressure") {
		t.Errorf("a tag that is not there: %+v", a)
	}
	if a := c.ask(t, tx, `{"text": "ping", "wait_ms": 10000}`); a.Status != 200 || a.ReceivedText != "pong" {
		t.Errorf("bytes: %+v", a)
	}
	in.refusesViewer(t, viewer, cmd+"setpoint", tx)

	in.publish(t, operator, "linkd/greenhouse/cmd/ch_dev1/d1/setpoint", "23.5")
	eventually(t, "what was published over MQTT is written", func() error {
		if last := device.wrote(); last[len(last)-1] != "holding 0 [235]" {
			return fmt.Errorf("the device has %q", last)
		}
		return nil
	})
	in.says(t, 0, "revoked", "token", "revoke", id)
	select {
	case <-c.closed:
	case <-time.After(patience):
		t.Error("the connection of a revoked token goes on")
	}
	if _, err := nats.Connect("nats://"+in.busAt(t).Listen, nats.Token(operator), nats.NoReconnect()); !errors.Is(err,
		nats.ErrAuthorization) {
		t.Errorf("a revoked token comes in: %v", err)
	}
	if got, want := device.wrote(), []string{"holding 0 [225]", "holding 0 [235]"}; !slices.Equal(got, want) {
		t.Errorf("the device was asked to write %q, want %q", got, want)
	}
	if got := raw.String(); got != "ping" {
		t.Errorf("the device was sent %q, want ping", got)
	}
}

// refusesViewer checks that a viewer commands nothing: over NATS, where the server says so, and over MQTT.
func (in *instance) refusesViewer(t *testing.T, token, cmd, tx string) {
	t.Helper()
	c := in.nats(t, token)
	for _, subject := range []string{cmd, tx} {
		if err := c.Publish(subject, []byte("7")); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.FlushTimeout(patience); err != nil { // the server has read both, and has refused them before it answers
		t.Fatal(err)
	}
	for _, subject := range []string{cmd, tx} {
		eventually(t, "a viewer's command is refused", func() error {
			if said := c.errs.String(); !strings.Contains(strings.ToLower(said), "permissions violation") ||
				!strings.Contains(said, subject) {
				return errors.New(said)
			}
			return nil
		})
	}
	in.publish(t, token, strings.ReplaceAll(cmd, ".", "/"), "7")
	if n := in.counterOfWrites(t); n != 3 { // the setpoint, the one that was too high, and the tag that is not writable
		t.Errorf("%d writes were counted, want 3", n)
	}
}

// counterOfWrites is how many writes were answered, whatever came of them.
func (in *instance) counterOfWrites(t *testing.T) (n int) {
	t.Helper()
	b, err := in.request(http.MethodGet, "/metrics", "")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if series, value, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(series, "linkd_writes_total{") {
			var v float64
			if _, err := fmt.Sscan(value, &v); err != nil {
				t.Fatal(err)
			}
			n += int(v)
		}
	}
	return n
}

// publish is a mosquitto_pub with QoS 1, which the broker has read when it returns; a refused one may say so.
func (in *instance) publish(t *testing.T, token, topic, text string) {
	t.Helper()
	host, port, err := net.SplitHostPort(in.busAt(t).MQTT)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, exec.Command(peer(t, "mosquitto_pub"), "-h", host, "-p", port, "-u", "anybody", "-P", token,
		"-t", topic, "-m", text, "-q", "1"))
	select {
	case <-p.gone:
	case <-time.After(patience):
		t.Errorf("mosquitto_pub %s goes on: %s", topic, p.log)
	}
}
