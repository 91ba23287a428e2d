package tags

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"

	"linkd/project"
)

// CompileText is Compile for drivers whose values come as text: a tag is a float64 unless it says otherwise, a string
// needs no length (one is then the most that it may hold), and the types that are bytes on the wire are refused.
func CompileText(ch *project.Channel, models []*project.Model) (*Set, error) {
	return compile(ch, models, true)
}

// wireText is wire for values that come as text.
func (c *compiler) wireText(t *Tag, p *project.Tag) {
	name := p.Type
	if name == "" {
		name = TypeFloat64.String()
	}
	i := slices.Index(typeNames[:TypeBytes], name)
	if i < 0 {
		c.fault(t, "type is %q; choose one of: %s", p.Type, strings.Join(typeNames[:TypeBytes], ", "))
		return
	}
	t.Type, t.Size = Type(i), typeSizes[i]
	switch {
	case p.Order != "":
		c.fault(t, "order is %q, but a value that comes as text has no order of bytes; leave order out", p.Order)
	case t.Type != TypeString && p.Length != 0:
		c.fault(t, "length is %d, but it is for strings; leave length out", p.Length)
	case p.Length > maxSize:
		c.fault(t, "length is %d; write 1 to %d", p.Length, maxSize)
	case t.Type == TypeString:
		if t.Size = p.Length; t.Size == 0 {
			t.Size = maxSize
		}
	}
}

// DecodeText reads a value that comes as text, spaces around it aside. False when it is none of the tag's type: no
// number, a fraction for a whole number, outside the type's range, a string longer than the tag's length. NaN and
// infinities of a float are left to Convert. It allocates for strings, and for numbers over 32 bytes. b is not kept.
func (t *Tag) DecodeText(b []byte) (Value, bool) {
	b = bytes.TrimSpace(b)
	switch {
	case t.Type == TypeString:
		if len(b) > t.Size {
			return Value{}, false
		}
		return Text(strings.ToValidUTF8(string(b), "\uFFFD")), true
	case t.Type == TypeBool:
		on, ok := truth(b)
		return Bool(on), ok
	case t.Type == TypeFloat32 || t.Type == TypeFloat64:
		f, err := strconv.ParseFloat(string(b), 64)
		if err != nil || t.Type == TypeFloat32 && math.Abs(f) > math.MaxFloat32 && !math.IsInf(f, 0) {
			return Value{}, false
		}
		return Float(f), true
	case t.Type > TypeBool && t.Type <= TypeUint64:
		return t.wholeText(b)
	}
	return Value{}, false
}

// truth reads a truth value as devices and people write it.
func truth(b []byte) (on, ok bool) {
	for i, name := range [...]string{"false", "off", "0", "true", "on", "1"} {
		if len(b) == len(name) && strings.EqualFold(string(b), name) {
			return i > 2, true
		}
	}
	return false, false
}

// wholeText reads a whole number, exact to 64 bits; 21.0 and 2.1e1 are whole, as some devices write all numbers so.
func (t *Tag) wholeText(b []byte) (Value, bool) {
	var u uint64
	i, err := strconv.ParseInt(string(b), 10, 64)
	switch {
	case err == nil:
		u = uint64(max(i, 0))
	case bytes.ContainsAny(b, ".eE"):
		f, err := strconv.ParseFloat(string(b), 64)
		if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return Value{}, false
		}
		i, u = int64(f), uint64(max(f, 0))
	default:
		if u, err = strconv.ParseUint(string(b), 10, 64); err != nil {
			return Value{}, false
		}
		i = math.MaxInt64
	}
	bits := 8 * t.Size
	switch t.Type {
	case TypeUint8, TypeUint16, TypeUint32, TypeUint64:
		return Uint(u), i >= 0 && (bits == 64 || u>>bits == 0)
	}
	return Int(i), u <= math.MaxInt64 && i<<(64-bits)>>(64-bits) == i
}

// AppendText appends a value that Invert gave as devices read it: numbers without exponent, a bool as 1 or 0.
func (t *Tag) AppendText(dst []byte, v Value) []byte {
	switch {
	case v.Kind == KindBool:
		return append(dst, '0'+byte(v.bits))
	case v.Kind == KindFloat && t.Type == TypeFloat32:
		return strconv.AppendFloat(dst, v.Float(), 'f', -1, 32)
	case v.Kind == KindFloat:
		return strconv.AppendFloat(dst, v.Float(), 'f', -1, 64)
	}
	return append(dst, v.String()...)
}
