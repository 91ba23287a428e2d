// Package outputtest is the conformance suite that every output passes: it never blocks, keeps nothing of what it was
// lent, delivers all in order when its far end was away, counts what it drops, and leaves nothing running.
package outputtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"linkd/drivers/tags"
	"linkd/outputs"
	"linkd/project"
	"linkd/server"
)

// Peer is the far end of the output under test.
type Peer interface {
	Options() map[string]any // that lead to it, with short times
	Down()                   // it fails from now on
	Up()                     // it takes again
	Payloads() [][]byte      // what it has taken, in order
}

// patience is how long a delivery may take on a busy machine.
const patience = 30 * time.Second

// Run holds k against the contract of package outputs, in each of formats with a peer of its own.
func Run(t *testing.T, k *outputs.Kind, formats []string, peer func(t *testing.T, format string) Peer) {
	t.Run("descriptor", func(t *testing.T) { descriptor(t, k) })
	for _, format := range formats {
		t.Run(format, func(t *testing.T) {
			for name, test := range map[string]func(*testing.T, *rig){
				"delivers in order": delivers, "outage": outage, "never blocks": neverBlocks, "closes": closes,
				"restart": restart} {
				t.Run(name, func(t *testing.T) {
					running := goleak.IgnoreCurrent() // what other tests of the package have started
					t.Run("run", func(t *testing.T) { test(t, &rig{kind: k, format: format, peer: peer(t, format)}) })
					goleak.VerifyNone(t, running)
				})
			}
		})
	}
}

func descriptor(t *testing.T, k *outputs.Kind) {
	if !regexp.MustCompile(`^[a-z][a-z0-9-]*$`).MatchString(k.Type) || k.Title == "" || len(k.Formats) == 0 {
		t.Errorf("type %q, title %q, formats %q: each must be set, the type in lower case", k.Type, k.Title, k.Formats)
	}
	table := outputs.Table{k}
	for _, c := range []struct {
		cfg  project.Output
		want string
	}{
		{project.Output{Type: k.Type, Options: map[string]any{"no_such_option": 1}}, "no_such_option is not known here"},
		{project.Output{Type: k.Type, Options: map[string]any{"spool": "lots"}}, "spool is lots; write bytes from"},
		{project.Output{Type: k.Type, Format: "morse"}, `format "morse" is none of ` + k.Type},
	} {
		_, err := table.Compile(&c.cfg)
		fault := (*project.FieldError)(nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, &fault) {
			t.Errorf("%+v: %v; want a FieldError with %s", c.cfg, err, c.want)
		}
	}
}

// rig is one output with its peer.
type rig struct {
	kind   *outputs.Kind
	format string
	peer   Peer
	next   int
	dir    string // the output's own
}

func (r *rig) open(t *testing.T, more map[string]any) outputs.Sink {
	t.Helper()
	options := r.peer.Options()
	for k, v := range more {
		options[k] = v
	}
	m, err := outputs.Table{r.kind}.Compile(&project.Output{Name: "o", Type: r.kind.Type, Format: r.format,
		Options: options})
	if err != nil {
		t.Fatal(err)
	}
	if r.dir == "" {
		r.dir = t.TempDir()
	}
	s, err := m(outputs.Env{Project: "p", Dir: r.dir, Log: Log(t)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Log writes to the test's log; what comes after the test goes nowhere.
func Log(t testing.TB) *slog.Logger {
	w := &testLog{t: t}
	t.Cleanup(func() {
		w.mu.Lock()
		w.t = nil
		w.mu.Unlock()
	})
	return slog.New(slog.NewTextHandler(w, nil))
}

type testLog struct {
	mu sync.Mutex
	t  testing.TB
}

func (w *testLog) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.t != nil {
		w.t.Log(strings.TrimSpace(string(b)))
	}
	return len(b), nil
}

// Report is a report with one tag t whose value is n.
func Report(device string, n int) server.Report {
	now := time.Now().UnixNano()
	return server.Report{Time: now, Provider: "s1", Connection: []byte("c1"), ID: []byte("c0001"), Channel: []byte("ch"),
		Device: device, Session: 1, Values: []server.ReportValue{{Tag: &tags.Tag{Name: "t"}, Sample: tags.Sample{
			Value: tags.Int(int64(n)), Quality: tags.Good, TS: now, Changed: now}}}}
}

// send reports n values, numbered on, and spoils what it has lent.
func (r *rig) send(s outputs.Sink, n int) {
	for range n {
		one := []server.Report{Report("d1", r.next)}
		s.Reports(one)
		for _, b := range [][]byte{one[0].Connection, one[0].ID, one[0].Channel} {
			for i := range b {
				b[i] = 0xA5
			}
		}
		one[0].Values[0].Value = tags.Int(-1)
		r.next++
	}
}

// numbers are the values that the peer has, in the order in which they came.
func (r *rig) numbers(t *testing.T) (got []int) {
	for _, b := range r.peer.Payloads() {
		got = append(got, Values(t, r.format, b)...)
	}
	return got
}

var valueText = map[string]*regexp.Regexp{
	"json": regexp.MustCompile(`"t":\{"v":(-?\d+),"q":"good"\}`), "influx": regexp.MustCompile(`(?m)d1 t=(-?\d+)i \d+$`)}

// await waits until the peer has every value once or more, in order.
func (r *rig) await(t *testing.T) {
	t.Helper()
	Eventually(t, func() error {
		seen, next := map[int]bool{}, 0
		for _, n := range r.numbers(t) {
			if n > next || n < 0 {
				return fmt.Errorf("%d came where at most %d is next: lost, or out of order", n, next)
			}
			if !seen[n] {
				next++
			}
			seen[n] = true
		}
		if next != r.next {
			return fmt.Errorf("%d of %d values came", next, r.next)
		}
		return nil
	})
}

// Eventually waits until check has no error.
func Eventually(t testing.TB, check func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %v", patience, err)
		}
	}
}

func end(t *testing.T, s outputs.Sink, within time.Duration) outputs.Stats {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	start := time.Now()
	err := s.Close(ctx)
	if took := time.Since(start); took > within+patience/2 {
		t.Errorf("Close took %s (%v), want about %s at most", took, err, within)
	}
	st := s.Stats()
	if st.State != outputs.Closed || st.Queued != 0 && st.QueuedBytes == 0 {
		t.Errorf("closed, its state is %+v", st)
	}
	return st
}

func balanced(t *testing.T, st outputs.Stats) {
	t.Helper()
	if sum := st.Tags.Sent + st.Tags.Dropped; sum+uint64(st.Queued) != st.Tags.Taken {
		t.Errorf("%+v: sent, dropped and queued are not what was taken", st)
	}
}

func delivers(t *testing.T, r *rig) {
	s := r.open(t, nil)
	r.send(s, 500)
	r.await(t)
	s.Event(server.Event{Kind: "online", Time: time.Now(), Provider: "s1", Connection: "c1", Session: 1})
	r.send(s, 100)
	r.await(t)
	st := end(t, s, patience)
	balanced(t, st)
	if st.Tags.Taken != 600 || st.Tags.Sent != 600 || st.Conn.Sent != 1 || st.Tags.Dropped != 0 {
		t.Errorf("%+v, want 600 tags and 1 event sent", st)
	}
}

func outage(t *testing.T, r *rig) {
	r.peer.Down()
	s := r.open(t, nil)
	r.send(s, 300)
	Eventually(t, func() error {
		if st := s.Stats(); st.State != outputs.Failing || st.Error == "" || st.Retries == 0 {
			return fmt.Errorf("with its far end away, its state is %+v", st)
		}
		return nil
	})
	r.peer.Up()
	r.await(t)
	r.peer.Down()
	r.send(s, 300)
	r.peer.Up()
	r.send(s, 10)
	r.await(t)
	Eventually(t, func() error {
		if st := s.Stats(); st.State != outputs.Fine || st.Error != "" || st.Tags.Sent != 610 {
			return fmt.Errorf("with its far end back, its state is %+v", st)
		}
		return nil
	})
	balanced(t, end(t, s, patience))
}

// neverBlocks: four loops report into an output whose far end is away and whose spool is small.
func neverBlocks(t *testing.T, r *rig) {
	const loops, each = 4, 5000
	r.peer.Down()
	s := r.open(t, map[string]any{"spool": "64KiB"})
	var wg sync.WaitGroup
	start := time.Now()
	for range loops {
		wg.Go(func() {
			for i := range each {
				s.Reports([]server.Report{Report("d1", i)})
				s.Stats()
			}
		})
	}
	wg.Wait()
	if took := time.Since(start); took > patience/3 {
		t.Errorf("%d reports took %s", loops*each, took)
	}
	st := s.Stats()
	if st.QueuedBytes > 64<<10 || st.Tags.Dropped == 0 || st.Tags.Taken != loops*each {
		t.Errorf("%+v; want at most 64 KiB queued, the rest dropped and counted", st)
	}
	balanced(t, end(t, s, 50*time.Millisecond))
}

func closes(t *testing.T, r *rig) {
	s := r.open(t, nil)
	r.send(s, 50)
	st := end(t, s, patience)
	r.await(t)
	balanced(t, st)
	r.next = 0
	r.send(s, 1)
	s.Event(server.Event{Kind: "online", Time: time.Now()})
	if err := s.Close(context.Background()); err != nil {
		t.Errorf("closed again: %v", err)
	}
	if after := s.Stats(); after.Tags != st.Tags || after.Conn != st.Conn {
		t.Errorf("closed, it counts on: %+v, then %+v", st, after)
	}
}

// restart: with a spool on disk, what the far end did not take before the output was closed comes with the next one.
func restart(t *testing.T, r *rig) {
	disk := map[string]any{"spool_disk": "4MiB"}
	r.peer.Down()
	for range 3 {
		s := r.open(t, disk)
		r.send(s, 200)
		st := end(t, s, 100*time.Millisecond)
		balanced(t, outputs.Stats{Tags: outputs.Counts{Taken: uint64(r.next), Sent: st.Tags.Sent, Dropped: st.Tags.Dropped},
			Queued: st.Queued})
		if st.Tags.Dropped != 0 || st.Queued != r.next {
			t.Errorf("%+v, want all of %d kept", st, r.next)
		}
	}
	r.peer.Up()
	s := r.open(t, disk)
	r.send(s, 100)
	r.await(t)
	st := end(t, s, patience)
	if st.Queued != 0 || st.Tags.Dropped != 0 {
		t.Errorf("with all delivered, %+v", st)
	}
	balanced(t, end(t, r.open(t, disk), patience))
	r.await(t) // nothing came twice with an end in peace, or it would be out of order
}

// Need fails the test, or skips it where nobody asked for all tests, when a program is missing.
func Need(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

func atoi(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
