package codec

import (
	"bytes"
	"fmt"

	"linkd/project"
)

// Bounds and defaults of the options.
const (
	// DefaultMaxBytes is the longest id when MaxBytes is 0.
	DefaultMaxBytes = 128
	// LimitMaxBytes is the largest MaxBytes: a link has 1 KiB before its identity.
	LimitMaxBytes = 1024

	maxHeartbeats   = 16
	maxHeartbeatLen = 64
	maxAck          = 256
	ownID           = "{id}" // as a heartbeat: the link's own id
	templateDigits  = 15     // an IMEI
	imeiDigits      = 15
	phoneDigits     = 11
)

// New compiles the identity options of one provider. An error wraps ErrConfig and names the option, its value, and
// what would be right. Options that the preset has no use for are ignored. cfg's slices are kept, and must not change.
func New(cfg project.Identity) (*Framer, error) {
	f := &Framer{maxBytes: cfg.MaxBytes, ack: cfg.Ack, nack: cfg.Nack}
	if f.maxBytes == 0 {
		f.maxBytes = DefaultMaxBytes
	}
	if f.maxBytes < 1 || f.maxBytes > LimitMaxBytes {
		return nil, fmt.Errorf("%w: max_bytes %d, want 1 to %d", ErrConfig, cfg.MaxBytes, LimitMaxBytes)
	}
	if len(cfg.Prefix)+len(cfg.Suffix) > f.maxBytes {
		return nil, fmt.Errorf("%w: prefix and suffix have %d bytes, want at most max_bytes (%d)",
			ErrConfig, len(cfg.Prefix)+len(cfg.Suffix), f.maxBytes)
	}
	if len(cfg.Ack) > maxAck || len(cfg.Nack) > maxAck {
		return nil, fmt.Errorf("%w: ack and nack have %d and %d bytes, want at most %d each",
			ErrConfig, len(cfg.Ack), len(cfg.Nack), maxAck)
	}
	if err := f.preset(cfg); err != nil {
		return nil, err
	}
	if err := f.heartbeats(cfg); err != nil {
		return nil, err
	}
	f.maxHeld = f.held()
	return f, nil
}

// preset sets what the named preset is made of.
func (f *Framer) preset(cfg project.Identity) error {
	f.look = layout
	switch cfg.Preset {
	case "", "auto":
		f.look, f.text, f.ends = auto, true, true
	case "usr":
		return f.usr(cfg)
	case "template":
		return f.template(cfg)
	case "four-faith":
		f.wire = fourFaithWire
		f.idCells([]byte{0x78, 0x56, 0x34, 0x12}, digit, phoneDigits)
		f.cells = append(f.cells, cell{lit: 0})
		f.cells = appendCells(f.cells, anyByte, 4)
		f.cells = append(f.cells, cell{lit: 0})
	case "ddp":
		if len(cfg.Ack) > 0 {
			return ownAnswer("ack", cfg.Preset, "7B 81")
		}
		f.wire = ddpWire
		f.idCells([]byte{ddpMark, ddpRegister, 0, 0x16}, digit, ddpID)
		f.cells = appendCells(f.cells, anyByte, 6)
		f.cells = append(f.cells, cell{lit: ddpMark})
	case "inhand":
		f.idCells([]byte{0xAA, 0x01}, digit, phoneDigits)
		f.cells = append(f.cells, cell{lit: 0x0D})
	case "imei":
		if len(cfg.Ack) > 0 {
			return ownAnswer("ack", cfg.Preset, "01")
		}
		if len(cfg.Nack) > 0 {
			return ownAnswer("nack", cfg.Preset, "00")
		}
		f.ack, f.nack = []byte{1}, []byte{0}
		f.idCells([]byte{0, imeiDigits}, digit, imeiDigits)
	case "line":
		return f.line(cfg)
	case "fixed", "hex":
		f.upperHex = cfg.Preset == "hex"
		return f.sized(cfg)
	case "length-prefixed":
		return f.lengthPrefixed(cfg)
	case "regex":
		var err error
		f.look = regex
		f.re, err = compileRegex(cfg.Pattern)
		return err
	default:
		return fmt.Errorf("%w: preset %q, want auto, usr, template, four-faith, ddp, inhand, imei, line, fixed, "+
			"length-prefixed, hex or regex", ErrConfig, cfg.Preset)
	}
	return nil
}

// idCells begins a fixed layout: literal bytes, then an id of n cells.
func (f *Framer) idCells(prefix []byte, kind cellKind, n int) {
	f.cells = appendLiteral(nil, prefix)
	f.idFrom = len(f.cells)
	f.cells = appendCells(f.cells, kind, n)
	f.idTo = len(f.cells)
}

func ownAnswer(option, preset, answer string) error {
	return fmt.Errorf("%w: %s: preset %s answers %s by itself; leave %s out", ErrConfig, option, preset, answer, option)
}

func (f *Framer) usr(cfg project.Identity) error {
	f.look, f.text = auto, true
	switch cfg.Mode {
	case "", "connect":
		f.ends = true
	case "packet", "both":
		f.packet = true
	default:
		return fmt.Errorf("%w: mode %q, want connect, packet or both", ErrConfig, cfg.Mode)
	}
	return nil
}

func (f *Framer) template(cfg project.Identity) error {
	n := cfg.Length
	if n == 0 {
		n = templateDigits
	}
	if n < 1 || n > f.maxBytes {
		return f.badLength(cfg.Length)
	}
	suffix := cfg.Suffix
	if suffix == nil {
		suffix = []byte{0, 1, 2, 3}
	}
	f.idCells(cfg.Prefix, hexDigit, n)
	f.cells = appendLiteral(f.cells, suffix)
	return nil
}

func (f *Framer) sized(cfg project.Identity) error {
	if cfg.Length < 1 || cfg.Length > f.maxBytes {
		return f.badLength(cfg.Length)
	}
	f.idCells(cfg.Prefix, anyByte, cfg.Length)
	f.cells = appendLiteral(f.cells, cfg.Suffix)
	return nil
}

func (f *Framer) badLength(n int) error {
	return fmt.Errorf("%w: length %d, want 1 to max_bytes (%d)", ErrConfig, n, f.maxBytes)
}

func (f *Framer) line(cfg project.Identity) error {
	for _, b := range [][]byte{cfg.Prefix, cfg.Suffix} {
		if indexEnd(b) >= 0 {
			return fmt.Errorf("%w: % X: prefix and suffix of a line hold no CR, LF or NUL", ErrConfig, b)
		}
	}
	if len(cfg.Prefix) > 0 && isBlank(cfg.Prefix[0]) {
		return fmt.Errorf("%w: prefix %q: want one that does not begin with a blank, which is skipped",
			ErrConfig, cfg.Prefix)
	}
	if n := len(cfg.Suffix); n > 0 && isBlank(cfg.Suffix[n-1]) {
		return fmt.Errorf("%w: suffix %q: want one that does not end with a blank, which is trimmed",
			ErrConfig, cfg.Suffix)
	}
	f.look, f.text, f.ends = line, true, true
	f.prefix, f.suffix = cfg.Prefix, cfg.Suffix
	return nil
}

func (f *Framer) lengthPrefixed(cfg project.Identity) error {
	switch cfg.Length {
	case 1, 2, 4:
	default:
		return fmt.Errorf("%w: length %d, want the size of the length field: 1, 2 or 4", ErrConfig, cfg.Length)
	}
	switch cfg.Endian {
	case "", "big":
	case "little":
		f.littleEnd = true
	default:
		return fmt.Errorf("%w: endian %q, want big or little", ErrConfig, cfg.Endian)
	}
	f.look, f.lenBytes = lengthPrefixed, cfg.Length
	f.prefix, f.suffix = cfg.Prefix, cfg.Suffix
	return nil
}

// heartbeats sets the heartbeats that are configured, or else the preset's own.
func (f *Framer) heartbeats(cfg project.Identity) error {
	beats := cfg.Heartbeats
	if cfg.Preset == "usr" && beats == nil {
		beats = [][]byte{[]byte("LOG"), []byte("www.usr.cn")}
	}
	if len(beats) > maxHeartbeats {
		return fmt.Errorf("%w: %d heartbeats, want at most %d", ErrConfig, len(beats), maxHeartbeats)
	}
	for i, h := range beats {
		switch {
		case len(h) == 0 || len(h) > maxHeartbeatLen:
			return fmt.Errorf("%w: heartbeats[%d] has %d bytes, want 1 to %d", ErrConfig, i, len(h), maxHeartbeatLen)
		case string(h) == ownID && f.upperHex:
			return fmt.Errorf("%w: heartbeats[%d] %q: preset hex sends its id as raw bytes; write them out",
				ErrConfig, i, h)
		case string(h) == ownID:
			f.idBeats = true
		default:
			f.beats = append(f.beats, h)
		}
	}
	if f.wire == fourFaithWire && !containsBeat(f.beats, []byte{ffBeat}) {
		f.beats = append(f.beats, []byte{ffBeat})
	}
	return nil
}

func containsBeat(beats [][]byte, h []byte) bool {
	for _, b := range beats {
		if bytes.Equal(b, h) {
			return true
		}
	}
	return false
}

// held is the most bytes that Decode may leave untaken: the beginning of the longest thing it waits for.
func (f *Framer) held() int {
	n := 0
	for _, h := range f.beats {
		n = max(n, len(h)-1)
	}
	if f.packet || f.idBeats {
		n = max(n, f.maxBytes-1)
	}
	if f.ends {
		n = max(n, maxBlanks+1)
	}
	switch f.wire {
	case fourFaithWire:
		n = max(n, 1)
	case ddpWire:
		n = max(n, ddpMaximum-1)
	}
	return n
}
