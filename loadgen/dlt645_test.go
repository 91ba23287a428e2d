package loadgen

import (
	"bytes"
	"testing"
	"time"
)

// The question for the voltage of phase A of meter 000000000161, and a meter's answer to it as captured: 100.1 V.
const (
	meterQuestion = "FE FE FE FE 68 61 01 00 00 00 00 68 11 04 33 34 34 35 17 16"
	meterCaptured = "68 61 01 00 00 00 00 68 91 06 33 34 34 35 34 43 10 16"
)

func TestMeterFrames(t *testing.T) {
	d := dlt645()
	captured := unhex(t, meterCaptured)
	if n := meterLength(captured); n != len(captured) {
		t.Fatalf("the captured frame is taken as %d bytes long", n)
	}
	q := d.open(bytes.Clone(captured))
	if want := unhex(t, "91 00 01 01 02 01 10"); !bytes.Equal(q.pdu, want) {
		t.Errorf("in it is % X, want % X", q.pdu, want)
	}
	if got := d.wrap(nil, &q, unhex(t, "91 00 01 01 02 01 10")); !bytes.Equal(got[wakeSent:], captured) {
		t.Errorf("wrapped % X, want it as captured", got)
	}
	for name, tt := range map[string]struct {
		bytes    string
		from, to int
	}{
		"question":       {meterQuestion, 0, 20},
		"after rubbish":  {"00 68 68" + meterQuestion, 3, 23},
		"half":           {meterQuestion[:30], 0, 0},
		"broken sum":     {"68 61 01 00 00 00 00 68 11 04 33 34 34 35 16 16", 16, 0},
		"no end":         {"68 61 01 00 00 00 00 68 11 04 33 34 34 35 17 17", 16, 0},
		"a great length": {"68 61 01 00 00 00 00 68 11 F0 33 34 34 35 15 16", 16, 0},
	} {
		if from, to := d.find(unhex(t, tt.bytes)); from != tt.from || to != tt.to {
			t.Errorf("%s: found %d:%d, want %d:%d", name, from, to, tt.from, tt.to)
		}
	}
}

// metersOf are the meters of a device, one.
func metersOf(device int) *meters {
	self := newSelfDescribing(&Config{From: device, Slave: Slave{UnitFrom: 1, UnitTo: 1}}, 0, 1)
	return &meters{first: device, from: 1, to: 1, self: self}
}

func TestMeterAnswers(t *testing.T) {
	m := metersOf(12)
	d := dlt645()
	now := int64(time.Hour)
	for name, tt := range map[string]struct{ question, want string }{
		"energy": {"11 00 00 01 00", "91 00 00 01 00 00 51 38 00"},
		// Device 12, unit 1, block 2, counter 1.
		"where and when":   {"11 02 00 00 0F", "91 02 00 00 0F 01 00 04 00 01 0C 00 00"},
		"the end of those": {"11 00 40 00 0F", "D1 02"},
		"no such data":     {"11 00 00 99 99", "D1 02"},
		"write":            {"14 00 00 01 00", "D4 04"},
		"address":          {"13", "93 01 20 01 00 00 00"},
		"no identifier":    {"11 00", "D1 02"},
		"identifier twice": {"11 00 00 01 00 00", "D1 02"},
	} {
		q := request{unit: 1, pdu: unhex(t, tt.question), addr: [6]byte{0xAA, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA}}
		if u := m.unit(&q, 0); u != 1 {
			t.Fatalf("whatever is there is unit %d", u)
		}
		if got := m.answer(nil, &q, 0, now); !bytes.Equal(got, unhex(t, tt.want)) {
			t.Errorf("%s: % X, want %s", name, got, tt.want)
		}
		if n := meterLength(d.wrap(nil, &q, unhex(t, tt.want))); n < 0 {
			t.Errorf("%s: the answer is no frame", name)
		}
	}
	if u := m.unit(&request{addr: [6]byte{0x02, 0x20, 0x01}}, 0); u != 0 {
		t.Errorf("another meter's address is unit %d", u)
	}
	if u := (&meters{first: 12, from: 1, to: 3}).unit(&request{addr: [6]byte{0x02, 0x20, 0x01}}, 0); u != 2 {
		t.Errorf("000000012002 is unit %d, want 2", u)
	}
}

// FuzzMeter: whatever the server sends, a question is found within what came, and its answer is a frame.
func FuzzMeter(f *testing.F) {
	for _, s := range []string{meterQuestion, meterCaptured, "68 AA AA AA AA AA AA 68 13 00 DF 16", "FE FE 68",
		"68 AA AA AA AA AA AA 68 11 04 35 33 33 42 BE 16"} {
		f.Add(unhex(f, s))
	}
	d, m := dlt645(), metersOf(1)
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b), maxRequest)]
		from, to := d.find(b)
		if to == 0 {
			if from == 0 && len(b) == maxRequest || from > len(b) {
				t.Fatalf("%d of %d bytes are done with", from, len(b))
			}
			return
		}
		q := d.open(b[from:to])
		if q.unit = byte(m.unit(&q, 0)); q.unit == 0 {
			return
		}
		a := d.wrap(nil, &q, m.answer(nil, &q, 0, 1))
		if n := meterLength(a); n != len(a) || n > maxAnswer {
			t.Fatalf("the answer % X to % X is no frame", a, q.pdu)
		}
	})
}
