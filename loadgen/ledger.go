package loadgen

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// The ledger. With it each frame of mode push is a line of text that says what it is, Size bytes with its end:
//
//	LG DEVICE.SESSION.SEQUENCE filler LF
//
// DEVICE is the number in the device's id, SESSION counts its links, SEQUENCE its lines over all links, both from 1.
// The server shows the group DEVICE.SESSION.SEQUENCE as the value of a tag of type string, whose address is "line", and
// the worker that owns the device compares what comes with what was sent.

const (
	ledgerWindow = 256     // newest lines of a device that are known one by one
	leastLine    = 48      // bytes: three numbers of full length
	mostLineSize = 8 << 10 // the longest line that linkd's driver reads
	lineHead     = "LG "
	lineAddress  = "line"
)

// Ledger is what became of the lines that the devices sent. Each is either delivered, lost, reordered or stale.
type Ledger struct {
	Sent      int64  `json:"sent"`      // lines that the kernel took
	Delivered int64  `json:"delivered"` // shown once, in order
	Lost      int64  `json:"lost"`      // not shown by the end of the drain
	Unread    int64  `json:"unread"`    // not shown either, but the server lost so many events to slow readers
	Doubled   int64  `json:"doubled"`   // shown again
	Reordered int64  `json:"reordered"` // shown after a later one
	Stale     int64  `json:"stale"`     // shown after a line of a later session of the device
	Unknown   int64  `json:"unknown"`   // shown and never sent, or shown of another device
	Skipped   int64  `json:"skipped"`   // values that are not good, or not of this fleet
	Example   string `json:"example"`   // the first that was not right
}

func (l *Ledger) merge(o *Ledger) {
	l.Sent += o.Sent
	l.Delivered += o.Delivered
	l.Lost += o.Lost
	l.Unread += o.Unread
	l.Doubled += o.Doubled
	l.Reordered += o.Reordered
	l.Stale += o.Stale
	l.Unknown += o.Unknown
	l.Skipped += o.Skipped
	l.Example = or(l.Example, o.Example)
}

// missing is how many lines have not come.
func (l *Ledger) missing() int64 { return l.Sent - l.Delivered - l.Reordered - l.Stale }

// settle counts what has not come as lost, but for as many as the server's readers missed.
func (l *Ledger) settle(unread int64) {
	l.Unread = min(l.missing(), unread)
	l.Lost = l.missing() - l.Unread
}

func (l *Ledger) String() string {
	return fmt.Sprintf("%d sent, %d delivered, %d lost, %d doubled, %d reordered, %d stale, %d unknown; %d unread, "+
		"%d of no concern", l.Sent, l.Delivered, l.Lost, l.Doubled, l.Reordered, l.Stale, l.Unknown, l.Unread, l.Skipped)
}

// complaint is empty when there is nothing to complain of.
func (l *Ledger) complaint() string {
	switch {
	case l.Lost+l.Doubled+l.Reordered+l.Stale+l.Unknown > 0:
		text := fmt.Sprintf("of %d lines %d are lost, %d doubled, %d reordered, %d stale; %d unknown", l.Sent, l.Lost,
			l.Doubled, l.Reordered, l.Stale, l.Unknown)
		if l.Example != "" {
			text += ", the first not right: " + l.Example
		}
		return text
	case l.Delivered == 0:
		return "no line was delivered"
	}
	return ""
}

// lineName says which line it is.
type lineName struct {
	device       uint64
	session, seq uint32
}

func (n lineName) String() string {
	return fmt.Sprintf("line %d of device %d, session %d", n.seq, n.device, n.session)
}

// appendLine appends a line of size bytes; filler has as many.
func appendLine(dst []byte, n lineName, filler []byte, size int) []byte {
	at := len(dst)
	dst = append(dst, lineHead...)
	dst = strconv.AppendUint(dst, n.device, 10)
	dst = strconv.AppendUint(append(dst, '.'), uint64(n.session), 10)
	dst = strconv.AppendUint(append(dst, '.'), uint64(n.seq), 10)
	dst = append(dst, ' ')
	return append(append(dst, filler[len(dst)-at:size-1]...), '\n')
}

// parseLine reads DEVICE.SESSION.SEQUENCE.
func parseLine(s string) (n lineName, ok bool) {
	device, rest, _ := strings.Cut(s, ".")
	session, seq, _ := strings.Cut(rest, ".")
	d, err1 := strconv.ParseUint(device, 10, 64)
	l, err2 := strconv.ParseUint(session, 10, 32)
	q, err3 := strconv.ParseUint(seq, 10, 32)
	return lineName{d, uint32(l), uint32(q)}, err1 == nil && err2 == nil && err3 == nil
}

// account is one device's part in the ledger. There is no pointer in it, and its size does not grow.
type account struct {
	sent    uint32 // sequence of its newest line
	session uint32 // the one that it is in
	first   uint32 // lines sent before that session
	newest  uint32 // highest sequence that came
	of      uint32 // the newest session of which a line came
	holes   uint32 // lines older than the window that have not come
	came    [ledgerWindow / 64]uint64
}

// fate of a line that came.
type fate uint8

const (
	delivered fate = iota
	doubled
	reordered
	outdated
	unknown
)

// take notes a line that came of this device, whose number is device. A line that is too old for the window is taken
// for one of those that have not come, as long as there are any.
func (a *account) take(n lineName, device uint64) fate {
	current := n.session == a.session
	switch {
	case n.device != device, n.seq == 0, n.seq > a.sent, n.session == 0, n.session > a.session,
		current != (n.seq > a.first):
		return unknown
	case n.seq > a.newest:
		a.advance(n.seq)
		a.of = max(a.of, n.session)
		return delivered
	case a.newest-n.seq >= ledgerWindow:
		if a.holes == 0 {
			return doubled
		}
		a.holes--
	case a.has(n.seq):
		return doubled
	default:
		a.set(n.seq)
	}
	if n.session < a.of {
		return outdated
	}
	return reordered
}

// advance moves the window on, so that seq is its newest line.
func (a *account) advance(seq uint32) {
	for q := a.newest + 1; ; q++ {
		if q > ledgerWindow && !a.has(q) { // the place of q-ledgerWindow
			a.holes++
		}
		a.came[q%ledgerWindow/64] &^= 1 << (q % 64)
		if q == seq {
			break
		}
	}
	a.newest = seq
	a.set(seq)
}

func (a *account) has(seq uint32) bool { return a.came[seq%ledgerWindow/64]>>(seq%64)&1 != 0 }
func (a *account) set(seq uint32)      { a.came[seq%ledgerWindow/64] |= 1 << (seq % 64) }

// enter counts what became of a line.
func (l *Ledger) enter(f fate, n lineName, connection int) {
	words := ""
	switch f {
	case delivered:
		l.Delivered++
		return
	case doubled:
		l.Doubled++
		words = "shown again"
	case reordered:
		l.Reordered++
		words = "shown after a later one"
	case outdated:
		l.Stale++
		words = "shown after a line of a later session"
	case unknown:
		l.Unknown++
		words = "shown, but not sent there"
	}
	if l.Example == "" {
		l.Example = fmt.Sprintf("on connection %d, %v: %s", connection, n, words)
	}
}

// readLine reads a value; false when it is no line of the fleet, or not good.
func (f *follower) readLine(body []byte) (shown, bool) {
	var item struct {
		Connection, Address, Type, Quality string

		Value json.RawMessage
	}
	if json.Unmarshal(body, &item) != nil || item.Quality != "good" || item.Type != "string" ||
		item.Address != lineAddress {
		return shown{}, false
	}
	number, ok := tailNumber(item.Connection)
	v := shown{dev: number - f.cfg.From}
	var text string
	if json.Unmarshal(item.Value, &text) == nil {
		v.line, _ = parseLine(text) // what is no line names none, and is unknown
	}
	return v, ok && v.dev >= 0 && v.dev < f.cfg.Devices
}

// validateLedger says what is wrong with Ledger, as validate of Config does.
func (c *Config) validateLedger(say func(wrong bool, format string, args ...any)) {
	if c.Ledger == "" {
		return
	}
	say(c.Mode != Push, "ledger with mode %s; it belongs to %s", c.Mode, Push)
	say(c.Confirm != ConfirmSent, "ledger with confirm %s; give sent", c.Confirm)
	say(c.Size < leastLine || c.Size > mostLineSize, "size %d with a ledger; give %d to %d bytes", c.Size, leastLine,
		mostLineSize)
}
