package main

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCounter counts with an event of the kernel, the nanoseconds that the thread has run, in the place of the
// processor's instructions, which few virtual machines count.
func TestCounter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := build(dir, sample("")); err != nil {
		t.Fatal(err)
	}
	test := filepath.Join(dir, "path.test")
	ends, err := address(test, loopEnds)
	if err != nil {
		t.Fatal(err)
	}
	opened, n := false, uint64(0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		cmd := exec.Command(test, "-test.run=^$", "-test.bench=^BenchmarkPath$", "-test.benchtime=10x", "-test.cpu=1")
		n, err = follow(cmd, ends, func(tid int) (counter, error) {
			c, err := openEvent(tid, unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_TASK_CLOCK)
			opened = err == nil
			return c, err
		})
	}()
	<-done
	countable(t, err)
	if !opened {
		t.Skip("the kernel lets nobody count events; what guard does then is counted above")
	}
	if n == 0 || n > 1e9 {
		t.Errorf("ten operations took %d ns of the thread's time", n)
	}
}
