package mqtt

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"linkd/internal/payload"
	"linkd/outputs"
	"linkd/outputs/sparkplug"
)

// edge speaks Sparkplug B.
type edge struct {
	node *sparkplug.Node
	file string // of the next bdSeq; empty: it begins at 0 with each start
	next uint8
	will message
	log  *slog.Logger
}

func newEdge(opt *options, env *outputs.Env) *edge {
	group := opt.group
	if group == "" {
		group = env.Project
	}
	e := &edge{node: sparkplug.New(group, opt.edge, env.Tags), log: env.Log}
	if env.Dir == "" {
		return e
	}
	e.file = filepath.Join(env.Dir, "bdseq")
	b, err := os.ReadFile(e.file)
	n, bad := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 8)
	if e.next = uint8(n); bad != nil && !errors.Is(err, os.ErrNotExist) {
		e.log.Warn("mqtt output: the number of the last session is not known, it begins at 0", "file", e.file, "error",
			errors.Join(err, bad))
	}
	return e
}

func (e *edge) connect() message {
	topic, b := e.node.Will(e.next)
	e.will = message{topic, b, 1, false}
	e.next++
	if e.file != "" {
		err := os.MkdirAll(filepath.Dir(e.file), 0o750)
		if err = errors.Join(err, os.WriteFile(e.file, strconv.AppendUint(nil, uint64(e.next), 10), 0o640)); err != nil {
			e.log.Warn("mqtt output: the number of this session is not kept", "error", err)
		}
	}
	return e.will
}

func (e *edge) topics() []string { return e.node.Topics() }

func via(out emit) sparkplug.Emit {
	return func(topic string, b []byte) error { return out(message{topic: topic, payload: b}) }
}

func (e *edge) begin(now time.Time, out emit) error { return e.node.Birth(now.UnixNano(), via(out)) }

func (e *edge) record(r *outputs.Record, now time.Time, out emit) error {
	err := e.node.Entry(r.Data, r.Time, now.UnixNano(), via(out))
	if errors.Is(err, payload.ErrMalformed) {
		e.log.Warn("mqtt output: a message in the spool is damaged and dropped")
		return nil
	}
	return err
}

func (e *edge) settle(now time.Time, out emit) error { return e.node.Settle(now.UnixNano(), via(out)) }

func (e *edge) end(out emit) error { return out(e.will) }

func (e *edge) rebirth(now time.Time, out emit) error {
	return e.node.Rebirth(now.UnixNano(), via(out))
}

func (e *edge) barrier() bool { return true }

func (e *edge) command(topic string, b []byte) (*order, error) {
	c, err := e.node.Command(topic, b)
	return &order{rebirth: c.Rebirth, write: c.Write}, err
}
