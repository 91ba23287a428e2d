package mqtt

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"linkd/outputs"
)

const (
	dialTimeout = 10 * time.Second
	sayTimeout  = 10 * time.Second // a broker that does not read for so long is given up
	peace       = 2 * time.Second  // for the last words of a session
)

// session is one connection to the broker, with a client of its own: what it has not acknowledged is in our batch, and
// goes out again on the next.
type session struct {
	*bridge
	client paho.Client
	ctx    context.Context // ends with the connection
	end    context.CancelCauseFunc
	tokens []paho.Token
	orders chan incoming
	work   sync.WaitGroup
}

// session connects and publishes until the connection is lost, ctx ends, or the spool is closed and empty.
func (b *bridge) session(ctx context.Context, q outputs.Queue) error {
	s := &session{bridge: b, orders: make(chan incoming, queuedOrders)}
	s.ctx, s.end = context.WithCancelCause(ctx)
	defer s.end(nil)
	if err := s.connect(); err != nil {
		return err
	}
	s.startWork()
	err := s.serve(q)
	if errors.Is(err, outputs.ErrDrained) || ctx.Err() != nil {
		s.farewell()
		// Before the end, which closes the connection: else the broker tells the will.
		s.client.Disconnect(uint(peace / time.Millisecond))
	}
	cause := context.Cause(s.ctx)
	s.end(nil)
	s.client.Disconnect(uint(peace / time.Millisecond))
	s.work.Wait()
	if ctx.Err() == nil && errors.Is(err, context.Canceled) && cause != nil {
		return cause
	}
	return err
}

func (s *session) connect() error {
	will := s.talk.connect()
	opts := paho.NewClientOptions().AddBroker(s.server.String()).SetClientID(s.clientID).SetUsername(s.user).
		SetPassword(s.secret).SetCleanSession(true).SetProtocolVersion(4).SetAutoReconnect(false).SetConnectRetry(false).
		SetOrderMatters(true).SetKeepAlive(s.keep).SetPingTimeout(s.ack).SetConnectTimeout(min(dialTimeout, s.ack)).
		SetWriteTimeout(sayTimeout).SetBinaryWill(will.topic, will.payload, will.qos, will.retained).
		SetCustomOpenConnectionFn(s.dial).SetDefaultPublishHandler(s.receive).
		SetConnectionLostHandler(func(_ paho.Client, err error) {
			s.end(fmt.Errorf("mqtt: the connection is lost: %w",
				err))
		})
	s.client = paho.NewClient(opts)
	token := s.client.Connect()
	<-token.Done() // dial ends with ctx, and at its deadline
	if err := token.Error(); err != nil {
		return fmt.Errorf("mqtt: %s: %w", s.server.Redacted(), err)
	}
	return nil
}

// serve is the life of a session: subscribe, say what is to be said at the beginning, then what is in the spool.
func (s *session) serve(q outputs.Queue) error {
	if err := s.subscribe(); err != nil {
		return err
	}
	if err := s.speak(func(e emit) error { return s.talk.begin(time.Now(), e) }); err != nil {
		return err
	}
	if err := s.await(); err != nil {
		return err
	}
	if s.from == s.batch.Len() {
		s.Worked() // nothing waits: to be connected is all that can be had
	}
	for {
		if s.from == s.batch.Len() {
			s.from = 0
			if err := s.take(q); err != nil {
				return err
			}
		}
		if err := s.publish(); err != nil {
			return err
		}
		s.retry.Reset()
		s.Worked()
		q.Done()
	}
}

// take fills the batch. Before it waits for news it says what follows from there being none.
func (s *session) take(q outputs.Queue) error {
	if s.Stats().Queued == 0 {
		if err := s.speak(func(e emit) error { return s.talk.settle(time.Now(), e) }); err != nil {
			return err
		}
		if err := s.await(); err != nil {
			return err
		}
	}
	return q.Take(s.ctx, &s.batch, s.limits)
}

// publish sends what is left of the batch and waits until it is acknowledged.
func (s *session) publish() error {
	ends := make([]int, 0, s.batch.Len()-s.from) // tokens up to and with each record
	err := s.speak(func(e emit) error {
		for i := s.from; i < s.batch.Len(); i++ {
			r := s.batch.At(i)
			if err := s.talk.record(&r, time.Now(), e); err != nil {
				return err
			}
			ends = append(ends, len(s.tokens))
		}
		return nil
	})
	if err != nil {
		s.tokens = s.tokens[:0]
		return err
	}
	if s.talk.barrier() {
		if err := s.await(); err != nil {
			return err
		}
		if err := s.subscribe(); err != nil {
			return err
		}
		clear(ends)
	}
	deadline := time.NewTimer(s.ack)
	defer deadline.Stop()
	done := 0
	for _, end := range ends {
		for ; done < end; done++ {
			if err := s.wait(s.tokens[done], deadline.C); err != nil {
				s.tokens = s.tokens[:0]
				return err
			}
		}
		s.Sent(s.batch.At(s.from).Class)
		s.from++
	}
	s.tokens = s.tokens[:0]
	return nil
}

// speak calls f with what hands messages to the client.
func (s *session) speak(f func(emit) error) error {
	s.say.Lock()
	defer s.say.Unlock()
	return f(func(m message) error {
		token := s.client.Publish(m.topic, m.qos, m.retained, m.payload)
		s.tokens = append(s.tokens, token)
		select {
		case <-token.Done():
			return token.Error()
		default:
			return nil
		}
	})
}

// await waits for all that was said.
func (s *session) await() error {
	deadline := time.NewTimer(s.ack)
	defer deadline.Stop()
	defer func() { s.tokens = s.tokens[:0] }()
	for _, token := range s.tokens {
		if err := s.wait(token, deadline.C); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) wait(token paho.Token, deadline <-chan time.Time) error {
	select {
	case <-token.Done():
		if err := token.Error(); err != nil {
			return fmt.Errorf("mqtt: %w", err)
		}
		return nil
	case <-deadline:
		return fmt.Errorf("mqtt: the broker does not acknowledge within %s", s.ack)
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

func (s *session) subscribe() error {
	topics := s.talk.topics()
	if len(topics) == 0 {
		return nil
	}
	filters := make(map[string]byte, len(topics))
	for _, topic := range topics {
		filters[topic] = 1
	}
	token := s.client.SubscribeMultiple(filters, nil)
	deadline := time.NewTimer(s.ack)
	defer deadline.Stop()
	if err := s.wait(token, deadline.C); err != nil {
		return err
	}
	if sub, ok := token.(*paho.SubscribeToken); ok {
		for topic, code := range sub.Result() {
			if code == 0x80 { // section 3.9.3 of MQTT 3.1.1
				return fmt.Errorf("mqtt: the broker refuses the subscription to %s", topic)
			}
		}
	}
	return nil
}

// farewell says the last words; whether they arrive is not known, and of no use to anybody here.
func (s *session) farewell() {
	var last []paho.Token
	s.say.Lock()
	_ = s.talk.end(func(m message) error {
		last = append(last, s.client.Publish(m.topic, m.qos, m.retained, m.payload))
		return nil
	})
	s.say.Unlock()
	for _, token := range last {
		token.WaitTimeout(peace)
	}
}
