package tags

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/vm"
)

// conversion is how a value on the wire becomes what people read, and back.
type conversion struct {
	scale, offset float64
	divide        float64 // 0, or what 1/scale is exactly
	unit          float64 // 10^decimals
	low, high     float64
	deadband      float64
	decimals      int // -1: as they come
	plain         bool
	clamped       bool
	program       *vm.Program
}

// Convert turns what is on the wire into what people read. The reason is Fine, or why there is no value. It allocates
// only for a tag with an expression.
func (t *Tag) Convert(raw Value) (Value, Reason) {
	if raw.Kind == KindText || raw.Kind == KindBool {
		return raw, Fine
	}
	if t.program != nil {
		return t.evaluate(raw.Float())
	}
	if t.plain && raw.Kind != KindFloat && !t.clamped {
		return raw, Fine
	}
	return t.finish(t.scaled(raw.Float()))
}

func (t *Tag) scaled(f float64) float64 {
	if t.divide != 0 {
		return f/t.divide + t.offset
	}
	return f*t.scale + t.offset
}

// finish rounds and clamps a number.
func (t *Tag) finish(f float64) (Value, Reason) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Value{}, NotANumber
	}
	if t.decimals >= 0 {
		if r := math.Round(f*t.unit) / t.unit; !math.IsInf(r, 0) {
			f = r
		}
	}
	if t.clamped {
		f = min(max(f, t.low), t.high)
	}
	return Float(f), Fine
}

// evaluate computes the tag's expression.
func (t *Tag) evaluate(f float64) (Value, Reason) {
	machine := vm.VM{MemoryBudget: maxMemory}
	out, err := machine.Run(t.program, map[string]any{"value": f})
	if err != nil {
		return Value{}, ExpressionFailed
	}
	v, why := computed(out)
	if v.Kind == KindInt || v.Kind == KindFloat {
		return t.finish(v.Float())
	}
	return v, why
}

// ErrValue says that a value does not fit its tag.
var ErrValue = errors.New("the value does not fit")

// Parse reads a value as people write it, from JSON or from a command line, in the tag's unit.
func (t *Tag) Parse(v any) (Value, error) {
	switch x := v.(type) {
	case bool:
		if t.Type == TypeBool {
			return Bool(x), nil
		}
	case float64:
		return t.parseNumber(x, strconv.FormatFloat(x, 'g', -1, 64))
	case json.Number:
		return t.parseText(x.String())
	case int:
		return t.parseText(strconv.Itoa(x))
	case int64:
		return t.parseText(strconv.FormatInt(x, 10))
	case uint64:
		return t.parseText(strconv.FormatUint(x, 10))
	case string:
		return t.parseText(x)
	}
	return Value{}, fmt.Errorf("%w: %v; write %s", ErrValue, v, t.wants())
}

func (t *Tag) parseNumber(f float64, text string) (Value, error) {
	if t.Type.number() && !math.IsNaN(f) && !math.IsInf(f, 0) {
		return Float(f), nil
	}
	return t.parseText(text)
}

func (t *Tag) parseText(s string) (Value, error) {
	switch {
	case t.Type == TypeBool:
		switch strings.ToLower(s) {
		case "true", "1", "on":
			return Bool(true), nil
		case "false", "0", "off":
			return Bool(false), nil
		}
	case t.Type.number():
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return Int(i), nil
		}
		if u, err := strconv.ParseUint(s, 10, 64); err == nil {
			return Uint(u), nil
		}
		if f, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
			return Float(f), nil
		}
	default:
		if len(s) <= t.Size || t.Type == TypeBytes && len(s) == 2*t.Size {
			return Text(s), nil
		}
	}
	return Value{}, fmt.Errorf("%w: %q; write %s", ErrValue, s, t.wants())
}

// wants says what may be written.
func (t *Tag) wants() string {
	switch {
	case t.Type == TypeBool:
		return "true or false"
	case t.Type.number():
		low, high := t.limits()
		return fmt.Sprintf("a number from %g to %g", low, high)
	case t.Type == TypeBytes:
		return fmt.Sprintf("%d bytes in hex", t.Size)
	}
	return fmt.Sprintf("text of at most %d bytes", t.Size)
}

// limits is the range of what may be written, in the tag's unit.
func (t *Tag) limits() (low, high float64) {
	low, high = t.Type.limits(t.Size)
	low, high = t.scaled(low), t.scaled(high)
	if low > high {
		low, high = high, low
	}
	if t.clamped {
		low, high = max(low, t.low), min(high, t.high)
	}
	return low, high
}

// limits is the range of numbers of a type.
func (t Type) limits(size int) (low, high float64) {
	bits := float64(8 * size)
	switch t {
	case TypeFloat32:
		return -math.MaxFloat32, math.MaxFloat32
	case TypeFloat64:
		return -math.MaxFloat64, math.MaxFloat64
	case TypeBCD:
		return 0, math.Pow10(2*size) - 1
	case TypeInt8, TypeInt16, TypeInt32, TypeInt64:
		return -math.Exp2(bits - 1), math.Exp2(bits-1) - 1
	}
	return 0, math.Exp2(bits) - 1
}

// unsigned reports whether Decode reads the type as a Uint.
func (t Type) unsigned() bool {
	return t == TypeUint8 || t == TypeUint16 || t == TypeUint32 || t == TypeUint64 || t == TypeBCD
}

// Invert turns what people write into what goes on the wire, of the kind that Decode reads there. The error says what
// would be right.
func (t *Tag) Invert(v Value) (Value, error) {
	switch {
	case !t.Writable:
		return Value{}, fmt.Errorf("%w: the tag is read-only", ErrValue)
	case v.Kind == KindBool || v.Kind == KindText:
		return v, nil
	}
	f := v.Float()
	if low, high := t.limits(); !(f >= low && f <= high) {
		return Value{}, fmt.Errorf("%w: %s is out of range; write %s", ErrValue, v, t.wants())
	}
	if t.plain && v.Kind != KindFloat && t.Type != TypeFloat32 && t.Type != TypeFloat64 {
		if t.Type.unsigned() {
			return Uint(v.bits), nil // exact, beyond 2^53 too
		}
		return v, nil
	}
	if t.divide != 0 {
		f = (f - t.offset) * t.divide
	} else {
		f = (f - t.offset) / t.scale
	}
	switch {
	case t.Type == TypeFloat32 || t.Type == TypeFloat64:
		return Float(f), nil
	case t.Type.unsigned():
		return Uint(uint64(min(math.Round(f), math.MaxUint64))), nil
	}
	return Int(int64(math.Round(f))), nil
}
