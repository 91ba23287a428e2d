package main

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// counter is the processor's own count of a thread's instructions in user space. Few virtual machines have one.
type counter struct{ fd int }

// openCounter begins to count.
func openCounter(tid int) (counter, error) {
	return openEvent(tid, unix.PERF_TYPE_HARDWARE, unix.PERF_COUNT_HW_INSTRUCTIONS)
}

func openEvent(tid int, kind uint32, config uint64) (counter, error) {
	a := unix.PerfEventAttr{Type: kind, Config: config, Bits: unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv}
	a.Size = uint32(unsafe.Sizeof(a))
	fd, err := unix.PerfEventOpen(&a, tid, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return counter{}, fmt.Errorf("perf_event_open: %w", err)
	}
	return counter{fd}, nil
}

// until counts until the thread comes to addr, and closes the counter.
func (c counter) until(t *tracee, tid int, addr uint64) (uint64, error) {
	defer unix.Close(c.fd)
	if _, err := t.until(tid, addr); err != nil {
		return 0, err
	}
	var b [8]byte
	if n, err := unix.Read(c.fd, b[:]); err != nil || n != len(b) {
		return 0, fmt.Errorf("read a counter: %d bytes, want 8: %w", n, err)
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}
