package bench

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// buildLinkd builds linkd into dir.
func buildLinkd(t *testing.T, dir string) string {
	t.Helper()
	linkd := filepath.Join(dir, "linkd")
	if out, err := exec.Command("go", "build", "-o", linkd, "../cmd/linkd").CombinedOutput(); err != nil {
		t.Fatalf("build linkd: %v\n%s", err, out)
	}
	return linkd
}

// TestRun runs every scenario once with a tiny fleet, against real servers; those that are quick to build.
func TestRun(t *testing.T) {
	linkd := buildLinkd(t, t.TempDir())
	peers := []string{Linkd, CEpoll, CPaced, Net}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	var progress []string
	c := Config{Linkd: linkd, PeersDir: "peers", Peers: peers, Rounds: 1, Devices: []int{200}, Visitors: 50, Links: 20,
		FewLinks: []int{1}, EchoLinks: []int{100}, Rate: 500, Rates: []float64{500}, Window: 400 * time.Millisecond,
		Pin: true, Polled: 50, Seldom: time.Second, Total: 300, Nodes: []int{2}, Brief: true,
		Progress: func(line string) { progress = append(progress, line) }}
	for _, s := range Scenarios() {
		c.Scenarios = append(c.Scenarios, s.Name)
	}
	r, err := Run(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, name := range r.Config.Scenarios {
		sc, _ := scenarioNamed(name)
		for _, m := range sc.cases(&r.Config) {
			for _, peer := range r.Config.peersOf(name) {
				if !m.takesPart(peer) {
					continue
				}
				if s := r.Samples[want]; s.Scenario != name || s.Case != m.name || s.Peer != peer {
					t.Errorf("run %d is %s %s %s, want %s %s %s", want, s.Scenario, s.Case, s.Peer, name, m.name, peer)
				}
				want++
			}
		}
	}
	if len(r.Samples) != want || len(progress) < want || len(r.Disturbances) != len(Scenarios()) {
		t.Fatalf("%d samples, %d lines of progress, %d disturbances; want %d, as many, %d", len(r.Samples), len(progress),
			len(r.Disturbances), want, len(Scenarios()))
	}
	positive := []string{stormUnit, redialUnit, visitUnit, messageUnit, rateUnit, allUpUnit, pollUnit, "poll/s", CoreUnit,
		lagP99Unit, lastUnit, commandUnit, bindUnit}
	for _, s := range r.Samples {
		if s.Iterations == 0 || len(s.Figures) == 0 {
			t.Errorf("empty sample %+v", s)
		}
		for _, f := range s.Figures {
			if slices.Contains(positive, f.Unit) && f.Value <= 0 || f.Unit == "lost" && f.Value != 0 {
				t.Errorf("%s %s: %v %s", s.Scenario, s.Peer, f.Value, f.Unit)
			}
		}
	}
	if r.Stamp.Kernel == "" || r.Stamp.Go == "" || r.Stamp.Cores == 0 || r.Stamp.OpenFiles == 0 || r.Stamp.Commit == "" {
		t.Errorf("stamp %+v", r.Stamp)
	}
	var out bytes.Buffer
	if err := r.WriteBenchmark(&out); err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^Benchmark\S+-\d+\t\d+(\t\S+ \S+)+$`)
	if n := len(line.FindAll(out.Bytes(), -1)); n != len(r.Samples) {
		t.Errorf("%d benchmark lines of %d:\n%s", n, len(r.Samples), out.Bytes())
	}
}

// TestRunEndsEarly: a run that is called off leaves no process and says so.
func TestRunEndsEarly(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := launch(ctx, nil, "sleep", "60")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.output.await(cancelled(), peerListens); err == nil {
		t.Error("await found what was never printed")
	}
	cancel()
	if err := p.cmd.Wait(); err == nil {
		t.Error("the process ended well; want it ended by the signal")
	}
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// TestRunThatIsEndedKeepsItsFigures: what was measured before is in the report, which says that there was to be more.
func TestRunThatIsEndedKeepsItsFigures(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := Run(ctx, Config{Linkd: buildLinkd(t, t.TempDir()), PeersDir: "peers", Peers: []string{Linkd}, Rounds: 9,
		Devices: []int{20}, Scenarios: []string{"storm"}, Brief: true, Progress: func(line string) {
			if strings.HasPrefix(line, "storm, round 2") {
				cancel()
			}
		}})
	if !errors.Is(err, context.Canceled) || r == nil || len(r.Samples) != 1 || len(r.Notes) == 0 ||
		!strings.HasPrefix(r.Notes[len(r.Notes)-1], "it ended before its time, scenario storm, round 2: ") {
		t.Fatalf("%v, %+v", err, r)
	}
	var out bytes.Buffer
	if err := r.Print(&out); err != nil || !strings.Contains(out.String(), "storm") {
		t.Errorf("%v: %s", err, &out)
	}
}

// TestServersMayFail: a server that fails has no figures and a note, and the others go on; where it is linkd, the run
// fails at its end, or after several times.
func TestServersMayFail(t *testing.T) {
	failing := errors.New("first\n\x1b[2J" + strings.Repeat("words ", 200))
	s := Scenario{Name: "storm", cases: func(*Config) []measured {
		return []measured{{name: "n=1", run: func(_ context.Context, _ *bench, peer string) (sample, error) {
			if peer != Linkd {
				return sample{}, failing
			}
			return sample{iterations: 1, figures: []Figure{{stormUnit, 1}}}, nil
		}}}
	}}
	b := &bench{Config: Config{Peers: []string{Gnet, Linkd}, Progress: func(string) {}}, report: &Report{}}
	if err := b.round(t.Context(), s, 0); err != nil {
		t.Fatal(err)
	}
	notes := b.report.Notes
	if len(b.report.Samples) != 1 || len(notes) != 1 ||
		!strings.HasPrefix(notes[0], "storm, n=1, round 1: gnet failed and has no figures there: first [2Jwords") ||
		len(notes[0]) > 600 {
		t.Errorf("%+v", b.report)
	}
	for range 2 * mostNotes {
		b.note("x")
	}
	if len(b.report.Notes) != mostNotes {
		t.Errorf("%d notes are kept", len(b.report.Notes))
	}
	b = &bench{Config: Config{Peers: []string{WithBus, Linkd}, Progress: func(string) {}}, report: &Report{}}
	for round := range mostFailures {
		err := b.round(t.Context(), s, round)
		if last := round == mostFailures-1; last != errors.Is(err, errManyFailures) || len(b.failed) != round+1 {
			t.Errorf("linkd has failed %d times: %v", round+1, err)
		}
	}
	if n := len(b.report.Samples); n != mostFailures-1 {
		t.Errorf("%d figures of the other server; want one of each round but the last", n)
	}
}

func TestRunNeedsLinkd(t *testing.T) {
	_, err := Run(t.Context(), Config{Linkd: filepath.Join(t.TempDir(), "none"), Peers: []string{Linkd},
		Devices: []int{10}, Links: 10})
	if err == nil {
		t.Error("a linkd that is not there was measured")
	}
}

// TestWithoutCompiler: the C program is left out where it cannot be built, and the report says so.
func TestWithoutCompiler(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	c := Config{Scenarios: []string{"poll"}, Peers: []string{Linkd, CEpoll}, PeersDir: "peers"}.withDefaults()
	b := &bench{Config: c, report: &Report{Config: c}}
	if err := b.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.peersOf("poll"); !slices.Equal(got, []string{Linkd}) || len(b.report.Notes) != 1 {
		t.Errorf("measured: %v, notes %q; want linkd alone and one note", got, b.report.Notes)
	}
	var out bytes.Buffer
	if err := b.report.Print(&out); err != nil || !bytes.Contains(out.Bytes(), []byte("epoll is left out")) {
		t.Errorf("%v, the report does not say that epoll is left out:\n%s", err, out.Bytes())
	}
}
