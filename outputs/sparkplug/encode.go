package sparkplug

import (
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"linkd/drivers/tags"
	"linkd/internal/payload"
)

// Fields of Payload.
const (
	payloadTimestamp protowire.Number = 1
	payloadMetrics   protowire.Number = 2
	payloadSeq       protowire.Number = 3
)

// Fields of Payload.Metric.
const (
	metricName       protowire.Number = 1
	metricAlias      protowire.Number = 2
	metricTimestamp  protowire.Number = 3
	metricDatatype   protowire.Number = 4
	metricHistorical protowire.Number = 5
	metricNull       protowire.Number = 7
	metricProperties protowire.Number = 9
	metricInt        protowire.Number = 10
	metricLong       protowire.Number = 11
	metricFloat      protowire.Number = 12
	metricDouble     protowire.Number = 13
	metricBoolean    protowire.Number = 14
	metricString     protowire.Number = 15
)

// Fields of PropertySet and PropertyValue.
const (
	setKeys        protowire.Number = 1
	setValues      protowire.Number = 2
	propertyType   protowire.Number = 1
	propertyInt    protowire.Number = 3
	propertyString protowire.Number = 8
)

// Data types.
const (
	typeInt8    = 1
	typeInt16   = 2
	typeInt32   = 3
	typeInt64   = 4
	typeUInt64  = 8
	typeDouble  = 10
	typeBoolean = 11
	typeString  = 12
)

// datatypes of the kinds. A tag that was never read has none yet: a string that is null promises least.
var datatypes = [...]uint64{tags.None: typeString, tags.KindBool: typeBoolean, tags.KindInt: typeInt64,
	tags.KindUint: typeUInt64, tags.KindFloat: typeDouble, tags.KindText: typeString}

// qualities are the values of the property Quality.
var qualities = [...]uint64{tags.Bad: 0, tags.Stale: 500, tags.Good: 192}

func varint(dst []byte, n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(dst, n, protowire.VarintType), v)
}

func text(dst []byte, n protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(dst, n, protowire.BytesType), s)
}

func millis(ns int64) uint64 { return uint64(max(0, ns/int64(time.Millisecond))) }

// message appends a field that is a message, whose content f appends.
func message(dst []byte, n protowire.Number, f func([]byte) []byte) []byte {
	dst = protowire.AppendTag(dst, n, protowire.BytesType)
	start := len(dst)
	return payload.Prefix(f(dst), start)
}

// appendHead appends the time and the next sequence number.
func (n *Node) appendHead(dst []byte, now int64) []byte {
	return varint(varint(dst, payloadTimestamp, millis(now)), payloadSeq, n.next())
}

// appendBdSeq appends the metric bdSeq, of which deaths and births of the node have the same.
func (n *Node) appendBdSeq(dst []byte, now int64) []byte {
	return message(dst, payloadMetrics, func(b []byte) []byte {
		if b = text(b, metricName, bdSeqName); now > 0 {
			b = varint(b, metricTimestamp, millis(now))
		}
		return varint(varint(b, metricDatatype, typeInt64), metricLong, uint64(n.bdSeq))
	})
}

// appendNodeBirth appends an NBIRTH; its sequence number is 0.
func (n *Node) appendNodeBirth(dst []byte, now int64) []byte {
	dst = varint(varint(dst, payloadTimestamp, millis(now)), payloadSeq, 0)
	dst = n.appendBdSeq(dst, now)
	return message(dst, payloadMetrics, func(b []byte) []byte {
		b = varint(text(b, metricName, rebirth), metricTimestamp, millis(now))
		return varint(varint(b, metricDatatype, typeBoolean), metricBoolean, 0)
	})
}

func (n *Node) appendDeviceBirth(dst []byte, d *device, now int64) []byte {
	dst = n.appendHead(dst, now)
	for _, m := range d.metrics {
		dst = message(dst, payloadMetrics, func(b []byte) []byte {
			b = varint(text(b, metricName, m.name), metricAlias, m.alias)
			at := m.at
			if at == 0 {
				at = now
			}
			b = varint(b, metricTimestamp, millis(at))
			b = varint(b, metricDatatype, datatypes[m.kind])
			b = m.appendProperties(b, m.unit)
			return m.appendValue(b)
		})
	}
	return dst
}

func (n *Node) appendData(dst []byte, _ *device, list []*metric, historical bool, now int64) []byte {
	dst = n.appendHead(dst, now)
	for _, m := range list {
		dst = message(dst, payloadMetrics, func(b []byte) []byte {
			b = varint(varint(b, metricAlias, m.alias), metricTimestamp, millis(m.at))
			if b = varint(b, metricDatatype, datatypes[m.kind]); historical {
				b = varint(b, metricHistorical, 1)
			}
			if m.quality != tags.Good || m.told != tags.Good {
				b = m.appendProperties(b, "")
			}
			if !historical {
				m.told = m.quality
			}
			return m.appendValue(b)
		})
	}
	return dst
}

// appendProperties appends the quality, and the unit where there is one.
func (m *metric) appendProperties(dst []byte, unit string) []byte {
	return message(dst, metricProperties, func(b []byte) []byte {
		if b = text(b, setKeys, "Quality"); unit != "" {
			b = text(b, setKeys, "engUnit")
		}
		b = message(b, setValues, func(b []byte) []byte {
			return varint(varint(b, propertyType, typeInt32), propertyInt, qualities[m.quality])
		})
		if unit == "" {
			return b
		}
		return message(b, setValues, func(b []byte) []byte {
			return text(varint(b, propertyType, typeString), propertyString, unit)
		})
	})
}

// appendValue appends the value as the metric's data type has it.
func (m *metric) appendValue(dst []byte) []byte {
	v := m.value
	if v.Kind == tags.None {
		return varint(dst, metricNull, 1)
	}
	switch m.kind {
	case tags.KindBool:
		return varint(dst, metricBoolean, protowire.EncodeBool(v.Float() != 0))
	case tags.KindInt:
		i, _ := v.Any().(int64)
		return varint(dst, metricLong, uint64(i))
	case tags.KindUint:
		u, _ := v.Any().(uint64)
		return varint(dst, metricLong, u)
	case tags.KindFloat:
		f := v.Float()
		return protowire.AppendFixed64(protowire.AppendTag(dst, metricDouble, protowire.Fixed64Type), math.Float64bits(f))
	}
	return text(dst, metricString, v.String())
}
