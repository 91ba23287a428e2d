package payload

import (
	"errors"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"linkd/drivers/tags"
	"linkd/server"
)

// ErrMalformed is the error for bytes that are no Entry of report.proto.
var ErrMalformed = errors.New("payload: malformed protobuf")

// Entry is what AppendProto or AppendProtoEvent has written, read again. It is used again for the next.
type Entry struct {
	IsEvent bool
	Event   server.Event // but for Time
	Time    int64        // nanoseconds since the Unix epoch
	Report  Report
}

// Report is a report, read again. Its texts are its own.
type Report struct {
	Provider, Connection, Channel, Device string
	Values                                []Value
}

// Value is one tag of a Report.
type Value struct {
	Tag     string
	Value   tags.Value
	Quality tags.Quality
	Reason  string
	TS      int64 // nanoseconds since the Unix epoch
}

// field is one field of a message.
type field struct {
	number protowire.Number
	bits   uint64
	bytes  []byte
}

// fields calls f for each field of a message.
func fields(b []byte, f func(*field) error) error {
	for len(b) > 0 {
		number, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return ErrMalformed
		}
		b = b[n:]
		v := field{number: number}
		switch typ {
		case protowire.VarintType:
			v.bits, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			v.bits, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, typ, b)
		}
		if n < 0 {
			return ErrMalformed
		}
		b = b[n:]
		if err := f(&v); err != nil {
			return err
		}
	}
	return nil
}

// Parse reads what AppendProto or AppendProtoEvent has written.
func (e *Entry) Parse(b []byte) error {
	*e = Entry{Report: Report{Values: e.Report.Values[:0]}}
	return fields(b, func(f *field) error {
		switch f.number {
		case EntryReport:
			return fields(f.bytes, e.reportField)
		case EntryEvent:
			e.IsEvent = true
			return fields(f.bytes, e.eventField)
		}
		return nil
	})
}

func (e *Entry) reportField(f *field) error {
	r := &e.Report
	switch f.number {
	case 1:
		e.Time = int64(f.bits)
	case 2:
		r.Provider = string(f.bytes)
	case 3:
		r.Connection = string(f.bytes)
	case 5:
		r.Channel = string(f.bytes)
	case 6:
		r.Device = string(f.bytes)
	case 8:
		v := Value{TS: e.Time}
		err := fields(f.bytes, v.field)
		r.Values = append(r.Values, v)
		return err
	}
	return nil
}

func (v *Value) field(f *field) error {
	switch f.number {
	case 1:
		v.Tag = string(f.bytes)
	case 2:
		v.Value = tags.Bool(f.bits != 0)
	case 3:
		v.Value = tags.Int(protowire.DecodeZigZag(f.bits))
	case 4:
		v.Value = tags.Uint(f.bits)
	case 5:
		v.Value = tags.Float(math.Float64frombits(f.bits))
	case 6:
		v.Value = tags.Text(string(f.bytes))
	case 7:
		v.Quality = tags.Quality(min(f.bits, uint64(tags.Good)))
	case 8:
		v.Reason = string(f.bytes)
	case 9:
		v.TS = int64(f.bits)
	}
	return nil
}

func (e *Entry) eventField(f *field) error {
	ev := &e.Event
	switch f.number {
	case 1:
		e.Time = int64(f.bits)
	case 2:
		ev.Kind = string(f.bytes)
	case 3:
		ev.Provider = string(f.bytes)
	case 4:
		ev.Connection = string(f.bytes)
	case 5:
		ev.ID = string(f.bytes)
	case 6:
		ev.Session = f.bits
	case 7:
		ev.RemoteAddr = string(f.bytes)
	case 8:
		ev.Reason = string(f.bytes)
	}
	return nil
}
