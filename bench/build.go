package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// recipe is how a server of bench/peers is built, in that folder, and started.
type recipe struct {
	source       string   // its folder
	tools        []string // that have to be there; the first builds it
	build, start []string // arguments for that tool; the program and its first arguments
}

// recipeOf is for a server whose program goes to dir.
func recipeOf(peer, dir string) recipe {
	out := filepath.Join(dir, peer)
	switch peer {
	case CEpoll, CPaced:
		r := recipe{CEpoll, []string{"gcc"}, []string{"-O2", "-o", out, filepath.Join(CEpoll, "epoll.c")}, []string{out}}
		if peer == CPaced {
			r.start = append(r.start, "-paced")
		}
		return r
	case Java:
		return recipe{Java, []string{"javac", "java"}, []string{"-d", out, filepath.Join(Java, "Server.java")},
			[]string{"java", "-Xss256k", "-Xmx2g", "-cp", out, "Server"}}
	}
	return recipe{peer, []string{"go"}, []string{"build", "-o", out, "./" + peer}, []string{out}}
}

// build compiles the other servers that the scenarios need. One whose compiler is not there is left out, which the
// report says.
func (b *bench) build(ctx context.Context) error {
	for _, peer := range b.Peers {
		if ours(peer) || peer == External || !slices.ContainsFunc(b.Scenarios, func(s string) bool {
			return slices.Contains(b.peersOf(s), peer)
		}) {
			continue
		}
		r := recipeOf(peer, b.dir)
		if i := slices.IndexFunc(r.tools, isMissing); i >= 0 {
			b.note(fmt.Sprintf("%s is left out, as it needs %s, which is not there", peer, r.tools[i]))
			b.Peers = slices.DeleteFunc(slices.Clone(b.Peers), func(p string) bool { return p == peer })
			continue
		}
		if _, err := os.Stat(filepath.Join(b.PeersDir, r.source)); err != nil {
			return fmt.Errorf("bench: no source of %s: %w; %s", peer, err, buildAdvice)
		}
		b.Progress("build " + peer)
		if err := b.compile(ctx, peer, r.tools[0], r.build...); err != nil {
			return err
		}
	}
	b.report.Config.Peers = b.Peers
	return nil
}

const buildAdvice = "run this in the root of linkd's source, or say with --peers which servers to measure"

func isMissing(tool string) bool {
	_, err := exec.LookPath(tool)
	return err != nil
}

func (b *bench) compile(ctx context.Context, peer, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = b.PeersDir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("bench: build %s (%s): %w: %s", peer, buildAdvice, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// cores are what the server and the load of one run are kept to; empty: all.
type cores struct{ server, others string }

// splitCores gives a server with so many loops as many cores and the load all others, so that what is measured does not
// depend on which of them the kernel moves where. Where there are too few, or no taskset, all share all.
func splitCores(loops int, pin bool) cores {
	n := runtime.NumCPU()
	if !pin || !pins() || n <= loops {
		return cores{}
	}
	return cores{server: span(0, loops), others: span(loops, n-loops)}
}

// coresOf gives server i of several as many cores as it has loops; where there are too few, or no taskset, all share
// all.
func (b *bench) coresOf(i int) cores {
	places := runtime.NumCPU() / b.Loops
	if !b.Pin || !pins() || places < 2 {
		return cores{}
	}
	return cores{server: span(i%places*b.Loops, b.Loops)}
}

const pinner = "taskset"

func pins() bool { return !isMissing(pinner) }

// span is count cores from first on, as taskset has them.
func span(first, count int) string { return fmt.Sprintf("%d-%d", first, first+count-1) }

// String says who has which cores.
func (c cores) String() string {
	if c.server == "" {
		return "server and load share the cores"
	}
	return fmt.Sprintf("server on cores %s, load on %s", c.server, c.others)
}

// on is the command that runs a program on some cores only.
func (b *bench) on(list, name string, args []string) (string, []string) {
	if list == "" {
		return name, args
	}
	return pinner, append([]string{"-c", list, name}, args...)
}
