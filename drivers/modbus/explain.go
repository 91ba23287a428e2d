package modbus

import (
	"encoding/binary"
	"fmt"
	"strings"

	"linkd/drivers/poll"
)

// functions are the names of function codes (Application Protocol V1.1b3, section 6).
var functions = map[byte]string{1: "read coils", 2: "read discrete inputs", 3: "read holding registers",
	4: "read input registers", 5: "write single coil", 6: "write single register", 15: "write multiple coils",
	16: "write multiple registers", 22: "mask write register", 23: "read/write multiple registers"}

// explain implements poll.Config's Explain: unit, function, addresses as on the wire, and values as decimals in the
// order of their addresses. An answer to a read names no address; the question above it does.
func (c *channel) explain(in bool, b []byte) string {
	var room [maxASCII]byte
	unit, pdu, ok := c.framing.open(room[:], b)
	if !ok {
		return poll.NoFrame + ": " + c.framing.fault(b)
	}
	name := functions[pdu[0]&0x7f]
	if name == "" {
		name = fmt.Sprintf("function %d", pdu[0]&0x7f)
	}
	text := fmt.Sprintf("unit %d %s", unit, name)
	if pdu[0] >= 0x80 {
		if len(pdu) != 2 {
			return fmt.Sprintf("%s: exception of %d bytes, not of 2", text, len(pdu))
		}
		return fmt.Sprintf("%s: exception %d, %s", text, pdu[1], reasonOf(pdu[1]))
	}
	if functions[pdu[0]] == "" {
		return text
	}
	// The device answers, unless it asks of its own accord.
	first, second := explainQuestion, explainAnswer
	if in {
		first, second = second, first
	}
	if more := first(pdu); more != "" {
		return text + more
	}
	if more := second(pdu); more != "" {
		return text + more
	}
	return text + ", malformed"
}

// explainQuestion is what a request holds besides its function; empty when it is none.
func explainQuestion(pdu []byte) string {
	switch fc := pdu[0]; {
	case fc <= 4 && len(pdu) == 5:
		return explainRun(pdu[1:])
	case fc <= 6 || fc == 22:
		return explainEcho(pdu)
	case fc == 15 && len(pdu) > 6 && int(pdu[5]) == len(pdu)-6 && len(pdu)-6 == (wordAt(pdu, 3)+7)/8:
		return explainRun(pdu[1:]) + " = " + bitList(pdu[6:], wordAt(pdu, 3))
	case fc == 16 && len(pdu) > 6 && int(pdu[5]) == len(pdu)-6 && len(pdu)-6 == 2*wordAt(pdu, 3):
		return explainRun(pdu[1:]) + " = " + registerList(pdu[6:])
	case fc == 23 && len(pdu) > 10 && int(pdu[9]) == len(pdu)-10 && len(pdu)-10 == 2*wordAt(pdu, 7):
		return ": read" + explainRun(pdu[1:]) + ", write" + explainRun(pdu[5:]) + " = " + registerList(pdu[10:])
	}
	return ""
}

// explainAnswer is what an answer holds besides its function; empty when it is none.
func explainAnswer(pdu []byte) string {
	counted := len(pdu) > 2 && int(pdu[1]) == len(pdu)-2
	switch fc := pdu[0]; {
	case fc <= 2 && counted:
		return ": " + bitList(pdu[2:], 8*(len(pdu)-2))
	case (fc == 3 || fc == 4 || fc == 23) && counted && len(pdu)%2 == 0:
		return ": " + registerList(pdu[2:])
	case fc == 5 || fc == 6 || fc == 22:
		return explainEcho(pdu)
	case (fc == 15 || fc == 16) && len(pdu) == 5:
		return explainRun(pdu[1:])
	}
	return ""
}

// explainEcho is of the functions whose answer repeats the question.
func explainEcho(pdu []byte) string {
	switch fc := pdu[0]; {
	case fc == 5 && len(pdu) == 5:
		is := map[int]string{0xFF00: "on", 0: "off"}[wordAt(pdu, 3)]
		if is == "" {
			is = fmt.Sprintf("0x%04x, neither on (0xff00) nor off (0x0000)", wordAt(pdu, 3))
		}
		return fmt.Sprintf(" %d = %s", wordAt(pdu, 1), is)
	case fc == 6 && len(pdu) == 5:
		return fmt.Sprintf(" %d = %d", wordAt(pdu, 1), wordAt(pdu, 3))
	case fc == 22 && len(pdu) == 7:
		return fmt.Sprintf(" %d: and 0x%04x, or 0x%04x", wordAt(pdu, 1), wordAt(pdu, 3), wordAt(pdu, 5))
	}
	return ""
}

// explainRun is the addresses that b begins with: the first one and how many.
func explainRun(b []byte) string {
	first, n := wordAt(b, 0), wordAt(b, 2)
	switch n {
	case 0:
		return fmt.Sprintf(" %d, none of them", first)
	case 1:
		return fmt.Sprintf(" %d", first)
	}
	return fmt.Sprintf(" %d to %d", first, first+n-1)
}

func wordAt(b []byte, i int) int { return int(binary.BigEndian.Uint16(b[i:])) }

// mostListed bounds the values of one line; the bytes beside it are whole.
const mostListed = 16

func registerList(b []byte) string {
	return valueList(len(b)/2, func(i int) int { return wordAt(b, 2*i) })
}

func bitList(b []byte, n int) string {
	return valueList(n, func(i int) int { return int(b[i>>3]) >> (i & 7) & 1 })
}

func valueList(n int, value func(int) int) string {
	var out strings.Builder
	for i := range min(n, mostListed) {
		if i > 0 {
			out.WriteString(", ")
		}
		fmt.Fprintf(&out, "%d", value(i))
	}
	if n > mostListed {
		fmt.Fprintf(&out, " and %d more", n-mostListed)
	}
	return out.String()
}
