package sparkplug

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"linkd/server"
)

// maxMetrics bounds the metrics of one command.
const maxMetrics = 64

// ErrCommand is the error for a command that cannot be understood.
var ErrCommand = errors.New("sparkplug: malformed command")

// Command is what a message to the node asks for.
type Command struct {
	Rebirth bool                // of the node
	Write   server.WriteRequest // Values is empty: nothing is to be written
}

// Command reads a message that came for one of Topics.
func (n *Node) Command(topic string, b []byte) (c Command, err error) {
	d := (*device)(nil)
	if name, ok := strings.CutPrefix(topic, n.topic("DCMD", nil)+"/"); ok {
		if d = n.devices[name]; d == nil {
			return c, fmt.Errorf("%w: there is no device %q", ErrCommand, name)
		}
		c.Write = server.WriteRequest{Channel: d.channel, Device: d.name}
	} else if topic != n.topic("NCMD", nil) {
		return c, fmt.Errorf("%w: the topic %q is none of the node", ErrCommand, topic)
	}
	count := 0
	err = eachField(b, func(num protowire.Number, _ uint64, inner []byte) error {
		if num != payloadMetrics {
			return nil
		}
		if count++; count > maxMetrics {
			return fmt.Errorf("%w: over %d metrics", ErrCommand, maxMetrics)
		}
		return n.commandMetric(&c, d, inner)
	})
	return c, err
}

// wired is a metric as a command has it.
type wired struct {
	name     string
	alias    uint64
	datatype uint64
	value    any // nil: none
}

func (n *Node) commandMetric(c *Command, d *device, b []byte) error {
	var w wired
	if err := w.read(b); err != nil {
		return err
	}
	if d == nil {
		on, _ := w.value.(bool)
		c.Rebirth = c.Rebirth || on && w.name == rebirth
		return nil
	}
	m := d.metric(w.name)
	if w.name == "" && w.alias > 0 && w.alias <= uint64(len(n.aliases)) && n.aliases[w.alias-1].device == d {
		m = n.aliases[w.alias-1].metric
	}
	if m == nil {
		return fmt.Errorf("%w: %s has no metric %q with alias %d", ErrCommand, d.id, w.name, w.alias)
	}
	if w.value == nil {
		return fmt.Errorf("%w: the metric %s has no value that a tag can have", ErrCommand, m.name)
	}
	c.Write.Values = append(c.Write.Values, server.TagValue{Tag: m.name, Value: w.plain(datatypes[m.kind])})
	return nil
}

// read reads a metric. Of several values the last counts, as protobuf has it.
func (w *wired) read(b []byte) error {
	return eachField(b, func(num protowire.Number, bits uint64, inner []byte) error {
		switch num {
		case metricName:
			w.name = string(inner)
		case metricAlias:
			w.alias = bits
		case metricDatatype:
			w.datatype = bits
		case metricInt:
			w.value = uint32(bits)
		case metricLong:
			w.value = bits
		case metricFloat:
			w.value = float64(math.Float32frombits(uint32(bits)))
		case metricDouble:
			w.value = math.Float64frombits(bits)
		case metricBoolean:
			w.value = bits != 0
		case metricString:
			w.value = strings.ToValidUTF8(string(inner), "�")
		}
		return nil
	})
}

// plain is the value as bool, int64, uint64, float64 or string: signed types stand as their two's complement.
func (w *wired) plain(own uint64) any {
	t := w.datatype
	if t == 0 {
		t = own
	}
	switch v := w.value.(type) {
	case uint32:
		switch t {
		case typeInt8:
			return int64(int8(v))
		case typeInt16:
			return int64(int16(v))
		case typeInt32, typeInt64:
			return int64(int32(v))
		}
		return uint64(v)
	case uint64:
		if t >= typeInt8 && t <= typeInt64 {
			return int64(v)
		}
	}
	return w.value
}

// eachField calls f for each field of a message, with what its wire type has.
func eachField(b []byte, f func(num protowire.Number, bits uint64, inner []byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return ErrCommand
		}
		b = b[n:]
		var bits uint64
		var bits32 uint32
		var inner []byte
		switch typ {
		case protowire.VarintType:
			bits, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			bits, n = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			bits32, n = protowire.ConsumeFixed32(b)
			bits = uint64(bits32)
		case protowire.BytesType:
			inner, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return ErrCommand
		}
		b = b[n:]
		if err := f(num, bits, inner); err != nil {
			return err
		}
	}
	return nil
}
