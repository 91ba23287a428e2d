package limits

import (
	"fmt"
	"math"
	"strconv"
	"strings"
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

// Limit is one of them: what it is, what the fleet needs, and the line that changes it. Settings of the kernel have its
// names, with dots. The console says Why and Change in its own languages, by Name and with Figures.
type Limit struct {
	Name    string
	Value   string // as the system writes it
	Needed  string // by the fleet; empty where there is nothing to compare
	Enough  bool
	Why     string            // what it decides
	Change  string            // what to write, and where; empty where it is enough
	Figures map[string]string // numbers in Why and Change; while they are made, {name} stands for one
}

// filled is the limit with its figures in its sentences.
func (l Limit) filled() Limit {
	for name, figure := range l.Figures {
		l.Why = strings.ReplaceAll(l.Why, "{"+name+"}", figure)
		l.Change = strings.ReplaceAll(l.Change, "{"+name+"}", figure)
	}
	return l
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

// machine is how the limits are read.
type machine struct {
	sysctl      func(name string) (string, error)
	descriptors func() (soft, hard uint64, err error)
	group       func() (memory uint64, limited bool)
}

// For reads the limits and judges them for a fleet. What this system does not have is left out.
func For(f Fleet) []Limit { return f.judge(machine{Sysctl, Descriptors, GroupMemory}) }

func (f Fleet) judge(m machine) (list []Limit) {
	list = append(list, f.capacity())
	list = append(list, f.descriptors(m)...)
	list = append(list, f.memory())
	list = append(list, f.goMemory(m)...)
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
		list = append(list, m.atLeast(s.name, s.least, s.why)...)
	}
	list = append(list, f.tcpMemory(m)...)
	list = append(list, f.ports(m)...)
	for i, l := range list {
		list[i] = l.filled()
	}
	return list
}

func (m machine) atLeast(name string, least uint64, why string) []Limit {
	text, err := m.sysctl(name)
	if err != nil {
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return nil
	}
	l := Limit{Name: name, Value: text, Needed: strconv.FormatUint(least, 10), Enough: n >= least, Why: why}
	if !l.Enough {
		l.Change = Set(name, least)
	}
	return []Limit{l}
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

func (f Fleet) descriptors(m machine) []Limit {
	soft, hard, err := m.descriptors()
	if err != nil {
		return nil
	}
	least := f.Links + f.Reserve
	l := Limit{Name: "open files", Value: number(soft), Needed: number(least), Enough: soft >= least,
		Why:     "of this process: one for each link, and {reserve} for all else; the hard limit is {hard}",
		Figures: map[string]string{"reserve": number(f.Reserve), "hard": number(hard), "least": number(least)}}
	if !l.Enough {
		l.Change = "LimitNOFILE={least} in the [Service] of linkd's systemd unit; in a shell, ulimit -Hn {least}"
	}
	return []Limit{l}
}

func (f Fleet) memory() Limit {
	least := mebibytes(f.Links * f.BytesPerLink)
	l := Limit{Name: "memory", Value: mebibytes(f.MemoryAtStart), Needed: least,
		Enough:  f.MemoryAtStart >= f.Links*f.BytesPerLink,
		Why:     "that was free when linkd was started; {kib} KiB for each link, most of it the kernel's",
		Figures: map[string]string{"kib": number(f.BytesPerLink >> 10), "least": least}}
	if !l.Enough {
		l.Change = "a machine, or a control group (MemoryMax=), with {least} to spare"
	}
	return l
}

// goMemory matters where Go's limit is set, and where it should be, as a control group sets one.
func (f Fleet) goMemory(m machine) []Limit {
	group, limited := m.group()
	set := f.GoLimit != math.MaxInt64
	if !limited && !set {
		return nil
	}
	l := Limit{Name: "GOMEMLIMIT", Value: "none", Enough: true,
		Why: "memory of linkd itself above which it collects garbage more often"}
	if set {
		l.Value = mebibytes(uint64(max(f.GoLimit, 0)))
	}
	if limited {
		share := group / 10 * poolShare
		l.Needed = "at most " + mebibytes(share)
		l.Figures = map[string]string{"share": number(share >> 20), "group": mebibytes(group)}
		if l.Enough = set && uint64(max(f.GoLimit, 0)) <= share; !l.Enough {
			l.Change = "GOMEMLIMIT={share}MiB in linkd's environment: the control group has {group}"
		}
	}
	return []Limit{l}
}

// tcpMemory is what all sockets may hold together: an idle link holds none of it, one that sends and is sent to a page
// each way.
func (f Fleet) tcpMemory(m machine) []Limit {
	text, err := m.sysctl(TCPMem)
	if err != nil {
		return nil
	}
	var low, pressure, most uint64
	if _, err := fmt.Sscan(text, &low, &pressure, &most); err != nil {
		return nil
	}
	least := 2 * f.Links
	l := Limit{Name: TCPMem, Value: text, Needed: number(least), Enough: most >= least,
		Why:     "pages of {page} bytes for what all links have under way; above the third number they stall",
		Figures: map[string]string{"page": number(page)}}
	if !l.Enough {
		l.Change = Set(TCPMem, least/2, least*3/4, least)
	}
	return []Limit{l}
}

// ports counts where linkd dials: the worst case is that all of it goes to one address and port.
func (f Fleet) ports(m machine) []Limit {
	low, high, err := portsOf(m.sysctl)
	if err != nil || f.Dialled == 0 {
		return nil
	}
	have := uint64(high - low + 1)
	l := Limit{Name: Ports, Value: fmt.Sprintf("%d %d", low, high), Needed: number(f.Dialled), Enough: have >= f.Dialled,
		Why: "ports from which linkd dials: so many links to one address and port; more go to several, or from several " +
			"local_ip"}
	if !l.Enough {
		l.Change = Set(Ports, 1024, 65535)
	}
	return []Limit{l}
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
