package bench

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

const (
	status   = "Name:\tlinkd\nVmRSS:\t   30716 kB\nRssAnon:\t   12345 kB\nRssFile:\t   18000 kB\n"
	procStat = "2691 (a b) c) S 1 2691 2691 0 -1 4194304 100 200 0 0 150 50 7 3 20 0 5 0 1000 2000 300\n"
	stat     = "cpu  100 1 50 1000 10 2 3 7 20 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n"
	ulimits  = "Limit  Soft Limit  Hard Limit  Units\nMax processes  1 1 processes\nMax open files  1024  20000  files\n"
	cpuinfo  = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC\n"
)

func TestParseProc(t *testing.T) {
	if n, err := parseRSSAnon(status); n != 12345<<10 || err != nil {
		t.Errorf("RssAnon %d, %v", n, err)
	}
	if got, err := parseProcessTimes(procStat); got != (processTimes{2 * time.Second, 10 * tick}) || err != nil {
		t.Errorf("process times %v, %v", got, err)
	}
	if got, err := parseRunTime("44786231 17350253 165\n"); got != 44786231 || err != nil {
		t.Errorf("run time %v, %v", got, err)
	}
	want := machineTimes{busy: 156 * tick, idle: 1010 * tick, steal: 7 * tick}
	if got, err := parseMachineTimes(stat); got != want || err != nil {
		t.Errorf("machine times %v, %v, want %v", got, err, want)
	}
	if n, err := parseOpenFiles(ulimits); n != 20000 || err != nil {
		t.Errorf("open files %d, %v", n, err)
	}
	if n, err := parseOpenFiles("Max open files 1024 unlimited files"); n < 1<<20 || err != nil {
		t.Errorf("unlimited open files %d, %v", n, err)
	}
	if got := parseCPUModel(cpuinfo); got != "AMD EPYC" {
		t.Errorf("model %q", got)
	}
}

// TestParseProcRefuses: every cut and every wrong number is an error, never a panic.
func TestParseProcRefuses(t *testing.T) {
	parsers := map[string]func(string) error{
		"status":    func(s string) error { _, err := parseRSSAnon(s); return err },
		"stat":      func(s string) error { _, err := parseProcessTimes(s); return err },
		"schedstat": func(s string) error { _, err := parseRunTime(s); return err },
		"machine":   func(s string) error { _, err := parseMachineTimes(s); return err },
		"limits":    func(s string) error { _, err := parseOpenFiles(s); return err },
	}
	for name, parse := range parsers {
		for _, text := range []string{"", "\n", ") ", "x", "RssAnon: many kB", "Max open files 1 x files", "cpu a b",
			strings.Replace(procStat, "2691 (a b) c) S 1", "x) S x", 1)[:30], strings.Replace(stat, " 50 ", " x ", 1),
			"pid " + procStat[:20], "pid " + strings.Replace(procStat, " 150 ", " x ", 1)} {
			if err := parse(text); !errors.Is(err, errProc) {
				t.Errorf("%s of %q: %v", name, text, err)
			}
		}
	}
}

// TestOwnProcess reads the real files, of the test itself.
func TestOwnProcess(t *testing.T) {
	if n, err := rssAnon(os.Getpid()); n < 1<<20 || err != nil {
		t.Errorf("RssAnon %d, %v", n, err)
	}
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for end := time.Now().Add(20 * time.Millisecond); time.Now().Before(end); n++ {
	}
	if after, err := cpuTime(os.Getpid()); after <= before || err != nil {
		t.Errorf("CPU time %v after %v, %v", after, before, err)
	}
	if _, err := cpuTime(-1); err == nil {
		t.Error("a process that is not there has a CPU time")
	}
	if u, err := usageNow(); u.machine.idle+u.machine.busy == 0 || err != nil {
		t.Errorf("usage %+v, %v", u, err)
	}
}

func TestDisturbance(t *testing.T) {
	at := func(busy, idle, steal, ours int) usage {
		return usage{machineTimes{time.Duration(busy), time.Duration(idle), time.Duration(steal)}, time.Duration(ours)}
	}
	tests := []struct {
		name         string
		from, to     usage
		steal, other float64
	}{
		{"ours alone", at(100, 100, 0, 50), at(150, 150, 0, 100), 0, 0},
		{"others", at(0, 0, 0, 0), at(50, 45, 5, 20), 5, 30},
		{"ours counted late", at(0, 0, 0, 0), at(10, 90, 0, 20), 0, 0},
		{"no time", at(1, 1, 1, 1), at(1, 1, 1, 1), 0, 0},
	}
	for _, tt := range tests {
		if steal, other := disturbance(tt.from, tt.to); steal != tt.steal || other != tt.other {
			t.Errorf("%s: steal %v, other %v; want %v, %v", tt.name, steal, other, tt.steal, tt.other)
		}
	}
}
