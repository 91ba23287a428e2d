// Command guard counts the instructions of linkd's core paths and compares them with a baseline, so that no path grows
// dearer unnoticed. It fails where one takes over 10 % more than the baseline says.
//
// A path is a benchmark that stands beside the code it measures. What is counted are the instructions of its loop, in
// user space, on one thread: never time, so that a slow or busy machine counts the same as a fast one.
//
// It must never be part of linkd, and never judge by a clock.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// baselineFile is where the baseline lies, seen from the root of the repository, where guard is run.
const baselineFile = "bench/guard/baseline.txt"

func main() {
	update := flag.Bool("update", false, "write what is counted to "+baselineFile+" in place of comparing")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "guard: %q; it takes no arguments, only -update\n", flag.Args())
		os.Exit(2)
	}
	if err := run(os.Stdout, paths, baselineFile, *update); err != nil {
		fmt.Fprintln(os.Stderr, "guard:", err)
		os.Exit(1)
	}
}

// run counts all paths and compares them with the baseline, or writes it. Where nothing can be counted it says so and
// succeeds, but in CI on a platform where it should have worked.
func run(w io.Writer, paths []path, file string, update bool) error {
	base, err := readBaseline(file)
	if err != nil {
		return err
	}
	here := platform(runtime.GOARCH, runtime.Version())
	if !update && !base.has(here) {
		fmt.Fprintf(w, "no baseline for %s; make bench-guard UPDATE=1 makes one\n", here)
		return nil
	}
	found, err := countAll(paths)
	if errors.Is(err, errNoCounter) && (!expected || os.Getenv("CI") == "") {
		fmt.Fprintf(w, "nothing is guarded here: %v\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	if update {
		base.put(here, found)
		fmt.Fprintf(w, "%s: %d paths on %s\n", file, len(found), here)
		return base.write(file)
	}
	return judge(w, base, here, found)
}

// countAll builds the tests that hold the paths, and counts each path.
func countAll(paths []path) ([]count, error) {
	dir, err := os.MkdirTemp("", "guard")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what it holds is of no use to anybody
	if err := build(dir, paths); err != nil {
		return nil, err
	}
	var found []count
	for _, p := range paths {
		n, err := perOperation(filepath.Join(dir, filepath.Base(p.folder)+".test"), p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		found = append(found, count{p.name, n})
	}
	return found, nil
}

// platform is what instructions depend on: the architecture, and the compiler and runtime, but not its fixes.
func platform(arch, version string) string {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) == 3 {
		version = parts[0] + "." + parts[1]
	}
	version, _, _ = strings.Cut(version, " ") // what is experimental in it
	return arch + " " + version
}
