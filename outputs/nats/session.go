package nats

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	natsgo "github.com/nats-io/nats.go"

	"linkd/internal/natsdial"
	"linkd/outputs"
)

// fate is what has become of a record.
type fate uint8

const (
	pending fate = iota
	stored
	dropped
)

// session is one connection to a server, with a client of its own: what is not acknowledged is in our batch, and goes
// out again on the next.
type session struct {
	*bridge
	nc     *natsgo.Conn
	ctx    context.Context // ends with the connection
	end    context.CancelCauseFunc
	closed chan struct{}    // closed when the client has closed its connection
	acks   chan *natsgo.Msg // nil without JetStream
	inbox  string           // acknowledgements come to inbox + number
	fates  []fate           // of the batch's records
}

// session connects and publishes until the connection is lost, ctx ends, or the spool is closed and empty.
func (b *bridge) session(ctx context.Context, q outputs.Queue) error {
	s := &session{bridge: b, closed: make(chan struct{})}
	s.ctx, s.end = context.WithCancelCause(ctx)
	defer s.end(nil)
	if err := s.connect(); err != nil {
		return err
	}
	err := s.serve(q)
	cause := context.Cause(s.ctx)
	s.end(nil)
	s.nc.Close()
	<-s.closed
	if ctx.Err() == nil && errors.Is(err, context.Canceled) && cause != nil {
		return cause
	}
	return err
}

// connect tries each server once. The next session begins with the one after that which was had.
func (s *session) connect() error {
	var why []string
	for range s.servers {
		u := s.servers[s.turn]
		s.turn = (s.turn + 1) % len(s.servers)
		err := s.call(u)
		if err == nil {
			return nil
		}
		if s.ctx.Err() != nil {
			return s.ctx.Err()
		}
		why = append(why, u.String()+": "+err.Error())
	}
	return fmt.Errorf("nats: %s", strings.Join(why, "; "))
}

func (s *session) call(u *url.URL) error {
	d := s.dialer
	d.Context = s.ctx
	if u.Scheme == "tls" {
		d.Security = natsdial.Always
	}
	nc, err := natsgo.Connect(u.String(), append([]natsgo.Option{
		natsgo.Name(s.name), natsgo.SetCustomDialer(&d), natsgo.SkipHostLookup(), natsgo.NoReconnect(),
		natsgo.IgnoreDiscoveredServers(), natsgo.Timeout(d.Timeout), natsgo.FlusherTimeout(d.Timeout),
		natsgo.PingInterval(s.keep), natsgo.MaxPingsOutstanding(1),
		natsgo.SkipSubjectValidation(), // subjects are made of tokens by payload.AppendToken
		natsgo.ErrorHandler(func(_ *natsgo.Conn, _ *natsgo.Subscription, err error) { s.end(err) }),
		natsgo.ClosedHandler(func(nc *natsgo.Conn) {
			s.end(fmt.Errorf("nats: the connection is lost: %w", nc.LastError()))
			close(s.closed)
		})}, s.login...)...)
	s.nc = nc
	switch {
	case err == nil || d.Err == nil:
		return err
	case errors.Is(d.Err, natsdial.ErrSilent):
		return fmt.Errorf("%w (one that begins with TLS needs tls_first)", d.Err)
	}
	return d.Err
}

// serve is the life of a session: what is in the spool, batch by batch.
func (s *session) serve(q outputs.Queue) error {
	if s.jetstream {
		s.inbox = natsgo.NewInbox() + "."
		s.acks = make(chan *natsgo.Msg, s.window)
		if _, err := s.nc.ChanSubscribe(s.inbox+"*", s.acks); err != nil {
			return err
		}
	}
	if err := s.flush(); err != nil {
		return err
	}
	if s.from == s.batch.Len() {
		s.Worked() // nothing waits: to be connected is all that can be had
	}
	for {
		if s.from == s.batch.Len() {
			s.number += uint64(s.from)
			s.from = 0
			if err := q.Take(s.ctx, &s.batch, s.limits); err != nil {
				return err
			}
		}
		if err := s.publish(); err != nil {
			return err
		}
		s.retry.Reset()
		q.Done()
	}
}

// publish sends what is left of the batch and waits until it is acknowledged.
func (s *session) publish() error {
	s.fates = append(s.fates[:0], make([]fate, s.batch.Len())...)
	var refused error
	for i := s.from; i < s.batch.Len(); i++ {
		err := s.send(i)
		if errors.Is(err, natsgo.ErrMaxPayload) {
			refused = fmt.Errorf("%w: the server takes %d bytes (max_payload)", errTooLarge, s.nc.MaxPayload())
			s.fates[i] = dropped
		} else if err != nil {
			return fmt.Errorf("nats: %w", err)
		}
	}
	var err error
	if s.jetstream {
		err = s.await(&refused)
	} else if err = s.flush(); err == nil {
		for i := range s.fates {
			s.fates[i] = max(s.fates[i], stored)
		}
		s.settle()
	}
	switch {
	case err != nil:
		return err
	case refused != nil:
		s.Failed(refused)
	default:
		s.Worked()
	}
	return nil
}

// send hands a record to the client, which copies it.
func (s *session) send(i int) error {
	r := s.batch.At(i)
	m := &natsgo.Msg{Subject: s.subjects.of(r.Topic), Data: r.Data, Header: natsgo.Header{FormatHeader: {s.format}}}
	if s.jetstream {
		id := strconv.FormatUint(s.number+uint64(i), 10)
		m.Reply = s.inbox + id
		m.Header[idHeader] = []string{s.run + "-" + id}
	}
	return s.nc.PublishMsg(m)
}

// flush returns when the server has read all that was sent, and says what it had against it.
func (s *session) flush() error {
	ctx, cancel := context.WithTimeout(s.ctx, s.ack)
	defer cancel()
	err := s.nc.FlushWithContext(ctx)
	switch {
	case s.ctx.Err() != nil:
		return s.ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return s.silent()
	case err != nil:
		return fmt.Errorf("nats: %w", err)
	}
	return s.nc.LastError()
}

func (s *session) silent() error {
	return fmt.Errorf("nats: the server does not acknowledge within %s", s.ack)
}

// await returns when all of the batch is stored or dropped. refused is why the last was dropped.
func (s *session) await(refused *error) error {
	deadline := time.NewTimer(s.ack)
	defer deadline.Stop()
	for s.settle(); s.from < s.batch.Len(); s.settle() {
		select {
		case m := <-s.acks:
			n, err := strconv.ParseUint(strings.TrimPrefix(m.Subject, s.inbox), 10, 64)
			i := n - s.number // far too large where n is smaller
			if err != nil || i >= uint64(len(s.fates)) || s.fates[i] != pending {
				continue // nothing that was asked for
			}
			switch err := readAck(m, s.subjects); {
			case errors.Is(err, errTooLarge):
				*refused, s.fates[i] = err, dropped
			case err != nil:
				return err
			default:
				s.fates[i] = stored
			}
		case <-deadline.C:
			return s.silent()
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
	return nil
}

// settle is done with the records at the beginning of the batch whose fate is known.
func (s *session) settle() {
	for ; s.from < s.batch.Len() && s.fates[s.from] != pending; s.from++ {
		if class := s.batch.At(s.from).Class; s.fates[s.from] == stored {
			s.Sent(class)
		} else {
			s.Dropped(class)
		}
	}
}
