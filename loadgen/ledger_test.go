package loadgen

import (
	"math"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	filler := make([]byte, 64)
	fill(filler, false)
	for _, n := range []lineName{{1, 1, 1}, {355837089512343, 17, 1034},
		{math.MaxUint64, math.MaxUint32, math.MaxUint32}} {
		for _, size := range []int{leastLine, 64} {
			line := string(appendLine([]byte("before"), n, filler, size)[6:])
			name, rest, _ := strings.Cut(strings.TrimPrefix(line, lineHead), " ")
			if got, ok := parseLine(name); !ok || got != n {
				t.Errorf("%q is read as %v, %v; want %v", line, got, ok, n)
			}
			if len(line) != size || !strings.HasSuffix(rest, "\n") || strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz\n") != "" {
				t.Errorf("a line of %d bytes, want %d: %q", len(line), size, line)
			}
		}
	}
	for _, wrong := range []string{"", "1", "1.2", "1.2.", "1.2.3.4", "-1.2.3", "1.2.x", "1.4294967296.3",
		"1.2.4294967296", "18446744073709551616.1.1"} {
		if n, ok := parseLine(wrong); ok {
			t.Errorf("%q is read as %v", wrong, n)
		}
	}
}

// TestAccount: what becomes of lines, one after the other. Ten were sent in session 1, ten in session 2.
func TestAccount(t *testing.T) {
	type step struct {
		line lineName
		want fate
	}
	l := func(session, seq uint32) lineName { return lineName{7, session, seq} }
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"in order", []step{{l(1, 1), delivered}, {l(1, 2), delivered}, {l(2, 11), delivered}, {l(2, 20), delivered}}},
		{"a gap that stays", []step{{l(1, 1), delivered}, {l(1, 5), delivered}}},
		{"reordered", []step{{l(1, 2), delivered}, {l(1, 1), reordered}, {l(1, 3), delivered}}},
		{"doubled", []step{{l(1, 1), delivered}, {l(1, 1), doubled}, {l(1, 2), delivered}, {l(1, 1), doubled}}},
		{"reordered and doubled", []step{{l(1, 2), delivered}, {l(1, 1), reordered}, {l(1, 1), doubled}}},
		{"stale", []step{{l(1, 1), delivered}, {l(2, 11), delivered}, {l(1, 2), outdated}, {l(1, 2), doubled}}},
		{"another device", []step{{lineName{8, 1, 1}, unknown}, {l(1, 1), delivered}}},
		{"no line", []step{{lineName{}, unknown}}},
		{"never sent", []step{{l(2, 21), unknown}, {l(2, math.MaxUint32), unknown}}},
		{"a session to come", []step{{l(3, 20), unknown}}},
		{"another session", []step{{l(2, 10), unknown}, {l(1, 11), unknown}, {l(0, 1), unknown}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := account{session: 2, first: 10, sent: 20}
			for i, s := range c.steps {
				if got := a.take(s.line, 7); got != s.want {
					t.Errorf("step %d, %v: fate %d, want %d", i, s.line, got, s.want)
				}
			}
		})
	}
}

// TestAccountWindow: lines far behind are told apart as long as the window knows them, and by the number of those that
// have not come after that. Whatever comes, each sent line is entered once.
func TestAccountWindow(t *testing.T) {
	const sent = 10 * ledgerWindow
	a := account{session: 1, sent: sent}
	take := func(seq uint32) fate { return a.take(lineName{7, 1, seq}, 7) }
	for seq := uint32(1); seq <= sent; seq++ {
		if seq%100 == 0 {
			continue // held back
		}
		if got := take(seq); got != delivered {
			t.Fatalf("line %d: fate %d", seq, got)
		}
		if oldest := seq - ledgerWindow + 1; seq >= ledgerWindow && oldest%100 != 0 && take(oldest) != doubled {
			t.Fatalf("line %d: the oldest in the window, %d, is not known", seq, oldest)
		}
	}
	for _, want := range []fate{reordered, doubled} { // those held back come, and come again
		for seq := uint32(100); seq <= sent; seq += 100 {
			if got := take(seq); got != want {
				t.Errorf("line %d: fate %d, want %d", seq, got, want)
			}
		}
	}
	if a.holes != 0 {
		t.Errorf("%d lines are still missed", a.holes)
	}
	jump := account{session: 1, sent: math.MaxUint32}
	if got := jump.take(lineName{7, 1, 5000}, 7); got != delivered || jump.holes != 5000-ledgerWindow {
		t.Errorf("a jump: fate %d, %d older lines are missed", got, jump.holes)
	}
}

func TestLedgerSettles(t *testing.T) {
	for _, c := range []struct {
		unread, lost, counted int64
		complains             bool
	}{{0, 10, 0, true}, {4, 6, 4, true}, {10, 0, 10, false}, {25, 0, 10, false}} {
		l := Ledger{Sent: 100, Delivered: 90}
		l.settle(c.unread)
		if l.Lost != c.lost || l.Unread != c.counted || (l.complaint() != "") != c.complains {
			t.Errorf("%d events unread: %v, %q", c.unread, &l, l.complaint())
		}
	}
	if l := (&Ledger{}); l.complaint() != "no line was delivered" {
		t.Errorf("nothing at all: %q", l.complaint())
	}
}
