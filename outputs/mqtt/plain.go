package mqtt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"linkd/internal/payload"
	"linkd/outputs"
	"linkd/server"
)

// plain speaks as linkd's own bus does, with / for the dots of its subjects.
type plain struct {
	*options
	project string
}

func (p *plain) topic(rest string) string { return p.prefix + "/" + p.project + "/" + rest }

// status is the retained message that says whether linkd is there.
func (p *plain) status(state string, now time.Time) message {
	b := append([]byte(`{"state":"`), state...)
	b = append(b, '"')
	if !now.IsZero() {
		b = append(payload.AppendTime(append(b, `,"ts":"`...), now.UnixNano()), '"')
	}
	return message{p.topic("status"), append(b, '}'), p.qos, true}
}

func (p *plain) connect() message { return p.status("offline", time.Time{}) }

func (p *plain) topics() []string {
	if !p.commands {
		return nil
	}
	return []string{p.topic("cmd/+/+/+")}
}

func (p *plain) begin(now time.Time, e emit) error { return e(p.status("online", now)) }

func (p *plain) record(r *outputs.Record, _ time.Time, e emit) error {
	return e(message{p.topic(string(r.Topic)), r.Data, p.qos, p.retain && r.Class == outputs.Tags})
}

func (p *plain) settle(time.Time, emit) error { return nil }

func (p *plain) end(e emit) error { return e(p.status("offline", time.Now())) }

func (p *plain) rebirth(now time.Time, e emit) error { return p.begin(now, e) }

func (p *plain) barrier() bool { return false }

// wish is what a command says: a value alone, or an object as the HTTP API takes it.
type wish struct {
	Value    any    `json:"value"`
	Readback bool   `json:"readback"`
	TTL      string `json:"ttl"`
	ID       any    `json:"id"`
}

func (p *plain) command(topic string, b []byte) (*order, error) {
	rest, ok := strings.CutPrefix(topic, p.topic("cmd/"))
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 {
		return nil, fmt.Errorf("mqtt: a message for %q", topic)
	}
	o := &order{reply: topic + "/reply", write: server.WriteRequest{Channel: parts[0], Device: parts[1]}}
	w, err := readWish(b)
	if err != nil {
		return o, fmt.Errorf(`%w; write a value, or {"value": …}`, err)
	}
	o.id, o.write.Readback = w.ID, w.Readback
	o.write.Values = []server.TagValue{{Tag: parts[2], Value: w.Value}}
	if w.TTL != "" {
		if o.write.TTL, err = time.ParseDuration(w.TTL); err != nil || o.write.TTL < 0 {
			return o, fmt.Errorf("ttl is %q; write a time such as 30s", w.TTL)
		}
	}
	return o, nil
}

// readWish reads a command's payload. A number keeps all its digits.
func readWish(b []byte) (w wish, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if b = bytes.TrimLeft(b, " \t\r\n"); len(b) > 0 && b[0] == '{' {
		d.DisallowUnknownFields()
		err = d.Decode(&w)
	} else {
		err = d.Decode(&w.Value)
	}
	if err != nil {
		return w, fmt.Errorf("the payload is no JSON that is understood: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return w, errors.New("the payload is more than one value")
	}
	switch w.ID.(type) {
	case nil, string, json.Number:
	default:
		return w, errors.New("the id is neither text nor number")
	}
	switch w.Value.(type) {
	case bool, string, json.Number:
		return w, nil
	}
	return w, errors.New("the value is no boolean, number or text")
}
