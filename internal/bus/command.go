package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"linkd/internal/payload"
	"linkd/server"
)

const (
	mostCommands = 256  // at once; each may wait for its device
	mostQueued   = 1024 // commands that were not looked at yet, and their bytes
	queuedBytes  = 2 * mostMessage
	commandFor   = 75 * time.Second
	who          = "bus" // NATS does not say which client has published a message
)

// core is what commands are done by, and what is told whose bytes are asked for.
type core interface {
	Write(ctx context.Context, req server.WriteRequest) (server.WriteResult, error)
	Send(ctx context.Context, provider, name string, data []byte, wait time.Duration) (server.SendResult, error)
	AskReceived(of []server.BytesOf)
}

// answer is what a write is answered with: what HTTP says, and its status.
type answer struct {
	Status   int    `json:"status"`
	Result   string `json:"result"`
	Reason   string `json:"reason"`
	Readback any    `json:"readback"`
}

// problem is what a command is answered with that was not done; the members are those of HTTP's problem details.
type problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

func refuse(status int, detail string) problem {
	return problem{Status: status, Title: http.StatusText(status), Detail: detail}
}

// commands is who does them, and how they come.
type commands struct {
	mu    sync.Mutex
	by    core // nil: nobody yet
	slots chan struct{}
	subs  []*nats.Subscription
}

// Serve has core do what comes as commands from its return on, or from when the bus is up, until Close. It may be
// called once. At most 256 are done at once; more are answered with status 503 at once.
func (b *Bus) Serve(by core) error {
	c := &b.commands
	c.mu.Lock()
	c.by, c.slots = by, make(chan struct{}, mostCommands)
	c.mu.Unlock()
	if err := b.listen(); err != nil {
		return err
	}
	b.task(func() { b.heed(by) })
	if b.own == nil || !b.link.nc.IsConnected() {
		return nil // the subscriptions are made when the link is up; a server of the user's own may never say that they are
	}
	if err := b.link.nc.FlushTimeout(apiTimeout); err != nil && b.link.nc.IsConnected() {
		return fmt.Errorf("bus: %w", err)
	}
	return nil
}

// listen takes commands under the project's name, and no longer under one that it had before.
func (b *Bus) listen() error {
	c := &b.commands
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		return nil
	}
	for _, sub := range c.subs {
		_ = sub.Unsubscribe() // it fails only where the connection has gone, and the subscription with it
	}
	c.subs = c.subs[:0]
	to, by := b.names.Load(), c.by
	for _, k := range []struct {
		prefix, rest string
		do           func(ctx context.Context, by core, m *nats.Msg, at []string) any
	}{{to.cmd, "*.*.*", b.write}, {to.tx, "*.*", b.send}} {
		sub, err := b.link.nc.Subscribe(k.prefix+k.rest, func(m *nats.Msg) {
			b.do(m, func(ctx context.Context) any {
				return k.do(ctx, by, m, strings.Split(strings.TrimPrefix(m.Subject, k.prefix), "."))
			})
		})
		if err == nil {
			c.subs = append(c.subs, sub)
			err = sub.SetPendingLimits(mostQueued, queuedBytes)
		}
		if err != nil {
			return fmt.Errorf("bus: %w", err)
		}
	}
	return nil
}

// do answers a command with what f returns, if there is room for one more.
func (b *Bus) do(m *nats.Msg, f func(ctx context.Context) any) {
	slots := b.commands.slots
	select {
	case slots <- struct{}{}:
	default:
		b.busy.Add(1)
		b.reply(m, refuse(http.StatusServiceUnavailable, "busy: too many commands at once; try again"))
		return
	}
	began := b.task(func() {
		defer func() { <-slots }()
		ctx, cancel := context.WithTimeout(b.work, commandFor)
		defer cancel()
		b.reply(m, f(ctx))
	})
	if !began {
		b.reply(m, refuse(http.StatusServiceUnavailable, "linkd is stopping"))
	}
}

// reply answers a command, if an answer is asked for. It never answers into linkd's own subjects or the server's: who
// may only send commands would write there with linkd's rights.
func (b *Bus) reply(m *nats.Msg, with any) {
	if m.Reply == "" || strings.HasPrefix(m.Reply, "linkd.") || strings.HasPrefix(m.Reply, "$") ||
		strings.HasPrefix(m.Reply, "_linkd_") {
		return
	}
	text, err := json.Marshal(with)
	if err != nil {
		b.cfg.Log.Warn("a command's answer cannot be written", "subject", m.Subject, "error", err)
		return
	}
	if err := b.link.nc.Publish(m.Reply, text); err != nil {
		b.cfg.Log.Warn("a command's answer was not sent", "subject", m.Subject, "error", err)
	}
}

// write does linkd.PROJECT.cmd.CHANNEL.DEVICE.TAG.
func (b *Bus) write(ctx context.Context, by core, m *nats.Msg, at []string) any {
	if len(at) != 3 {
		return refuse(http.StatusNotFound, m.Subject+": not linkd.PROJECT.cmd.CHANNEL.DEVICE.TAG")
	}
	req := server.WriteRequest{Channel: at[0], Device: at[1], Who: who}
	value, err := readWrite(m, &req)
	if err != nil {
		return refuse(http.StatusUnprocessableEntity, err.Error())
	}
	req.Values = []server.TagValue{{Tag: at[2], Value: value}}
	what := strings.Join(at, "/")
	r, err := by.Write(ctx, req)
	if err != nil {
		return refusalOf(what, err)
	}
	status, ok := payload.WriteStatuses()[r.Result]
	if !ok {
		return refuse(http.StatusInternalServerError, what+": result "+r.Result+" is not known")
	}
	return answer{Status: status, Result: r.Result, Reason: r.Reason, Readback: payload.Plain(r.Readback)}
}

// send does linkd.PROJECT.tx.PROVIDER.CONNPT.
func (b *Bus) send(ctx context.Context, by core, m *nats.Msg, at []string) any {
	if len(at) != 2 {
		return refuse(http.StatusNotFound, m.Subject+": not linkd.PROJECT.tx.PROVIDER.CONNPT")
	}
	what := strings.Join(at, "/")
	data, wait, err := readSend(m)
	if err != nil {
		return refuse(http.StatusUnprocessableEntity, err.Error())
	}
	r, err := by.Send(ctx, at[0], at[1], data, wait)
	b.cfg.Log.Info("send", "who", who, "connection", what, "bytes", len(data), "error", err)
	if err != nil {
		return refusalOf(what, err)
	}
	return sent(r)
}

// refusalOf is the answer that stands for an error of the core. what names the thing asked for.
func refusalOf(what string, err error) problem {
	text := strings.TrimPrefix(err.Error(), "server: ")
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, server.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, server.ErrOffline):
		status, text = http.StatusConflict, "offline; it must be online for this"
	case errors.Is(err, server.ErrConflict):
		status = http.StatusConflict
	case errors.Is(err, server.ErrInvalid):
		status = http.StatusUnprocessableEntity
	case errors.Is(err, server.ErrSlow), errors.Is(err, server.ErrBusy):
		status = http.StatusServiceUnavailable
	case errors.Is(err, server.ErrClosed), errors.Is(err, context.Canceled):
		status, text = http.StatusServiceUnavailable, "linkd is stopping"
	case errors.Is(err, context.DeadlineExceeded):
		status, text = http.StatusGatewayTimeout, "no answer in "+commandFor.String()+"; the device may have done it"
	}
	return refuse(status, what+": "+text)
}
