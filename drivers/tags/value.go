// Package tags owns what a tag is once its channel is compiled: its type on the wire, its conversion to what people
// read and back, and the store of its values. It has no I/O and no clock, and knows no protocol.
package tags

import (
	"math"
	"strconv"
)

// Kind is the kind of a Value.
type Kind uint8

// The kinds. None is the kind of the zero Value: there is no value.
const (
	None Kind = iota
	KindBool
	KindInt
	KindUint
	KindFloat
	KindText
)

// Value is one value, passed by value; only text has a pointer in it.
type Value struct {
	Kind Kind
	bits uint64
	text string
}

// Bool makes a truth value.
func Bool(b bool) Value {
	v := Value{Kind: KindBool}
	if b {
		v.bits = 1
	}
	return v
}

// Int makes a signed integer.
func Int(i int64) Value { return Value{Kind: KindInt, bits: uint64(i)} }

// Uint makes an unsigned integer.
func Uint(u uint64) Value { return Value{Kind: KindUint, bits: u} }

// Float makes a number.
func Float(f float64) Value { return Value{Kind: KindFloat, bits: math.Float64bits(f)} }

// Text makes a text; s must not change afterwards.
func Text(s string) Value { return Value{Kind: KindText, text: s} }

// Float is the value as a number: true is 1, text and None are NaN.
func (v Value) Float() float64 {
	switch v.Kind {
	case KindBool, KindUint:
		return float64(v.bits)
	case KindInt:
		return float64(int64(v.bits))
	case KindFloat:
		return math.Float64frombits(v.bits)
	}
	return math.NaN()
}

// Any is the value as nil, bool, int64, uint64, float64 or string.
func (v Value) Any() any {
	switch v.Kind {
	case KindBool:
		return v.bits != 0
	case KindInt:
		return int64(v.bits)
	case KindUint:
		return v.bits
	case KindFloat:
		return math.Float64frombits(v.bits)
	case KindText:
		return v.text
	}
	return nil
}

// String is the value for people; empty for None.
func (v Value) String() string {
	switch v.Kind {
	case KindBool:
		return strconv.FormatBool(v.bits != 0)
	case KindInt:
		return strconv.FormatInt(int64(v.bits), 10)
	case KindUint:
		return strconv.FormatUint(v.bits, 10)
	case KindFloat:
		return strconv.FormatFloat(math.Float64frombits(v.bits), 'g', -1, 64)
	case KindText:
		return v.text
	}
	return ""
}

// Quality says how far a value can be believed.
type Quality uint8

// The qualities. Stale: it was good, and polls that should have renewed it were not made.
const (
	Bad Quality = iota
	Stale
	Good
)

func (q Quality) String() string { return [...]string{"bad", "stale", "good"}[q] }

// Reason says why a value is not good, or why a command was not done.
type Reason uint8

// The reasons. Those of Modbus have its names (Modbus Application Protocol V1.1b3, section 7).
const (
	Fine Reason = iota
	NotPolled
	Offline
	Timeout
	Malformed
	NotANumber
	ExpressionFailed
	MissedPolls
	IllegalFunction
	IllegalAddress
	IllegalValue
	DeviceFailure
	Acknowledge
	DeviceBusy
	NegativeAcknowledge
	ParityError
	GatewayPath
	GatewayTarget
	Refused
	Mismatch
	Busy
	Replaced
	reasonCount
)

var reasons = [reasonCount]string{"", "not polled yet", "offline", "timeout", "malformed answer", "not a number",
	"expression failed", "missed polls", "illegal function", "illegal data address", "illegal data value",
	"server device failure", "acknowledge", "server device busy", "negative acknowledge", "memory parity error",
	"gateway path unavailable", "gateway target device failed to respond", "refused by the device",
	"the value read back differs", "too many commands wait", "the channel was changed"}

func (r Reason) String() string {
	if r < reasonCount {
		return reasons[r]
	}
	return "reason " + strconv.Itoa(int(r))
}
