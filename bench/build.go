package bench

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// build compiles the other servers that the scenarios need. Without a C compiler epoll is left out, which the report
// says.
func (b *bench) build(ctx context.Context) error {
	var needed []string
	for _, s := range b.Scenarios {
		needed = append(needed, b.peersOf(s)...)
	}
	for _, peer := range []string{Gnet, Net} {
		if !slices.Contains(needed, peer) {
			continue
		}
		if err := b.compile(ctx, peer, "go", "build", "-o", filepath.Join(b.dir, peer), "./"+peer); err != nil {
			return err
		}
	}
	if !slices.Contains(needed, Epoll) {
		return nil
	}
	if _, err := exec.LookPath(compiler); err == nil {
		return b.compile(ctx, Epoll, compiler, "-O2", "-o", filepath.Join(b.dir, Epoll), filepath.Join(Epoll, "epoll.c"))
	}
	b.Peers = slices.DeleteFunc(slices.Clone(b.Peers), func(p string) bool { return p == Epoll })
	b.report.Config.Peers = b.Peers
	note := fmt.Sprintf("%s is left out, as it is built with %s, which is not there", Epoll, compiler)
	b.report.Notes = append(b.report.Notes, note)
	b.Progress(note)
	return nil
}

const compiler = "gcc"

func (b *bench) compile(ctx context.Context, peer, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = b.PeersDir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("bench: build %s (run this in the root of linkd's source, or give --peers linkd): %w: %s",
			filepath.Join(b.PeersDir, peer), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// cores are what the server and the load of one run are kept to; empty: all.
type cores struct{ server, others string }

// splitCores gives the server the first core and the load all others, so that what is measured does not depend on which
// of them the kernel moves where. On a machine with one core, or without taskset, all share all.
func splitCores() cores {
	n := runtime.NumCPU()
	if _, err := exec.LookPath(pinner); err != nil || n < 2 {
		return cores{}
	}
	return cores{server: "0", others: "1-" + strconv.Itoa(n-1)}
}

const pinner = "taskset"

// String says who has which cores.
func (c cores) String() string {
	if c.server == "" {
		return "server and load share the cores"
	}
	return fmt.Sprintf("server on core %s, load on %s", c.server, c.others)
}

// on is the command that runs a program on some cores only.
func (b *bench) on(list, name string, args []string) (string, []string) {
	if list == "" {
		return name, args
	}
	return pinner, append([]string{"-c", list, name}, args...)
}
