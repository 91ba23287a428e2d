package modbus

import (
	"encoding/binary"
	"fmt"
)

// functions are the names of function codes (Application Protocol V1.1b3, section 6).
var functions = map[byte]string{1: "read coils", 2: "read discrete inputs", 3: "read holding registers",
	4: "read input registers", 5: "write single coil", 6: "write single register", 15: "write multiple coils",
	16: "write multiple registers", 22: "mask write register", 23: "read/write multiple registers"}

// explain implements poll.Config's Explain.
func (c *channel) explain(in bool, b []byte) string {
	var room [maxASCII]byte
	unit, pdu, ok := c.framing.open(room[:], b)
	if !ok {
		return ""
	}
	name := functions[pdu[0]&0x7f]
	if name == "" {
		name = fmt.Sprintf("function %d", pdu[0])
	}
	text := fmt.Sprintf("unit %d %s", unit, name)
	word := func(i int) uint16 { return binary.BigEndian.Uint16(pdu[i:]) }
	switch fc := pdu[0]; {
	case fc >= 0x80 && len(pdu) == 2:
		return fmt.Sprintf("%s: exception %d, %s", text, pdu[1], reasonOf(pdu[1]))
	case in && (fc <= 4 || fc == 23) && len(pdu) > 2:
		return fmt.Sprintf("%s: % x", text, pdu[2:])
	case (fc == 5 || fc == 6) && len(pdu) == 5:
		return fmt.Sprintf("%s %d = %d", text, word(1), word(3))
	case len(pdu) >= 5 && word(3) > 0:
		return fmt.Sprintf("%s %d to %d", text, word(1), int(word(1))+int(word(3))-1)
	}
	return text
}
