package common

import (
	"fmt"
	"testing"
	"time"
)

// TestWheel: over a minute of the wheel's clock each link is due once a period, at its own time of it and not before.
func TestWheel(t *testing.T) {
	for _, period := range []time.Duration{2 * time.Millisecond, 7 * time.Millisecond, time.Second, 70 * time.Second} {
		t.Run(period.String(), func(t *testing.T) {
			s := testServer(t, "-job", "poll", "-p", fmt.Sprint(period.Milliseconds()))
			w := s.NewWheel()
			next := map[*Link]int64{}
			for n := 1; n <= 20; n++ {
				l := s.NewLink(new(conn), s.NewCounters(), w)
				l.Input(fmt.Appendf(nil, "c%07d", n))
				next[l] = l.FirstDue()
			}
			end := int64(3 * period)
			var list []Due
			for now := int64(0); now <= end; now += int64(3 * time.Millisecond) {
				for some := true; some; {
					list, some = w.Next(now, list[:0])
					for _, d := range list {
						if d.At != next[d.Link] || d.At > now {
							t.Fatalf("due at %d, now %d, want %d", d.At, now, next[d.Link])
						}
						next[d.Link] += int64(period)
					}
				}
				for l, due := range next {
					if due < now-int64(2*Tick)-int64(period) {
						t.Fatalf("link %d was due at %d, and it is %d", l.number, due, now)
					}
				}
			}
			for l, due := range next {
				if due < end-int64(2*Tick) {
					t.Errorf("link %d was not asked at %d", l.number, due)
				}
				l.End()
			}
			if list, some := w.Next(2*end, nil); some {
				t.Errorf("%d links are asked that have ended", len(list))
			}
		})
	}
}

// TestPhases: first questions of a fleet are spread over the period.
func TestPhases(t *testing.T) {
	s := testServer(t, "-job", "poll")
	var tenths [10]int
	for n := 1; n <= 1000; n++ {
		due := s.firstDue(idOf(n))
		if now := s.Now(); due <= now-int64(time.Second) || due > now+int64(s.Period) {
			t.Fatalf("due at %d, now %d", due, now)
		}
		tenths[due%int64(s.Period)*10/int64(s.Period)]++
	}
	for i, n := range tenths {
		if n < 60 || n > 140 {
			t.Errorf("%d of 1000 devices are asked in tenth %d of the period", n, i)
		}
	}
}
