package loadgen

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"linkd/project"
)

// wire is how payload travels once the link is identified.
type wire uint8

const (
	plain     wire = iota // as it is
	fourFaith             // escaped both ways, see fourfaith.go
	ddp                   // in packets, see ddp.go
)

// preset is one way to say who a device is: a row of the vendors' formats.
type preset struct {
	name     string
	identity func(s *speech, dst, id []byte) []byte // appends the registration
	check    func(c *Config, id string) error       // of the first and the last id; nil: any id will do
	custom   string                                 // options that it reads, of prefix, suffix, length, ack
	wire     wire
	ack      []byte // exact answer that the server must give
	beat     []byte // heartbeat; nil: it has none of its own
}

// Presets returns the names of all presets: none (send nothing), and those of the vendors' formats.
func Presets() []string {
	var names []string
	for _, p := range presets() {
		names = append(names, p.name)
	}
	return names
}

func presets() []preset {
	return []preset{
		{name: "none", identity: func(_ *speech, dst, _ []byte) []byte { return dst }},
		{name: "auto", identity: wrapped, custom: "prefix suffix ack"},
		{name: "line", identity: line, custom: "prefix ack"},
		{name: "usr", identity: wrapped, check: atMost(40), custom: "ack", beat: []byte("LOG")},
		{name: "template", identity: wrapped, custom: "prefix suffix length ack", check: exactLength},
		{name: "fixed", identity: wrapped, custom: "prefix suffix length ack", check: exactLength},
		{name: "hex", identity: hexID, custom: "prefix suffix length ack", check: hexDigits},
		{name: "length-prefixed", identity: lengthPrefixed, custom: "prefix length ack", check: fitsLength},
		{name: "four-faith", identity: fourFaithRegistration, check: digits(11), wire: fourFaith,
			beat: []byte{heartbeatByte}},
		{name: "ddp", identity: ddpRegistration, check: digits(11), wire: ddp},
		{name: "inhand", identity: inhandRegistration, check: digits(11), custom: "ack"},
		{name: "imei", identity: imeiRegistration, check: digits(15), ack: []byte{0x01}},
	}
}

// speech is everything that the devices of one run say and understand. It is immutable and holds no device's state.
type speech struct {
	preset
	pattern project.Pattern
	from    int

	prefix, suffix []byte
	lengthBytes    int
	little         bool
	packetPrefix   bool
	silent         bool
}

// newSpeech compiles the part of a Config that says what devices send; the error names the option.
func newSpeech(c *Config) (*speech, error) {
	p, err := c.ids()
	if err != nil {
		return nil, err
	}
	s := &speech{pattern: p, from: c.From, prefix: c.Prefix, suffix: c.Suffix, lengthBytes: c.Length,
		little: c.Endian == "little", packetPrefix: c.PacketPrefix, silent: c.SilentConnect}
	for _, row := range presets() {
		if row.name == c.Preset {
			s.preset = row
		}
	}
	if s.name == "" {
		return nil, fmt.Errorf("preset %q; give one of %s", c.Preset, strings.Join(Presets(), ", "))
	}
	if err := s.checkOptions(c); err != nil {
		return nil, err
	}
	if s.check != nil {
		for _, n := range []int{c.From, c.From + c.Devices - 1} {
			if err := s.check(c, p.Format(n)); err != nil {
				return nil, fmt.Errorf("id of device %d with preset %s: %w", n, s.name, err)
			}
		}
	}
	if s.ack == nil {
		s.ack = c.Ack
	}
	if c.HeartbeatSend != nil {
		s.beat = c.HeartbeatSend
	}
	if c.Heartbeat > 0 && s.beat == nil && s.wire != ddp {
		return nil, fmt.Errorf("heartbeat with preset %s, which has none of its own; give its bytes", s.name)
	}
	if c.Slave.BeatInside > 0 && s.beat == nil && s.wire != ddp {
		return nil, fmt.Errorf("heartbeat inside with preset %s, which has none of its own; give its bytes", s.name)
	}
	return s, nil
}

// checkOptions refuses what the preset does not read.
func (s *speech) checkOptions(c *Config) error {
	for _, o := range []struct {
		name  string
		given bool
	}{{"prefix", c.Prefix != nil}, {"suffix", c.Suffix != nil}, {"length", c.Length != 0}, {"ack", c.Ack != nil}} {
		if o.given && !strings.Contains(s.custom, o.name) {
			return fmt.Errorf("%s with preset %s, which takes none", o.name, s.name)
		}
	}
	switch {
	case c.PacketPrefix && s.name != "usr":
		return fmt.Errorf("packet prefix with preset %s; it belongs to usr", s.name)
	case c.SilentConnect && !c.PacketPrefix:
		return fmt.Errorf("silent connect without packet prefix: the devices would never say who they are")
	case c.SilentConnect && c.Mode == Idle && c.Burst == 0 && c.Confirm != ConfirmEcho:
		return fmt.Errorf("silent connect with mode idle: the devices would never say who they are; give echo or push")
	case c.Endian != "big" && c.Endian != "little":
		return fmt.Errorf("endian %q; give big or little", c.Endian)
	case len(c.Prefix) > maxID || len(c.Suffix) > maxID || len(c.Ack) > maxID || len(c.HeartbeatSend) > maxID:
		return fmt.Errorf("prefix, suffix, ack or heartbeat longer than %d bytes", maxID)
	}
	return nil
}

// appendID appends the id of device i of the fleet.
func (s *speech) appendID(dst []byte, i int) []byte { return s.pattern.Append(dst, s.from+i) }

// appendIdentity appends what device i sends on connecting.
func (s *speech) appendIdentity(dst []byte, i int) []byte {
	if s.silent {
		return dst
	}
	var room [maxID]byte
	return s.identity(s, dst, s.appendID(room[:0], i))
}

// appendData appends payload as device i sends it.
func (s *speech) appendData(dst []byte, i int, payload []byte) []byte {
	switch {
	case s.wire == fourFaith:
		return appendEscaped(dst, payload)
	case s.wire == ddp:
		var room [maxID]byte
		return appendDDP(dst, ddpUp, s.appendID(room[:0], i), payload)
	case s.packetPrefix:
		return append(s.appendID(dst, i), payload...)
	}
	return append(dst, payload...)
}

// asItIs reports whether appendData would append the payload and nothing else.
func (s *speech) asItIs() bool { return s.wire == plain && !s.packetPrefix }

// appendHeartbeat appends the heartbeat of device i.
func (s *speech) appendHeartbeat(dst []byte, i int) []byte {
	if s.beat != nil {
		return append(dst, s.beat...)
	}
	return s.appendIdentity(dst, i) // ddp registers again
}

// acked reports whether the server must answer the identity.
func (s *speech) acked() bool { return s.wire == ddp || len(s.ack) > 0 }

// wrapped: prefix, id, suffix.
func wrapped(s *speech, dst, id []byte) []byte {
	return append(append(append(dst, s.prefix...), id...), s.suffix...)
}

// line: prefix, id, CR LF.
func line(s *speech, dst, id []byte) []byte { return append(wrapped(s, dst, id), '\r', '\n') }

// hexID: prefix, the bytes that the id writes in hex, suffix.
func hexID(s *speech, dst, id []byte) []byte {
	dst = append(dst, s.prefix...)
	dst, _ = hex.AppendDecode(dst, id) // the ids were checked
	return append(dst, s.suffix...)
}

// lengthPrefixed: prefix, length of the id in 1, 2 or 4 bytes, id.
func lengthPrefixed(s *speech, dst, id []byte) []byte {
	dst = append(dst, s.prefix...)
	n := uint32(len(id))
	switch {
	case s.lengthBytes == 1:
		dst = append(dst, byte(n))
	case s.lengthBytes == 2 && s.little:
		dst = binary.LittleEndian.AppendUint16(dst, uint16(n))
	case s.lengthBytes == 2:
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	case s.little:
		dst = binary.LittleEndian.AppendUint32(dst, n)
	default:
		dst = binary.BigEndian.AppendUint32(dst, n)
	}
	return append(dst, id...)
}

// inhandRegistration: AA 01, 11 digits, 0D.
func inhandRegistration(_ *speech, dst, id []byte) []byte {
	return append(append(append(dst, 0xAA, 0x01), id...), 0x0D)
}

// imeiRegistration: 00 0F, 15 digits. The server answers 01 (accepted) or 00 (refused).
func imeiRegistration(_ *speech, dst, id []byte) []byte {
	return append(append(dst, 0x00, 0x0F), id...)
}

func atMost(n int) func(*Config, string) error {
	return func(_ *Config, id string) error {
		if len(id) > n {
			return fmt.Errorf("%q has %d bytes; give at most %d", id, len(id), n)
		}
		return nil
	}
}

func digits(n int) func(*Config, string) error {
	return func(_ *Config, id string) error {
		if len(id) != n || strings.Trim(id, "0123456789") != "" {
			return fmt.Errorf("%q; give %d ASCII digits, such as %q", id, n, fmt.Sprintf("1{n:0%d}", n-1))
		}
		return nil
	}
}

func exactLength(c *Config, id string) error {
	if c.Length != 0 && len(id) != c.Length {
		return fmt.Errorf("%q has %d bytes; length says %d", id, len(id), c.Length)
	}
	return nil
}

func hexDigits(c *Config, id string) error {
	b, err := hex.DecodeString(id)
	if err != nil {
		return fmt.Errorf("%q; give an even number of hex digits", id)
	}
	return exactLength(c, string(b))
}

func fitsLength(c *Config, id string) error {
	switch {
	case c.Length != 1 && c.Length != 2 && c.Length != 4:
		return fmt.Errorf("length %d; the length field has 1, 2 or 4 bytes", c.Length)
	case c.Length == 1 && len(id) > 255:
		return fmt.Errorf("%d bytes do not fit a length field of 1 byte", len(id))
	}
	return nil
}
