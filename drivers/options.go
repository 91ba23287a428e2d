package drivers

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"linkd/project"
)

// Options reads options as the project file has them, and gathers what is wrong with them, each with its field. It
// takes keys one by one: Done says which were not asked for.
type Options struct {
	path  string // of the mapping, such as options.writes.setpoint
	m     map[string]any
	known []string
	errs  *[]error
}

// ReadOptions begins to read a channel's options.
func ReadOptions(m map[string]any) *Options { return &Options{path: "options", m: m, errs: &[]error{}} }

// Fault records what is wrong with a key. An empty key is the mapping itself.
func (o *Options) Fault(key, format string, args ...any) {
	path := o.path
	if key != "" {
		path += "." + key
	}
	_, short, _ := strings.Cut(path, ".")
	*o.errs = append(*o.errs, &project.FieldError{Field: path, Err: fmt.Errorf(short+" "+format, args...)})
}

// Err returns all that was wrong, in nested mappings too.
func (o *Options) Err() error { return errors.Join(*o.errs...) }

// Keys returns the keys of the mapping, sorted.
func (o *Options) Keys() []string { return slices.Sorted(maps.Keys(o.m)) }

func (o *Options) take(key string) (v any, set bool) {
	o.known = append(o.known, key)
	v, set = o.m[key]
	return v, set && v != nil
}

// Text reads a text, empty when there is none. A number stands for its digits.
func (o *Options) Text(key string) string {
	v, set := o.take(key)
	switch x := v.(type) {
	case string:
		return x
	case int:
		return fmt.Sprint(x)
	}
	if set {
		o.Fault(key, "is %v; write a text", v)
	}
	return ""
}

// Bytes reads a text, or bytes in hex after hex:, at most limit of them; fallback when there is none.
func (o *Options) Bytes(key, fallback string, limit int) []byte {
	s, b := o.Text(key), []byte(fallback)
	if s != "" {
		b = []byte(s)
	}
	if digits, isHex := strings.CutPrefix(s, "hex:"); isHex {
		var err error
		if b, err = hex.DecodeString(strings.ReplaceAll(digits, " ", "")); err != nil {
			o.Fault(key, "is %q; write bytes in hex as hex:0d 0a", s)
		}
	}
	if len(b) == 0 || len(b) > limit {
		o.Fault(key, "is %d bytes long; write 1 to %d", len(b), limit)
	}
	return b
}

// Count reads a whole number from low to high; fallback when there is none.
func (o *Options) Count(key string, fallback, low, high int) int {
	v, set := o.take(key)
	if !set {
		return fallback
	}
	n, whole := v.(int)
	if !whole || n < low || n > high {
		o.Fault(key, "is %v; write a whole number from %d to %d", v, low, high)
		return fallback
	}
	return n
}

// Flag reads a truth value, false when there is none.
func (o *Options) Flag(key string) bool {
	v, set := o.take(key)
	on, isBool := v.(bool)
	if set && !isBool {
		o.Fault(key, "is %v; write true or false", v)
	}
	return on
}

// Mapping reads a nested mapping; nil when there is none.
func (o *Options) Mapping(key string) *Options {
	v, set := o.take(key)
	if !set {
		return nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		o.Fault(key, "is %v; write its keys as key: value", v)
		return nil
	}
	return &Options{path: o.path + "." + key, m: m, errs: o.errs}
}

// Value reads what is there, of any shape.
func (o *Options) Value(key string) any {
	v, _ := o.take(key)
	return v
}

// Done faults the keys that nobody has asked for. more are keys that others read.
func (o *Options) Done(more ...string) {
	known := append(slices.Clone(o.known), more...)
	slices.Sort(known)
	for _, key := range o.Keys() {
		if !slices.Contains(known, key) {
			o.Fault(key, "is not known here; there are %s", strings.Join(slices.Compact(known), ", "))
		}
	}
}
