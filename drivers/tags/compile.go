package tags

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr"

	"linkd/project"
)

// compiler gathers the tags of a channel and what is wrong with them.
type compiler struct {
	set     *Set
	channel *project.Channel
	device  Device
	text    bool // values come as text
	errs    []error
}

func (c *compiler) err() error { return errors.Join(c.errs...) }

// add compiles tags of the current device. field is where errors point to; empty: to each tag itself.
func (c *compiler) add(list []*project.Tag, field string) {
	for _, t := range list {
		at := field
		if at == "" {
			at = "devices." + c.device.Name + ".tags." + t.Name
		}
		tag := Tag{Name: t.Name, Title: t.Title, Unit: t.Unit, Address: t.Address, Device: len(c.set.Devices),
			Poll: t.Poll, Writable: t.Writable, Readback: t.Readback, OnChange: t.OnChange, Field: at}
		if tag.Poll == 0 {
			tag.Poll = c.device.Poll
		}
		if c.text {
			c.wireText(&tag, t)
		} else {
			c.wire(&tag, t)
		}
		c.conversion(&tag, t)
		c.set.Tags = append(c.set.Tags, tag)
	}
}

// Fault is an error about the tag, where the project file has it.
func (t *Tag) Fault(format string, args ...any) error {
	return &project.FieldError{Field: t.Field, Err: fmt.Errorf("tag "+t.Name+": "+format, args...)}
}

// AddressFault is Fault about the tag's address.
func (t *Tag) AddressFault(format string, args ...any) error {
	return &project.FieldError{Field: t.Field + ".address", Err: fmt.Errorf("tag "+t.Name+": address "+format, args...)}
}

func (c *compiler) fault(t *Tag, format string, args ...any) {
	c.errs = append(c.errs, t.Fault(format, args...))
}

// wire fills in the type, the order and the size.
func (c *compiler) wire(t *Tag, p *project.Tag) {
	name := p.Type
	if name == "" {
		name = TypeUint16.String()
	}
	i := slices.Index(typeNames[:], name)
	if i < 0 {
		c.fault(t, "type is %q; choose one of: %s", p.Type, strings.Join(typeNames[:], ", "))
		return
	}
	t.Type, t.Size = Type(i), typeSizes[i]
	switch {
	case t.Type == TypeString || t.Type == TypeBytes || t.Type == TypeBCD && p.Length != 0:
		if t.Size = p.Length; t.Size < 1 || t.Size > maxSize || t.Type == TypeBCD && t.Size > 8 {
			c.fault(t, "a %s needs its length in bytes: write length: 1 to %d (bcd: to 8)", t.Type, maxSize)
		}
	case p.Length != 0 && p.Length != t.Size:
		c.fault(t, "length is %d, but %s is %d bytes; leave length out", p.Length, t.Type, t.Size)
	}
	if p.Order == "" {
		return
	}
	o := slices.Index(orderNames[:], strings.ToUpper(p.Order))
	if o < 0 {
		c.fault(t, "order is %q; choose one of: %s", p.Order, strings.Join(orderNames[:], ", "))
		return
	}
	t.Order = Order(o)
}

// number reports whether the type is one that scales.
func (t Type) number() bool { return t != TypeBool && t < TypeString || t == TypeBCD }

// maxNodes bounds what one expression may hold, and maxMemory what one run of it may make.
const (
	maxNodes  = 200
	maxMemory = 1000
)

// conversion fills in how a value becomes what people read.
func (c *compiler) conversion(t *Tag, p *project.Tag) {
	v := conversion{scale: p.Scale, offset: p.Offset, deadband: p.Deadband, decimals: -1}
	if v.scale == 0 {
		v.scale = 1
	}
	if inverse := math.Round(1 / v.scale); math.Abs(v.scale) < 1 && math.Abs(inverse*v.scale-1) < 1e-12 {
		v.divide = inverse // dividing by 10 gives 21.5 where multiplying by 0.1 gives 21.500000000000004
	}
	v.plain = v.scale == 1 && v.offset == 0
	if p.Decimals != nil {
		v.decimals = *p.Decimals
		v.unit = math.Pow10(*p.Decimals)
	}
	if p.Clamp != nil {
		v.clamped, v.low, v.high = true, p.Clamp[0], p.Clamp[1]
	}
	switch {
	case !t.Type.number() && (!v.plain || v.clamped || p.Decimals != nil || p.Deadband != 0):
		c.fault(t, "scale, offset, clamp, decimals and deadband are for numbers, not for a %s", t.Type)
	case p.Readback && !p.Writable:
		c.fault(t, "readback is for tags with writable: true")
	case p.Expr != "" && p.Writable:
		c.fault(t, "a tag with expr cannot be written: nobody knows its inverse; make it read-only, or use scale and offset")
	case p.Expr != "":
		var err error
		v.program, err = expr.Compile(p.Expr, expr.Env(map[string]any{"value": float64(0)}), expr.MaxNodes(maxNodes))
		if err != nil {
			first, _, _ := strings.Cut(err.Error(), "\n")
			c.fault(t, "expr: %s; compute the value from value, as in value * 9 / 5 + 32", first)
		}
	}
	t.conversion = v
}
