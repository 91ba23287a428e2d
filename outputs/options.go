package outputs

import (
	"strings"

	"linkd/project/options"
)

// Options reads an output's options: as all options are read, and with what outputs alone have.
type Options struct{ *options.Options }

// ReadOptions begins to read options.
func ReadOptions(m map[string]any) *Options { return &Options{options.Read(m)} }

// Text reads a text; fallback when there is none. Control characters are refused: it goes into lines of text.
func (o *Options) Text(key, fallback string) string {
	return o.oneLine(options.Option{Key: key, Kind: options.Text, Default: fallback})
}

func (o *Options) oneLine(of options.Option) string {
	s := o.Ask(of)
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		o.Fault(of.Key, "has control characters; write a text of one line")
		return of.Default
	}
	return s
}

// Done faults the keys that nobody has asked for, and returns all that was wrong.
func (o *Options) Done() error {
	o.Options.Done()
	return o.Err()
}

// Size writes bytes in the largest unit that divides them.
func Size(n int64) string { return options.FormatSize(n) }
