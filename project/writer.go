package project

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// width is the longest line, in bytes, that holds a whole mapping or list.
const width = 120

// writer writes nouns in the words of the project file: as JSON, or as YAML for people. In YAML a mapping or list is
// written in one line where it fits, else one entry a line.
type writer struct {
	buf    []byte
	yaml   bool
	flow   int  // open mappings and lists that are in one line
	indent int  // spaces before an entry that has its own line
	first  bool // nothing is written in the innermost mapping or list
	inItem bool // the next entry stays in the line: it stands after a dash
}

// mapping writes the entries that body writes.
func (w *writer) mapping(body func()) { w.fit('{', '}', body) }

// list writes the items that body writes, each after a call of item.
func (w *writer) list(body func()) { w.fit('[', ']', body) }

// fit writes body between open and end in one line or, where that is too long, as a block.
func (w *writer) fit(open, end byte, body func()) {
	start, inItem := len(w.buf), w.inItem
	w.inItem = false
	w.flow++
	w.buf = append(w.buf, open)
	w.first = true
	body()
	w.buf = append(w.buf, end)
	w.flow--
	w.first = false
	if w.flow > 0 || !w.yaml || w.fits(start) || inItem && open == '[' {
		return
	}
	w.buf = w.buf[:start]
	w.inItem = inItem
	w.block(body)
}

// fits reports whether the line that ends the text is short, or no shorter for a break at start.
func (w *writer) fits(start int) bool {
	line := start
	for line > 0 && w.buf[line-1] != '\n' {
		line--
	}
	return len(w.buf)-line <= width || len(w.buf)-start <= 2
}

// tall is fit for what has one entry a line in YAML however short it is.
func (w *writer) tall(open, end byte, body func()) {
	if w.flow > 0 || !w.yaml {
		w.fit(open, end, body)
		return
	}
	w.block(body)
}

// block writes body one entry a line, deeper than what is around it.
func (w *writer) block(body func()) {
	w.indent += 2
	w.first = true
	body()
	w.indent -= 2
	w.first = false
}

// next begins an entry or item: after a comma, or in a line of its own.
func (w *writer) next() {
	switch {
	case w.flow == 0 && w.inItem:
	case w.flow == 0:
		if n := len(w.buf); n > 0 {
			if w.buf[n-1] == ' ' { // after "key: ", whose value begins in the next line
				w.buf = w.buf[:n-1]
			}
			w.buf = append(w.buf, '\n')
		}
		for range w.indent {
			w.buf = append(w.buf, ' ')
		}
	case !w.first:
		w.buf = append(w.buf, ',')
		if w.yaml {
			w.buf = append(w.buf, ' ')
		}
	}
	w.first, w.inItem = false, false
}

// item begins the next item of a list.
func (w *writer) item() {
	w.next()
	if w.flow == 0 {
		w.buf = append(w.buf, '-', ' ')
		w.inItem = true
	}
}

// key begins the next entry of a mapping.
func (w *writer) key(key string) {
	w.next()
	w.text(key)
	w.buf = append(w.buf, ':')
	if w.yaml {
		w.buf = append(w.buf, ' ')
	}
}

// text writes s, in quotes where it needs them.
func (w *writer) text(s string) {
	w.inItem = false
	if w.yaml && plain(s) {
		w.buf = append(w.buf, s...)
		return
	}
	w.buf = appendQuoted(w.buf, s)
}

// word writes what every reader takes as it is in YAML, and text in JSON: an address, a duration.
func (w *writer) word(s string) {
	w.inItem = false
	if w.yaml {
		w.buf = append(w.buf, s...)
		return
	}
	w.buf = appendQuoted(w.buf, s)
}

// integer writes n.
func (w *writer) integer(n int64) {
	w.inItem = false
	w.buf = strconv.AppendInt(w.buf, n, 10)
}

// number writes x, which is finite.
func (w *writer) number(x float64) {
	w.inItem = false
	format := byte('g')
	if a := math.Abs(x); a >= 1e-6 && a < 1e15 || a == 0 {
		format = 'f'
	}
	w.buf = strconv.AppendFloat(w.buf, x, format, -1, 64)
}

// boolean writes b.
func (w *writer) boolean(b bool) {
	w.inItem = false
	w.buf = strconv.AppendBool(w.buf, b)
}

// free writes a value of no fixed shape, as decoder.free reads it. Keys are sorted, after name.
func (w *writer) free(v any) {
	switch v := v.(type) {
	case string:
		w.text(v)
	case bool:
		w.boolean(v)
	case int:
		w.integer(int64(v))
	case float64:
		w.float(v)
	case []any:
		w.list(func() {
			for _, item := range v {
				w.item()
				w.free(item)
			}
		})
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.SortFunc(keys, func(a, b string) int { return cmp.Or(afterName(a)-afterName(b), cmp.Compare(a, b)) })
		w.mapping(func() {
			for _, k := range keys {
				w.key(k)
				w.free(v[k])
			}
		})
	default:
		w.inItem = false
		w.buf = append(w.buf, "null"...)
	}
}

// afterName sorts the key name before all others.
func afterName(key string) int {
	if key == "name" {
		return 0
	}
	return 1
}

// float writes a number that is read as a float64 where a whole number would be an int.
func (w *writer) float(x float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		w.free(nil)
		return
	}
	start := len(w.buf)
	w.number(x)
	if !strings.ContainsAny(string(w.buf[start:]), ".e") {
		w.buf = append(w.buf, ".0"...)
	}
}

// plain reports whether s can stand without quotes in any place, and is text to every reader of YAML.
func plain(s string) bool {
	if s == "" || len(s) > maxText {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		inner := i > 0 && i < len(s)-1 && (c == '-' || c == '.' || c == '/' || c == ' ' && s[i-1] != ' ')
		if !letter && (i == 0 || !digit(c) && c != '_' && !inner) {
			return false
		}
	}
	switch strings.ToLower(s) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n", "inf", "nan":
		return false
	}
	return true
}

// appendQuoted appends s in double quotes, with the escapes that JSON and YAML share. Bytes that are not UTF-8 become
// U+FFFD.
func appendQuoted(b []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || 0x7f <= r && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\ufeff':
			b = append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
