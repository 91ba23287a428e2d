// Package pcapng writes frames of TCP links as a capture file that Wireshark and tshark read: the pcapng format of
// draft-ietf-opsawg-pcapng, with a section, one interface of link type RAW (packets begin with their IP header) and
// a packet for each frame.
//
// There is no packet to be had of a frame: its IP and TCP headers are made up from the ends of its link, with sequence
// numbers that follow each other and checksums that are right, so that a reader puts the bytes together again. It never
// reads such a file, and it keeps no frame.
package pcapng

import (
	"encoding/binary"
	"io"
	"net/netip"
	"time"
)

// Block and option types, sections 4 and 3.5 of the draft.
const (
	sectionHeader  = 0x0A0D0D0A
	interfaceBlock = 1
	statistics     = 5 // of an interface
	enhancedPacket = 6

	optionEnd         = 0
	optionComment     = 1
	optionName        = 2 // of an interface
	optionApplication = 4 // of a section
	optionResolution  = 9 // of an interface's times

	byteOrderMagic = 0x1A2B3C4D
	linkTypeRaw    = 101
	nanoseconds    = 9 // 10 to the minus
)

const (
	ip4Header, ip6Header, tcpHeader = 20, 40, 20
	// mostPayload is what fits into one packet of either kind of IP; what is longer counts, but is not there.
	mostPayload = 65535 - ip4Header - tcpHeader
	// mostText bounds a comment, whose length has 16 bits.
	mostText = 4 << 10
	// mostEnds bounds what is kept of links in a file that has no end: two for each of the newest ones.
	mostEnds = 4096
)

// Frame is bytes that one end of a link sent to the other.
type Frame struct {
	Time     time.Time
	From, To netip.AddrPort // an end that is not known is all zero
	Data     []byte
	Length   int    // of what was sent; more than Data has where only its beginning is known
	Comment  string // shown with the packet; may be empty
}

// Writer writes one file, each block of it with one Write. One goroutine uses it.
type Writer struct {
	w    io.Writer
	b    []byte          // of one block
	sent map[ends]uint32 // bytes so far
}

// ends are those of a link, as bytes go from the first to the second.
type ends [2]netip.AddrPort

// NewWriter begins a file of what application has seen on the interface called name.
func NewWriter(w io.Writer, application, name string) (*Writer, error) {
	p := &Writer{w: w, sent: map[ends]uint32{}}
	p.begin(sectionHeader)
	p.b = binary.LittleEndian.AppendUint32(p.b, byteOrderMagic)
	p.b = binary.LittleEndian.AppendUint16(p.b, 1) // version 1.0
	p.b = binary.LittleEndian.AppendUint16(p.b, 0)
	p.b = binary.LittleEndian.AppendUint64(p.b, ^uint64(0)) // how long the section is is not told
	p.option(optionApplication, []byte(application))
	p.option(optionEnd, nil)
	if err := p.end(); err != nil {
		return nil, err
	}
	p.begin(interfaceBlock)
	p.b = binary.LittleEndian.AppendUint16(p.b, linkTypeRaw)
	p.b = append(p.b, 0, 0, 0, 0, 0, 0) // reserved; no limit of a packet's length
	p.option(optionName, []byte(name))
	p.option(optionResolution, []byte{nanoseconds})
	p.option(optionEnd, nil)
	return p, p.end()
}

// Write writes one frame.
func (p *Writer) Write(f Frame) error {
	from, to := sameFamily(f.From, f.To)
	p.makeRoom(ends{from, to}, ends{to, from})
	length := min(max(f.Length, len(f.Data)), mostPayload)
	data := f.Data[:min(len(f.Data), length)]
	head := tcpHeader + ip4Header
	if from.Addr().Is6() {
		head = tcpHeader + ip6Header
	}
	p.begin(enhancedPacket)
	p.b = binary.LittleEndian.AppendUint32(p.b, 0) // the first interface
	p.time(f.Time)
	p.b = binary.LittleEndian.AppendUint32(p.b, uint32(head+len(data)))
	p.b = binary.LittleEndian.AppendUint32(p.b, uint32(head+length))
	begin := len(p.b)
	p.packet(from, to, data, length)
	p.pad(len(p.b) - begin)
	p.sent[ends{from, to}] += uint32(max(f.Length, len(f.Data)))
	if f.Comment != "" {
		p.option(optionComment, []byte(f.Comment))
		p.option(optionEnd, nil)
	}
	return p.end()
}

// Still writes that nothing has passed until at: the interface's statistics, of which none are told.
func (p *Writer) Still(at time.Time) error {
	p.begin(statistics)
	p.b = binary.LittleEndian.AppendUint32(p.b, 0) // the first interface
	p.time(at)
	return p.end()
}

func (p *Writer) time(at time.Time) {
	ns := uint64(at.UnixNano())
	p.b = binary.LittleEndian.AppendUint32(p.b, uint32(ns>>32))
	p.b = binary.LittleEndian.AppendUint32(p.b, uint32(ns))
}

// makeRoom forgets links that are over where another one begins.
func (p *Writer) makeRoom(there, back ends) {
	if _, known := p.sent[there]; known || len(p.sent) < mostEnds {
		return
	}
	if _, known := p.sent[back]; !known {
		clear(p.sent)
	}
}

// sameFamily makes both ends IPv4, or both IPv6.
func sameFamily(a, b netip.AddrPort) (netip.AddrPort, netip.AddrPort) {
	plain := func(e netip.AddrPort) netip.AddrPort {
		return netip.AddrPortFrom(e.Addr().Unmap().WithZone(""), e.Port())
	}
	a, b = plain(a), plain(b)
	none := netip.IPv4Unspecified()
	if a.Addr().Is6() || b.Addr().Is6() {
		none = netip.IPv6Unspecified()
	}
	if a.Addr().BitLen() != none.BitLen() {
		a = netip.AddrPortFrom(none, a.Port())
	}
	if b.Addr().BitLen() != none.BitLen() {
		b = netip.AddrPortFrom(none, b.Port())
	}
	return a, b
}

// packet appends a packet of length bytes of payload, of which data is the beginning.
func (p *Writer) packet(from, to netip.AddrPort, data []byte, length int) {
	const tcp = 6 // the protocol's number
	src, dst := from.Addr().AsSlice(), to.Addr().AsSlice()
	begin := len(p.b)
	if from.Addr().Is4() {
		p.b = append(p.b, 0x45, 0) // version 4, 5 words
		p.b = binary.BigEndian.AppendUint16(p.b, uint16(ip4Header+tcpHeader+length))
		p.b = append(p.b, 0, 0, 0x40, 0, 64, tcp, 0, 0) // no identification, not to be fragmented, 64 hops
		p.b = append(append(p.b, src...), dst...)
		binary.BigEndian.PutUint16(p.b[begin+10:], checksum(0, p.b[begin:]))
	} else {
		p.b = append(p.b, 0x60, 0, 0, 0) // version 6
		p.b = binary.BigEndian.AppendUint16(p.b, uint16(tcpHeader+length))
		p.b = append(p.b, tcp, 64)
		p.b = append(append(p.b, src...), dst...)
	}
	begin = len(p.b)
	p.b = binary.BigEndian.AppendUint16(p.b, from.Port())
	p.b = binary.BigEndian.AppendUint16(p.b, to.Port())
	p.b = binary.BigEndian.AppendUint32(p.b, 1+p.sent[ends{from, to}])
	p.b = binary.BigEndian.AppendUint32(p.b, 1+p.sent[ends{to, from}])
	p.b = append(p.b, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0) // 5 words; PSH and ACK; the widest window
	p.b = append(p.b, data...)
	pseudo := sum(sum(0, src), dst) + tcp + uint32(tcpHeader+length)
	binary.BigEndian.PutUint16(p.b[begin+16:], checksum(pseudo, p.b[begin:]))
}

// sum adds the 16-bit words of b to s (RFC 1071). It holds what a packet can have.
func sum(s uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

// checksum is the Internet checksum of b and of what s is the sum of.
func checksum(s uint32, b []byte) uint16 {
	s = sum(s, b)
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return ^uint16(s)
}

// begin begins a block; its length is filled in by end.
func (p *Writer) begin(block uint32) {
	p.b = binary.LittleEndian.AppendUint32(p.b[:0], block)
	p.b = append(p.b, 0, 0, 0, 0)
}

// end writes the block, which has its length at both ends.
func (p *Writer) end() error {
	length := uint32(len(p.b) + 4)
	p.b = binary.LittleEndian.AppendUint32(p.b, length)
	binary.LittleEndian.PutUint32(p.b[4:], length)
	_, err := p.w.Write(p.b)
	return err
}

// option appends an option; its value is cut to what one may have.
func (p *Writer) option(code uint16, value []byte) {
	value = value[:min(len(value), mostText)]
	p.b = binary.LittleEndian.AppendUint16(p.b, code)
	p.b = binary.LittleEndian.AppendUint16(p.b, uint16(len(value)))
	p.b = append(p.b, value...)
	p.pad(len(value))
}

// pad fills up to 32 bits what is n bytes long.
func (p *Writer) pad(n int) { p.b = append(p.b, make([]byte, -n&3)...) }
