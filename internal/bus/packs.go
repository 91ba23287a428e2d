package bus

import (
	"bytes"
	"slices"

	"linkd/internal/payload"
)

// A report goes out twice: by itself, on its device's subject, to who listens now; and in a pack, into the stream. A
// message in a file costs the server 7 us whatever its size (ADR 13), so a pack has the reports of many devices, one a
// line: all of a chunk whose device is of one shard.
const (
	shards    = 64        // a query of one device reads one of so many parts of the history
	packBytes = 128 << 10 // of a pack; a report that is larger is a pack of its own
)

// shardOf is a device's shard, by its subject: FNV-1a, 32 bits. What is stored was stored under it, so that it must not
// change.
func shardOf[S ~string | ~[]byte](subject S) int {
	h := uint32(2166136261)
	for i := range len(subject) {
		h = (h ^ uint32(subject[i])) * 16777619
	}
	return int(h % shards)
}

// message is what a lane has the server store.
type message struct {
	subject string
	data    []byte
}

// packer lays out the records of a chunk as packs. What it returns is valid until the next call.
type packer struct {
	payloads [shards][][]byte // of the chunk, by shard
	buf      []byte
	out      []message
}

// pack returns the packs of c, none over limit bytes unless one record is.
func (p *packer) pack(c *chunk, limit int) []message {
	for subject, data := range c.records {
		s := shardOf(subject)
		p.payloads[s] = append(p.payloads[s], data)
	}
	p.out, p.buf = p.out[:0], slices.Grow(p.buf[:0], len(c.buf)) // lines need less than the heads of records did
	for s, payloads := range p.payloads {
		start := len(p.buf)
		for _, data := range payloads {
			switch size := len(p.buf) - start; {
			case size > 0 && size+1+len(data) > limit:
				p.out = append(p.out, message{c.to.packs[s], p.buf[start:]})
				start = len(p.buf)
			case size > 0:
				p.buf = append(p.buf, '\n')
			}
			p.buf = append(p.buf, data...)
		}
		if len(payloads) > 0 {
			p.out = append(p.out, message{c.to.packs[s], p.buf[start:]})
			clear(payloads)
			p.payloads[s] = payloads[:0]
		}
	}
	return p.out
}

// finder finds the reports of one device in packs.
type finder struct {
	subject string // of the packs
	key     []byte
}

// find says where a device's reports are. payload.AppendJSON writes the key; in no text of a report can it be, since a
// quote in a text stands behind a backslash.
func (s *subjects) find(channel, device string) finder {
	return finder{
		subject: s.packs[shardOf(appendSubject(nil, s.tags, channel, device))],
		key:     payload.AppendOrigin(nil, channel, device),
	}
}

// each calls f with every report of the device in a pack.
func (d *finder) each(pack []byte, f func(report []byte)) {
	for from := 0; ; {
		i := bytes.Index(pack[from:], d.key)
		if i < 0 {
			return
		}
		start := bytes.LastIndexByte(pack[:from+i], '\n') + 1
		end := len(pack)
		if n := bytes.IndexByte(pack[from+i:], '\n'); n >= 0 {
			end = from + i + n
		}
		f(pack[start:end])
		from = end
	}
}
