package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"linkd/project"
)

// anything is a valid project made from random numbers. Names come from a small set, so that projects overlap.
func anything(r *rand.Rand) *project.Project {
	p := &project.Project{Name: pick(r, "one", "two")}
	common := &project.Provider{Name: "s1", Title: title(r), Type: project.TCPServer, LocalPort: 1000}
	fix := &project.Provider{Name: "fix", Type: project.TCPServer, LocalPort: 2000, ConnIdentity: project.FixIP,
		IdleTimeout: time.Duration(r.IntN(3)+1) * time.Minute}
	client := &project.Provider{Name: "out", Type: project.TCPClient}
	for i := range 30 {
		name := fmt.Sprintf("c%d", i)
		if r.IntN(2) == 0 {
			common.Connections = append(common.Connections, &project.ConnPt{Name: name, Title: title(r),
				SocketConnID: "id" + name, Disabled: r.IntN(4) == 0})
		}
		if r.IntN(2) == 0 {
			ip := netip.AddrFrom4([4]byte{10, 0, byte(i), byte(r.IntN(2))})
			if r.IntN(2) == 0 {
				ip = netip.AddrFrom16([16]byte{0x20, 1, byte(i), byte(r.IntN(2))})
			}
			fix.Connections = append(fix.Connections, &project.ConnPt{Name: name, RemoteIP: netip.PrefixFrom(ip, ip.BitLen())})
		}
		if r.IntN(2) == 0 {
			client.Connections = append(client.Connections, &project.ConnPt{Name: name, Host: pick(r, "a", "b"), Port: 502})
		}
	}
	for _, f := range []string{"f", "g"} {
		if r.IntN(2) == 0 {
			common.Fleets = append(common.Fleets, &project.Fleet{Name: pattern(f + "{n}"), SocketConnID: pattern(f + "{n:05}"),
				From: r.IntN(3), To: 5 + r.IntN(3)})
		}
	}
	for i := range 4 {
		if r.IntN(3) > 0 {
			p.Models = append(p.Models, &project.Model{Name: fmt.Sprintf("m%d", i), Tags: []*project.Tag{
				{Name: "t", Scale: 1, Unit: title(r), Decimals: &i}}})
		}
		if r.IntN(3) > 0 && len(p.Models) > 0 {
			device := &project.Device{Name: "d", Unit: r.IntN(3), Model: p.Models[r.IntN(len(p.Models))].Name}
			p.Channels = append(p.Channels, &project.Channel{Name: fmt.Sprintf("ch%d", i), Driver: "d",
				Devices: []*project.Device{device},
				Options: map[string]any{"a": r.IntN(3), "b": []any{true, "x", 1.5}, "c": map[string]any{"d": "1"}}})
		}
	}
	for _, pr := range []*project.Provider{common, fix, client} {
		if r.IntN(4) > 0 {
			p.Providers = append(p.Providers, pr)
		}
	}
	return validated(p)
}

func pick(r *rand.Rand, words ...string) string { return words[r.IntN(len(words))] }

func title(r *rand.Rand) string { return pick(r, "", "Tür 1", "a # b", `"x"`) }

func pattern(s string) project.Pattern {
	p, err := project.ParsePattern(s)
	if err != nil {
		panic(err)
	}
	return p
}

// TestAt: after many random changes, each revision is what it was; also after a restart.
func TestAt(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, quiet())
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	was := map[uint64]*project.Project{}
	for range 60 {
		p := anything(r)
		was[commit(t, s, p).Number] = p
	}
	check := func() {
		t.Helper()
		for rev, want := range was {
			p, err := s.At(rev)
			if err != nil {
				t.Fatalf("revision %d: %v", rev, err)
			}
			same(t, want, p)
			if d := project.Diff(p, want); !d.Empty() {
				t.Fatalf("revision %d differs:\n%s", rev, d)
			}
		}
	}
	check()
	closed(t, s)
	s = open(t, dir, quiet())
	check()
	p, rev := s.Current()
	same(t, was[rev], p)
	// Undo, and undo of the undo.
	before, err := s.At(rev - 1)
	if err != nil {
		t.Fatal(err)
	}
	undone, err := s.Commit(Change{Base: rev, Next: before, Undoes: rev})
	if err != nil || undone.Undoes != rev {
		t.Fatalf("%+v, %v", undone, err)
	}
	same(t, was[rev-1], first(s.Current()))
	for _, unknown := range []uint64{0, undone.Number + 1} {
		if _, err := s.At(unknown); !errors.Is(err, ErrUnknown) {
			t.Errorf("revision %d: %v", unknown, err)
		}
	}
}

// TestOrder: providers, models and channels stay in the order in which they were added, whatever their names.
func TestOrder(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, quiet())
	text := "project: p\nmodels:\n"
	for _, name := range []string{"z", "b", "y", "a"} {
		text += "  - {name: " + name + ", tags: [{name: t}]}\n"
	}
	commit(t, s, parse(t, text))
	commit(t, s, parse(t, text+"  - {name: aa, tags: [{name: t}]}\n"))
	commit(t, s, parse(t, strings.Replace(text, "{name: y,", "{name: y, title: T,", 1)))
	closed(t, s)
	var names []string
	for _, m := range first(open(t, dir, quiet()).Current()).Models {
		names = append(names, m.Name)
	}
	if want := []string{"z", "b", "y", "a"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	s := open(t, t.TempDir(), quiet())
	s.bounds = bounds{revisions: 10, undo: 4 << 10}
	for i := range 30 {
		commit(t, s, greenhouse(t, i+1))
	}
	list, err := s.Revisions(0, 100)
	if err != nil || len(list) != 10 || list[0].Number != 30 || list[9].Number != 21 {
		t.Fatalf("%d revisions, %v", len(list), err)
	}
	if page, err := s.Revisions(25, 2); err != nil || len(page) != 2 || page[0].Number != 24 || page[1].Number != 23 {
		t.Errorf("a page: %v, %v", page, err)
	}
	if page, err := s.Revisions(999, 1); err != nil || len(page) != 1 || page[0].Number != 30 {
		t.Errorf("the first page: %v, %v", page, err)
	}
	if p, err := s.At(20); err != nil || len(p.Providers[0].Connections) != 20 {
		t.Errorf("the oldest that is kept: %v", err)
	}
	if _, err := s.At(19); !errors.Is(err, ErrForgotten) {
		t.Errorf("one too old: %v", err)
	}
	commit(t, s, greenhouse(t, 500)) // its undo is over the bound in bytes, and all before it goes
	if _, err := s.At(30); !errors.Is(err, ErrForgotten) {
		t.Errorf("behind a change that is too big: %v", err)
	}
	commit(t, s, greenhouse(t, 501))
	if p, err := s.At(31); err != nil || len(p.Providers[0].Connections) != 500 {
		t.Errorf("after it: %v", err)
	}
}

func TestPlanIsBounded(t *testing.T) {
	s := open(t, t.TempDir(), quiet())
	r := commit(t, s, greenhouse(t, 5000))
	if len(r.Plan) > maxPlan || !strings.Contains(r.Plan, "more\n") || !strings.HasPrefix(r.Plan, "+ provider s1\n") {
		t.Errorf("a plan of %d bytes ending %q", len(r.Plan), r.Plan[len(r.Plan)-40:])
	}
	r, err := s.Commit(Change{Next: greenhouse(t, 1), Who: strings.Repeat("ü", 999), What: strings.Repeat("x", 9999)})
	if err != nil || len(r.Who) != maxWho || len(r.What) != maxWhat {
		t.Errorf("who has %d bytes, what %d, %v", len(r.Who), len(r.What), err)
	}
}

// TestClockThatStepsBack: numbers are the order, whatever the clock says.
func TestClockThatStepsBack(t *testing.T) {
	dir := t.TempDir()
	var clock atomic.Int64 // in seconds
	o := quiet()
	o.Now = func() time.Time { return time.Unix(clock.Load(), 0) }
	s := open(t, dir, o)
	for i := range 6 {
		commit(t, s, greenhouse(t, i+1))
		clock.Add(-1000)
	}
	closed(t, s)
	s = open(t, dir, quiet())
	list, err := s.Revisions(0, 10)
	if err != nil || len(list) != 6 {
		t.Fatalf("%v, %v", list, err)
	}
	for i, r := range list {
		if r.Number != uint64(6-i) || !r.Time.Equal(time.Unix(int64(-1000*(5-i)), 0)) {
			t.Errorf("revision %d at %s", r.Number, r.Time)
		}
	}
	if p, err := s.At(2); err != nil || len(p.Providers[0].Connections) != 2 {
		t.Errorf("revision 2: %v", err)
	}
	if p, rev := s.Current(); rev != 6 || len(p.Providers[0].Connections) != 6 {
		t.Errorf("revision %d", rev)
	}
	generations, err := Generations(dir)
	if err != nil || generations[len(generations)-1].Revision != 6 {
		t.Errorf("%v, %v", generations, err)
	}
}

// TestTenMegabytes takes a project whose file would have more than 10 MB.
func TestTenMegabytes(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, quiet())
	const n = 64_000 // with long titles
	p := million(n)
	for _, c := range p.Providers[0].Connections {
		c.Title = strings.Repeat(c.Title+" ", 6)
	}
	validated(p)
	file := &File{Name: "big.yaml", Text: []byte(strings.Repeat("# a line of a big project file\n", 350_000))}
	if _, err := s.Commit(Change{Next: p, File: file}); err != nil {
		t.Fatal(err)
	}
	next := *p
	pr := *p.Providers[0]
	pr.Connections = pr.Connections[:n/2]
	next.Providers = []*project.Provider{&pr}
	commit(t, s, &next)
	before, err := s.At(1)
	if err != nil {
		t.Fatal(err)
	}
	same(t, p, before)
	closed(t, s)
	g, err := Restore(dir, 0)
	if err != nil || g.Size < 10<<20 {
		t.Fatalf("restored %+v, %v", g, err)
	}
	s = open(t, dir, quiet())
	same(t, &next, first(s.Current()))
	if f, err := s.Applied(); err != nil || string(f.Text) != string(file.Text) {
		t.Errorf("applied: %v", err)
	}
	huge := &File{Text: make([]byte, project.MaxFileSize+1)}
	if _, err := s.Commit(Change{Next: p, File: huge}); !errors.Is(err, ErrLimit) {
		t.Errorf("a file that is too big: %v", err)
	}
}
