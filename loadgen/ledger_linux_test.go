package loadgen

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// north is a server that reads the id and the lines of its only device, number 3, and shows each as change says.
func north(t *testing.T, shows chan<- string, change func(n int, line string) []string) string {
	n := 0
	return server(t, func(c *net.TCPConn) {
		_, _ = io.ReadFull(c, make([]byte, 5))
		lines := bufio.NewScanner(c)
		for lines.Scan() {
			n++
			name, _, _ := strings.Cut(strings.TrimPrefix(lines.Text(), lineHead), " ")
			for _, line := range change(n, name) {
				if strings.HasPrefix(line, "{") { // a whole value
					shows <- line
					continue
				}
				shows <- fmt.Sprintf(`{"connection":"s1/f3","device":"d1","tag":"line","address":"line","type":"string",`+
					`"quality":"good","value":%q}`, line)
			}
		}
	})
}

// TestLedger: a fleet's lines are reconciled with what the server shows, and each kind of fault is found.
func TestLedger(t *testing.T) {
	same := func(_ int, line string) []string { return []string{line} }
	held := ""
	for _, c := range []struct {
		name   string
		change func(n int, line string) []string
		want   func(l *Ledger) bool
		says   string // "": all well
	}{
		{"right", same, func(l *Ledger) bool { return l.Delivered == l.Sent }, ""},
		{"of no concern", func(_ int, line string) []string {
			return []string{line, `{"connection":"s1/f3","address":"other","type":"string","quality":"good","value":"x"}`}
		},
			func(l *Ledger) bool { return l.Skipped == l.Sent }, ""},
		{"lost", func(n int, line string) []string {
			if n%10 == 5 {
				return nil
			}
			return []string{line}
		}, func(l *Ledger) bool { return l.Lost == 10 && l.Delivered == 90 }, "10 are lost"},
		{"doubled", func(n int, line string) []string {
			if n%10 == 5 {
				return []string{line, line}
			}
			return []string{line}
		}, func(l *Ledger) bool { return l.Doubled == 10 && l.Delivered == 100 && l.Lost == 0 }, "10 doubled"},
		{"reordered", func(n int, line string) []string {
			if n%10 == 5 {
				held = line
				return nil
			}
			if n%10 == 6 {
				return []string{line, held}
			}
			return []string{line}
		}, func(l *Ledger) bool { return l.Reordered == 10 && l.Delivered == 90 && l.Lost == 0 }, "10 reordered"},
		{"another device's", func(n int, line string) []string {
			if n == 50 {
				return []string{"4" + line[1:]}
			}
			return []string{line}
		}, func(l *Ledger) bool { return l.Unknown == 1 && l.Lost == 1 }, "line 50 of device 4, session 1: shown, but not"},
		{"no line", func(_ int, line string) []string { return []string{line, "rubbish"} },
			func(l *Ledger) bool { return l.Unknown == l.Sent && l.Lost == 0 }, "100 unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			shows := make(chan string, 1024)
			r := runs(t, Config{Target: north(t, shows, c.change), Devices: 1, ID: "c{n:04}", From: 3, Mode: Push, Rate: 500,
				Duration: 200 * time.Millisecond, Drain: time.Second, Ledger: values(t, shows), Token: "sesame"})
			l := r.Ledger
			if l.Sent != 100 || l.Sent != r.Sent.Messages || !c.want(l) || l.Sent != l.Delivered+l.Reordered+l.Stale+l.Lost {
				t.Errorf("%v of %d messages", l, r.Sent.Messages)
			}
			err := r.Err()
			if (err == nil) != (c.says == "") ||
				err != nil && (!errors.Is(err, ErrFleet) || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("error %v, want %q", err, c.says)
			}
		})
	}
}

// TestLedgerAcrossSessions: the server closes the first link; what it shows of that link afterwards is stale, what it
// never shows is lost, and the sequence goes on.
func TestLedgerAcrossSessions(t *testing.T) {
	shows := make(chan string, 1024)
	var mu sync.Mutex // one link has it after the other
	links, kept := 0, []string(nil)
	show := func(line string) {
		shows <- fmt.Sprintf(`{"connection":"s1/f1","address":"line","type":"string","quality":"good","value":%q}`, line)
	}
	target := server(t, func(c *net.TCPConn) {
		_, _ = io.ReadFull(c, make([]byte, 5))
		mu.Lock()
		defer mu.Unlock()
		links++
		first := links == 1
		lines := bufio.NewScanner(c)
		for n := 1; lines.Scan(); n++ {
			name, _, _ := strings.Cut(strings.TrimPrefix(lines.Text(), lineHead), " ")
			switch {
			case first && n <= 2:
				kept = append(kept, name)
			case first && n == 10:
				return
			default:
				show(name)
			}
			if !first && n == 1 {
				show(kept[0])
			}
		}
	})
	r := runs(t, Config{Target: target, Devices: 1, Mode: Push, Rate: 200, Duration: time.Second, Reconnect: true,
		Drain: 300 * time.Millisecond, Ledger: values(t, shows), Token: "sesame"})
	l := r.Ledger
	if l.Stale != 1 || l.Lost < 2 || l.Doubled+l.Reordered+l.Unknown > 0 || l.Delivered < 20 ||
		l.Sent != l.Delivered+l.Stale+l.Lost || l.Sent != r.Sent.Messages {
		t.Errorf("%v of %d messages", l, r.Sent.Messages)
	}
	if !strings.Contains(l.Example, "line 1 of device 1, session 1: shown after a line of a later session") {
		t.Errorf("example %q", l.Example)
	}
}

// TestLedgerNeedsAStream: without the server's values there is no ledger, and no run.
func TestLedgerNeedsAStream(t *testing.T) {
	cfg := Config{Target: server(t, silent), Devices: 1, ID: "c{n}", Mode: Push, Rate: 10, Duration: time.Second,
		Ledger: "http://127.0.0.1:1"}
	if _, err := Run(t.Context(), cfg); !errors.Is(err, ErrVerify) {
		t.Errorf("error %v", err)
	}
	for _, c := range []struct {
		edit func(*Config)
		want string
	}{
		{func(c *Config) { c.Mode, c.Rate = Idle, 0 }, "ledger with mode idle; it belongs to push"},
		{func(c *Config) { c.Confirm = ConfirmEcho }, "ledger with confirm echo; give sent"},
		{func(c *Config) { c.Size = 40 }, "size 40 with a ledger; give 48 to 8192 bytes"},
		{func(c *Config) { c.Processes, c.Devices = 2, 2 }, "verify or ledger with 2 processes; it takes one"},
	} {
		wrong := cfg
		c.edit(&wrong)
		if _, err := Run(t.Context(), wrong); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// TestLineAllocatesNothing counts allocations of lines that go out.
func TestLineAllocatesNothing(t *testing.T) {
	w := soloWorker(t)
	w.cfg.Mode, w.cfg.Ledger = Push, "on"
	w.book = newBook(w.cfg, 1)
	d := &w.devs[0]
	w.book.newSession(d)
	w.phase = traffic
	now := w.clock()
	w.owe(now, d, now)
	if n := testing.AllocsPerRun(200, func() { w.owe(now, d, now) }); n != 0 {
		t.Errorf("%v allocations a line", n)
	}
	if w.out.Ledger.Sent < 200 {
		t.Errorf("%d lines went out", w.out.Ledger.Sent)
	}
}
