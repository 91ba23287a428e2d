package bus

import (
	"encoding/json"
	"sync"
	"time"

	"linkd/internal/payload"
	"linkd/server"
)

// mostOnline bounds the sessions whose beginning is remembered; ends of others have no duration.
const mostOnline = 1 << 20

// onlines are when sessions began, in nanoseconds since the Unix epoch. There is no pointer in it.
type onlines struct {
	mu    sync.Mutex
	since map[uint64]int64
}

func (o *onlines) begin(session uint64, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since == nil {
		o.since = map[uint64]int64{}
	}
	if len(o.since) < mostOnline {
		o.since[session] = at.UnixNano()
	}
}

// finish returns how long the session was online; false when that is not known, as after a step of the clock.
func (o *onlines) finish(session uint64, at time.Time) (time.Duration, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	since, ok := o.since[session]
	delete(o.since, session)
	d := time.Duration(at.UnixNano() - since)
	return d, ok && d >= 0
}

// eventJSON is an event on the bus.
type eventJSON struct {
	TS         string `json:"ts"`
	Event      string `json:"event"` // online or offline
	Provider   string `json:"provider"`
	Connection string `json:"connection"`
	ID         string `json:"id"`
	Session    uint64 `json:"session"`
	RemoteAddr string `json:"remote_addr"`
	Reason     string `json:"reason"`                // of an end
	DurationMS *int64 `json:"duration_ms,omitempty"` // of an end; not there when it is not known
}

// Event takes an event of the reactor. Those of connections that come and go are put on the bus, in order; others are
// not its business. It never waits for the bus.
func (b *Bus) Event(ev server.Event) {
	if ev.Kind != "online" && ev.Kind != "offline" {
		return
	}
	e := eventJSON{
		TS: string(payload.AppendTime(nil, ev.Time.UnixNano())), Event: ev.Kind, Provider: ev.Provider,
		Connection: ev.Connection, ID: ev.ID, Session: ev.Session, RemoteAddr: ev.RemoteAddr, Reason: ev.Reason,
	}
	if ev.Kind == "online" {
		b.online.begin(ev.Session, ev.Time)
	} else if d, ok := b.online.finish(ev.Session, ev.Time); ok {
		ms := d.Milliseconds()
		e.DurationMS = &ms
	}
	text, err := json.Marshal(&e)
	if err != nil {
		return // strings and numbers always can be written; bytes that are no UTF-8 become U+FFFD
	}
	s := b.conn.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	putBytes(s, s.to.conn, ev.Provider, ev.Connection, text)
}
