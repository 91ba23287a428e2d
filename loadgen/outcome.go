package loadgen

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// series is one kind of time that a run measures.
type series int

const (
	connectTime series = iota
	ackTime
	confirmTime
	roundTrip
	ownLag
	seriesCount
)

const (
	lowestTime  = int64(time.Microsecond)
	highestTime = int64(10 * time.Minute) // longer times are counted as this
	digitsKept  = 3
	digitsFine  = 4 // a jitter of 0.1 ms shows in an interval of 1 s
	maxMessages = 8 // distinct error messages kept; the others are counted together
)

// histogram is an HDR histogram of nanoseconds that travels between processes as text.
type histogram struct{ *hdrhistogram.Histogram }

func newHistogram() histogram {
	return histogram{hdrhistogram.New(lowestTime, highestTime, digitsKept)}
}

// newFineHistogram is for intervals whose small differences count.
func newFineHistogram() histogram {
	return histogram{hdrhistogram.New(lowestTime, highestTime, digitsFine)}
}

// record counts d nanoseconds, clamped to what the histogram holds.
func (h histogram) record(d int64) {
	_ = h.RecordValue(max(0, min(d, highestTime))) // the range was made for it
}

// MarshalJSON writes the histogram in its compressed V2 encoding, base64.
func (h histogram) MarshalJSON() ([]byte, error) {
	text, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, err
	}
	return json.Marshal(string(text))
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (h *histogram) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	decoded, err := hdrhistogram.Decode([]byte(text))
	if err != nil {
		return fmt.Errorf("loadgen: a histogram that cannot be read: %w", err)
	}
	h.Histogram = decoded
	return nil
}

// outcome is what came of some of a run's devices: a worker's, a process's, or all. Outcomes merge.
type outcome struct {
	Up        int64 // devices that came up
	UpAtEnd   int64 // devices that were up when the run ended
	Confirmed int64 // devices with at least one echo
	Excused   int64 // devices that came up and were not up at the end: clones and slow readers, which a server ends
	Returned  int64 // times that a device was up again after a drop
	Failed    [causes]int64
	Dropped   [causes]int64

	Sent, Received           int64 // data frames, echoes
	SentBytes, ReceivedBytes int64 // everything that went over the sockets
	Lost                     int64 // echoes that never came
	Unsent                   int64 // frames that were due and not sent
	Stale                    int64 // echoes of another sequence
	Corrupt                  int64 // echoes or packets that were not as they should be

	Polls   polled
	Faults  FaultCounts
	Verdict Verdict
	Ledger  Ledger
	Asked   histogram // intervals between two askings of one question, from the second interval of a link on
	Placed  histogram // the first one
	Edges   histogram // times before the first asking on a link, and after the last

	Own    own
	Times  [seriesCount]histogram
	Errors messages

	Settled time.Duration // from the start to the last device up or failed
	Traffic time.Duration // from then on, without waiting for last answers
	Elapsed time.Duration
	CPUUser time.Duration
	CPUSys  time.Duration
	Stopped bool // ended early from outside
}

func newOutcome() *outcome {
	o := &outcome{Asked: newFineHistogram(), Placed: newFineHistogram(), Edges: newHistogram(),
		Own: own{DescriptorsLeft: math.MaxInt64}}
	for i := range o.Times {
		o.Times[i] = newHistogram()
	}
	return o
}

// merge adds other to o. Times are added value by value, never by percentile.
func (o *outcome) merge(other *outcome) {
	o.Up += other.Up
	o.UpAtEnd += other.UpAtEnd
	o.Confirmed += other.Confirmed
	o.Excused += other.Excused
	o.Returned += other.Returned
	for i := range causes {
		o.Failed[i] += other.Failed[i]
		o.Dropped[i] += other.Dropped[i]
	}
	o.Sent += other.Sent
	o.Received += other.Received
	o.SentBytes += other.SentBytes
	o.ReceivedBytes += other.ReceivedBytes
	o.Lost += other.Lost
	o.Unsent += other.Unsent
	o.Stale += other.Stale
	o.Corrupt += other.Corrupt
	o.Polls.merge(&other.Polls)
	o.Faults.merge(&other.Faults)
	o.Verdict.merge(&other.Verdict)
	o.Ledger.merge(&other.Ledger)
	o.Own.merge(&other.Own)
	o.Asked.Merge(other.Asked.Histogram)
	o.Placed.Merge(other.Placed.Histogram)
	o.Edges.Merge(other.Edges.Histogram)
	for i := range o.Times {
		o.Times[i].Merge(other.Times[i].Histogram)
	}
	for _, m := range other.Errors {
		o.Errors.add(m.Message, m.Count)
	}
	o.Settled = max(o.Settled, other.Settled)
	o.Traffic = max(o.Traffic, other.Traffic)
	o.Elapsed = max(o.Elapsed, other.Elapsed)
	o.CPUUser += other.CPUUser
	o.CPUSys += other.CPUSys
	o.Stopped = o.Stopped || other.Stopped
}

// check says what is wrong with an outcome of so many devices that came from elsewhere.
func (o *outcome) check(devices int) error {
	for _, h := range append([]histogram{o.Asked, o.Placed, o.Edges}, o.Times[:]...) {
		if h.Histogram == nil {
			return errors.New("its outcome lacks a histogram")
		}
	}
	if o.Up < 0 || o.UpAtEnd < 0 || o.UpAtEnd > o.Up || o.Up+sum(o.Failed) != int64(devices) {
		return fmt.Errorf("its outcome has %d devices up and %d failed, of %d", o.Up, sum(o.Failed), devices)
	}
	if len(o.Errors) > maxMessages+1 {
		return fmt.Errorf("its outcome has %d messages; %d are allowed", len(o.Errors), maxMessages+1)
	}
	return nil
}

// messages counts error messages: the first few distinct ones by their text, the rest together.
type messages []ErrorCount

const otherMessages = "other errors"

func (m *messages) add(text string, n int64) {
	for i := range *m {
		if (*m)[i].Message == text {
			(*m)[i].Count += n
			return
		}
	}
	if len(*m) >= maxMessages && text != otherMessages {
		m.add(otherMessages, n)
		return
	}
	*m = append(*m, ErrorCount{Message: text, Count: n})
}

// sorted returns the messages, the most frequent first.
func (m messages) sorted() []ErrorCount {
	s := slices.Clone(m)
	slices.SortStableFunc(s, func(a, b ErrorCount) int { return cmp.Compare(b.Count, a.Count) })
	return s
}

// byName lists the causes that occurred.
func byName(counts [causes]int64) map[string]int64 {
	m := map[string]int64{}
	for c, n := range counts {
		if n > 0 {
			m[cause(c).String()] = n
		}
	}
	return m
}

func sum(counts [causes]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}
