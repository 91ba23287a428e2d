package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// HistoryQuery asks what one tag was.
type HistoryQuery struct {
	Channel string
	Device  string
	Tag     string
	From    time.Time
	To      time.Time // zero: now
	Points  int       // buckets at most, 1 to 5000; 0: 500
}

// Bucket is what a tag was in one piece of time. Only good values count. For truth values, true is 1; a tag of text has
// Last alone, and NaN for the numbers.
type Bucket struct {
	From  time.Time
	Min   float64
	Max   float64
	Mean  float64
	Count int
	Last  any // bool, float64 or string
}

const (
	defaultPoints = 500
	mostPoints    = 5000
	mostLate      = 64          // reports in a row after the query's end: the clock was not set back, there are no more
	clockSlack    = time.Minute // the stream's clock may be so much behind the reports'
)

// ErrQuery says that a query cannot be understood.
var ErrQuery = errors.New("bus: query")

// History returns what a tag was, in buckets of equal length, oldest first; those in which nothing was read are left
// out. A report that is in the stream twice counts once: a device has one report at a time. With ErrTooMuch come the
// buckets up to where reading ended.
func (b *Bus) History(ctx context.Context, q HistoryQuery) ([]Bucket, error) {
	if q.To.IsZero() {
		q.To = time.Now()
	}
	orElse(&q.Points, defaultPoints)
	switch {
	case q.Points < 0 || q.Points > mostPoints:
		return nil, fmt.Errorf("%w: %d points; ask for 1 to %d", ErrQuery, q.Points, mostPoints)
	case !q.From.Before(q.To):
		return nil, fmt.Errorf("%w: from %s is not before to %s", ErrQuery, q.From.Format(time.RFC3339),
			q.To.Format(time.RFC3339))
	case q.Channel == "" || q.Device == "" || q.Tag == "":
		return nil, fmt.Errorf("%w: name a channel, a device and a tag", ErrQuery)
	}
	to := b.names.Load()
	p, late, device := newPlot(q), 0, to.find(q.Channel, q.Device)
	err := b.read(ctx, tagStream(to.project), device.subject, q.From.Add(-clockSlack), func(m *stored) bool {
		device.each(m.data, p.add)
		if first, ok := reportTime(m.data); ok && first.After(q.To) && m.time.After(q.To) {
			late++
		} else {
			late = 0
		}
		return late < mostLate
	})
	if err != nil && !errors.Is(err, ErrTooMuch) {
		return nil, err
	}
	return p.buckets(), err
}

// plot gathers a tag's values into buckets.
type plot struct {
	q    HistoryQuery
	span float64 // nanoseconds of a bucket
	key  []byte
	seen map[int64]struct{} // times of reports, milliseconds since the Unix epoch
	to   []Bucket
	sums []float64
}

func newPlot(q HistoryQuery) *plot {
	name, _ := json.Marshal(q.Tag) // a string always can be written
	return &plot{
		q: q, span: float64(q.To.Sub(q.From)) / float64(q.Points), key: append(name, `:{"v":`...),
		seen: map[int64]struct{}{}, to: make([]Bucket, q.Points), sums: make([]float64, q.Points),
	}
}

// reportTime is the time of a report, or of the first in a pack; false when it is none.
func reportTime(report []byte) (time.Time, bool) {
	const head, width = `{"ts":"`, len("2006-01-02T15:04:05.000Z")
	if len(report) < len(head)+width || string(report[:len(head)]) != head {
		return time.Time{}, false
	}
	at, err := time.Parse("2006-01-02T15:04:05.000Z", string(report[len(head):len(head)+width]))
	return at, err == nil
}

// add adds what a report says of the tag.
//
// A report is not decoded: payload.AppendJSON wrote it, no text in it holds a bare quote, and so the key of a tag with
// a value can be found as bytes. What somebody else wrote into the stream in another form is passed over.
func (p *plot) add(report []byte) {
	at, ok := reportTime(report)
	if !ok || at.Before(p.q.From) || !at.Before(p.q.To) {
		return
	}
	i := bytes.Index(report, p.key)
	if i < 0 {
		return
	}
	value, good := sample(report[i+len(p.key):])
	if _, again := p.seen[at.UnixMilli()]; again || !good {
		return
	}
	p.seen[at.UnixMilli()] = struct{}{}
	n := min(int(float64(at.Sub(p.q.From))/p.span), len(p.to)-1)
	p.put(n, value)
}

// sample reads 21.5,"q":"good"} and what follows.
func sample(b []byte) (value any, good bool) {
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&value); err != nil || value == nil {
		return nil, false
	}
	return value, bytes.HasPrefix(b[d.InputOffset():], []byte(`,"q":"good"`))
}

func (p *plot) put(n int, value any) {
	to, f := &p.to[n], math.NaN()
	switch v := value.(type) {
	case float64:
		f = v
	case bool:
		f = 0
		if v {
			f = 1
		}
	case string:
	default:
		return
	}
	if to.Count == 0 {
		to.From = p.q.From.Add(time.Duration(float64(n) * p.span))
		to.Min, to.Max = f, f
	}
	to.Min, to.Max = min(to.Min, f), max(to.Max, f)
	p.sums[n] += f
	to.Count++
	to.Last = value
}

func (p *plot) buckets() []Bucket {
	out := make([]Bucket, 0, len(p.to))
	for n, b := range p.to {
		if b.Count == 0 {
			continue
		}
		b.Mean = p.sums[n] / float64(b.Count)
		out = append(out, b)
	}
	return out
}
