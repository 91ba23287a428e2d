package mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"linkd/server"
)

const (
	workers      = 8                // commands that run at once
	queuedOrders = 64               // commands that wait; what comes then is dropped, and its sender gets no reply
	maxOrder     = 64 << 10         // bytes of a command
	orderTime    = 60 * time.Second // for a device to answer
	rebirthPause = time.Second      // between two births that are asked for
)

// incoming is a message from the broker.
type incoming struct {
	topic   string
	payload []byte
}

// answer is the reply to a command, as HTTP gives it.
type answer struct {
	Result   string `json:"result"`
	Reason   string `json:"reason"`
	Readback any    `json:"readback"`
	ID       any    `json:"id,omitempty"`
}

// receive takes a message on the client's goroutine, which must not wait. A retained one is no command of now: it would
// be done again at each connect.
func (s *session) receive(_ paho.Client, m paho.Message) {
	if m.Retained() || len(m.Payload()) > maxOrder {
		s.log.Debug("mqtt output: a message that is retained or too long is no command", "topic", m.Topic())
		return
	}
	select {
	case s.orders <- incoming{m.Topic(), m.Payload()}:
	default:
		s.log.Debug("mqtt output: too many commands wait; one is dropped", "topic", m.Topic())
	}
}

func (s *session) startWork() {
	for range workers {
		s.work.Go(func() {
			for {
				select {
				case in := <-s.orders:
					s.carryOut(in)
				case <-s.ctx.Done():
					return
				}
			}
		})
	}
}

func (s *session) carryOut(in incoming) {
	s.say.Lock()
	o, err := s.talk.command(in.topic, in.payload)
	s.say.Unlock()
	if o == nil {
		s.log.Debug("mqtt output: a command that is not understood", "topic", in.topic, "error", err)
		return
	}
	if o.rebirth {
		s.bearAgain()
	}
	if err == nil && len(o.write.Values) == 0 {
		return
	}
	a := answer{Result: "rejected", ID: o.id}
	if err != nil {
		a.Reason = err.Error()
	} else {
		a.Result, a.Reason, a.Readback = s.do(o.write)
	}
	if o.reply == "" {
		if a.Result != "confirmed" {
			s.log.Info("mqtt output: a command was not confirmed", "topic", in.topic, "result", a.Result, "reason", a.Reason)
		}
		return
	}
	b, err := json.Marshal(a)
	if err != nil { // a value that JSON has not, such as NaN
		a.Readback = nil
		if b, err = json.Marshal(a); err != nil {
			return // the rest are texts
		}
	}
	s.client.Publish(o.reply, s.qos, false, b).WaitTimeout(s.ack)
}

// do writes, as a write by HTTP does.
func (s *session) do(req server.WriteRequest) (result, reason string, readback any) {
	if !s.commands || s.write == nil {
		return "rejected", "commands are not taken here; set the output's option commands", nil
	}
	req.Who = "output " + s.clientID
	ctx, cancel := context.WithTimeout(s.ctx, orderTime)
	defer cancel()
	r, err := s.write(ctx, req)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout", "no answer within " + orderTime.String(), nil
	case err != nil:
		return "rejected", err.Error(), nil
	}
	return r.Result, r.Reason, r.Readback
}

// bearAgain tells all again, not more often than a host can want it.
func (s *session) bearAgain() {
	s.say.Lock()
	defer s.say.Unlock()
	now := time.Now()
	if now.Sub(s.born) < rebirthPause {
		return
	}
	s.born = now
	err := s.talk.rebirth(now, func(m message) error {
		token := s.client.Publish(m.topic, m.qos, m.retained, m.payload)
		token.WaitTimeout(s.ack)
		return token.Error()
	})
	if err != nil {
		s.end(err)
	}
}
