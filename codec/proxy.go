package codec

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"github.com/pires/go-proxyproto"
)

// Bounds of a PROXY header in bytes. Version 1 has 107 by its specification, section 2.1; version 2 could have 64 KiB,
// but a link has 1 KiB before its identity.
const (
	maxProxyV1 = 107
	maxProxyV2 = 1024
	proxyHead2 = 16 // signature, version and command, family, length
)

const (
	proxySign1 = "PROXY "
	proxySign2 = "\r\n\r\n\x00\r\nQUIT\n"
)

// Proxy reads a PROXY protocol header, version 1 or 2, at the start of b, which is all that has arrived on the link.
// Found: the header is n bytes, and the connection came from src; src is the zero AddrPort when the balancer speaks
// for itself (LOCAL) or does not know (UNKNOWN). Wait: more bytes are needed. Rubbish: err says why.
//
// The length is checked here, so that the parser only ever sees a whole header. A whole header costs a few allocations,
// once per link.
func Proxy(b []byte) (src netip.AddrPort, n int, verdict Verdict, err error) {
	n, err = proxyLength(b)
	if err != nil {
		return netip.AddrPort{}, 0, Rubbish, err
	}
	if n == 0 || len(b) < n {
		return netip.AddrPort{}, 0, Wait, nil
	}
	h, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(b[:n]), max(n, proxyHead2)))
	if err != nil {
		return netip.AddrPort{}, 0, Rubbish, fmt.Errorf("%w: %w", ErrProxy, err)
	}
	if h.Command.IsLocal() {
		return netip.AddrPort{}, n, Found, nil
	}
	a, ok := h.SourceAddr.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, 0, Rubbish, fmt.Errorf("%w: the source is not a TCP address", ErrProxy)
	}
	p := a.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port()), n, Found, nil
}

// proxyLength returns the length of the header that b begins with; 0 while that is not known.
func proxyLength(b []byte) (int, error) {
	switch {
	case len(b) == 0:
		return 0, nil
	case begins(b, []byte(proxySign1)):
		return proxyLength1(b)
	case begins(b, []byte(proxySign2)):
		return proxyLength2(b)
	}
	return 0, fmt.Errorf("%w: got % X, want %q or version 2's signature", ErrProxy, b[:min(len(b), 12)], proxySign1)
}

func proxyLength1(b []byte) (int, error) {
	i := bytes.IndexByte(b[:min(len(b), maxProxyV1)], '\n')
	if i < 0 && len(b) >= maxProxyV1 {
		return 0, fmt.Errorf("%w: no line end within %d bytes", ErrProxy, maxProxyV1)
	}
	return i + 1, nil
}

func proxyLength2(b []byte) (int, error) {
	if len(b) < proxyHead2 {
		return 0, nil
	}
	n := proxyHead2 + int(binary.BigEndian.Uint16(b[14:]))
	if n > maxProxyV2 {
		return 0, fmt.Errorf("%w: %d bytes, want at most %d", ErrProxy, n, maxProxyV2)
	}
	return n, nil
}
