package dlt645

import (
	"encoding/hex"
	"strconv"

	"linkd/drivers/tags"
	"linkd/project"
)

// version is the standard that a channel's meters speak.
type version struct {
	year         string
	size         int  // bytes of an identifier
	read, write  byte // control codes
	codeAndLevel bool // a write has a password and an operator code, always
	known        []item
	errors       [8]string // by bit of the error byte
}

// item is a kind of data that the table knows: the identifiers of which each byte lies between those of low and high.
type item struct {
	low, high uint32
	what      string
	typ       tags.Type
	length    int // bytes of the value
	size      int // bytes of the data that it begins, where that is more
	scale     float64
	unit      string
	signed    bool
}

// v2007 is DL/T 645-2007, appendices A.1 to A.4 and 7.
func v2007() *version {
	const bcd, text = tags.TypeBCD, tags.TypeBytes
	return &version{year: "2007", size: 4, read: 0x11, write: 0x14, codeAndLevel: true,
		errors: [8]string{"another error", "no such data", "wrong password, or not authorised", "the rate cannot be changed",
			"too many year zones", "too many day periods", "too many tariffs", "reserved bit 7"},
		known: []item{
			{0x00000000, 0x00003F0C, "combined active energy", bcd, 4, 0, 0.01, "kWh", true},
			{0x00010000, 0x00013F0C, "forward active energy", bcd, 4, 0, 0.01, "kWh", false},
			{0x00020000, 0x00023F0C, "reverse active energy", bcd, 4, 0, 0.01, "kWh", false},
			{0x00030000, 0x00043F0C, "combined reactive energy", bcd, 4, 0, 0.01, "kvarh", true},
			{0x00050000, 0x00083F0C, "reactive energy of a quadrant", bcd, 4, 0, 0.01, "kvarh", false},
			{0x00090000, 0x000A3F0C, "apparent energy", bcd, 4, 0, 0.01, "kVAh", false},
			{0x00150000, 0x0016000C, "active energy of phase A", bcd, 4, 0, 0.01, "kWh", false},
			{0x00290000, 0x002A000C, "active energy of phase B", bcd, 4, 0, 0.01, "kWh", false},
			{0x003D0000, 0x003E000C, "active energy of phase C", bcd, 4, 0, 0.01, "kWh", false},
			{0x01010000, 0x01023F0C, "maximum of active demand", bcd, 3, 8, 0.0001, "kW", false},
			{0x02010100, 0x02010300, "voltage", bcd, 2, 0, 0.1, "V", false},
			{0x02020100, 0x02020300, "current", bcd, 3, 0, 0.001, "A", true},
			{0x02030000, 0x02030300, "active power", bcd, 3, 0, 0.0001, "kW", true},
			{0x02040000, 0x02040300, "reactive power", bcd, 3, 0, 0.0001, "kvar", true},
			{0x02050000, 0x02050300, "apparent power", bcd, 3, 0, 0.0001, "kVA", true},
			{0x02060000, 0x02060300, "power factor", bcd, 2, 0, 0.001, "", true},
			{0x02070100, 0x02070300, "phase angle", bcd, 2, 0, 0.1, "°", false},
			{0x02080100, 0x02080300, "distortion of voltage", bcd, 2, 0, 0.01, "%", false},
			{0x02090100, 0x02090300, "distortion of current", bcd, 2, 0, 0.01, "%", false},
			{0x02800001, 0x02800001, "current of the neutral", bcd, 3, 0, 0.001, "A", true},
			{0x02800002, 0x02800002, "frequency", bcd, 2, 0, 0.01, "Hz", false},
			{0x02800003, 0x02800003, "active power of the last minute", bcd, 3, 0, 0.0001, "kW", true},
			{0x02800004, 0x02800004, "active demand", bcd, 3, 0, 0.0001, "kW", true},
			{0x02800005, 0x02800005, "reactive demand", bcd, 3, 0, 0.0001, "kvar", true},
			{0x02800006, 0x02800006, "apparent demand", bcd, 3, 0, 0.0001, "kVA", true},
			{0x02800007, 0x02800007, "temperature in the meter", bcd, 2, 0, 0.1, "°C", true},
			{0x02800008, 0x02800008, "voltage of the clock's battery", bcd, 2, 0, 0.01, "V", false},
			{0x02800009, 0x02800009, "voltage of the reading battery", bcd, 2, 0, 0.01, "V", false},
			{0x0280000A, 0x0280000A, "time on battery", bcd, 4, 0, 1, "min", false},
			{0x04000101, 0x04000101, "date", text, 4, 0, 1, "", false},
			{0x04000102, 0x04000102, "time", text, 3, 0, 1, "", false},
			{0x04000401, 0x04000401, "address", text, 6, 0, 1, "", false},
			{0x04000402, 0x04000402, "meter number", text, 6, 0, 1, "", false},
			{0x04000501, 0x04000507, "status word", tags.TypeUint16, 2, 0, 1, "", false},
		}}
}

// v1997 is DL/T 645-1997, appendix A.
func v1997() *version {
	const bcd, text = tags.TypeBCD, tags.TypeBytes
	v := &version{year: "1997", size: 2, read: 0x01, write: 0x04,
		errors: [8]string{"illegal data", "no such identifier", "wrong password", "reserved bit 3", "too many year zones",
			"too many day periods", "too many tariffs", "reserved bit 7"},
		known: []item{
			{0xA010, 0xA01E, "maximum of forward active demand", bcd, 3, 0, 0.0001, "kW", false},
			{0xA020, 0xA02E, "maximum of reverse active demand", bcd, 3, 0, 0.0001, "kW", false},
			{0xB611, 0xB613, "voltage", bcd, 2, 0, 1, "V", false},
			{0xB621, 0xB623, "current", bcd, 2, 0, 0.01, "A", false},
			{0xB630, 0xB633, "active power", bcd, 3, 0, 0.0001, "kW", false},
			{0xB640, 0xB643, "reactive power", bcd, 2, 0, 0.01, "kvar", false},
			{0xB650, 0xB653, "power factor", bcd, 2, 0, 0.001, "", false},
			{0xC010, 0xC010, "date", text, 4, 0, 1, "", false},
			{0xC011, 0xC011, "time", text, 3, 0, 1, "", false},
			{0xC032, 0xC032, "meter number", text, 6, 0, 1, "", false},
		}}
	for _, month := range []uint32{0x9000, 0x9400, 0x9800} {
		v.known = append(v.known,
			item{month | 0x10, month | 0x1E, "forward active energy", bcd, 4, 0, 0.01, "kWh", false},
			item{month | 0x20, month | 0x2E, "reverse active energy", bcd, 4, 0, 0.01, "kWh", false})
		for kind := uint32(0x110); kind <= 0x160; kind += 0x10 {
			v.known = append(v.known,
				item{month | kind, month | kind | 0xE, "reactive energy", bcd, 4, 0, 0.01, "kvarh", false})
		}
	}
	return v
}

// item returns what the table knows of an identifier, nil for nothing.
func (v *version) item(id uint32) *item {
	for i := range v.known {
		k, in := &v.known[i], true
		for shift := 0; shift < 32; shift += 8 {
			c := byte(id >> shift)
			in = in && c >= byte(k.low>>shift) && c <= byte(k.high>>shift)
		}
		if in {
			return k
		}
	}
	return nil
}

// parse reads an identifier; false when it is none of this version.
func (v *version) parse(s string) (uint32, bool) {
	if len(s) != 2*v.size {
		return 0, false
	}
	if _, err := hex.DecodeString(s); err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 16, 32)
	return uint32(n), err == nil
}

// block reports whether an identifier asks for several values.
func (v *version) block(id uint32) bool {
	for shift := 0; shift < 8*v.size; shift += 8 {
		if byte(id>>shift) == 0xFF {
			return true
		}
	}
	return v.size == 2 && id&0xF == 0xF
}

// wire is an identifier as it goes on the wire, before 33H is added.
func (v *version) wire(id uint32) []byte {
	return []byte{byte(id), byte(id >> 8), byte(id >> 16), byte(id >> 24)}[:v.size]
}

// formats gives tags without a type the format of the table. Channel and models stay as they are.
func (v *version) formats(ch *project.Channel, models []*project.Model) (*project.Channel, []*project.Model) {
	own := *ch
	own.Devices = make([]*project.Device, len(ch.Devices))
	for i, d := range ch.Devices {
		dev := *d
		dev.Tags = v.formatted(d.Tags)
		own.Devices[i] = &dev
	}
	list := make([]*project.Model, len(models))
	for i, m := range models {
		model := *m
		model.Tags = v.formatted(m.Tags)
		list[i] = &model
	}
	return &own, list
}

func (v *version) formatted(list []*project.Tag) []*project.Tag {
	out := make([]*project.Tag, len(list))
	for i, t := range list {
		out[i] = t
		id, ok := v.parse(t.Address)
		k := v.item(id)
		if !ok || k == nil || t.Type != "" {
			continue
		}
		tag := *t
		tag.Type = k.typ.String()
		if tag.Length == 0 && (k.typ == tags.TypeBCD || k.typ == tags.TypeBytes) {
			tag.Length = k.length
		}
		if tag.Scale == 0 {
			tag.Scale = 1
		}
		tag.Scale *= k.scale
		if tag.Unit == "" {
			tag.Unit = k.unit
		}
		out[i] = &tag
	}
	return out
}
