// Package options reads what a driver or an output alone understands of the project file: the mapping "options" of a
// channel, a device or an output. It owns the kinds of options, how each is read, and the words for what is wrong with
// one. It must never know an option of any driver or output: they ask for their own.
package options

import (
	"encoding/hex"
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

// Option is an option that was asked for.
type Option struct {
	Key     string
	Kind    Kind
	Default string   // as a project file has it; empty: none
	Choices []string // of a Choice
	About   string   // what it is for, in plain words; may be empty
}

// Kind says what an option holds.
type Kind string

// The kinds.
const (
	Text     Kind = "text"
	Choice   Kind = "choice"
	Password Kind = "password" // a text that is not shown
	Secret   Kind = "secret"   // the same, or where it is: env:NAME, file:PATH
	Bytes    Kind = "bytes"    // a text, or bytes in hex after hex:
	Number   Kind = "number"   // whole
	Flag     Kind = "flag"
	Duration Kind = "duration"
	Size     Kind = "size"     // in bytes
	List     Kind = "list"     // of texts
	Texts    Kind = "texts"    // names and texts
	Mapping  Kind = "mapping"  // of anything
	Mappings Kind = "mappings" // a list of them
)

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{Text, Choice, Password, Secret, Bytes, Number, Flag, Duration, Size, List, Texts, Mapping, Mappings}
}

// Options reads a mapping as the project file has it, and gathers what is wrong with it, each with its field. It takes
// keys one by one, and remembers what it was asked for. It is not safe for concurrent use.
type Options struct {
	path  string // of the mapping, such as options.writes.setpoint
	m     map[string]any
	asked []Option
	errs  *[]error // of nested mappings too
}

// Read begins to read options. nil: there are none, and all that is asked for has its default.
func Read(m map[string]any) *Options { return &Options{path: "options", m: m, errs: &[]error{}} }

// Asked returns what was asked for so far, in that order, without what nested mappings hold.
func (o *Options) Asked() []Option { return o.asked }

// Fault records what is wrong with a key. An empty key is the mapping itself.
func (o *Options) Fault(key, format string, args ...any) {
	path := o.path
	if key != "" {
		path += "." + key
	}
	_, short, _ := strings.Cut(path, ".")
	err := fmt.Errorf("%s "+format, append([]any{short}, args...)...)
	*o.errs = append(*o.errs, &project.FieldError{Field: path, Err: err})
}

// Err returns all that was wrong so far, in nested mappings too.
func (o *Options) Err() error { return errors.Join(*o.errs...) }

// Keys returns the keys of the mapping, sorted.
func (o *Options) Keys() []string { return slices.Sorted(maps.Keys(o.m)) }

// Known returns the keys that were asked for, sorted.
func (o *Options) Known() []string {
	known := make([]string, len(o.asked))
	for i, a := range o.asked {
		known[i] = a.Key
	}
	slices.Sort(known)
	return known
}

// Unknown returns the keys of the mapping that nobody has asked for, sorted.
func (o *Options) Unknown() []string {
	known := o.Known()
	return slices.DeleteFunc(o.Keys(), func(key string) bool { return slices.Contains(known, key) })
}

// Done faults the keys that nobody has asked for.
func (o *Options) Done() {
	for _, key := range o.Unknown() {
		o.Fault(key, "is not known here; there are %s", strings.Join(o.Known(), ", "))
	}
}

// Value is what stands at a key, of any shape; nil when nothing does. It asks for nothing.
func (o *Options) Value(key string) any { return o.m[key] }

// take asks for an option. One that is asked for twice is what it was at first.
func (o *Options) take(of Option) (v any, set bool) {
	if !slices.ContainsFunc(o.asked, func(a Option) bool { return a.Key == of.Key }) {
		o.asked = append(o.asked, of)
	}
	v = o.m[of.Key]
	return v, v != nil
}

// Ask reads an option as a text, which the caller judges by itself: its default when there is none. A number stands for
// its digits.
func (o *Options) Ask(of Option) string {
	v, set := o.take(of)
	switch x := v.(type) {
	case string:
		return x
	case int:
		return strconv.Itoa(x)
	}
	if set {
		o.Fault(of.Key, "is %v; write a text", v)
	}
	return of.Default
}

// Text reads a text; fallback when there is none. A number stands for its digits.
func (o *Options) Text(key, fallback string) string {
	return o.Ask(Option{Key: key, Kind: Text, Default: fallback})
}

// Choice reads one of some words, the first when there is none.
func (o *Options) Choice(key string, words ...string) string {
	s := o.Ask(Option{Key: key, Kind: Choice, Default: words[0], Choices: words})
	if !slices.Contains(words, s) {
		o.Fault(key, "is %q; choose one of: %s", s, strings.Join(words, ", "))
		return words[0]
	}
	return s
}

// Bytes reads a text, or bytes in hex after hex:, at most limit of them; fallback when there is none.
func (o *Options) Bytes(key, fallback string, limit int) []byte {
	shown := fallback
	if strings.ContainsFunc(fallback, func(r rune) bool { return r < ' ' || r > '~' }) {
		shown = fmt.Sprintf("hex:% x", fallback)
	}
	s := o.Ask(Option{Key: key, Kind: Bytes, Default: shown})
	b := []byte(s)
	if s == "" {
		b = []byte(fallback)
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
	v, set := o.take(Option{Key: key, Kind: Number, Default: strconv.Itoa(fallback)})
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
	v, set := o.take(Option{Key: key, Kind: Flag, Default: strconv.FormatBool(fallback)})
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
	v, set := o.take(Option{Key: key, Kind: Duration, Default: FormatDuration(fallback)})
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
	v, set := o.take(Option{Key: key, Kind: Size, Default: FormatSize(fallback)})
	if !set {
		return fallback
	}
	n, ok := whole(v)
	if s, isText := v.(string); isText {
		n, ok = parseSize(s)
	}
	if !ok || n < low || n > high {
		o.Fault(key, "is %v; write bytes from %s to %s, such as %s", v, FormatSize(low), FormatSize(high),
			FormatSize(fallback))
		return fallback
	}
	return n
}
