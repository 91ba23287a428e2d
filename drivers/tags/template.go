package tags

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Template is what is sent to a device, with places for what differs: {unit}, {unit:02} (that many digits), {address},
// {name} of the device, and {value} of a write; {value:ON|OFF} is the one for true, the other for false. A brace that
// begins no such place stands for itself.
type Template struct {
	parts []part
}

// part is text, or a place.
type part struct {
	place   string // empty: text stands for itself
	text    string
	on, off string // of a choice
	width   int
}

// maxTemplate bounds a template's text.
const maxTemplate = 1024

var placePattern = regexp.MustCompile(`\{([a-z_]+)(?::([^{}]*))?\}`)

// ParseTemplate reads a template. The error says what would be right.
func ParseTemplate(s string) (Template, error) {
	var t Template
	if s == "" || len(s) > maxTemplate {
		return t, fmt.Errorf("is %d bytes long; write 1 to %d", len(s), maxTemplate)
	}
	for s != "" {
		at := placePattern.FindStringSubmatchIndex(s)
		if at == nil {
			t.parts = append(t.parts, part{text: s})
			break
		}
		if at[0] > 0 {
			t.parts = append(t.parts, part{text: s[:at[0]]})
		}
		p := part{place: s[at[2]:at[3]]}
		var ok bool
		form := ""
		if at[4] >= 0 {
			form = s[at[4]:at[5]]
		}
		switch p.place {
		case "unit":
			p.width, ok = digits(form)
			ok = ok || at[4] < 0
		case "value":
			p.on, p.off, ok = strings.Cut(form, "|")
			ok = ok && p.on != p.off || at[4] < 0
		case "address", "name":
			ok = at[4] < 0
		}
		if !ok {
			return t, fmt.Errorf("has %s; there are {unit}, {unit:02}, {address}, {name}, {value} and {value:ON|OFF}",
				s[at[0]:at[1]])
		}
		t.parts = append(t.parts, p)
		s = s[at[1]:]
	}
	return t, nil
}

// digits reads the 02 of {unit:02}.
func digits(form string) (n int, ok bool) {
	n, err := strconv.Atoi(form)
	return n, err == nil && len(form) == 2 && form[0] == '0' && n > 0
}

// Writes reports whether the template has a place for a value.
func (t *Template) Writes() bool { return t.any(func(p *part) bool { return p.place == "value" }) }

// Chooses reports whether it has one with a choice, which only a bool can make.
func (t *Template) Chooses() bool { return t.any(func(p *part) bool { return p.on != p.off }) }

// Chosen is what a choice puts in for v; empty when the template has none.
func (t *Template) Chosen(v Value) string {
	for i := range t.parts {
		if p := &t.parts[i]; p.on != p.off && v.bits != 0 {
			return p.on
		} else if p.on != p.off {
			return p.off
		}
	}
	return ""
}

// Addresses reports whether it has a place for the device's address.
func (t *Template) Addresses() bool { return t.any(func(p *part) bool { return p.place == "address" }) }

func (t *Template) any(is func(*part) bool) bool {
	for i := range t.parts {
		if is(&t.parts[i]) {
			return true
		}
	}
	return false
}

// Append appends the template, filled in for d. text is how the driver writes v.
func (t *Template) Append(dst []byte, d *Device, v Value, text []byte) []byte {
	for i := range t.parts {
		switch p := &t.parts[i]; p.place {
		case "unit":
			dst = fmt.Appendf(dst, "%0*d", p.width, d.Unit)
		case "address":
			dst = append(dst, d.Address...)
		case "name":
			dst = append(dst, d.Name...)
		case "value":
			switch {
			case p.on == p.off:
				dst = append(dst, text...)
			case v.bits != 0:
				dst = append(dst, p.on...)
			default:
				dst = append(dst, p.off...)
			}
		default:
			dst = append(dst, p.text...)
		}
	}
	return dst
}
