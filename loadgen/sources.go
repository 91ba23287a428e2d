package loadgen

import (
	"fmt"
	"net/netip"
)

// sources are the addresses that devices dial from, in turn. The zero value leaves the choice to the kernel.
type sources struct {
	first netip.Addr
	count uint64
}

// parseSources reads a CIDR, or one address. Of an IPv4 network larger than two addresses, the first and the last are
// not used. Empty text is the zero value.
func parseSources(s string) (sources, error) {
	if s == "" {
		return sources{}, nil
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return sources{first: a, count: 1}, nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return sources{}, fmt.Errorf("sources %q; give a CIDR such as 127.0.1.0/24", s)
	}
	first := p.Masked().Addr()
	host := min(first.BitLen()-p.Bits(), 32) // more than 2^32 addresses are not needed
	count := uint64(1) << host
	if first.Is4() && host > 1 {
		first, count = first.Next(), count-2
	}
	return sources{first: first, count: count}, nil
}

// at returns the address of device i of the fleet.
func (s sources) at(i int) netip.Addr {
	n := uint64(i) % s.count
	b := s.first.AsSlice()
	for k := len(b) - 1; k >= 0 && n > 0; k-- {
		n += uint64(b[k])
		b[k] = byte(n)
		n >>= 8
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
