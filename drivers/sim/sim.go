// Package sim is the driver without a link: its values come from expressions. See its README.
package sim

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"time"

	"linkd/drivers"
	"linkd/drivers/tags"
	"linkd/project"
)

// Driver describes sim.
func Driver() *drivers.Driver {
	return &drivers.Driver{
		Name:    "sim",
		Title:   "Values from expressions, without a device",
		Links:   []project.LinkKind{project.NoLink},
		Compile: compile,
	}
}

// channel is a compiled channel.
type channel struct {
	set      *tags.Set
	formulas []*tags.Formula // by tag
}

var (
	_ drivers.Tagged    = (*channel)(nil)
	_ drivers.Commander = (*machine)(nil)
)

// identifier is a name that can stand in an expression.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func compile(ch *project.Channel, models []*project.Model) (drivers.Channel, error) {
	for name := range ch.Options {
		return nil, &project.FieldError{Field: "options." + name,
			Err: fmt.Errorf("%s is no option of sim, which has none; leave options out", name)}
	}
	if len(ch.Devices) == 0 {
		return nil, &project.FieldError{Field: "devices",
			Err: errors.New("a sim channel has devices; write devices: [{name: d1, tags: […]}]")}
	}
	set, err := tags.CompileText(ch, models)
	if err != nil {
		return nil, err
	}
	c := &channel{set: set, formulas: make([]*tags.Formula, len(set.Tags))}
	var errs []error
	for d := range set.Devices {
		names := c.names(d)
		for i := set.Devices[d].First; i < set.Devices[d].End; i++ {
			t := &set.Tags[i]
			if t.Poll <= 0 {
				errs = append(errs, t.Fault("nothing says how often it is computed; write poll: 1s"))
			}
			if c.formulas[i], err = tags.NewFormula(t.Address, names); err != nil {
				errs = append(errs, t.AddressFault("is %q: %v; write an expression such as 20 + 5 * sin(t / 60)",
					t.Address, err))
			}
		}
	}
	return c, errors.Join(errs...)
}

// names are what may stand in the expressions of a device, each with an example of its kind.
func (c *channel) names(device int) map[string]any {
	names := map[string]any{"t": float64(0), "n": 0}
	d := &c.set.Devices[device]
	for i := d.First; i < d.End; i++ {
		if t := &c.set.Tags[i]; t.Writable && identifier.MatchString(t.Name) {
			names[t.Name] = zero(t.Type)
		}
	}
	return names
}

// zero is a value of a tag's type as expressions have it.
func zero(t tags.Type) any {
	switch t {
	case tags.TypeBool:
		return false
	case tags.TypeString:
		return ""
	}
	return float64(0)
}

// Tags implements drivers.Tagged.
func (c *channel) Tags() *tags.Set { return c.set }

// Machine implements drivers.Channel.
func (c *channel) Machine() drivers.Machine {
	m := &machine{c: c, state: make([]state, len(c.set.Tags)), names: make([]map[string]any, len(c.set.Devices))}
	for d := range m.names {
		m.names[d] = c.names(d)
	}
	return m
}

// machine is the running channel.
type machine struct {
	c     *channel
	began int64
	state []state          // by tag
	names []map[string]any // by device: what expressions see
}

// state is one tag.
type state struct {
	due     int64
	n       int
	written bool
	value   tags.Value // that was written
}

// Open implements drivers.Machine.
func (m *machine) Open(now int64, l drivers.Link) {
	m.began = now
	for i := range m.state {
		m.state[i].due, m.state[i].n = 0, 0 // what was written stays
	}
	m.Timer(now, l)
}

// Receive implements drivers.Machine: nobody sends.
func (m *machine) Receive(_ int64, b []byte, _ drivers.Link) int { return len(b) }

// Close implements drivers.Machine.
func (m *machine) Close(int64, drivers.Link) {}

// Timer implements drivers.Machine: it computes what is due.
func (m *machine) Timer(now int64, l drivers.Link) {
	next := int64(0)
	for d := range m.c.set.Devices {
		dev, late := &m.c.set.Devices[d], int64(-1)
		m.names[d]["t"] = float64(now-m.began) / float64(time.Second)
		for i := dev.First; i < dev.End; i++ {
			s := &m.state[i]
			if s.due <= now {
				if s.due != 0 {
					late = max(late, now-s.due)
				} else {
					s.due, late = now, 0
				}
				every := int64(m.c.set.Tags[i].Poll)
				s.due += every * ((now-s.due)/every + 1)
				m.compute(i, l)
			}
			if next == 0 || s.due < next {
				next = s.due
			}
		}
		if late >= 0 {
			l.Polled(d, drivers.PollOK, 0, late)
		}
	}
	if next != 0 {
		l.Wake(max(next-now, 1))
	}
}

// compute gives tag i its value.
func (m *machine) compute(i int, l drivers.Link) {
	s, t := &m.state[i], &m.c.set.Tags[i]
	names := m.names[t.Device]
	v, why := s.value, tags.Fine
	if !s.written {
		names["n"] = s.n
		v, why = m.c.formulas[i].Value(names)
	}
	s.n++
	if why == tags.Fine && kindOf(zero(t.Type)) != kindOf(v.Any()) {
		why = tags.Malformed
	}
	if why != tags.Fine {
		l.Bad(i, why)
		return
	}
	switch real := t.Type == tags.TypeFloat32 || t.Type == tags.TypeFloat64; {
	case v.Kind == tags.KindInt && real:
		v = tags.Float(v.Float())
	case v.Kind == tags.KindFloat && !real && math.Abs(v.Float()) < math.MaxInt64: // others are no number of the type
		v = tags.Int(int64(math.Round(v.Float())))
	}
	if t.Writable {
		m.see(i, v)
	}
	l.Value(i, v)
}

// see lets expressions see a writable tag's value, as people read it.
func (m *machine) see(i int, v tags.Value) {
	t := &m.c.set.Tags[i]
	read, why := t.Convert(v)
	if _, named := m.names[t.Device][t.Name]; !named || why != tags.Fine {
		return
	}
	x := read.Any()
	if kindOf(x) == number {
		x = read.Float()
	}
	m.names[t.Device][t.Name] = x
}

// kind tells numbers, truth values and text apart.
type kind uint8

const (
	number kind = iota
	truth
	words
)

func kindOf(v any) kind {
	switch v.(type) {
	case bool:
		return truth
	case string:
		return words
	}
	return number
}

// Command implements drivers.Commander: what is written is so from now on.
func (m *machine) Command(_ int64, c *drivers.Command, l drivers.Link) {
	for _, w := range c.Writes {
		s := &m.state[w.Tag]
		s.value, s.written = w.Value, true
		m.compute(w.Tag, l)
	}
	c.Answer(drivers.Confirmed, tags.Fine, "")
}
