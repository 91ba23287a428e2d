package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
)

// path is a benchmark with a loop of b.Loop, whose every turn is one operation.
type path struct {
	name   string
	folder string // of the package
	bench  string // as -test.bench takes it; it matches one benchmark
	ops    int    // to count; each instruction takes some 30 us where they go one by one
}

// paths are the core paths. Set-up does not count, so that a fleet may be large.
var paths = []path{
	{"identify", "./server", "^BenchmarkIdentify$", 12},      // bytes to id to bound session, and its end
	{"lookup", "./routing", "^BenchmarkFind$/^roomy$", 100},  // one id among 100,000, each time another
	{"echo", "./server", "^BenchmarkEcho$", 20},              // one frame through a session, and back
	{"record", "./server", "^BenchmarkRecord$", 100},         // one frame to a full ring
	{"poll", "./drivers/modbus", "^BenchmarkPoll$/^rtu$", 6}, // a question sent, its answer found, decoded and kept
	{"decode", "./drivers/tags", "^BenchmarkDecode$", 8},     // ten registers to ten values
}

// count is what one operation of a path takes, in instructions.
type count struct {
	name         string
	instructions float64
}

// errNoCounter says that this machine lets nobody count instructions.
var errNoCounter = errors.New("instructions cannot be counted")

// build compiles the tests of the paths' packages into dir.
func build(dir string, paths []path) error {
	args := []string{"test", "-c", "-o", dir + "/"}
	for _, p := range paths {
		if !slices.Contains(args, p.folder) {
			args = append(args, p.folder)
		}
	}
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "GOAMD64=v1", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go test -c: %w\n%s", err, out)
	}
	return nil
}

// perOperation counts p in a test binary, with two numbers of operations: what only the first ones take is in both and
// falls out of the difference.
func perOperation(binary string, p path) (float64, error) {
	few := max(p.ops/8, 2)
	first, err := lowest(binary, p.bench, few)
	if err != nil {
		return 0, err
	}
	all, err := lowest(binary, p.bench, few+p.ops)
	if err != nil {
		return 0, err
	}
	return (float64(all) - float64(first)) / float64(p.ops), nil
}

// attempts is how often the same is counted at most. Most counts are the lowest one.
const attempts = 8

// lowest counts until the lowest count has come twice, but for half a per cent. What disturbs a count, such as the
// memory of the first operation, for which the runtime searches now long, now briefly, only ever adds to it.
func lowest(binary, bench string, ops int) (uint64, error) {
	var counts []uint64
	for range attempts {
		n, err := loopOf(binary, bench, ops)
		if err != nil {
			return 0, err
		}
		counts = append(counts, n)
		slices.Sort(counts)
		if len(counts) > 1 && counts[1]-counts[0] <= counts[0]/200 {
			break
		}
	}
	return counts[0], nil
}

// loopOf counts the instructions of ops operations of one benchmark.
func loopOf(binary, bench string, ops int) (uint64, error) {
	out, err := os.CreateTemp("", "guard")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.Remove(out.Name()) }() // a few lines in the folder for such files
	defer out.Close()
	cmd := exec.Command(binary, "-test.run=^$", "-test.bench="+bench, "-test.cpu=1",
		"-test.benchtime="+strconv.Itoa(ops)+"x")
	cmd.Stdout, cmd.Stderr = out, out
	// One processor, no collector, preemption or profile: nothing but the benchmark runs. The runtime's copies and
	// comparisons are those that every amd64 has, so that the baseline of one machine is that of another.
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=off", "GOTRACEBACK=single",
		"GODEBUG=asyncpreemptoff=1,memprofilerate=0,cpu.avx=off,cpu.avx2=off,cpu.erms=off")
	n, err := traced(cmd)
	if err == nil {
		return n, nil
	}
	said := make([]byte, 4096)
	if k, _ := out.ReadAt(said, 0); k > 0 { // the program's own words explain more; without any, the error has to do
		err = fmt.Errorf("%w; %s says:\n%s", err, bench, said[:k])
	}
	return 0, err
}
