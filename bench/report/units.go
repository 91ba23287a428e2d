package report

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"linkd/bench"
)

// isCPU says of a unit that it is CPU time by what was done, which every server is set beside the limit by.
func isCPU(unit string) bool { return strings.HasPrefix(unit, "cpu-us/") || unit == bench.CoreUnit }

// isMemory says of a unit that it is memory by device or link.
func isMemory(unit string) bool {
	return strings.HasSuffix(unit, "B/device") || strings.HasSuffix(unit, "B/link")
}

// isLimiter says of a unit that it is no figure but says, where it is above 0, what held the case back.
func isLimiter(unit string) bool { return strings.HasSuffix(unit, "limited") }

// meaning of units, by what they end in; the longest that fits counts.
func meaning(unit string) string {
	best, words := "", ""
	for end, text := range map[string]string{
		"B/device":         "bytes of memory of the server's own (RssAnon) that each idle device adds",
		"burst-B/device":   "the same, after each device has sent 4 KiB and got them back",
		"left-B/device":    "the same, after all devices have left: what is kept for the next fleet",
		"kernel-B/pair":    "bytes of kernel memory that each link adds, with both of its sockets",
		"polled-B/device":  "bytes of memory of the server's own that each device adds, of which one in five is polled",
		"echoing-B/device": "bytes of memory of the server's own that each device adds that sends and gets it back",
		"cpu-us/visit":     "microseconds of CPU time of the server by devices that came, said who they are, and left",
		"cpu-us/command":   "microseconds of CPU time of the server by commands that a device has answered",
		"last-ms":          "milliseconds from the first command until the last device has answered",
		"bind-s":           "seconds from the first connect until all devices are bound",
		"down-s":           "seconds until no server has any device any more, once all hang up",
		"B/link":           "bytes of memory that each link adds",
		"channel-B/link":   "bytes of memory that a channel with ten tags adds to a link",
		"cpu-us/device":    "microseconds of CPU time, user and system, of the server by devices that dialled in",
		"cpu-us/msg":       "microseconds of CPU time, user and system, of the server by messages that it received",
		"cpu-us/poll":      "microseconds of CPU time, user and system, of the server by polls that were answered",
		"core-%":           "CPU time of the server in per cent of one core",
		"msg/s":            "messages that the server received in a second",
		"poll/s":           "polls that were answered in a second",
		"all-up-s":         "seconds from the first connect until all devices are bound",
		"lost":             "polls unanswered, missed or refused",
		"p50-ms":           "milliseconds within which half of them were done",
		"p90-ms":           "milliseconds within which 90 % of them were done",
		"p99-ms":           "milliseconds within which 99 % of them were done",
		"p999-ms":          "milliseconds within which 99.9 % of them were done",
		"max-ms":           "milliseconds of the slowest",
		"limited":          "above 0 where this held the case back, and not the server",
	} {
		if strings.HasSuffix(unit, end) && len(end) > len(best) {
			best, words = end, text
		}
	}
	for start, text := range map[string]string{"rtt-": "round trip: ", "lag-": "how late a poll was started: ",
		"jitter-":   "how far the times between two questions are from the period, as the devices see it: ",
		"load-lag-": "how late the load itself was: ", "load-core-": "of the load: ",
		"connect-": "from the moment at which a connect was due until it was there: "} {
		if words != "" && strings.HasPrefix(unit, start) {
			words = text + words
		}
	}
	return words
}

var limitForm = regexp.MustCompile(`^(<=|>=) ([0-9.eE+-]+)(?: x (\S+))?$`)

// parseLimit reads the words of a Goal: a figure, or its ratio to that of a peer, is to lie within least and most.
func parseLimit(limit string) (least, most float64, peer string, ok bool) {
	m := limitForm.FindStringSubmatch(limit)
	if m == nil {
		return 0, 0, "", false
	}
	v, err := strconv.ParseFloat(m[2], 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, 0, "", false
	}
	if m[1] == "<=" {
		return math.Inf(-1), v, m[3], true
	}
	return v, math.Inf(1), m[3], true
}

// known lists the names of peers in the order of tables: linkd, the limit, then the others.
func known() []string {
	return slices.Concat([]string{bench.Linkd, bench.WithBus}, leastPeers(),
		[]string{bench.CPaced, bench.Gnet, bench.Net, bench.NBIO, bench.Netpoll, bench.Java, bench.External})
}

// leastPeers lists the names that the peer had and has that does the least that the job takes.
func leastPeers() []string { return []string{bench.CEpoll, "epoll"} }

// comparePeers orders known peers first, then the others by name.
func comparePeers(a, b string) int {
	place := func(p string) int {
		if i := slices.Index(known(), p); i >= 0 {
			return i
		}
		return len(known())
	}
	if d := place(a) - place(b); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}

// axis is along what cases of one scenario differ.
type axis int

const (
	alongNothing axis = iota
	alongRate         // of messages or polls a second
	alongDevices
)

// position finds where a case stands along an axis, and the name of what it shares with the others along it: in
// "every=1s/links=10000" a rate of 10000 and "links=10000".
func position(name string, along axis) (x float64, shared string, ok bool) {
	parts := strings.Split(name, "/")
	value := func(key string) (float64, int) {
		for i, part := range parts {
			if text, found := strings.CutPrefix(part, key+"="); found {
				if v, err := strconv.ParseFloat(text, 64); err == nil && v > 0 && v < maxValue {
					return v, i
				}
				if d, err := time.ParseDuration(text); err == nil && d > 0 {
					return d.Seconds(), i
				}
			}
		}
		return 0, -1
	}
	at := -1
	switch along {
	case alongRate:
		if x, at = value("rate"); at < 0 {
			links, has := value("links")
			var every float64
			if every, at = value("every"); has < 0 || at < 0 {
				return 0, "", false
			}
			x = links / every
		}
	case alongDevices:
		for _, key := range []string{"n", "devices", "links"} {
			if x, at = value(key); at >= 0 {
				break
			}
		}
	}
	if at < 0 {
		return 0, "", false
	}
	return x, strings.Join(slices.Delete(slices.Clone(parts), at, at+1), "/"), true
}

// short is a number for an axis: 500, 1k, 2.5M.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.3gM", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%.3gk", v/1e3)
	}
	return fmt.Sprintf("%.3g", v)
}
