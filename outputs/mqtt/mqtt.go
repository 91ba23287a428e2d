// Package mqtt is the output that publishes to an MQTT broker of somebody else, as the bus does or as an edge node of
// Sparkplug B. It owns its connection and must never hold more than its spool and one window of messages, whatever the
// broker does.
package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"sync"
	"time"

	"linkd/outputs"
	"linkd/project"
	"linkd/server"
)

const sparkplugFormat = "sparkplug"

// Kind returns the description.
func Kind() *outputs.Kind {
	return &outputs.Kind{Type: "mqtt", Title: "MQTT broker", Compile: compile,
		Formats: []string{"json", "influx", "protobuf", sparkplugFormat},
		Ask:     func(o *outputs.Options, format string) { ask(o, format) }}
}

func compile(cfg *project.Output) (outputs.Maker, error) {
	opt, err := read(cfg.Format, cfg.Options)
	if err != nil {
		return nil, err
	}
	return func(env outputs.Env) (outputs.Sink, error) { return open(opt, cfg, env) }, nil
}

// bridge is one running output. All but the line and say belongs to the line's goroutine.
type bridge struct {
	*outputs.Line
	*options
	log     *slog.Logger
	write   func(context.Context, server.WriteRequest) (server.WriteResult, error)
	secret  string
	tlsConf *tls.Config
	limits  outputs.Limits
	batch   outputs.Batch
	from    int // records of batch before it are delivered

	say  sync.Mutex // held while messages are made and handed to the client, so that they leave in order
	talk dialect
	born time.Time // when a birth was asked for last
}

// message is one on its way to the broker.
type message struct {
	topic    string
	payload  []byte
	qos      byte
	retained bool
}

// emit hands a message to the client.
type emit func(message) error

// dialect is what a format makes of a session and of what is in the spool.
type dialect interface {
	// connect begins a session and returns its will.
	connect() message
	topics() []string // to subscribe to
	begin(now time.Time, e emit) error
	record(r *outputs.Record, now time.Time, e emit) error
	settle(now time.Time, e emit) error // nothing more is in the spool
	end(e emit) error                   // before the session ends in peace
	// command reads a message that came.
	command(topic string, payload []byte) (*order, error)
	rebirth(now time.Time, e emit) error
	// barrier: nothing tells that QoS 0 has arrived, so a subscription that the broker acknowledges has to.
	barrier() bool
}

// order is what a message to linkd asks for.
type order struct {
	rebirth bool
	write   server.WriteRequest
	reply   string // topic; empty: none is wanted
	id      any    // as the asker wrote it
}

func open(opt *options, cfg *project.Output, env outputs.Env) (*bridge, error) {
	own := *opt
	if own.clientID == "" {
		own.clientID = "linkd-" + env.Project + "-" + cfg.Name
	}
	secret, err := opt.password.Read()
	if err != nil {
		return nil, err
	}
	conf, err := opt.tls.Load()
	if err != nil {
		return nil, err
	}
	if conf.ServerName == "" {
		conf.ServerName = opt.server.Hostname()
	}
	line, err := outputs.NewLine(opt.line, cfg.Format, true, &env)
	if err != nil {
		return nil, err
	}
	b := &bridge{Line: line, options: &own, log: env.Log, write: env.Write, secret: secret, tlsConf: conf,
		limits: outputs.Limits{Records: own.window, Bytes: 1 << 20}}
	if cfg.Format == sparkplugFormat {
		b.talk = newEdge(&own, &env)
	} else {
		b.talk = &plain{options: &own, project: env.Project}
	}
	line.Start(b.run)
	return b, nil
}

// run has one session after the other until the spool is closed and empty, or ctx ends.
func (b *bridge) run(ctx context.Context, q outputs.Queue) {
	for {
		start := time.Now()
		err := b.session(ctx, q)
		if errors.Is(err, outputs.ErrDrained) || ctx.Err() != nil {
			b.Abandon(&b.batch, b.from)
			return
		}
		b.Failed(err)
		if b.from == b.batch.Len() && b.Over() {
			return
		}
		b.batch.Detach() // the client that was given up may still look at what it was to send
		if time.Since(start) > b.retry.High {
			b.retry.Reset()
		}
		if outputs.Sleep(ctx, b.retry.Next()) != nil {
			continue
		}
	}
}
