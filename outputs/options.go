package outputs

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"linkd/project"
)

// Options reads an output's options as the project file has them, and gathers what is wrong with them, each with its
// field. It takes keys one by one: Done says which were not asked for.
type Options struct {
	m     map[string]any
	asked []Option
	errs  []error
}

// Option is an option that an output has asked for.
type Option struct {
	Key     string
	Kind    OptionKind
	Default string   // as a project file has it; empty: none
	Choices []string // of a Choice
}

// OptionKind says what an option holds.
type OptionKind string

// The kinds.
const (
	Text       OptionKind = "text"
	Choice     OptionKind = "choice"
	SecretText OptionKind = "secret"
	Count      OptionKind = "number"
	Flag       OptionKind = "flag"
	Duration   OptionKind = "duration"
	Bytes      OptionKind = "size"
	List       OptionKind = "list"
	Texts      OptionKind = "texts" // names and values
)

// Asked returns what was asked for so far, in that order.
func (o *Options) Asked() []Option { return o.asked }

// ReadOptions begins to read options.
func ReadOptions(m map[string]any) *Options { return &Options{m: m} }

// Fault records what is wrong with an option.
func (o *Options) Fault(key, format string, args ...any) {
	o.errs = append(o.errs, &project.FieldError{Field: "options." + key, Err: fmt.Errorf(key+" "+format, args...)})
}

// Done faults the keys that nobody has asked for, and returns all that was wrong.
func (o *Options) Done() error {
	known := make([]string, len(o.asked))
	for i, a := range o.asked {
		known[i] = a.Key
	}
	slices.Sort(known)
	for _, key := range slices.Sorted(maps.Keys(o.m)) {
		if !slices.Contains(known, key) {
			o.Fault(key, "is not known here; there are %s", strings.Join(slices.Compact(known), ", "))
		}
	}
	return errors.Join(o.errs...)
}

func (o *Options) take(key string, kind OptionKind, fallback string) (v any, set bool) {
	o.asked = append(o.asked, Option{Key: key, Kind: kind, Default: fallback})
	v, set = o.m[key]
	return v, set && v != nil
}

// Text reads a text; fallback when there is none. A number stands for its digits. Control characters are refused.
func (o *Options) Text(key, fallback string) string { return o.text(key, Text, fallback) }

func (o *Options) text(key string, kind OptionKind, fallback string) string {
	v, set := o.take(key, kind, fallback)
	if !set {
		return fallback
	}
	s, ok := v.(string)
	if n, isInt := v.(int); isInt {
		s, ok = strconv.Itoa(n), true
	}
	switch {
	case !ok:
		o.Fault(key, "is %v; write a text", v)
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		o.Fault(key, "has control characters; write a text of one line")
	default:
		return s
	}
	return fallback
}

// Choice reads one of some words, the first when there is none.
func (o *Options) Choice(key string, words ...string) string {
	s := o.text(key, Choice, words[0])
	o.asked[len(o.asked)-1].Choices = words
	if !slices.Contains(words, s) {
		o.Fault(key, "is %q; choose one of: %s", s, strings.Join(words, ", "))
		return words[0]
	}
	return s
}

// Count reads a whole number from low to high; fallback when there is none.
func (o *Options) Count(key string, fallback, low, high int) int {
	v, set := o.take(key, Count, strconv.Itoa(fallback))
	if !set {
		return fallback
	}
	n, ok := whole(v)
	if !ok || n < int64(low) || n > int64(high) {
		o.Fault(key, "is %v; write a whole number from %d to %d", v, low, high)
		return fallback
	}
	return int(n)
}

func whole(v any) (int64, bool) {
	switch n := v.(type) {
	case int:
		return int64(n), true
	case int64:
		return n, true
	case uint64:
		return int64(min(n, math.MaxInt64)), true
	case float64: // as JSON has numbers
		return int64(n), n == math.Trunc(n) && math.Abs(n) < 1<<53
	}
	return 0, false
}

// Flag reads a truth value; fallback when there is none.
func (o *Options) Flag(key string, fallback bool) bool {
	v, set := o.take(key, Flag, strconv.FormatBool(fallback))
	if !set {
		return fallback
	}
	on, ok := v.(bool)
	if !ok {
		o.Fault(key, "is %v; write true or false", v)
	}
	return on
}

// Duration reads a time from low to high, such as 500ms or 10s; fallback when there is none.
func (o *Options) Duration(key string, fallback, low, high time.Duration) time.Duration {
	v, set := o.take(key, Duration, fallback.String())
	if !set {
		return fallback
	}
	s, _ := v.(string)
	d, err := time.ParseDuration(s)
	if n, ok := v.(int); ok && n == 0 {
		d, err = 0, nil
	}
	if err != nil || d < low || d > high {
		o.Fault(key, "is %v; write a time from %s to %s, such as %s", v, low, high, fallback)
		return fallback
	}
	return d
}

// Size reads a number of bytes from low to high, such as 512KiB or 64MiB; fallback when there is none.
func (o *Options) Size(key string, fallback, low, high int64) int64 {
	v, set := o.take(key, Bytes, Size(fallback))
	if !set {
		return fallback
	}
	n, ok := whole(v)
	if s, isText := v.(string); isText {
		n, ok = parseSize(s)
	}
	if !ok || n < low || n > high {
		o.Fault(key, "is %v; write bytes from %s to %s, such as %s", v, Size(low), Size(high), Size(fallback))
		return fallback
	}
	return n
}

var sizes = [...]struct {
	unit  string
	shift uint
}{{"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"B", 0}, {"", 0}}

func parseSize(s string) (int64, bool) {
	for _, u := range sizes {
		if digits, ok := strings.CutSuffix(s, u.unit); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
			return n << u.shift, err == nil && n >= 0 && n <= math.MaxInt64>>u.shift
		}
	}
	return 0, false
}

// Size writes bytes in the largest unit that divides them.
func Size(n int64) string {
	for _, u := range sizes {
		if n>>u.shift<<u.shift == n && n != 0 {
			return strconv.FormatInt(n>>u.shift, 10) + u.unit
		}
	}
	return "0B"
}

// List reads a list of texts, at most limit; nil when there is none. A text alone is a list of one.
func (o *Options) List(key string, limit int) (list []string) {
	v, set := o.take(key, List, "")
	if !set {
		return nil
	}
	items, ok := v.([]any)
	if s, isText := v.(string); isText {
		items, ok = []any{s}, true
	}
	for _, item := range items {
		s, isText := item.(string)
		ok = ok && isText && s != ""
		list = append(list, s)
	}
	if !ok || len(list) == 0 || len(list) > limit {
		o.Fault(key, "is %v; write a list of 1 to %d texts", v, limit)
		return nil
	}
	return list
}

// Texts reads a mapping of texts to texts, at most limit; nil when there is none.
func (o *Options) Texts(key string, limit int) map[string]string {
	v, set := o.take(key, Texts, "")
	if !set {
		return nil
	}
	m, ok := v.(map[string]any)
	texts := make(map[string]string, len(m))
	for k, v := range m {
		s, isText := v.(string)
		ok = ok && isText
		texts[k] = s
	}
	if !ok || len(m) > limit {
		o.Fault(key, "is no mapping of at most %d texts; write NAME: VALUE", limit)
		return nil
	}
	return texts
}
