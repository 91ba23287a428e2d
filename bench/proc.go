package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// errProc is wrapped where a file of /proc does not read as expected.
var errProc = errors.New("bench: unexpected content of /proc")

// tick is the unit of CPU times in /proc: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// parseRSSAnon reads the resident anonymous memory, in bytes, from the text of /proc/PID/status.
func parseRSSAnon(status string) (int64, error) {
	for line := range strings.Lines(status) {
		rest, ok := strings.CutPrefix(line, "RssAnon:")
		if !ok {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%w: status: RssAnon %q, want a number and kB", errProc, strings.TrimSpace(rest))
		}
		return kib << 10, nil
	}
	return 0, fmt.Errorf("%w: status has no RssAnon", errProc)
}

// processTimes is the CPU time of a process and of those of its children that it has waited for.
type processTimes struct{ own, children time.Duration }

// parseProcessTimes reads /proc/PID/stat. The command's name may hold anything, so that fields count from its end.
func parseProcessTimes(stat string) (processTimes, error) {
	_, rest, ok := strings.Cut(stat[max(strings.LastIndexByte(stat, ')'), 0):], ") ")
	fields := strings.Fields(rest)
	const utime = 11 // field 14, and the state behind the name is field 3
	if !ok || len(fields) < utime+4 {
		return processTimes{}, fmt.Errorf("%w: stat %q, want 17 fields or more", errProc, stat)
	}
	var ticks [4]int64
	for i := range ticks {
		n, err := strconv.ParseInt(fields[utime+i], 10, 64)
		if err != nil {
			return processTimes{}, fmt.Errorf("%w: stat: time %q, want ticks", errProc, fields[utime+i])
		}
		ticks[i] = n
	}
	return processTimes{time.Duration(ticks[0]+ticks[1]) * tick, time.Duration(ticks[2]+ticks[3]) * tick}, nil
}

// parseRunTime reads the nanoseconds on a CPU from /proc/PID/task/TID/schedstat.
func parseRunTime(schedstat string) (time.Duration, error) {
	first, _, _ := strings.Cut(strings.TrimSpace(schedstat), " ")
	ns, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: schedstat %q, want nanoseconds first", errProc, schedstat)
	}
	return time.Duration(ns), nil
}

// machineTimes is where the CPU time of the machine went, all cores together.
type machineTimes struct{ busy, idle, steal time.Duration }

// parseMachineTimes reads the first line of /proc/stat.
func parseMachineTimes(stat string) (machineTimes, error) {
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return machineTimes{}, fmt.Errorf("%w: stat begins with %q, want cpu and 8 numbers", errProc, line)
	}
	var t [8]time.Duration // user, nice, system, idle, iowait, irq, softirq, steal; guests are part of user
	for i := range t {
		n, err := strconv.ParseInt(fields[i+1], 10, 64)
		if err != nil {
			return machineTimes{}, fmt.Errorf("%w: stat: time %q, want ticks", errProc, fields[i+1])
		}
		t[i] = time.Duration(n) * tick
	}
	return machineTimes{busy: t[0] + t[1] + t[2] + t[5] + t[6], idle: t[3] + t[4], steal: t[7]}, nil
}

// parseOpenFiles reads the hard limit of open files from /proc/PID/limits.
func parseOpenFiles(limits string) (int, error) {
	for line := range strings.Lines(limits) {
		rest, ok := strings.CutPrefix(line, "Max open files")
		fields := strings.Fields(rest)
		if !ok || len(fields) < 2 {
			continue
		}
		if fields[1] == "unlimited" {
			return 1 << 30, nil
		}
		n, err := strconv.Atoi(fields[1])
		if err != nil {
			return 0, fmt.Errorf("%w: limits: open files %q, want a number", errProc, fields[1])
		}
		return n, nil
	}
	return 0, fmt.Errorf("%w: limits has no Max open files", errProc)
}

// parseKernelMemory reads what the kernel keeps for itself, in bytes, from the text of /proc/meminfo: its objects,
// which sockets are, and the stacks and page tables of threads and processes.
func parseKernelMemory(meminfo string) (int64, error) {
	sum, found := int64(0), 0
	for line := range strings.Lines(meminfo) {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name != "Slab" && name != "KernelStack" && name != "PageTables" {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%w: meminfo: %s %q, want a number and kB", errProc, name, strings.TrimSpace(value))
		}
		sum += kib << 10
		found++
	}
	if found != 3 {
		return 0, fmt.Errorf("%w: meminfo has %d of Slab, KernelStack and PageTables", errProc, found)
	}
	return sum, nil
}

// parseCPUModel reads the model's name from /proc/cpuinfo; empty where there is none.
func parseCPUModel(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// read parses one file.
func read[T any](parse func(string) (T, error), path string) (T, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		var zero T
		return zero, fmt.Errorf("bench: %w", err)
	}
	return parse(string(text))
}

func kernelMemory() (int64, error) { return read(parseKernelMemory, "/proc/meminfo") }

// rssAnon is the resident anonymous memory of a process in bytes.
func rssAnon(pid int) (int64, error) { return read(parseRSSAnon, fmt.Sprintf("/proc/%d/status", pid)) }

// cpuTime is the CPU time that a process has used. The scheduler's own count of each thread is exact to the
// nanosecond; where the kernel has none, the ticks of utime and stime have to do.
func cpuTime(pid int) (time.Duration, error) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid)) // the pattern is well-formed
	var sum time.Duration
	for _, path := range threads {
		t, err := read(parseRunTime, path)
		if err != nil {
			sum = 0 // a thread has just ended, and its time with it
			break
		}
		sum += t
	}
	if sum > 0 {
		return sum, nil
	}
	t, err := read(parseProcessTimes, fmt.Sprintf("/proc/%d/stat", pid))
	return t.own, err
}

// usage is what the machine and this program, with the processes that it ran, have used so far.
type usage struct {
	machine machineTimes
	ours    time.Duration
}

func usageNow() (usage, error) {
	ours, err := read(parseProcessTimes, "/proc/self/stat")
	if err != nil {
		return usage{}, err
	}
	machine, err := read(parseMachineTimes, "/proc/stat")
	return usage{machine, ours.own + ours.children}, err
}

// disturbance is what else happened on the machine between two moments, in per cent of its CPU time.
func disturbance(from, to usage) (steal, other float64) {
	busy, taken := to.machine.busy-from.machine.busy, to.machine.steal-from.machine.steal
	all := busy + taken + to.machine.idle - from.machine.idle
	if all <= 0 {
		return 0, 0
	}
	foreign := max(0, busy-(to.ours-from.ours))
	return 100 * float64(taken) / float64(all), 100 * float64(foreign) / float64(all)
}
