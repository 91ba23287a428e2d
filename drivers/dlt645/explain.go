package dlt645

import (
	"encoding/hex"
	"fmt"

	"linkd/drivers/poll"
	"linkd/drivers/tags"
)

// functionName names a control code's function.
func (v *version) functionName(control byte) string {
	names := map[byte]string{0x11: "read", 0x12: "read on", 0x13: "read address", 0x14: "write", 0x15: "write address",
		0x16: "freeze", 0x17: "change rate", 0x18: "change password", 0x19: "clear maximum demand", 0x1A: "clear meter",
		0x1B: "clear events", 0x1C: "control", 0x08: "broadcast time"}
	if v.size == 2 {
		names = map[byte]string{0x01: "read", 0x02: "read on", 0x03: "read again", 0x04: "write", 0x08: "broadcast time",
			0x0A: "write address", 0x0C: "change rate", 0x0F: "change password", 0x10: "clear maximum demand"}
	}
	if name := names[control&function]; name != "" {
		return name
	}
	return fmt.Sprintf("function %02X", control&function)
}

// explain implements poll.Config's Explain: meter, function, identifier, and the value that is read, where the table
// knows its format. Passwords of writes are not shown.
func (v *version) explain(_ bool, b []byte) string {
	from := 0
	for from < len(b) && b[from] == wakeUp {
		from++
	}
	b = b[from:]
	f, n, ok := frameAt(b)
	switch {
	case !ok || n == 0:
		return poll.NoFrame + ": " + fault(b)
	case len(b) > n:
		return fmt.Sprintf("%s, and %d bytes more", v.words(f), len(b)-n)
	}
	return v.words(f)
}

// fault says why b, wake-up bytes aside, is no whole frame.
func fault(b []byte) string {
	switch {
	case len(b) == 0:
		return "wake-up bytes alone"
	case b[0] != start || len(b) > 7 && b[7] != start:
		return "it has no 68, 6 bytes of address and 68"
	case len(b) < header:
		return fmt.Sprintf("%d bytes, the shortest has %d", len(b), around)
	case b[9] > maxRead:
		return fmt.Sprintf("its length is %d, the longest is %d", b[9], maxRead)
	}
	n := around + int(b[9])
	switch {
	case len(b) < n:
		return fmt.Sprintf("%d bytes of %d", len(b), n)
	case b[n-1] != end:
		return fmt.Sprintf("it ends with %02x, not with 16", b[n-1])
	}
	return fmt.Sprintf("its checksum is %02x, of these bytes it would be %02x", b[n-2], sum(b[:n-2]))
}

// words is what a frame says.
func (v *version) words(f frame) string {
	text := "meter " + addressText(f.address) + " " + v.functionName(f.control)
	answers := f.control&fromMeter != 0
	switch {
	case f.control == broadcastTime && len(f.data) == 6:
		var room [6]byte
		d := reversed(room[:], f.data)
		return fmt.Sprintf("all meters: broadcast time %x-%x-%x %x:%x:%x", d[0:1], d[1:2], d[2:3], d[3:4], d[4:5], d[5:6])
	case answers && f.control&refused != 0 && len(f.data) == 1:
		return text + ": refused, " + v.errorText(f.data[0]-offset)
	case answers && f.control&refused != 0:
		return text + ": refused"
	case answers && len(f.data) == 0:
		return text + ": done"
	}
	isRead, isWrite := f.control&function == v.read, f.control&function == v.write
	if !isRead && !isWrite || len(f.data) < v.size {
		return text
	}
	var room [maxRead]byte
	id := uint32(0)
	for _, c := range reversed(room[:], f.data[:v.size]) {
		id = id<<8 | uint32(c)
	}
	text += fmt.Sprintf(" %0*X", 2*v.size, id)
	k := v.item(id)
	if k != nil {
		text += " " + k.what
	}
	data := reversed(room[:], f.data[v.size:])
	if !answers || !isRead || len(data) == 0 {
		return text
	}
	text += " = " + k.text(data)
	if f.control&more != 0 {
		text += ", more follows"
	}
	return text
}

// text is data, highest byte first, as people read it; a nil item shows the bytes.
func (k *item) text(data []byte) string {
	if k == nil || k.typ != tags.TypeBCD || len(data) != max(k.size, k.length) {
		return "0x" + hex.EncodeToString(data)
	}
	v, ok := decode(&tags.Tag{Type: k.typ, Size: k.length}, ref{signed: k.signed, size: len(data)}, data)
	if !ok {
		return "no value, 0x" + hex.EncodeToString(data)
	}
	text := fmt.Sprintf("%.*f", decimals(k.scale), v.Float()*k.scale)
	if k.unit != "" {
		text += " " + k.unit
	}
	return text
}

// decimals is how many digits a scale of 1, 0.1, 0.01, … leaves after the point.
func decimals(scale float64) (n int) {
	for ; scale < 0.9; scale *= 10 {
		n++
	}
	return n
}
