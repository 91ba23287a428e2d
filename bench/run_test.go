package bench

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"
)

// TestRun runs every scenario once with a tiny fleet, against real servers.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	linkd := filepath.Join(dir, "linkd")
	if out, err := exec.Command("go", "build", "-o", linkd, "../cmd/linkd").CombinedOutput(); err != nil {
		t.Fatalf("build linkd: %v\n%s", err, out)
	}
	peers := Peers()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, Gnet), "./gnet")
	build.Dir = "peers"
	if out, err := build.CombinedOutput(); err != nil { // its dependencies may not be at hand: it is another module
		t.Logf("without %s, which does not build: %v\n%s", Gnet, err, out)
		peers = []string{Linkd}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var progress []string
	r, err := Run(ctx, Config{Linkd: linkd, PeersDir: "peers", Peers: peers, Rounds: 1, Devices: []int{200}, Links: 20,
		Rate: 500, Window: 200 * time.Millisecond, Progress: func(line string) { progress = append(progress, line) }})
	if err != nil {
		t.Fatal(err)
	}
	if want := 4 * len(peers); len(r.Samples) != want || len(progress) != want || len(r.Disturbances) != 3 {
		t.Fatalf("%d samples, %d lines of progress, %d disturbances; want %d, %d, 3", len(r.Samples), len(progress),
			len(r.Disturbances), want, want)
	}
	for i, s := range r.Samples {
		if s.Peer != peers[i%len(peers)] {
			t.Errorf("run %d is one of %s: the servers do not take turns", i, s.Peer)
		}
		if s.Iterations == 0 || len(s.Figures) < 3 {
			t.Errorf("empty sample %+v", s)
		}
		for _, f := range s.Figures {
			if slices.Contains([]string{stormUnit, messageUnit, "msg/s", "all-up-s"}, f.Unit) && f.Value <= 0 {
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

func TestRunNeedsLinkd(t *testing.T) {
	_, err := Run(t.Context(), Config{Linkd: filepath.Join(t.TempDir(), "none"), Peers: []string{Linkd},
		Devices: []int{10}, Links: 10})
	if err == nil {
		t.Error("a linkd that is not there was measured")
	}
}
