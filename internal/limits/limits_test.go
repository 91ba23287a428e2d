package limits

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// kernel is settings as a kernel has them.
type kernel map[string]string

func (k kernel) read(name string) (string, error) {
	if text, ok := k[name]; ok {
		return text, nil
	}
	return "", fmt.Errorf("%w: %s", ErrUnreadable, name)
}

func usual() kernel {
	return kernel{Backlog: "4096", SynBacklog: "2048", Netdev: "1000", FileMax: "9223372036854775807", NrOpen: "1048576",
		TCPMem: "94374 125834 188748", Conntrack: "262144", Ports: "32768 60999"}
}

// of is the limit of a name.
func of(t *testing.T, list []Limit, name string) Limit {
	t.Helper()
	at := slices.IndexFunc(list, func(l Limit) bool { return l.Name == name })
	if at < 0 {
		t.Fatalf("no limit %s in %+v", name, list)
	}
	return list[at]
}

// TestJudge: the same machine is enough for one fleet and not for a larger one, and the line to write says how much is.
func TestJudge(t *testing.T) {
	small := Fleet{Links: 1000, Reserve: 512, BytesPerLink: 8 << 10, Capacity: 50_000, MemoryAtStart: 8 << 30,
		GoLimit: math.MaxInt64}
	for _, l := range small.judge(usual().read) {
		if l.Name != "open files" && (!l.Enough || l.Change != "") {
			t.Errorf("for a small fleet: %+v", l)
		}
		if l.Value == "" || l.Why == "" {
			t.Errorf("nothing is said of %+v", l)
		}
	}
	large := small
	large.Links, large.Dialled, large.MemoryAtStart = 1_000_000, 100_000, 4<<30
	list := large.judge(usual().read)
	for name, want := range map[string]string{
		NrOpen:     "",
		Backlog:    "sysctl -w net.core.somaxconn=65536",
		SynBacklog: "sysctl -w net.ipv4.tcp_max_syn_backlog=16384",
		Netdev:     "sysctl -w net.core.netdev_max_backlog=10000",
		Conntrack:  "sysctl -w net.netfilter.nf_conntrack_max=1250000",
		TCPMem:     `sysctl -w net.ipv4.tcp_mem="1000000 1500000 2000000"`,
		Ports:      `sysctl -w net.ipv4.ip_local_port_range="1024 65535"; more than that go to several addresses`,
		"memory":   "a machine, or a control group (MemoryMax=), with 7812 MiB to spare",
		"capacity": "more open files or memory (see these), or a larger --capacity, then start",
	} {
		l := of(t, list, name)
		if name == NrOpen { // a million and a half thousand fit in 2^20
			if !l.Enough || l.Change != "" || l.Needed != "1000512" {
				t.Errorf("%s: %+v", name, l)
			}
			continue
		}
		if l.Enough || !strings.HasPrefix(l.Change, want) {
			t.Errorf("%s: %+v\nwant %s", name, l, want)
		}
	}
	if l := of(t, list, FileMax); l.Value != "9223372036854775807" || !l.Enough {
		t.Errorf("%+v", l)
	}
	if list := (Fleet{}).judge(kernel{}.read); len(list) > 4 {
		t.Errorf("of a kernel that says nothing: %+v", list)
	}
}

// TestQueue: a queue grows with the fleet, in doubles, to a bound.
func TestQueue(t *testing.T) {
	for links, want := range map[uint64]uint64{0: 4096, 50_000: 4096, 70_000: 8192, 200_000: 16384, 1 << 30: 65536} {
		if got := queue(links); got != want {
			t.Errorf("queue(%d) = %d, want %d", links, got, want)
		}
	}
}

// TestBroken: what is no number is left out, never taken for one.
func TestBroken(t *testing.T) {
	k := kernel{Backlog: "many", TCPMem: "1 2", Ports: "9 3", FileMax: ""}
	for _, l := range (Fleet{Links: 10, Dialled: 10}).judge(k.read) {
		if strings.Contains(l.Name, ".") {
			t.Errorf("%+v was read from %q", l, k[l.Name])
		}
	}
	for text, ok := range map[string]bool{"32768 60999": true, "0 5": false, "5 4": false, "1 70000": false, "x": false} {
		_, _, err := portsOf(kernel{Ports: text}.read)
		if (err == nil) != ok || err != nil && !errors.Is(err, ErrUnreadable) {
			t.Errorf("ports %q: %v", text, err)
		}
	}
}

// TestThisMachine: what a process of this machine has makes sense.
func TestThisMachine(t *testing.T) {
	soft, hard, err := Descriptors()
	if err != nil || soft == 0 || soft > hard {
		t.Errorf("descriptors: %d, %d, %v", soft, hard, err)
	}
	if n, err := RaiseDescriptors(); err != nil || n < soft {
		t.Errorf("raised to %d, %v", n, err)
	}
	if n, err := OpenDescriptors(); err != nil || n < 3 {
		t.Errorf("open: %d, %v", n, err)
	}
	if n, err := Available(); err != nil || n < 1<<20 {
		t.Errorf("memory: %d, %v", n, err)
	}
	if _, err := Sysctl("no.such"); !errors.Is(err, ErrUnreadable) {
		t.Errorf("no setting: %v", err)
	}
	if list := For(Fleet{Links: 1}); len(list) < 3 {
		t.Errorf("for one link: %+v", list)
	}
}
