package limits

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// kernel is settings as a kernel has them.
type kernel map[string]string

// machine has this kernel, a limit of 1024 open files that can be raised, and 1 GiB of memory in its control group.
func (k kernel) machine() machine {
	return machine{k.read, func() (soft, hard uint64, err error) { return 1024, 1 << 20, nil },
		func() (uint64, bool) { return 1 << 30, true }}
}

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
		GoLimit: 800 << 20}
	for _, l := range small.judge(usual().machine()) {
		if l.Name != "open files" && (!l.Enough || l.Change != "") {
			t.Errorf("for a small fleet: %+v", l)
		}
		if l.Value == "" || l.Why == "" {
			t.Errorf("nothing is said of %+v", l)
		}
	}
	large := small
	large.Links, large.Dialled, large.MemoryAtStart, large.GoLimit = 1_000_000, 100_000, 4<<30, math.MaxInt64
	list := large.judge(usual().machine())
	for name, want := range map[string]string{
		NrOpen:     "",
		Backlog:    "sysctl -w net.core.somaxconn=65536",
		SynBacklog: "sysctl -w net.ipv4.tcp_max_syn_backlog=16384",
		Netdev:     "sysctl -w net.core.netdev_max_backlog=10000",
		Conntrack:  "sysctl -w net.netfilter.nf_conntrack_max=1250000",
		TCPMem:     `sysctl -w net.ipv4.tcp_mem="1000000 1500000 2000000"`,
		Ports:      `sysctl -w net.ipv4.ip_local_port_range="1024 65535"`,
		"memory":   "a machine, or a control group (MemoryMax=), with 7812 MiB to spare",
		"capacity": "more open files or memory (see these), or a larger --capacity, then start linkd again",
		"open files": "LimitNOFILE=1000512 in the [Service] of linkd's systemd unit; in a shell, " +
			"ulimit -Hn 1000512",
		"GOMEMLIMIT": "GOMEMLIMIT=921MiB in linkd's environment: the control group has 1024 MiB",
	} {
		l := of(t, list, name)
		if name == NrOpen { // a million and a half thousand fit in 2^20
			if !l.Enough || l.Change != "" || l.Needed != "1000512" {
				t.Errorf("%s: %+v", name, l)
			}
			continue
		}
		if l.Enough || l.Change != want {
			t.Errorf("%s: %+v\nwant %s", name, l, want)
		}
	}
	if l := of(t, list, FileMax); l.Value != "9223372036854775807" || !l.Enough {
		t.Errorf("%+v", l)
	}
	if list := (Fleet{}).judge(kernel{}.machine()); len(list) > 4 {
		t.Errorf("of a kernel that says nothing: %+v", list)
	}
}

// dictionary is the console's, of a language.
func dictionary(t *testing.T, lang string) (words map[string]string) {
	t.Helper()
	file, err := os.ReadFile("../console/web/i18n/" + lang + ".json")
	if err == nil {
		err = json.Unmarshal(file, &words)
	}
	if err != nil {
		t.Fatal(err)
	}
	return words
}

var (
	lettersOnly = regexp.MustCompile(`\b[a-z]+( [a-z]+)*\b`)
	openFigure  = regexp.MustCompile(`\{\w+\}`)
)

// TestWords: the console has words for every limit, what it decides and what changes it, in both languages and no other
// ones; in English they are those of the API.
func TestWords(t *testing.T) {
	poor := Fleet{Links: math.MaxUint32, Dialled: 1 << 20, BytesPerLink: 8 << 10, GoLimit: math.MaxInt64}
	list := poor.judge(usual().machine())
	for _, lang := range []string{"en", "zh"} {
		words := dictionary(t, lang)
		used := map[string]bool{}
		say := func(l Limit, key string) string {
			used[key] = true
			text := Limit{Change: words[key], Figures: l.Figures}.filled().Change
			if text == "" || openFigure.MatchString(text) {
				t.Errorf("%s: %s is %q; figures are %v", lang, key, text, l.Figures)
			}
			return text
		}
		for _, l := range list {
			why, change := say(l, "limit.why."+l.Name), l.Change
			if !strings.Contains(l.Name, ".") { // the kernel's are changed by a command
				say(l, "limit.name."+l.Name)
				change = say(l, "limit.change."+l.Name)
			}
			if lang == "en" && (why != l.Why || l.Change != "" && change != l.Change) {
				t.Errorf("the dictionary says %q and %q, the API %q and %q", why, change, l.Why, l.Change)
			}
			for _, text := range []string{lettersOnly.FindString(l.Value), lettersOnly.FindString(l.Needed)} {
				if text != "" {
					say(l, "limits.value."+text)
				}
			}
			if l.Change == "" && l.Name != FileMax { // without end, as usual
				t.Errorf("the test's machine should be too small: %+v", l)
			}
		}
		say(Limit{}, "limits.value.unlimited")
		for key := range words {
			if (strings.HasPrefix(key, "limit.") || strings.HasPrefix(key, "limits.value.")) && !used[key] {
				t.Errorf("%s: %s belongs to no limit", lang, key)
			}
		}
	}
	if text := number(math.MaxUint64) + mebibytes(math.MaxUint64); text != "unlimitedunlimited" {
		t.Errorf("without end is %s", text)
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
	for _, l := range (Fleet{Links: 10, Dialled: 10}).judge(k.machine()) {
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
