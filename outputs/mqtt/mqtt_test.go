package mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"linkd/outputs"
	"linkd/outputs/outputtest"
	"linkd/project"
	"linkd/server"
)

// hub is a broker as the conformance suite sees it: it has what a subscriber has that is always there first.
type hub struct{ *broker }

func (h hub) Options() map[string]any { return h.options() }

func (h hub) Payloads() (list [][]byte) {
	for _, m := range h.messages("linkd/p/tags/") {
		list = append(list, m.payload)
	}
	return list
}

// TestConformance has the broker behind a gate: who subscribes stays connected when linkd is cut off.
func TestConformance(t *testing.T) {
	outputtest.Run(t, Kind(), []string{"json", "influx", "protobuf"}, func(t *testing.T, _ string) outputtest.Peer {
		return newGate(t)
	})
}

// gate is a broker behind a door: down, it refuses linkd while the broker and its subscriber go on.
type gate struct {
	hub
	door    net.Listener
	address string
	ctx     context.Context
	cancel  context.CancelFunc
}

func newGate(t *testing.T) *gate {
	b := newBroker(t)
	g := &gate{hub: hub{b}}
	g.listen("linkd/#")
	g.Up()
	t.Cleanup(g.Down)
	return g
}

func (g *gate) Options() map[string]any {
	o := g.options()
	o["server"] = "tcp://" + g.address
	return o
}

func (g *gate) Down() {
	g.cancel()
	g.door.Close()
}

func (g *gate) Up() {
	var err error
	if g.address == "" {
		g.address = "127.0.0.1:0"
	}
	outputtest.Eventually(g.t, func() error {
		g.door, err = net.Listen("tcp", g.address)
		return err
	})
	g.address = g.door.Addr().String()
	g.ctx, g.cancel = context.WithCancel(context.Background())
	go g.accept(g.ctx, g.door)
}

func (g *gate) accept(ctx context.Context, door net.Listener) {
	for {
		a, err := door.Accept()
		if err != nil {
			return
		}
		b, err := net.Dial("tcp", "127.0.0.1:"+g.port)
		if err != nil {
			a.Close()
			continue
		}
		context.AfterFunc(ctx, func() { a.Close(); b.Close() })
		go func() { _, _ = io.Copy(a, b); a.Close(); b.Close() }()
		go func() { _, _ = io.Copy(b, a); a.Close(); b.Close() }()
	}
}

// TestBrokerKilled: with QoS 1 what is reported while the broker is dead comes when it is back.
func TestBrokerKilled(t *testing.T) {
	b := newBroker(t)
	b.listen("linkd/p/#")
	s := start(t, "json", b.options(), outputs.Env{})
	for round := range 3 {
		for i := range 100 {
			s.Reports([]server.Report{outputtest.Report("d1", round*100+i)})
		}
		outputtest.Eventually(t, func() error {
			if st := s.Stats(); st.Tags.Sent != uint64(100*round+100) {
				return fmt.Errorf("%+v", st)
			}
			return nil
		})
		b.Down()
		s.Event(server.Event{Kind: "offline", Time: time.Now(), Provider: "s1", Connection: "c1"})
		outputtest.Eventually(t, func() error {
			if st := s.Stats(); st.State != outputs.Failing {
				return fmt.Errorf("%+v", st)
			}
			return nil
		})
		b.Up()
	}
	outputtest.Eventually(t, func() error {
		if st := s.Stats(); st.State != outputs.Fine || st.Conn.Sent != 3 || st.Tags.Dropped+st.Conn.Dropped != 0 {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
}

// TestStatus: retained birth, will when linkd dies, and the same in peace; topics and QoS of all messages.
func TestStatus(t *testing.T) {
	g := newGate(t)
	s := start(t, "json", g.Options(), outputs.Env{})
	s.Reports([]server.Report{outputtest.Report("d1", 1)})
	s.Event(server.Event{Kind: "online", Time: time.Now(), Provider: "s1", Connection: "c1"})
	s.Event(server.Event{Kind: "provider", Time: time.Now(), Provider: "s1"})
	g.wantStatus(t, "online")
	outputtest.Eventually(t, func() error {
		if n := len(g.messages("linkd/p/conn/s1/c1")) + len(g.messages("linkd/p/tags/ch/d1")); n != 2 {
			return fmt.Errorf("%d messages", n)
		}
		return nil
	})
	if m := g.messages("linkd/p/tags/ch/d1")[0]; m.qos != 1 || m.retained || !json.Valid(m.payload) {
		t.Errorf("a report is %+v", m)
	}
	g.Down()
	g.wantStatus(t, "offline")
	g.Up()
	g.wantStatus(t, "online")
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.wantStatus(t, "offline")
	if m := g.messages("linkd/p/status"); !strings.Contains(string(m[len(m)-1].payload), `"ts":"`) {
		t.Errorf("the last word is %s, want one with a time", m[len(m)-1].payload)
	}
	out, err := exec.Command("mosquitto_sub", "-p", g.port, "-t", "linkd/p/status", "-C", "1", "-W", "10").Output()
	if err != nil || !strings.Contains(string(out), `"state":"offline"`) {
		t.Errorf("mosquitto_sub, coming later, has %q, %v; want the retained status", out, err)
	}
}

func (g *gate) wantStatus(t *testing.T, state string) {
	t.Helper()
	outputtest.Eventually(t, func() error {
		list := g.messages("linkd/p/status")
		if len(list) == 0 || !strings.Contains(string(list[len(list)-1].payload), `{"state":"`+state+`"`) {
			return fmt.Errorf("the status is %v, want %s", list, state)
		}
		return nil
	})
}

// TestCommands: what is published on cmd is written, and the reply says what came of it.
func TestCommands(t *testing.T) {
	b := newBroker(t)
	c := b.listen("linkd/p/cmd/+/+/+/reply")
	options := b.options()
	options["commands"] = true
	c.Publish("linkd/p/cmd/ch/d1/old", 1, true, "1").Wait() // a retained message is no command of now
	var written atomic.Value
	s := start(t, "json", options, outputs.Env{Write: func(_ context.Context,
		r server.WriteRequest) (server.WriteResult, error) {
		if r.Values[0].Tag == "old" {
			t.Error("a retained command was carried out")
		}
		written.Store(r)
		if r.Channel != "ch" {
			return server.WriteResult{}, fmt.Errorf("%w: channel %q", server.ErrNotFound, r.Channel)
		}
		return server.WriteResult{Result: "confirmed", Readback: 21.5}, nil
	}})
	outputtest.Eventually(t, func() error {
		if st := s.Stats(); st.State != outputs.Fine {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	for _, x := range []struct{ topic, payload, want, tag, value string }{
		{"ch/d1/setpoint", "28", `{"result":"confirmed","reason":"","readback":21.5}`, "setpoint", "28"},
		{"ch/d1/mode", `"auto"`, `{"result":"confirmed","reason":"","readback":21.5}`, "mode", "auto"},
		{"ch/d1/on", `{"value":true,"id":"a7","readback":true,"ttl":"5s"}`,
			`{"result":"confirmed","reason":"","readback":21.5,"id":"a7"}`, "on", "true"},
		{"no/d1/t", `1`, `{"result":"rejected","reason":"server: not found: channel \"no\"","readback":null}`, "", ""},
		{"ch/d1/t", `{"value":[1],"id":3}`,
			`{"result":"rejected","reason":"the value is no boolean, number or text; write a ` +
				`value, or {\"value\": …}","readback":null}`, "", ""},
		{"ch/d1/t", `{"valeu":1}`, `unknown field \"valeu\"`, "", ""},
		{"ch/d1/t", ``, `no JSON that is understood`, "", ""},
		{"ch/d1/t", `1 2`, `more than one value`, "", ""},
		{"ch/d1/t", `{"value":1,"ttl":"soon"}`, `ttl is \"soon\"; write a time such as 30s`, "", ""},
	} {
		before := len(b.messages("linkd/p/cmd/" + x.topic + "/reply"))
		c.Publish("linkd/p/cmd/"+x.topic, 1, false, x.payload).Wait()
		outputtest.Eventually(t, func() error {
			list := b.messages("linkd/p/cmd/" + x.topic + "/reply")
			if len(list) <= before || !strings.Contains(string(list[len(list)-1].payload), x.want) {
				return fmt.Errorf("%s %s: the replies are %v, want %s", x.topic, x.payload, list, x.want)
			}
			return nil
		})
		if x.tag == "" {
			continue
		}
		r := written.Load().(server.WriteRequest)
		if len(r.Values) != 1 || r.Values[0].Tag != x.tag || fmt.Sprint(r.Values[0].Value) != x.value || r.Device != "d1" ||
			r.Who != "output linkd-p-o" || r.Readback != (x.tag == "on") ||
			r.TTL != map[string]time.Duration{"on": 5 * time.Second}[x.tag] {
			t.Errorf("written was %+v", r)
		}
	}
}

// TestCommandsOff: without the option nothing is subscribed to.
func TestCommandsOff(t *testing.T) {
	if topics := (&plain{options: &options{prefix: "linkd"}, project: "p"}).topics(); len(topics) != 0 {
		t.Errorf("subscribes to %q", topics)
	}
	s := &session{bridge: &bridge{options: &options{}}}
	if result, reason, _ := s.do(server.WriteRequest{}); result != "rejected" || !strings.Contains(reason,
		"option commands") {
		t.Errorf("a command has %s, %s", result, reason)
	}
}

// TestTLS: a certificate of each side, a user and a password from the environment; each alone is refused.
func TestTLS(t *testing.T) {
	file := outputtest.Certificates(t)
	passwords := file("passwords")
	if out, err := exec.Command("mosquitto_passwd", "-c", "-b", passwords, "plant",
		"s3cret").CombinedOutput(); err != nil {
		outputtest.Need(t, fmt.Errorf("mosquitto_passwd: %w: %s", err, out))
	}
	b := newBroker(t, "allow_anonymous false", "password_file "+passwords, "cafile "+file("ca.pem"),
		"certfile "+file("server.pem"), "keyfile "+file("server.key"), "require_certificate true")
	t.Setenv("MQTT_PASSWORD", "s3cret")
	whole := func() map[string]any {
		o := b.options()
		o["server"] = "mqtts://127.0.0.1:" + b.port
		o["ca"], o["cert"], o["key"] = file("ca.pem"), file("client.pem"), file("client.key")
		o["user"], o["password"] = "plant", "env:MQTT_PASSWORD"
		return o
	}
	wrong := file("wrong")
	if err := os.WriteFile(wrong, []byte("guess\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(map[string]any)
		want   string // in the error; empty: it works
	}{
		"whole":          {func(map[string]any) {}, ""},
		"wrong password": {func(o map[string]any) { o["password"] = "file:" + wrong }, "not Authorized"},
		"no certificate": {func(o map[string]any) { delete(o, "cert"); delete(o, "key") }, "certificate required"},
		"unknown CA":     {func(o map[string]any) { delete(o, "ca") }, "unknown authority"},
		"other name":     {func(o map[string]any) { o["server_name"] = "elsewhere.test" }, "match elsewhere.test"},
	} {
		t.Run(name, func(t *testing.T) {
			o := whole()
			c.change(o)
			s := start(t, "json", o, outputs.Env{})
			s.Reports([]server.Report{outputtest.Report("d1", 1)})
			outputtest.Eventually(t, func() error {
				st := s.Stats()
				if c.want == "" && st.Tags.Sent == 1 || c.want != "" && strings.Contains(st.Error, c.want) {
					return nil
				}
				return fmt.Errorf("%+v, want the error %q", st, c.want)
			})
			if strings.Contains(s.Stats().Error, "s3cret") || strings.Contains(s.Stats().Error, "guess") {
				t.Error("the error tells the password")
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_ = s.Close(ctx)
		})
	}
}

// FuzzWish: any payload is read or refused.
func FuzzWish(f *testing.F) {
	for _, s := range []string{"1", `{"value":1}`, `"x"`, "", "[", `{"value":{}}`, "1e999"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := readWish(b)
		if err == nil && w.Value == nil {
			t.Fatalf("%q has no value and is no error", b)
		}
	})
}

func TestOptions(t *testing.T) {
	for want, c := range map[string]struct {
		format  string
		options map[string]any
	}{
		`server is ""; write tcp://HOST:PORT`:                    {"json", nil},
		`server is "http://h"; write tcp://HOST:PORT`:            {"json", map[string]any{"server": "http://h"}},
		`server is "tcp://u:p@h"; write tcp://HOST:PORT`:         {"json", map[string]any{"server": "tcp://u:p@h"}},
		`server is "tcp://h", which is not encrypted`:            {"json", map[string]any{"server": "tcp://h", "ca": "x"}},
		`qos is 2; write a whole number from 0 to 1`:             {"json", map[string]any{"server": "tcp://h", "qos": 2}},
		`prefix is "a/#"; write the beginning of topics`:         {"json", map[string]any{"server": "tcp://h", "prefix": "a/#"}},
		`group is not known here`:                                {"json", map[string]any{"server": "tcp://h", "group": "g"}},
		`edge is "a/b"; write a name without +, / and #`:         {sparkplugFormat, map[string]any{"server": "tcp://h", "edge": "a/b"}},
		`qos is not known here`:                                  {sparkplugFormat, map[string]any{"server": "tcp://h", "qos": 1}},
		`inflight is 0; write a whole number from 1`:             {"json", map[string]any{"server": "tcp://h", "inflight": 0}},
		`keepalive is 1ms; write a time from 1s to 1h0m0s, such`: {"json", map[string]any{"server": "tcp://h", "keepalive": "1ms"}},
	} {
		if _, err := read(c.format, c.options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v; want %s", c.options, err, want)
		}
	}
	o, err := read("json", map[string]any{"server": "tls://broker.test"})
	if err != nil || o.server.Host != "broker.test:8883" {
		t.Errorf("%+v, %v; want port 8883", o, err)
	}
	m, err := compile(&project.Output{Format: "json", Options: map[string]any{"server": "tcp://h", "password": "env:NO_SUCH_SECRET"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m(outputs.Env{}); err == nil || errors.Is(err, io.EOF) || !strings.Contains(err.Error(),
		"no NO_SUCH_SECRET") {
		t.Errorf("a secret that is not there: %v", err)
	}
}
