// Package nats is the output that publishes to a NATS server or cluster of somebody else, with the subjects of linkd's
// own bus. It owns its connection and must never hold more than its spool and one window of messages, whatever the
// server does.
package nats

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	natsgo "github.com/nats-io/nats.go"

	"linkd/internal/natsdial"
	"linkd/outputs"
	"linkd/project"
)

// Headers of each message.
const (
	// FormatHeader is the format of the payload: json, influx or protobuf.
	FormatHeader = "Linkd-Format"
	// idHeader is the same in all tries of a message and in no other one, by which a stream knows what it has already.
	idHeader = natsgo.MsgIdHdr
)

const (
	maxBatch    = 1 << 20  // bytes that are taken from the spool at once
	maxPayload  = 64 << 10 // bytes of a message from a server; acknowledgements have some 100
	mostConnect = 10 * time.Second
)

// Kind returns the description.
func Kind() *outputs.Kind {
	return &outputs.Kind{Type: "nats", Title: "NATS server or cluster", Compile: compile,
		Formats: []string{"json", "influx", "protobuf"}, Ask: func(o *outputs.Options, _ string) { ask(o) }}
}

func compile(cfg *project.Output) (outputs.Maker, error) {
	opt, err := read(cfg.Options)
	if err != nil {
		return nil, err
	}
	return func(env outputs.Env) (outputs.Sink, error) { return open(opt, cfg, env) }, nil
}

// bridge is one running output. All but the line belongs to the line's goroutine.
type bridge struct {
	*outputs.Line
	*options
	name     string // that the server shows for the connection
	subjects subjects
	format   string
	login    []natsgo.Option
	dialer   natsdial.Dialer // but for the server
	limits   outputs.Limits
	run      string // begins the ids of this run
	batch    outputs.Batch
	from     int    // records of batch before it are done with
	number   uint64 // of the batch's first record, in this run
	turn     int    // the server to try first
}

func open(opt *options, cfg *project.Output, env outputs.Env) (*bridge, error) {
	login, err := opt.credentials()
	if err != nil {
		return nil, err
	}
	conf, err := opt.tls.Load()
	if err != nil {
		return nil, err
	}
	line, err := outputs.NewLine(opt.line, cfg.Format, true, &env)
	if err != nil {
		return nil, err
	}
	own := *opt
	b := &bridge{Line: line, options: &own, name: "linkd " + env.Project + " " + cfg.Name, login: login,
		format: cfg.Format, subjects: newSubjects(opt.prefix, env.Project), run: natsgo.NewInbox()[len(natsgo.InboxPrefix):],
		dialer: natsdial.Dialer{TLS: func() (*tls.Config, error) { return conf, nil }, First: opt.first,
			Timeout: min(mostConnect, opt.ack), Most: maxPayload},
		limits: outputs.Limits{Records: own.window, Bytes: maxBatch}}
	line.Start(b.work)
	return b, nil
}

// credentials reads what linkd says who it is by.
func (opt *options) credentials() (list []natsgo.Option, err error) {
	token, err := opt.token.Read()
	if err != nil {
		return nil, err
	}
	password, err := opt.password.Read()
	if err != nil {
		return nil, err
	}
	switch {
	case opt.creds != "":
		o, err := readCreds(opt.creds)
		return []natsgo.Option{o}, err
	case token != "":
		return []natsgo.Option{natsgo.Token(token)}, nil
	case opt.user != "":
		return []natsgo.Option{natsgo.UserInfo(opt.user, password)}, nil
	}
	return nil, nil
}

// maxCreds bounds a credentials file, in bytes.
const maxCreds = 64 << 10

// readCreds reads a credentials file and finds out whether it is one: a JWT and the seed of its key.
func readCreds(path string) (natsgo.Option, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("nats: creds: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCreds+1))
	if err == nil && len(text) > maxCreds {
		err = fmt.Errorf("%s has over %s", path, outputs.Size(maxCreds))
	}
	if err != nil {
		return nil, fmt.Errorf("nats: creds: %w", err)
	}
	var try natsgo.Options
	login := natsgo.UserCredentialBytes(text)
	if err = login(&try); err == nil {
		_, err = try.SignatureCB([]byte("nonce"))
	}
	if err != nil {
		return nil, fmt.Errorf("nats: %s is no credentials file (a user's JWT and seed): %w", path, err)
	}
	return login, nil
}

// work has one session after the other until the spool is closed and empty, or ctx ends.
func (b *bridge) work(ctx context.Context, q outputs.Queue) {
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
		if time.Since(start) > b.retry.High {
			b.retry.Reset()
		}
		_ = outputs.Sleep(ctx, b.retry.Next()) // when ctx ends, so does the next session, at once
	}
}
