package main

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// expected says whether counting works on this platform.
const expected = true

// loopEnds is called by b.Loop before its first turn and after its last one, and at no other time.
const loopEnds = "testing.(*B).loopSlowPath"

const (
	patience = 30 * time.Second // for set-up, and for some thousand instructions, on a machine that is busy
	oftenest = 1 << 12          // instructions between two looks at the clock
	mostStep = 5_000_000        // instructions, of which a path takes some hundred thousand
	ripAt    = 16 * 8           // of the instruction pointer in the kernel's struct user
	trap     = 0xCC             // int3
)

// tracee is a program that is followed, thread by thread. Only the thread that started it may touch it.
type tracee struct {
	pid     int
	threads map[int]bool // that live
	late    *time.Timer  // ends a program that stands still
}

// traced starts cmd and returns the instructions that the first loop of b.Loop in it takes, from the return of the
// call that begins it to the call that ends it. The program does not live to report its benchmark. The error wraps
// errNoCounter where the system forbids to follow a program.
func traced(cmd *exec.Cmd) (n uint64, err error) {
	ends, err := address(cmd.Path, loopEnds)
	if err != nil {
		return 0, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with this goroutine, bound to one processor as it is
		n, err = follow(cmd, ends, openCounter)
	}()
	<-done
	return n, err
}

// address is where a function begins in a program that is loaded where it was linked.
func address(binary, function string) (uint64, error) {
	f, err := elf.Open(binary)
	if err != nil {
		return 0, fmt.Errorf("symbols of a test: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	if f.Type != elf.ET_EXEC {
		return 0, fmt.Errorf("%s is of type %v, want %v: build it with -buildmode=exe", binary, f.Type, elf.ET_EXEC)
	}
	symbols, err := f.Symbols()
	if err != nil {
		return 0, fmt.Errorf("symbols of %s: %w", binary, err)
	}
	for _, s := range symbols {
		if s.Name == function {
			return s.Value, nil
		}
	}
	return 0, fmt.Errorf("%s has no %s: this Go loops in another way, which guard has to learn", binary, function)
}

// follow starts cmd and counts in it, with what open gives or else step by step.
func follow(cmd *exec.Cmd, ends uint64, open func(tid int) (counter, error)) (uint64, error) {
	oneProcessor()
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("%w by ptrace: %w", errNoCounter, err)
	}
	defer func() { _ = cmd.Process.Release() }() // t.end waits for it
	t := &tracee{pid: cmd.Process.Pid, threads: map[int]bool{}}
	t.late = time.AfterFunc(patience, func() { _ = unix.Kill(-t.pid, unix.SIGKILL) }) // gone already: so be it
	defer t.end()
	defer t.late.Stop()
	if _, _, err := t.wait(); err != nil { // for the stop that every followed program begins with
		return 0, err
	}
	t.threads[t.pid] = true
	if err := unix.PtraceSetOptions(t.pid, unix.PTRACE_O_EXITKILL|unix.PTRACE_O_TRACECLONE); err != nil {
		return 0, fmt.Errorf("%w by ptrace: %w", errNoCounter, err)
	}
	tid, err := t.until(t.pid, ends)
	if err != nil {
		return 0, err
	}
	begins, err := t.caller(tid)
	if err != nil {
		return 0, err
	}
	// Before the loop begins: what the others have asked of this thread until now, such as to let another goroutine
	// run, it does on the way there.
	if err := t.alone(tid); err != nil {
		return 0, err
	}
	if tid, err = t.until(tid, begins); err != nil {
		return 0, err
	}
	if c, err := open(tid); err == nil {
		return c.until(t, tid, ends)
	}
	return t.step(tid, ends)
}

// oneProcessor keeps this thread and the programs that it starts on one processor: to go from one to the other at each
// step is then no matter of waking a second one.
func oneProcessor() {
	var all, one unix.CPUSet
	if unix.SchedGetaffinity(0, &all) != nil {
		return // it is slower, and counts the same
	}
	for i := range len(all) * 64 {
		if all.IsSet(i) {
			one.Set(i)
			_ = unix.SchedSetaffinity(0, &one) // as above
			return
		}
	}
}

// wait waits for one of the program's threads to stop or end. It is an error when the first one ends, as it does when
// all have.
func (t *tracee) wait() (tid int, ws unix.WaitStatus, err error) {
	for {
		tid, err = unix.Wait4(-t.pid, &ws, unix.WALL, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, 0, fmt.Errorf("wait: %w", err)
		}
		if !ws.Stopped() {
			delete(t.threads, tid)
			if tid == t.pid {
				return 0, 0, ended(ws)
			}
		}
		return tid, ws, nil
	}
}

func ended(ws unix.WaitStatus) error {
	return fmt.Errorf("the benchmark ended or was interrupted before its loop was done (status %#x), "+
		"or stood still for %v", uint32(ws), patience)
}

// until lets the program run on, from where thread tid has stopped, until a thread comes to addr. It returns that
// thread, stopped before the instruction at addr. The other threads go on.
func (t *tracee) until(tid int, addr uint64) (int, error) {
	var was [1]byte
	if _, err := unix.PtracePeekText(tid, uintptr(addr), was[:]); err != nil {
		return 0, fmt.Errorf("peek: %w", err)
	}
	if _, err := unix.PtracePokeText(tid, uintptr(addr), []byte{trap}); err != nil {
		return 0, fmt.Errorf("poke: %w", err)
	}
	signal := 0
	for {
		if err := unix.PtraceCont(tid, signal); err != nil && !errors.Is(err, unix.ESRCH) { // it has been killed
			return 0, fmt.Errorf("cont: %w", err)
		}
		var ws unix.WaitStatus
		var err error
		for tid, ws, err = t.wait(); err == nil && !ws.Stopped(); tid, ws, err = t.wait() {
		}
		if err != nil {
			return 0, err
		}
		known := t.threads[tid]
		t.threads[tid] = true
		switch signal = int(ws.StopSignal()); {
		case !known && ws.StopSignal() == unix.SIGSTOP, ws.TrapCause() > 0:
			signal = 0 // a thread that begins, or one that has made another
		case ws.StopSignal() == unix.SIGTRAP:
			var r unix.PtraceRegs
			if err := unix.PtraceGetRegs(tid, &r); err != nil {
				return 0, fmt.Errorf("registers: %w", err)
			}
			if r.Rip != addr+1 {
				break
			}
			r.Rip = addr
			if _, err := unix.PtracePokeText(tid, uintptr(addr), was[:]); err != nil {
				return 0, fmt.Errorf("poke: %w", err)
			}
			return tid, unix.PtraceSetRegs(tid, &r)
		}
	}
}

// caller is where a thread that stands at the beginning of a function will return to.
func (t *tracee) caller(tid int) (uint64, error) {
	var r unix.PtraceRegs
	if err := unix.PtraceGetRegs(tid, &r); err != nil {
		return 0, fmt.Errorf("registers: %w", err)
	}
	var at [8]byte
	if _, err := unix.PtracePeekData(tid, uintptr(r.Rsp), at[:]); err != nil {
		return 0, fmt.Errorf("peek: %w", err)
	}
	return binary.LittleEndian.Uint64(at[:]), nil
}

// alone stops all threads but one, for good: while it is followed step by step, a clock would seem to it to race, and
// the runtime's watchman would interrupt it all the time.
func (t *tracee) alone(tid int) error {
	running := maps.Clone(t.threads)
	delete(running, tid)
	for other := range running {
		_ = unix.Tgkill(t.pid, other, unix.SIGSTOP) // it has just ended: wait says so
	}
	for len(running) > 0 {
		other, _, err := t.wait()
		if err != nil {
			return err
		}
		delete(running, other)
	}
	return nil
}

// step lets the thread make one instruction after the other until it comes to addr, and returns how many they were.
func (t *tracee) step(tid int, addr uint64) (uint64, error) {
	var rip [8]byte
	for n := uint64(1); n <= mostStep; n++ {
		if n%oftenest == 0 {
			t.late.Reset(patience)
		}
		if err := unix.PtraceSingleStep(tid); err != nil && !errors.Is(err, unix.ESRCH) { // it has been killed
			return 0, fmt.Errorf("step: %w", err)
		}
		who, ws, err := t.wait()
		for err == nil && who != tid && ws.Stopped() && !t.threads[who] {
			t.threads[who] = true // one that had just been made when all were stopped: it stays where it begins
			who, ws, err = t.wait()
		}
		if err != nil {
			return 0, err
		}
		if who != tid || ws.StopSignal() != unix.SIGTRAP {
			return 0, ended(ws)
		}
		if _, err := unix.PtracePeekUser(tid, ripAt, rip[:]); err != nil {
			return 0, fmt.Errorf("instruction pointer: %w", err)
		}
		if binary.LittleEndian.Uint64(rip[:]) == addr {
			return n, nil
		}
	}
	return 0, fmt.Errorf("the loop takes over %d instructions: count fewer operations", mostStep)
}

// end ends the program and takes what it leaves.
func (t *tracee) end() {
	_ = unix.Kill(-t.pid, unix.SIGKILL) // gone already: so be it
	for {
		if _, err := unix.Wait4(-t.pid, nil, unix.WALL, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return // nobody is left
		}
	}
}
