package outputs_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"linkd/outputs"
)

func put(s *outputs.Spool, n int) {
	s.Put(&outputs.Record{Class: outputs.Tags, Time: int64(n), Topic: []byte("t"), Data: fmt.Appendf(nil, "%09d", n)})
}

func take(t *testing.T, q outputs.Queue, l outputs.Limits) (got []int) {
	t.Helper()
	var b outputs.Batch
	if err := q.Take(t.Context(), &b, l); err != nil {
		t.Fatal(err)
	}
	for i := range b.Len() {
		r := b.At(i)
		if string(r.Data) != fmt.Sprintf("%09d", r.Time) || string(r.Topic) != "t" || r.Class != outputs.Tags {
			t.Fatalf("record %d is %+v", i, r)
		}
		got = append(got, int(r.Time))
	}
	return got
}

const recordBytes = 25 // of what put puts

var large = outputs.Limits{Records: 1 << 20, Bytes: 1 << 30}

// TestSpoolBound: what does not fit pushes out the oldest, counted, and nothing else.
func TestSpoolBound(t *testing.T) {
	s := outputs.NewSpool(100 * recordBytes)
	for i := range 1000 {
		put(s, i)
	}
	got := take(t, s, large)
	if len(got) != 100 || got[0] != 900 || got[99] != 999 {
		t.Errorf("%d records, %v; want the 100 from 900", len(got), got)
	}
	count, bytes, dropped := outputs.Level(s)
	if count != 0 || bytes != 0 || dropped[outputs.Tags] != 900 {
		t.Errorf("%d records, %d bytes left, dropped %v; want 0, 0, 900", count, bytes, dropped)
	}
	s.Put(&outputs.Record{Class: outputs.Conn, Data: make([]byte, 101*recordBytes)})
	if count, _, dropped = outputs.Level(s); count != 0 || dropped[outputs.Conn] != 1 {
		t.Errorf("a record over the bound: %d in the spool, dropped %v; want 0, 1", count, dropped)
	}
}

// TestSpoolModel: any order of puts and takes gives what a list would.
func TestSpoolModel(t *testing.T) {
	for seed := range uint64(20) {
		rnd, limit := rand.New(rand.NewPCG(seed, 1)), 1+rand.IntN(5000)
		s, next := outputs.NewSpool(int64(limit*recordBytes)), 0
		var model []int
		for range 300 {
			for range rnd.IntN(100) {
				put(s, next)
				model, next = append(model, next), next+1
			}
			model = model[max(0, len(model)-limit):]
			if len(model) == 0 || rnd.IntN(3) == 0 {
				continue
			}
			n := 1 + rnd.IntN(150)
			got := take(t, s, outputs.Limits{Records: n, Bytes: 1 << 20})
			if want := model[:min(n, len(model))]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("seed %d: got %v, want %v", seed, got, want)
			}
			model = model[len(got):]
		}
	}
}

// TestSpoolLimits: a batch goes out when it is full in records or bytes, or when its first has waited long enough.
func TestSpoolLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := outputs.NewSpool(1 << 20)
		go func() {
			for i := range 10 {
				put(s, i)
				time.Sleep(time.Second)
			}
		}()
		start := time.Now()
		for _, c := range []struct {
			limits outputs.Limits
			want   int
			at     time.Duration
		}{
			{outputs.Limits{Records: 3, Bytes: 1 << 20, Linger: time.Minute}, 3, 2 * time.Second},
			{outputs.Limits{Records: 100, Bytes: 2 * recordBytes, Linger: time.Minute}, 2, 4 * time.Second},
			{outputs.Limits{Records: 100, Bytes: 1 << 20, Linger: 1500 * time.Millisecond}, 2, 6500 * time.Millisecond},
			{outputs.Limits{Records: 100, Bytes: 10, Linger: time.Minute}, 1, 7 * time.Second},
			{outputs.Limits{Records: 100, Bytes: 1 << 20, Linger: time.Minute}, 2, 68 * time.Second},
		} {
			got := take(t, s, c.limits)
			if len(got) != c.want || time.Since(start) != c.at {
				t.Errorf("%+v: %v after %s, want %d after %s", c.limits, got, time.Since(start), c.want, c.at)
			}
		}
	})
}

func TestSpoolCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := outputs.NewSpool(1 << 20)
		put(s, 1)
		s.Close()
		put(s, 2)
		if got := take(t, s, outputs.Limits{Records: 9, Bytes: 99, Linger: time.Hour}); len(got) != 1 {
			t.Errorf("closed, it gave %v; want 1", got)
		}
		var b outputs.Batch
		if err := s.Take(t.Context(), &b, large); !errors.Is(err, outputs.ErrDrained) {
			t.Errorf("closed and empty: %v, want ErrDrained", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := outputs.NewSpool(1).Take(ctx, &b, large); !errors.Is(err, context.Canceled) {
			t.Errorf("ended: %v", err)
		}
	})
}

// TestSpoolConcurrent: writers and a reader at once lose nothing that is not counted.
func TestSpoolConcurrent(t *testing.T) {
	const writers, each = 4, 5000
	s := outputs.NewSpool(1000 * recordBytes)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for i := range each {
				put(s, i)
			}
		})
	}
	go func() { wg.Wait(); s.Close() }()
	var b outputs.Batch
	taken := 0
	for s.Take(t.Context(), &b, outputs.Limits{Records: 64, Bytes: 4096}) == nil {
		taken += b.Len()
	}
	if _, _, dropped := outputs.Level(s); taken+int(dropped[outputs.Tags]) != writers*each {
		t.Errorf("%d taken and %d dropped of %d", taken, dropped[outputs.Tags], writers*each)
	}
}

func BenchmarkSpoolPut(b *testing.B) {
	s, r := outputs.NewSpool(1<<20), outputs.Record{Topic: []byte("tags/ch/d1"), Data: make([]byte, 200)}
	b.ReportAllocs()
	for b.Loop() {
		s.Put(&r)
	}
}
