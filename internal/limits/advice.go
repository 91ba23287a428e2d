package limits

import (
	"fmt"
	"math"
	"strconv"
)

// Fleet is what the limits are to be judged for.
type Fleet struct {
	Links         uint64 // at once
	Dialled       uint64 // of these, that linkd dials itself
	Reserve       uint64 // descriptors beside those of links
	BytesPerLink  uint64
	Capacity      uint64 // links that linkd admits, as computed at its start or told
	MemoryAtStart uint64 // bytes that the capacity was computed from
	GoLimit       int64  // GOMEMLIMIT; math.MaxInt64: none
}

// Limit is one of them: what it is, what the fleet needs, and the line that changes it.
type Limit struct {
	Name   string
	Value  string // as the system writes it
	Needed string // by the fleet; empty where there is nothing to compare
	Enough bool
	Why    string // what it decides
	Change string // what to write, and where; empty where it is enough
}

// largest queues that are worth having: a longer one only makes a device wait longer than it does.
const (
	leastQueue = 4096
	mostQueue  = 65536
	linksQueue = 16 // links for each place of a queue: after an outage a fleet is back within seconds, not at once
	page       = 4096
	poolShare  = 9 // tenths of the control group's memory for Go's limit: the rest is the kernel's, for sockets
)

// queue is how many links must find room in a queue when a fleet comes back at once.
func queue(links uint64) uint64 {
	n := uint64(leastQueue)
	for n < links/linksQueue && n < mostQueue {
		n *= 2
	}
	return n
}

// For reads the limits and judges them for a fleet. What this system does not have is left out.
func For(f Fleet) []Limit { return f.judge(Sysctl) }

// sysctl is how settings of the kernel are read.
type sysctl func(name string) (string, error)

func (f Fleet) judge(read sysctl) (list []Limit) {
	list = append(list, f.capacity())
	list = append(list, f.descriptors()...)
	list = append(list, f.memory()...)
	wait := queue(f.Links)
	for _, s := range []struct {
		name  string
		least uint64
		why   string
	}{
		{NrOpen, f.Links + f.Reserve, "no process can have more open files, whatever its limit says"},
		{FileMax, f.Links + f.Reserve + 4096, "open files of the whole machine"},
		{Backlog, wait, "links that wait to be accepted; more of them in one moment are lost, and redial"},
		{SynBacklog, wait / 4, "links that are half made; more of them in one moment have to try again"},
		{Netdev, min(1000*max(1, f.Links/100_000), 10_000), "packets that wait for the kernel; more of them are dropped"},
		{Conntrack, f.Links + f.Links/4, "links that the firewall follows; new ones are dropped once it is full"},
	} {
		if l, ok := atLeast(read, s.name, s.least, s.why); ok {
			list = append(list, l)
		}
	}
	if l, ok := f.tcpMemory(read); ok {
		list = append(list, l)
	}
	if l, ok := f.ports(read); ok {
		list = append(list, l)
	}
	return list
}

func atLeast(read sysctl, name string, least uint64, why string) (Limit, bool) {
	text, err := read(name)
	if err != nil {
		return Limit{}, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return Limit{}, false
	}
	l := Limit{Name: name, Value: text, Needed: strconv.FormatUint(least, 10), Enough: n >= least, Why: why}
	if !l.Enough {
		l.Change = Set(name, least)
	}
	return l, true
}

// capacity is what linkd admits: one in twenty places is kept for known devices that come back.
func (f Fleet) capacity() Limit {
	l := Limit{Name: "capacity", Value: strconv.FormatUint(f.Capacity, 10), Needed: strconv.FormatUint(f.Links, 10),
		Enough: f.Capacity >= f.Links, Why: "links that linkd admits, by its memory and open files when it was started"}
	if !l.Enough {
		l.Change = "more open files or memory (see these), or a larger --capacity, then start linkd again"
	}
	return l
}

func (f Fleet) descriptors() []Limit {
	soft, hard, err := Descriptors()
	if err != nil {
		return nil
	}
	least := f.Links + f.Reserve
	l := Limit{Name: "open files", Value: number(soft), Needed: number(least), Enough: soft >= least,
		Why: fmt.Sprintf("of this process: one for each link, and %d for all else; the hard limit is %s", f.Reserve,
			number(hard))}
	if !l.Enough {
		l.Change = fmt.Sprintf("LimitNOFILE=%d in the [Service] of linkd's systemd unit; in a shell, ulimit -Hn %d", least,
			least)
	}
	return []Limit{l}
}

func (f Fleet) memory() []Limit {
	least := f.Links * f.BytesPerLink
	l := Limit{Name: "memory", Value: mebibytes(f.MemoryAtStart), Needed: mebibytes(least),
		Enough: f.MemoryAtStart >= least,
		Why: fmt.Sprintf("that was free when linkd was started; %d KiB for each link, most of it the kernel's",
			f.BytesPerLink>>10)}
	if !l.Enough {
		l.Change = "a machine, or a control group (MemoryMax=), with " + mebibytes(least) + " to spare"
	}
	list := []Limit{l}
	group, limited := GroupMemory()
	set := f.GoLimit != math.MaxInt64
	if !limited && !set {
		return list
	}
	g := Limit{Name: "GOMEMLIMIT", Value: "none", Enough: true,
		Why: "memory of linkd itself above which it collects garbage more often"}
	if set {
		g.Value = mebibytes(uint64(max(f.GoLimit, 0)))
	}
	if limited {
		share := group / 10 * poolShare
		g.Needed = "at most " + mebibytes(share)
		if g.Enough = set && uint64(max(f.GoLimit, 0)) <= share; !g.Enough {
			g.Change = fmt.Sprintf("GOMEMLIMIT=%dMiB in linkd's environment: the control group has %s", share>>20,
				mebibytes(group))
		}
	}
	return append(list, g)
}

// tcpMemory is what all sockets may hold together: an idle link holds none of it, one that sends and is sent to a page
// each way.
func (f Fleet) tcpMemory(read sysctl) (Limit, bool) {
	text, err := read(TCPMem)
	if err != nil {
		return Limit{}, false
	}
	var low, pressure, most uint64
	if _, err := fmt.Sscan(text, &low, &pressure, &most); err != nil {
		return Limit{}, false
	}
	least := 2 * f.Links
	l := Limit{Name: TCPMem, Value: text, Needed: number(least), Enough: most >= least,
		Why: fmt.Sprintf("pages of %d bytes for what all links have under way; above the third number they stall", page)}
	if !l.Enough {
		l.Change = Set(TCPMem, least/2, least*3/4, least)
	}
	return l, true
}

// ports counts where linkd dials: the worst case is that all of it goes to one address and port.
func (f Fleet) ports(read sysctl) (Limit, bool) {
	low, high, err := portsOf(read)
	if err != nil || f.Dialled == 0 {
		return Limit{}, false
	}
	have := uint64(high - low + 1)
	l := Limit{Name: Ports, Value: fmt.Sprintf("%d %d", low, high), Needed: number(f.Dialled),
		Enough: have >= f.Dialled, Why: "ports from which linkd dials: so many links to one address and port"}
	if !l.Enough {
		l.Change = Set(Ports, 1024, 65535)
		if f.Dialled > 65535-1024 {
			l.Change += "; more than that go to several addresses, or from several local_ip"
		}
	}
	return l, true
}

func number(n uint64) string {
	if n >= math.MaxInt64 {
		return "unlimited"
	}
	return strconv.FormatUint(n, 10)
}

func mebibytes(n uint64) string {
	if n >= math.MaxInt64 {
		return "unlimited"
	}
	return strconv.FormatUint(n>>20, 10) + " MiB"
}
