package loadgen

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// fixed are registers that hold their own address, and keep what is written.
type fixed struct{ wrote []byte }

func (f *fixed) read(dst []byte, at place, count int, _ int64) ([]byte, byte) {
	for a := at.addr; a < at.addr+count; a++ {
		dst = append(dst, byte(a>>8), byte(a))
	}
	return dst, 0
}

func (f *fixed) write(_ place, values []byte, _ int64) byte {
	f.wrote = append(f.wrote, values...)
	return 0
}

// TestCRC: the example of Modbus over Serial Line V1.02, section 6.2.2.
func TestCRC(t *testing.T) {
	if got := modbusCRC([]byte{0x02, 0x07}); got != 0x1241 {
		t.Errorf("CRC of 02 07 is %04X, want 1241", got)
	}
}

// TestPDUs: requests and answers as in the examples of Modbus Application Protocol V1.1b3, sections 6.3 to 6.12; the
// values read are those of fixed.
func TestPDUs(t *testing.T) {
	tests := []struct{ name, request, want string }{
		{"read holding registers", "03 00 6B 00 03", "03 06 00 6B 00 6C 00 6D"},
		{"read input registers", "04 00 08 00 01", "04 02 00 08"},
		{"write single register", "06 00 01 00 03", "06 00 01 00 03"},
		{"write multiple registers", "10 00 01 00 02 04 00 0A 01 02", "10 00 01 00 02"},
		{"read no register", "03 00 00 00 00", "83 03"},
		{"read too many", "03 00 00 00 7E", "83 03"},
		{"read past the end", "03 FF FF 00 02", "83 02"},
		{"write past the end", "10 FF FF 00 02 04 00 00 00 00", "90 02"},
		{"write another count", "10 00 00 00 03 04 00 00 00 00", "90 03"},
		{"coils are not there", "01 00 00 00 08", "81 01"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := request{unit: 1, pdu: unhex(t, tt.request)}
			if n := pduLength(q.pdu); n != len(q.pdu) {
				t.Errorf("the request's length is taken as %d, want %d", n, len(q.pdu))
			}
			if got := appendPDU(nil, &q, &fixed{}, 0, 0); !bytes.Equal(got, unhex(t, tt.want)) {
				t.Errorf("answer % X, want %s", got, tt.want)
			}
		})
	}
}

// Frames that other programs and manuals print.
const (
	rtuRead = "11 03 00 6B 00 03 76 87"
	rtuSet  = "11 06 00 01 00 03 9A 9B"
	tcpRead = "00 01 00 00 00 06 11 03 00 6B 00 03"
)

func TestFindRequests(t *testing.T) {
	tests := []struct {
		name, bytes string
		dialect     *dialect
		from, to    int
	}{
		{"RTU", rtuRead, modbusRTU(), 0, 8},
		{"RTU, another", rtuSet, modbusRTU(), 0, 8},
		{"RTU after rubbish", "FE 00 10" + rtuRead, modbusRTU(), 3, 11},
		{"RTU, half", "11 03 00 6B", modbusRTU(), 0, 0},
		{"RTU, broken CRC", "11 03 00 6B 00 03 76 88", modbusRTU(), 8, 0},
		{"RTU, two", rtuRead + rtuSet, modbusRTU(), 0, 8},
		{"TCP", tcpRead, modbusTCP(), 0, 12},
		{"TCP, half", tcpRead[:24], modbusTCP(), 0, 0},
		{"TCP, wrong length", "00 01 00 00 00 07 11 03 00 6B 00 03 00", modbusTCP(), 13, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			from, to := tt.dialect.find(unhex(t, tt.bytes))
			if to != tt.to || to > 0 && from != tt.from || to == 0 && tt.from == 0 && from != 0 {
				t.Errorf("found %d:%d, want %d:%d", from, to, tt.from, tt.to)
			}
		})
	}
}

func TestWrap(t *testing.T) {
	for name, tt := range map[string]struct {
		dialect *dialect
		frame   string
	}{"RTU": {modbusRTU(), rtuRead}, "TCP": {modbusTCP(), tcpRead}} {
		frame := unhex(t, tt.frame)
		q := tt.dialect.open(frame)
		if q.unit != 0x11 || !bytes.Equal(q.pdu, unhex(t, "03 00 6B 00 03")) {
			t.Errorf("%s: %+v was read from %s", name, q, tt.frame)
		}
		if got := tt.dialect.wrap(nil, &q, q.pdu); !bytes.Equal(got, frame) {
			t.Errorf("%s: % X, want %s", name, got, tt.frame)
		}
	}
}

// FuzzRequests: whatever the server sends, a request is found within what came, and what is kept fits the buffer.
func FuzzRequests(f *testing.F) {
	for _, s := range []string{rtuRead, rtuSet, tcpRead, "11 10 00 01 00 02 04 00 0A 01 02 C6 F0", "11 10 00 00 00 00 00",
		"00 00 00 00 00 FE 01 10", "11"} {
		b, _ := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, d := range []*dialect{modbusRTU(), modbusTCP()} {
			rest := b[:min(len(b), maxRequest)]
			for len(rest) > 0 {
				from, to := d.find(rest)
				if to == 0 {
					if from < 0 || from > len(rest) || from == 0 && len(rest) == maxRequest {
						t.Fatalf("%d of %d bytes are done with", from, len(rest))
					}
					break
				}
				if from < 0 || from >= to || to > len(rest) {
					t.Fatalf("%d:%d of %d bytes", from, to, len(rest))
				}
				q := d.open(rest[from:to])
				if a := appendPDU(nil, &q, &fixed{}, 0, 0); len(a) < 2 || len(d.wrap(nil, &q, a)) > maxAnswer {
					t.Fatalf("answer of %d bytes to % X", len(a), q.pdu)
				}
				rest = rest[to:]
			}
		}
	})
}
