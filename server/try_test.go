package server

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// trialDevices are those of trials; what c1 sends comes back to it.
const trialDevices = `
project: p
providers:
  - name: s1
    type: tcp-server
    local_port: 0
    on_duplicate: ON_DUPLICATE
    identity: IDENTITY
    connections:
      - {name: c1, socket_conn_id: c0001}
      - {name: c10, socket_conn_id: c00010}
      - {name: off, socket_conn_id: c0009, enabled: false}
channels:
  - {name: ch1, connection: s1/c1, driver: raw, options: {echo: true}}
`

// TestTryIdentity: what a trial says is what then becomes of a link that sends these bytes and no more.
func TestTryIdentity(t *testing.T) {
	for _, x := range []struct {
		name, identity, bytes string
		connection            string
		why                   Reason
	}{
		{"at once", "{preset: auto}", "c0001hello", "c1", notClosed},
		{"after silence", "{preset: auto}", "c0001", "c1", notClosed},
		{"unknown", "{preset: auto}", "c0007\n", "", ReasonUnknown},
		{"disabled", "{preset: auto}", "c0009", "off", ReasonDisabled},
		{"nothing", "{preset: auto}", "", "", ReasonTimeout},
		{"too long", "{preset: auto}", strings.Repeat("x", 300), "", ReasonRubbish},
		{"no end in what is kept", "{preset: line, max_bytes: 1024}", strings.Repeat("\n", 1025), "", ReasonRubbish},
		{"a line, and more", "{preset: line, ack: OK, nack: NO}", "c0001\r\nhello", "c1", notClosed},
		{"a line that is unknown", "{preset: line, ack: OK, nack: NO}", "c0007\r\nhello", "", ReasonUnknown},
		{"a line without end", "{preset: line, ack: OK, nack: NO}", "c0001", "", ReasonTimeout},
		{"heartbeats", "{preset: usr, heartbeat: [LOG]}", "LOGc0001LOGdata", "c1", notClosed},
		{"a heartbeat begun", "{preset: usr, heartbeat: [LOG]}", "c00010x", "c10", notClosed},
		{"ids before packets", "{preset: usr, mode: packet}", "c0001onec0001two", "c1", notClosed},
		{"regex", `{preset: regex, pattern: 'ID=(?P<id>\w+);'}`, "ID=c0001;hello", "c1", notClosed},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newSim(t, strings.NewReplacer("IDENTITY", x.identity, "ON_DUPLICATE", "newest").Replace(trialDevices))
			q := Trial{Identity: w.p.conf.Identity, Provider: "s1", Data: []byte(x.bytes)}
			got, err := w.srv.TryIdentity(q)
			if err != nil {
				t.Fatal(err)
			}
			if got.Connection != x.connection || got.Reason != x.why {
				t.Errorf("connection %q, reason %q; want %q, %q", got.Connection, got.Reason, x.connection, x.why)
			}
			if v := w.srv.Stats(); v.Sessions != 0 || len(w.srv.Strangers()) != 0 {
				t.Errorf("a trial left %d sessions, strangers %v", v.Sessions, w.srv.Strangers())
			}
			l := w.dial(0, "10.0.0.7:5000")
			if x.bytes != "" {
				l.send(x.bytes)
			}
			w.pass(11 * time.Second)
			if l.closed != (x.why != notClosed) || l.why != x.why {
				t.Errorf("the link: closed %v, %q", l.closed, l.why)
			}
			want := string(got.Answer)
			if x.connection == "c1" {
				want += string(got.Payload)
			}
			if string(l.sent) != want {
				t.Errorf("the link was sent %q, the trial says %q", l.sent, want)
			}
		})
	}
}

// TestTryIdentityAround: ids that are given, a connection that is taken, a secret, and what is refused.
func TestTryIdentityAround(t *testing.T) {
	w := newSim(t, strings.NewReplacer("IDENTITY", `{preset: regex, pattern: '(?P<id>\w+)(,(?P<secret>\w+))?;'}`,
		"ON_DUPLICATE", "oldest", "socket_conn_id: c00010", "socket_conn_id: c00010, secret: hush").Replace(trialDevices))
	try := func(provider, text string, ids ...string) Tried {
		t.Helper()
		r, err := w.srv.TryIdentity(Trial{Identity: w.p.conf.Identity, Provider: provider, IDs: ids, Data: []byte(text)})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := try("", "x7;rest", "x7")
	if !r.Known || r.Reason != notClosed || r.Connection != "" || string(r.Payload) != "rest" {
		t.Errorf("with an id that is given: %+v", r)
	}
	if r := try("", "c0001;"); r.Known || r.Reason != ReasonUnknown {
		t.Errorf("without ids: %+v", r)
	}
	if w.p.table.Len() != 3 {
		t.Errorf("a trial changed the table: %d ids", w.p.table.Len())
	}
	if r := try("s1", "c00010;"); !r.HasSecret || r.Reason != ReasonSecret {
		t.Errorf("without its secret: %+v", r)
	}
	for _, guess := range []string{"hush", "wrong"} {
		if r := try("s1", "c00010,"+guess+";"); !r.HasSecret || r.Reason != notClosed {
			t.Errorf("secret %s: %+v; a trial tells nobody which one is right", guess, r)
		}
	}
	w.dial(0, "10.0.0.7:5000").send("c0001;")
	if r := try("s1", "c0001;"); r.State != Online || r.Reason != ReasonDuplicate {
		t.Errorf("one that is online: %+v", r)
	}
	_, err := w.srv.TryIdentity(Trial{Provider: "none"})
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("no provider: %v", err)
	}
	_, err = w.srv.TryIdentity(Trial{Data: make([]byte, MaxTried+1)})
	if !errors.Is(err, ErrInvalid) {
		t.Errorf("too many bytes: %v", err)
	}
}
