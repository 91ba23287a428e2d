package project

import (
	"encoding/hex"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of values.
const (
	maxText     = 256 // bytes of a title and other short text
	maxPattern  = 1024
	maxBytes    = 1024 // identity bytes, heartbeats, acknowledgements
	maxDuration = 366 * 24 * time.Hour
)

// decoder reads values out of nodes and reports what is not as it must be.
type decoder struct {
	*faults
}

// fields returns the entries of a mapping whose keys are known, reporting all others. Keys without a value are left
// out: they are as good as not written. what is the noun with its article.
func (d *decoder) fields(n *node, what string, known []string) []entry {
	if n == nil || n.bad {
		return nil
	}
	if n.kind != mapKind {
		d.add(spot{n, ""}, "%s is %s; write its keys as key: value", what, describe(n))
		return nil
	}
	entries := make([]entry, 0, len(n.entries))
	for _, e := range n.entries {
		switch {
		case e.value == nil:
			d.twice(n, e)
		case !slices.Contains(known, e.key):
			d.add(spot{e.at, e.key}, "unknown key %s in %s; %s", clip(e.key), what, suggest(e.key, known))
		case e.value.bad:
		case e.value.kind != nullKind:
			entries = append(entries, e)
		}
	}
	return entries
}

// twice reports an entry whose key n has already.
func (d *decoder) twice(n *node, e entry) {
	d.add(spot{e.at, e.key}, "key %q is already in line %d; keep one of the two", e.key, n.entry(e.key).at.line)
}

// items yields the items of a list, with the trail at each.
func (d *decoder) items(e entry) iter.Seq2[int, *node] {
	return func(yield func(int, *node) bool) {
		list := d.list(e)
		d.enter(e.key)
		defer d.leave()
		for i, item := range list {
			d.item(i, item.label())
			if !yield(i, item) {
				return
			}
		}
	}
}

// list returns the items of a list.
func (d *decoder) list(e entry) []*node {
	if e.value.kind != listKind {
		d.add(e.here(), "%s is %s; write a list, one item a line after a dash", e.key, describe(e.value))
		return nil
	}
	return e.value.items
}

// scalar reports whether n is one value, and otherwise that it should be what is wanted.
func (d *decoder) scalar(e entry, want string) bool {
	if e.value.bad {
		return false
	}
	if e.value.kind != textKind {
		d.add(e.here(), "%s is %s; write %s", e.key, describe(e.value), want)
		return false
	}
	return true
}

// text reads a short text.
func (d *decoder) text(e entry) string { return d.longText(e, maxText) }

func (d *decoder) longText(e entry, limit int) string {
	if !d.scalar(e, "text") {
		return ""
	}
	s := e.value.text
	if len(s) > limit {
		d.add(e.here(), "%s is %d bytes long; write at most %d", e.key, len(s), limit)
		return ""
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		d.add(e.here(), "%s holds the control character %U; write plain text in one line", e.key, s[i])
		return ""
	}
	return s
}

// integer reads a whole number from lo to hi.
func (d *decoder) integer(e entry, lo, hi int64) int64 {
	want := "a whole number from " + strconv.FormatInt(lo, 10) + " to " + strconv.FormatInt(hi, 10)
	if !d.scalar(e, want) {
		return 0
	}
	n, err := strconv.ParseInt(e.value.text, 10, 64)
	if err != nil || e.value.quoted || !canonical(e.value.text) || n < lo || n > hi {
		d.add(e.here(), "%s is %s; write %s", e.key, describe(e.value), want)
		return 0
	}
	return n
}

// canonical refuses spellings that YAML versions read differently: 010 is eight or ten.
func canonical(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	return digits == "0" || !strings.HasPrefix(digits, "0") && !strings.HasPrefix(s, "+")
}

// number reads a number from lo to hi, which want describes.
func (d *decoder) number(e entry, lo, hi float64, want string) float64 {
	if !d.scalar(e, want) {
		return 0
	}
	x, ok := parseNumber(e.value)
	if !ok || x < lo || x > hi {
		d.add(e.here(), "%s is %s; write %s", e.key, describe(e.value), want)
		return 0
	}
	return x
}

// parseNumber reads the decimal numbers of YAML 1.2, not Go's underscores, hex floats or words.
func parseNumber(n *node) (float64, bool) {
	if n.quoted || strings.Trim(n.text, "0123456789+-.eE") != "" || !strings.ContainsAny(n.text, "0123456789") {
		return 0, false
	}
	x, err := strconv.ParseFloat(n.text, 64)
	return x, err == nil && !math.IsInf(x, 0)
}

// boolean reads true or false.
func (d *decoder) boolean(e entry) bool {
	if !d.scalar(e, "true or false") {
		return false
	}
	if e.value.quoted || e.value.text != "true" && e.value.text != "false" {
		d.add(e.here(), "%s is %s; write true or false", e.key, describe(e.value))
		return false
	}
	return e.value.text == "true"
}

// duration reads a Go duration of 0 up to a year.
func (d *decoder) duration(e entry) time.Duration {
	const want = "a duration such as 200ms, 10s or 1m30s"
	if !d.scalar(e, want) {
		return 0
	}
	t, err := time.ParseDuration(e.value.text)
	switch {
	case err != nil:
		d.add(e.here(), "%s is %s; write %s", e.key, describe(e.value), want)
	case t < 0 || t > maxDuration:
		d.add(e.here(), "%s is %s; write a duration from 0s to %s", e.key, t, maxDuration)
	default:
		return t
	}
	return 0
}

// bytes reads text, or hex after "hex:".
func (d *decoder) bytes(e entry) []byte {
	if !d.scalar(e, `text, or bytes as "hex:00 01 FE"`) {
		return nil
	}
	b := d.rawBytes(e)
	if e.value.bad {
		return nil
	}
	if len(b) == 0 || len(b) > maxBytes {
		d.add(e.here(), "%s is %d bytes long; write 1 to %d", e.key, len(b), maxBytes)
		return nil
	}
	return b
}

// rawBytes returns the bytes that a scalar stands for.
func (d *decoder) rawBytes(e entry) []byte {
	digits, found := strings.CutPrefix(e.value.text, hexPrefix)
	if !found {
		return []byte(e.value.text)
	}
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		d.add(e.here(), `%s is %s; write two hex digits a byte, as "hex:00 01 FE"`, e.key, describe(e.value))
	}
	return b
}

// pattern reads a Pattern; text without {n} is allowed where plain is.
func (d *decoder) pattern(e entry, plain bool) Pattern {
	s := d.text(e)
	if e.value.bad {
		return Pattern{}
	}
	if plain && !strings.ContainsAny(s, "{}") {
		return constant(s)
	}
	p, err := ParsePattern(s)
	if err != nil {
		d.add(e.here(), "%s: %s", e.key, strings.TrimPrefix(err.Error(), ErrPattern.Error()+": "))
	}
	return p
}

// free returns a value of no fixed shape: string, int, float64, bool, nil, []any or map[string]any.
func (d *decoder) free(n *node) any {
	switch n.kind {
	case nullKind:
		return nil
	case listKind:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = d.free(item)
		}
		return list
	case mapKind:
		m := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			if e.value == nil {
				d.twice(n, e)
				continue
			}
			d.enter(e.key)
			m[e.key] = d.free(e.value)
			d.leave()
		}
		return m
	}
	if n.quoted {
		return n.text
	}
	if i, err := strconv.ParseInt(n.text, 10, 64); err == nil && canonical(n.text) {
		return int(i)
	}
	if x, ok := parseNumber(n); ok && strings.ContainsAny(n.text, ".eE") {
		return x
	}
	if n.text == "true" || n.text == "false" {
		return n.text == "true"
	}
	return n.text
}

// describe says what a node is, for people.
func describe(n *node) string {
	switch n.kind {
	case nullKind:
		return "empty"
	case listKind:
		return "a list"
	case mapKind:
		return "a mapping"
	}
	if n.quoted {
		return "the text " + clip(n.text)
	}
	if n.text != "" && len(n.text) <= 40 && strings.IndexFunc(n.text, func(r rune) bool {
		return (r < '0' || r > '9') && !strings.ContainsRune("+-.eEx_", r)
	}) < 0 {
		return n.text
	}
	return clip(n.text)
}

// clip quotes at most 40 characters of s.
func clip(s string) string {
	if utf8.RuneCountInString(s) <= 40 {
		return strconv.Quote(s)
	}
	return strconv.Quote(string([]rune(s)[:40])) + "…"
}

// suggest names the known word nearest to an unknown one, or all of them when none is near.
func suggest(word string, known []string) string {
	best, least := "", len(word)/3+2
	for _, k := range known {
		if n := distance(word, k); n < least {
			best, least = k, n
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "write one of " + strings.Join(known, ", ")
}

// distance is the number of letters to insert, remove, replace or swap with a neighbour to turn a into b (optimal
// string alignment). Words longer than any key are far from everything.
func distance(a, b string) int {
	if len(a) > maxKeyLength || len(b) > maxKeyLength {
		return maxKeyLength
	}
	var d [maxKeyLength + 1][maxKeyLength + 1]int
	for i := 0; i <= len(a); i++ {
		for j := 0; j <= len(b); j++ {
			if i == 0 || j == 0 {
				d[i][j] = i + j
				continue
			}
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
