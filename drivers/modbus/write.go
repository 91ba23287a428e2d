package modbus

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"linkd/drivers"
	"linkd/drivers/poll"
	"linkd/drivers/tags"
)

// writing asks a device to change something; its answer repeats the beginning of the question.
type writing struct{ question }

// Take implements poll.Exchange.
func (w *writing) Take(frame []byte, _ drivers.Link) tags.Reason {
	var room [maxASCII]byte
	_, pdu, _ := open(w.framing, room[:], frame)
	return exception(pdu)
}

// newWriting makes the exchange of a request whose answer repeats its first echo bytes.
func (c *channel) newWriting(unit byte, pdu []byte, echo int) *writing {
	return &writing{question{c.framing, unit, pdu, pdu[:echo], echo}}
}

// run is neighbouring addresses with what they are to become.
type run struct {
	refs []ref
	data []byte // registers, or a byte for each coil
}

// writes implements poll.Config's Writes.
func (c *channel) writes(cmd *drivers.Command) (writes, readBack []poll.Exchange, err error) {
	unit := byte(c.set.Devices[cmd.Device].Unit)
	runs, masks, err := c.runs(cmd)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range runs {
		if cmd.Readback && c.readWrite && !r.refs[0].table.bits() {
			writes = append(writes, c.exchange(unit, r))
			continue
		}
		writes = append(writes, c.write(unit, r))
		if cmd.Readback {
			readBack = append(readBack, c.newReading(unit, r.refs))
		}
	}
	for _, m := range masks {
		and, or := ^uint16(1<<m.ref.bit), uint16(0)
		if m.on {
			or = 1 << m.ref.bit
		}
		pdu := []byte{22, byte(m.ref.addr >> 8), byte(m.ref.addr)}
		pdu = binary.BigEndian.AppendUint16(pdu, and)
		pdu = binary.BigEndian.AppendUint16(pdu, or)
		writes = append(writes, c.newWriting(unit, pdu, len(pdu)))
		if cmd.Readback {
			readBack = append(readBack, c.newReading(unit, []ref{m.ref}))
		}
	}
	return writes, readBack, nil
}

// mask is a bit of a register that is to change alone.
type mask struct {
	ref ref
	on  bool
}

// runs sorts the writes of a command into runs of neighbours, and single bits of registers.
func (c *channel) runs(cmd *drivers.Command) (runs []run, masks []mask, err error) {
	list := slices.Clone(cmd.Writes)
	slices.SortStableFunc(list, func(a, b drivers.Write) int {
		x, y := c.refs[a.Tag], c.refs[b.Tag]
		return cmp.Or(cmp.Compare(x.table, y.table), cmp.Compare(x.addr, y.addr))
	})
	for _, w := range list {
		r, t := c.refs[w.Tag], &c.set.Tags[w.Tag]
		var data []byte
		switch {
		case r.bit >= 0:
			masks = append(masks, mask{r, w.Value.Float() != 0})
			continue
		case r.table.bits():
			data = []byte{byte(w.Value.Float())}
		default:
			if t.Size == 1 {
				data = append(data, 0) // the upper half of the register
			}
			if data, err = t.Encode(data, w.Value); err != nil {
				return nil, nil, err
			}
			if len(data)%2 == 1 {
				data = append(data, 0)
			}
		}
		if n := len(runs); n > 0 && runs[n-1].takes(r) {
			runs[n-1].refs = append(runs[n-1].refs, r)
			runs[n-1].data = append(runs[n-1].data, data...)
			continue
		}
		runs = append(runs, run{[]ref{r}, data})
	}
	return runs, masks, nil
}

// takes reports whether r is the neighbour that the run goes on with; FC 16 holds 123 registers, FC 23 121.
func (r *run) takes(next ref) bool {
	first, last := extent(r.refs)
	return r.refs[0].table == next.table && last == next.addr && next.addr+next.count-first <= 121
}

// write is FC 5, 6, 15 or 16.
func (c *channel) write(unit byte, r run) poll.Exchange {
	first, last := extent(r.refs)
	at, n := []byte{byte(first >> 8), byte(first)}, last-first
	single := n == 1 && !c.writeMultiple
	switch isBit := r.refs[0].table.bits(); {
	case isBit && single:
		return c.newWriting(unit, bytes.Join([][]byte{{5}, at, {0xFF * r.data[0], 0}}, nil), 5)
	case isBit:
		packed := make([]byte, (n+7)/8)
		for i, on := range r.data {
			packed[i>>3] |= on << (i & 7)
		}
		return c.newWriting(unit, bytes.Join([][]byte{{15}, at, {byte(n >> 8), byte(n), byte(len(packed))}, packed}, nil), 5)
	case single:
		return c.newWriting(unit, bytes.Join([][]byte{{6}, at, r.data}, nil), 5)
	}
	return c.newWriting(unit, bytes.Join([][]byte{{16}, at, {byte(n >> 8), byte(n), byte(2 * n)}, r.data}, nil), 5)
}

// exchange is FC 23: write a run and read it back in one request.
func (c *channel) exchange(unit byte, r run) poll.Exchange {
	x := c.newReading(unit, r.refs)
	x.pdu = bytes.Join([][]byte{{23}, x.pdu[1:5], x.pdu[1:5], {byte(len(r.data))}, r.data}, nil)
	x.head = []byte{23, byte(len(r.data))}
	return x
}
