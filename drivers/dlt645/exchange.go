package dlt645

import (
	"bytes"
	"fmt"
	"strings"

	"linkd/drivers"
	"linkd/drivers/poll"
	"linkd/drivers/tags"
)

// question is a request to a meter, and how the answer to it begins.
type question struct {
	version *version
	meter   [6]byte
	asks    []byte // the whole request
	control byte   // of the request
	id      []byte // what the answer's data begins with, plus 33H; nil: the answer names no identifier
}

// ask makes a question of plain data.
func (c *channel) ask(device int, control byte, id uint32, more ...[]byte) question {
	q := question{version: c.version, meter: c.meters[device], control: control}
	parts := append([][]byte{c.version.wire(id)}, more...)
	q.asks = appendFrame(nil, c.wakeUp, q.meter, control, parts...)
	return q
}

// Ask implements poll.Exchange.
func (q *question) Ask(dst []byte, _ uint16) []byte { return append(dst, q.asks...) }

// Find implements poll.Exchange.
func (q *question) Find(b []byte, _ uint16) (from, to int) {
	partial := len(b)
	for i := range b {
		if b[i] != start {
			continue
		}
		f, n, ok := frameAt(b[i:])
		switch {
		case !ok:
		case n == 0:
			partial = min(partial, i)
		case q.answeredBy(f):
			return i, i + n
		}
	}
	return partial, 0
}

// answeredBy reports whether f answers the question, well or not. A refusal names the meter and the function alone.
func (q *question) answeredBy(f frame) bool {
	if !bytes.Equal(f.address, q.meter[:]) || f.control&fromMeter == 0 || f.control&function != q.control {
		return false
	}
	if f.control&refused != 0 {
		return len(f.data) == 1
	}
	return bytes.HasPrefix(f.data, q.id) && (q.id != nil || len(f.data) == 0)
}

// refusal is why a meter does not do what it was asked; Fine when it does.
func (q *question) refusal(f frame) tags.Reason {
	switch {
	case f.control&refused == 0:
		return tags.Fine
	case f.data[0]-offset == noSuchData:
		return tags.IllegalAddress
	}
	return tags.Refused
}

// noSuchData is the error byte of an identifier that the meter does not have.
const noSuchData = 1 << 1

// Words implements poll.Refusal.
func (q *question) Words(answer []byte) string {
	f, _, _ := frameAt(answer)
	if f.control&refused == 0 {
		return "the answer is a block in several frames, which is not read"
	}
	return q.version.errorText(f.data[0] - offset)
}

// errorText names the bits of an error byte.
func (v *version) errorText(bits byte) string {
	var words []string
	for i, name := range v.errors {
		if bits>>i&1 != 0 {
			words = append(words, name)
		}
	}
	if words == nil {
		return "no error named"
	}
	return strings.Join(words, ", ")
}

// reading asks for one identifier.
type reading struct {
	question
	set     *tags.Set
	refs    []ref // all of one identifier
	numbers []int // of their tags
}

var (
	_ poll.Exchange = (*reading)(nil)
	_ poll.Refusal  = (*reading)(nil)
	_ poll.Refusal  = (*writing)(nil)
)

// newReading asks a device for the identifier of tags.
func (c *channel) newReading(device int, numbers ...int) *reading {
	id := c.refs[numbers[0]].id
	r := &reading{question: c.ask(device, c.version.read, id), set: c.set, numbers: numbers}
	for _, n := range numbers {
		r.refs = append(r.refs, c.refs[n])
	}
	for _, b := range c.version.wire(id) {
		r.id = append(r.id, b+offset)
	}
	return r
}

// Take implements poll.Exchange.
func (r *reading) Take(answer []byte, l drivers.Link) tags.Reason {
	f, _, _ := frameAt(answer)
	if why := r.refusal(f); why != tags.Fine {
		return why
	}
	if f.control&more != 0 {
		return tags.Malformed
	}
	var room [maxRead]byte
	data := reversed(room[:], f.data[len(r.id):])
	for i, n := range r.numbers {
		if v, ok := decode(&r.set.Tags[n], r.refs[i], data); ok {
			l.Value(n, v)
		} else {
			l.Bad(n, tags.Malformed)
		}
	}
	return tags.Fine
}

// decode reads a tag's value; data is plain, highest byte first, and the value its end. It writes into data and puts it
// back.
func decode(t *tags.Tag, r ref, data []byte) (tags.Value, bool) {
	if len(data) != r.size {
		return tags.Value{}, false
	}
	b := data[len(data)-t.Size:]
	if allFF(b) {
		return tags.Value{}, false
	}
	if !r.signed || b[0]&0x80 == 0 {
		return t.Decode(b)
	}
	b[0] &^= 0x80
	v, ok := t.Decode(b)
	b[0] |= 0x80
	return tags.Int(-int64(v.Float())), ok
}

func allFF(b []byte) bool {
	for _, c := range b {
		if c != 0xFF {
			return false
		}
	}
	return true
}

// plan makes one request of the tags of a device that have identifier and interval in common.
func (c *channel) plan(device int) (out []poll.Planned) {
	dev := &c.set.Devices[device]
	type key struct {
		id    uint32
		every int64
	}
	tagsOf := map[key][]int{}
	var order []key
	for n := dev.First; n < dev.End; n++ {
		k := key{c.refs[n].id, int64(c.set.Tags[n].Poll)}
		if tagsOf[k] == nil {
			order = append(order, k)
		}
		tagsOf[k] = append(tagsOf[k], n)
	}
	for _, k := range order {
		numbers := tagsOf[k]
		out = append(out, poll.Planned{Exchange: c.newReading(device, numbers...), Device: device, Tags: numbers,
			Every: c.set.Tags[numbers[0]].Poll})
	}
	return out
}

// writing asks a meter to change something; its answer has no data.
type writing struct{ question }

// Take implements poll.Exchange.
func (w *writing) Take(answer []byte, _ drivers.Link) tags.Reason {
	f, _, _ := frameAt(answer)
	return w.refusal(f)
}

// writes implements poll.Config's Writes.
func (c *channel) writes(cmd *drivers.Command) (writes, readBack []poll.Exchange, err error) {
	for _, w := range cmd.Writes {
		t := &c.set.Tags[w.Tag]
		if !t.Writable {
			return nil, nil, fmt.Errorf("tag %s is read-only", t.Name)
		}
		data, err := t.Encode(nil, w.Value)
		if err != nil {
			return nil, nil, err
		}
		value := make([]byte, len(data))
		for i, b := range data {
			value[len(data)-1-i] = b
		}
		writes = append(writes, &writing{c.ask(cmd.Device, c.version.write, c.refs[w.Tag].id, c.key, value)})
		if cmd.Readback {
			readBack = append(readBack, c.newReading(cmd.Device, w.Tag))
		}
	}
	return writes, readBack, nil
}
