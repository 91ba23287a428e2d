package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	readBatch = 512 // messages of one request
	readBytes = 1 << 20
	mostRead  = 200_000          // messages of one query
	readFor   = 20 * time.Second // one query
)

var (
	// ErrTooMuch says that a query would read more messages, or longer, than it may. What it has read is given too.
	ErrTooMuch = errors.New("bus: the query takes in too much; ask for a shorter time")
	// ErrAway says that the history cannot be read now.
	ErrAway = errors.New("bus: the history cannot be reached")
)

// stored is a message of a stream.
type stored struct {
	seq  uint64
	time time.Time // when the stream took it
	data []byte
}

// wish asks for the messages of one subject in batches (JetStream's direct get, since NATS 2.11).
type wish struct {
	Seq     uint64     `json:"seq,omitempty"`
	Start   *time.Time `json:"start_time,omitempty"`
	Subject string     `json:"next_by_subj"`
	Batch   int        `json:"batch"`
	Bytes   int        `json:"max_bytes"`
}

// read calls f with the messages of a subject, from start on, in the order of the stream, until f returns false or
// there are no more. It ends with ErrTooMuch at its bounds.
func (b *Bus) read(ctx context.Context, stream, subject string, start time.Time, f func(*stored) bool) error {
	select {
	case b.readers <- struct{}{}:
		defer func() { <-b.readers }()
	case <-ctx.Done():
		return ctx.Err()
	}
	bounded, cancel := context.WithTimeout(ctx, b.cfg.readFor)
	defer cancel()
	sub, err := b.link.nc.SubscribeSync(b.link.nc.NewInbox())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	if err := sub.SetPendingLimits(2*readBatch, 2*mostMessage); err != nil {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // it fails only where the connection has gone, and the subscription with it
	if start.Before(time.Unix(0, 0)) {
		start = time.Unix(0, 0)
	}
	w := wish{Start: &start, Subject: subject, Batch: readBatch, Bytes: readBytes}
	for n := 0; n < mostRead; {
		got, err := b.batch(bounded, stream, sub, &w, f)
		n += got
		if errors.Is(err, errEnd) {
			return nil
		}
		if err != nil && ctx.Err() == nil && bounded.Err() != nil {
			return ErrTooMuch
		}
		if err != nil {
			return err
		}
	}
	return ErrTooMuch
}

// errEnd says that there are no more messages, or that no more are wanted.
var errEnd = errors.New("bus: end")

// batch reads one batch and has w ask for the next.
func (b *Bus) batch(
	ctx context.Context, stream string, sub *nats.Subscription, w *wish, f func(*stored) bool,
) (n int, err error) {
	text, err := json.Marshal(w)
	if err != nil {
		return 0, err
	}
	if err := b.link.nc.PublishRequest("$JS.API.DIRECT.GET."+stream, sub.Subject, text); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrAway, err)
	}
	for more := true; ; n++ {
		within, cancel := context.WithTimeout(ctx, apiTimeout)
		m, err := sub.NextMsgWithContext(within)
		cancel()
		if err != nil {
			if ctx.Err() != nil {
				return n, ctx.Err()
			}
			return n, fmt.Errorf("%w: %w", ErrAway, err)
		}
		switch m.Header.Get("Status") {
		case "":
		case "204": // the end of the batch
			if n == 0 || m.Header.Get("Nats-Num-Pending") == "0" || !more {
				return n, errEnd
			}
			return n, nil
		case "404": // no message, or no more
			return n, errEnd
		default:
			return n, fmt.Errorf("%w: %s", ErrAway, m.Header.Get("Description"))
		}
		s := stored{data: m.Data}
		if s.seq, err = strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64); err != nil {
			return n, fmt.Errorf("%w: a message without a number", ErrAway)
		}
		if s.time, err = time.Parse(time.RFC3339Nano, m.Header.Get("Nats-Time-Stamp")); err != nil {
			return n, fmt.Errorf("%w: a message without a time", ErrAway)
		}
		w.Start, w.Seq = nil, s.seq+1
		more = more && f(&s) // what comes after the last that is wanted is read and let go
	}
}
