package modbus

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"linkd/drivers"
	"linkd/drivers/poll"
	"linkd/drivers/tags"
)

// question is a request PDU to a unit, and how the answer to it begins.
type question struct {
	framing framing
	unit    byte
	pdu     []byte
	head    []byte // the first bytes of the answer's PDU
	size    int    // its length
}

// Ask implements poll.Exchange.
func (q *question) Ask(dst []byte, seq uint16) []byte { return q.framing.wrap(dst, q.unit, seq, q.pdu) }

// Shape implements poll.Shaped: answers and exceptions name the function.
func (q *question) Shape() uint8 { return q.head[0] }

// Find implements poll.Exchange.
func (q *question) Find(b []byte, seq uint16) (from, to int) {
	return find(q.framing, b, q.unit, seq, q.head, q.size)
}

// exception is why the device refuses; Fine when it does not.
func exception(pdu []byte) tags.Reason {
	if pdu[0] < 0x80 {
		return tags.Fine
	}
	return reasonOf(pdu[1])
}

// reasonOf names an exception code (Application Protocol V1.1b3, section 7).
func reasonOf(code byte) tags.Reason {
	switch {
	case code >= 1 && code <= 8:
		return tags.IllegalFunction + tags.Reason(code-1)
	case code == 10:
		return tags.GatewayPath
	case code == 11:
		return tags.GatewayTarget
	}
	return tags.Refused
}

// reading asks for a run of one table.
type reading struct {
	question
	set  *tags.Set
	addr int
	refs []ref
}

var _ poll.Exchange = (*reading)(nil)

// newReading asks for the registers or bits from addr on.
func (c *channel) newReading(unit byte, refs []ref) *reading {
	first, last := extent(refs)
	r := &reading{set: c.set, addr: first, refs: refs}
	n := last - first
	r.pdu = []byte{reads[refs[0].table], byte(first >> 8), byte(first), byte(n >> 8), byte(n)}
	size := 2 * n
	if refs[0].table.bits() {
		size = (n + 7) / 8
	}
	r.question = question{c.framing, unit, r.pdu, []byte{r.pdu[0], byte(size)}, 2 + size}
	return r
}

// extent is the run of addresses that refs cover; last is exclusive.
func extent(refs []ref) (first, last int) {
	first = refs[0].addr
	for _, r := range refs {
		first, last = min(first, r.addr), max(last, r.addr+r.count)
	}
	return first, last
}

// Take implements poll.Exchange.
func (r *reading) Take(frame []byte, l drivers.Link) tags.Reason {
	var room [maxASCII]byte
	_, pdu, _ := open(r.framing, room[:], frame)
	if why := exception(pdu); why != tags.Fine {
		return why
	}
	r.report(pdu[2:], l)
	return tags.Fine
}

// report gives the values in a run to the link.
func (r *reading) report(b []byte, l drivers.Link) {
	for i := range r.refs {
		ref := &r.refs[i]
		at := ref.addr - r.addr
		switch {
		case ref.table.bits():
			l.Value(ref.tag, tags.Bool(b[at>>3]>>(at&7)&1 != 0))
		case ref.bit >= 0:
			l.Value(ref.tag, tags.Bool(binary.BigEndian.Uint16(b[2*at:])>>ref.bit&1 != 0))
		default:
			t := &r.set.Tags[ref.tag]
			at *= 2
			if t.Size == 1 {
				at++ // the lower half of the register
			}
			if v, ok := t.Decode(b[at:]); ok {
				l.Value(ref.tag, v)
			} else {
				l.Bad(ref.tag, tags.Malformed)
			}
		}
	}
}

// plan merges the tags of a device into the fewest requests within the limits of block and gap.
func (c *channel) plan(device int, unit byte, refs []ref) (out []poll.Planned) {
	every := func(r ref) time.Duration { return c.set.Tags[r.tag].Poll }
	slices.SortStableFunc(refs, func(a, b ref) int {
		return cmp.Or(cmp.Compare(every(a), every(b)), cmp.Compare(a.table, b.table), cmp.Compare(a.addr, b.addr))
	})
	for len(refs) > 0 {
		n := 1
		for ; n < len(refs) && every(refs[n]) == every(refs[0]) && refs[n].table == refs[0].table; n++ {
			block, gap := c.maxBlock, c.maxGap
			if refs[0].table.bits() {
				block, gap = 16*block, 16*gap
			}
			first, last := extent(refs[:n])
			if refs[n].addr-last > gap || max(refs[n].addr+refs[n].count, last)-first > block {
				break
			}
		}
		out = append(out, c.planned(device, unit, refs[:n:n]))
		refs = refs[n:]
	}
	return out
}

func (c *channel) planned(device int, unit byte, refs []ref) poll.Planned {
	p := poll.Planned{Exchange: c.newReading(unit, refs), Device: device, Every: c.set.Tags[refs[0].tag].Poll}
	for _, r := range refs {
		p.Tags = append(p.Tags, r.tag)
	}
	return p
}

// split takes a request apart that the device refused for its address: at its widest gap, else in the middle, never
// inside a tag. A single tag is not there: nothing is left.
func (c *channel) split(p *poll.Planned) []poll.Planned {
	r, ok := p.Exchange.(*reading)
	if !ok || len(r.refs) < 2 {
		return nil
	}
	at, widest := len(r.refs)/2, 0
	for i := 1; i < len(r.refs); i++ {
		_, end := extent(r.refs[:i])
		if gap := r.refs[i].addr - end; gap > widest {
			at, widest = i, gap
		}
	}
	return []poll.Planned{c.planned(p.Device, r.unit, r.refs[:at:at]), c.planned(p.Device, r.unit, r.refs[at:])}
}
