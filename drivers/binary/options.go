package binary

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"linkd/project"
)

// mapping reads one mapping of the options and gathers what is wrong with it.
type mapping struct {
	m    map[string]any
	path string
	errs *[]error
}

// fault records what is wrong with a key.
func (m mapping) fault(key, format string, args ...any) {
	*m.errs = append(*m.errs, &project.FieldError{Field: m.path + "." + key, Err: fmt.Errorf(key+" "+format, args...)})
}

// keys refuses all keys but the known ones.
func (m mapping) keys(known ...string) {
	for _, key := range slices.Sorted(maps.Keys(m.m)) {
		if !slices.Contains(known, key) {
			m.fault(key, "is not known here; write one of: %s", strings.Join(known, ", "))
		}
	}
}

// whole is a whole number, or what it is unless given.
func (m mapping) whole(key string, low, high, unless int) int {
	v, set := m.m[key]
	if !set {
		return unless
	}
	n, ok := v.(int)
	if !ok || n < low || n > high {
		m.fault(key, "is %v; write a whole number from %d to %d", v, low, high)
		return unless
	}
	return n
}

// text is a text, empty when it is not given. A number is none: 0102 would lose its zero.
func (m mapping) text(key string) string {
	v, set := m.m[key]
	s, ok := v.(string)
	if set && !ok {
		m.fault(key, `is %v; write it in quotes, as in "AA 55"`, v)
	}
	return s
}

// little is the order of the bytes of a field.
func (m mapping) little() bool {
	s := m.text("order")
	if s != "" && s != "big" && s != "little" {
		m.fault("order", "is %q; write big or little", s)
	}
	return s == "little"
}

// sub is a mapping within; ok is false when it is not given.
func (m mapping) sub(key string) (mapping, bool) {
	v, set := m.m[key]
	in, ok := v.(map[string]any)
	if set && !ok {
		m.fault(key, "is %v; write it as a mapping, {…}", v)
	}
	return mapping{in, m.path + "." + key, m.errs}, ok
}

// list is mappings in a list, at most most.
func (m mapping) list(key string, most int) (out []mapping) {
	v, set := m.m[key]
	items, ok := v.([]any)
	if set && !ok || len(items) > most {
		m.fault(key, "is no list of at most %d; write [{…}, {…}]", most)
		return nil
	}
	for i, item := range items {
		in, ok := item.(map[string]any)
		if !ok {
			m.fault(fmt.Sprintf("%s.%d", key, i), "is %v; write it as a mapping, {…}", item)
			continue
		}
		out = append(out, mapping{in, fmt.Sprintf("%s.%s.%d", m.path, key, i), m.errs})
	}
	return out
}

// pattern reads a frame; nil when it is not given or faulty.
func (m mapping) pattern(y *layout, key string, value bool) *pattern {
	s := m.text(key)
	if _, set := m.m[key]; !set {
		return nil
	}
	if len(*m.errs) > 0 && s == "" {
		return nil
	}
	p, err := parsePattern(y, s, value)
	if err != nil {
		m.fault(key, "is %q: %w", s, err)
		return nil
	}
	return p
}
