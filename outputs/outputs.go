// Package outputs owns the contract of outputs, as package drivers owns that of drivers, and what all of them stand on:
// options, the bounded spool, back-off. An output carries reports and events to a place outside of linkd. It must never
// make linkd wait: what it is given is encoded into its spool at once, and what does not fit is dropped and counted.
package outputs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"linkd/project"
	"linkd/project/options"
	"linkd/server"
)

// Kind describes one type of output. It is a value in the table of outputs/catalog.
type Kind struct {
	Type    string   // what the project file calls it
	Title   string   // for people
	Formats []string // the first is what no format stands for
	// Compile checks a configuration, without touching the network or a disk. An error joins one project.FieldError
	// for each fault, which names the option and what would be right.
	Compile func(*project.Output) (Maker, error)
	// Ask asks for all options of a format, as Compile does.
	Ask func(o *Options, format string)
}

// Options returns the options of a format, in the order in which they are asked for.
func (k *Kind) Options(format string) []options.Option {
	o := ReadOptions(nil)
	k.Ask(o, format)
	return o.Asked()
}

// Maker makes the output and starts it. It reads files and secrets, and fails where they cannot be read; that the far
// end cannot be reached is no error: the output tries until it is closed.
type Maker func(Env) (Sink, error)

// Env is what an output may use of linkd.
type Env struct {
	Project string // name
	Dir     string // of this output alone, for what outlives a restart; it need not exist yet. Empty: nothing does
	Log     *slog.Logger
	// Write writes tags for those who may command through an output; nil: nobody may.
	Write func(context.Context, server.WriteRequest) (server.WriteResult, error)
	// Tags returns all tags of a device; nil: an output knows those that it has seen.
	Tags func(channel, device string) ([]server.TagView, error)
}

// Sink is a running output. Its methods are safe for concurrent use.
type Sink interface {
	// Reports and Event take what has happened, and never block. Reports are valid only during the call.
	Reports([]server.Report)
	Event(server.Event)
	Stats() Stats
	// Close delivers what is in the spool until ctx ends; then what is left there stays on disk, or is dropped and
	// counted where there is none. Nothing of the output runs after it. Later calls of any method do nothing.
	Close(ctx context.Context) error
}

// Class is a class of messages, counted apart.
type Class uint8

// The classes.
const (
	Tags Class = iota // reports
	Conn              // events
	classes
)

func (c Class) String() string { return [...]string{"tags", "conn"}[c] }

// Counts are the messages of one class since the output was made. Taken is Sent + Dropped + what is queued or on its
// way.
type Counts struct{ Taken, Sent, Dropped uint64 }

// States of an output.
const (
	Starting = "starting" // nothing was delivered or failed yet
	Fine     = "ok"
	Failing  = "failing" // the last try failed; it goes on trying
	Closed   = "closed"
)

// Stats say how an output is doing.
type Stats struct {
	State       string
	Error       string    // of the last failure; empty when State is ok
	Since       time.Time // when the state began
	Tags, Conn  Counts
	Retries     uint64 // tries that failed
	Queued      int    // messages in the spool
	QueuedBytes int64
}

// Table is the outputs that this linkd can make. It is what project.Load asks about outputs.
type Table []*Kind

var _ project.OutputCatalog = Table(nil)

// Find returns the kind with a type; nil when there is none.
func (t Table) Find(typ string) *Kind {
	for _, k := range t {
		if k.Type == typ {
			return k
		}
	}
	return nil
}

// CheckOutput implements project.OutputCatalog.
func (t Table) CheckOutput(o *project.Output) []error {
	_, err := t.Compile(o)
	return project.Unjoined(err)
}

// Compile compiles an output. The error joins one project.FieldError for each fault.
func (t Table) Compile(cfg *project.Output) (Maker, error) {
	k := t.Find(cfg.Type)
	if k == nil {
		types := make([]string, len(t))
		for i, k := range t {
			types[i] = k.Type
		}
		return nil, &project.FieldError{Field: "type",
			Err: fmt.Errorf("output type %q is not known; choose one of: %s", cfg.Type, strings.Join(types, ", "))}
	}
	filled := *cfg
	if filled.Format == "" {
		filled.Format = k.Formats[0]
	}
	var wrong error
	if !slices.Contains(k.Formats, filled.Format) {
		wrong = &project.FieldError{Field: "format", Err: fmt.Errorf("format %q is none of %s; choose one of: %s",
			cfg.Format, k.Type, strings.Join(k.Formats, ", "))}
		filled.Format = k.Formats[0]
	}
	m, err := k.Compile(&filled)
	if err = errors.Join(wrong, err); err != nil {
		return nil, err
	}
	return m, nil
}
