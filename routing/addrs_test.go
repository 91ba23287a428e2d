package routing

import (
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"testing"
)

func TestAddrs(t *testing.T) {
	var a Addrs
	if _, ok := a.Lookup(netip.MustParseAddr("10.0.0.1")); ok || a.Len() != 0 {
		t.Error("the zero Addrs is not empty")
	}
	for i, p := range []string{
		"0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "10.1.2.99/25",
		"2001:db8::/32", "2001:db8::1/128", "::ffff:192.0.2.0/120", "fe80::/10",
	} {
		if !a.Insert(netip.MustParsePrefix(p), uint32(i)) {
			t.Errorf("Insert(%s) is false", p)
		}
	}
	tests := []struct {
		addr string
		want uint32
		ok   bool
	}{
		{"10.1.2.3", 3, true},
		{"10.1.2.4", 4, true},
		{"10.1.2.127", 4, true},
		{"10.1.2.128", 2, true},
		{"10.9.9.9", 1, true},
		{"11.0.0.0", 0, true},
		{"::ffff:10.1.2.3", 3, true},
		{"192.0.2.7", 7, true},
		{"2001:db8::1", 6, true},
		{"2001:db8::2", 5, true},
		{"2001:db9::", 0, false}, // 0.0.0.0/0 holds no IPv6 address
		{"fe80::1%eth0", 8, true},
	}
	for _, tt := range tests {
		if got, ok := a.Lookup(netip.MustParseAddr(tt.addr)); got != tt.want || ok != tt.ok {
			t.Errorf("Lookup(%s) = %d, %t, want %d, %t", tt.addr, got, ok, tt.want, tt.ok)
		}
	}
	if _, ok := a.Lookup(netip.Addr{}); ok {
		t.Error("Lookup of the zero Addr finds something")
	}
}

func TestAddrsChanges(t *testing.T) {
	var a Addrs
	p := netip.MustParsePrefix("10.1.2.0/24")
	same := netip.MustParsePrefix("::ffff:10.1.2.200/120")
	addr := netip.MustParseAddr("10.1.2.9")
	if _, ok := a.Replace(p, 1); ok {
		t.Error("Replace in an empty Addrs is true")
	}
	if _, ok := a.Delete(p); ok {
		t.Error("Delete in an empty Addrs is true")
	}
	if a.Insert(netip.Prefix{}, 1) {
		t.Error("Insert of the zero Prefix is true")
	}
	if !a.Insert(p, 1) || a.Insert(same, 2) || a.Len() != 1 {
		t.Error("Insert does not know a prefix in another form")
	}
	if old, ok := a.Replace(same, 3); old != 1 || !ok {
		t.Errorf("Replace = %d, %t, want 1, true", old, ok)
	}
	if pt, ok := a.Lookup(addr); pt != 3 || !ok {
		t.Errorf("Lookup = %d, %t, want 3, true", pt, ok)
	}
	if pt, ok := a.Delete(p); pt != 3 || !ok {
		t.Errorf("Delete = %d, %t, want 3, true", pt, ok)
	}
	if _, ok := a.Lookup(addr); ok || a.Len() != 0 {
		t.Error("a deleted prefix is still there")
	}
}

// TestAddrsModel compares Lookup with a search through all prefixes.
func TestAddrsModel(t *testing.T) {
	addr := func(r *rand.Rand) netip.Addr {
		// Few distinct bits, so that prefixes hold each other and addresses.
		x := r.Uint64() & r.Uint64() & r.Uint64()
		if r.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte{byte(x), byte(x >> 8), byte(x >> 16), byte(x >> 24)})
		}
		var b [16]byte
		for i := range b {
			b[i] = byte(x>>(4*i)) & 0x11
		}
		b[0] = 0x20
		return netip.AddrFrom16(b)
	}
	r := rand.New(rand.NewPCG(1, 7))
	var a Addrs
	all := map[netip.Prefix]uint32{}
	for i := range 4000 {
		at := addr(r)
		p := netip.PrefixFrom(at, r.IntN(at.BitLen()+1)).Masked()
		if r.IntN(3) == 0 {
			_, there := all[p]
			if _, ok := a.Delete(p); ok != there {
				t.Fatalf("Delete(%s) = %t, want %t", p, ok, there)
			}
			delete(all, p)
		} else if _, there := all[p]; a.Insert(p, uint32(i)) == there {
			t.Fatalf("Insert(%s) = %t", p, there)
		} else if !there {
			all[p] = uint32(i)
		}
		look := addr(r)
		want, best := uint32(0), -1
		for p, pt := range all {
			if p.Contains(look) && p.Bits() > best {
				want, best = pt, p.Bits()
			}
		}
		if got, ok := a.Lookup(look); got != want || ok != (best >= 0) {
			t.Fatalf("Lookup(%s) = %d, %t, want %d (/%d)", look, got, ok, want, best)
		}
	}
	if a.Len() != len(all) {
		t.Errorf("Len() = %d, want %d", a.Len(), len(all))
	}
}

// TestAddrsParallel: from an empty Addrs, exactly one of those who insert the same prefix wins, and it is found.
func TestAddrsParallel(t *testing.T) {
	const n = 2000
	var a Addrs
	var wins atomic.Int32
	together(4, func(g int) {
		for i := range n {
			addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
			if a.Insert(netip.PrefixFrom(addr, 32), uint32(i)) {
				wins.Add(1)
			}
			if pt, ok := a.Lookup(addr); !ok || pt != uint32(i) {
				t.Errorf("Lookup(%s) = %d, %t", addr, pt, ok)
			}
		}
	})
	if wins.Load() != n || a.Len() != n {
		t.Errorf("%d inserts succeed, Len() = %d, want %d", wins.Load(), a.Len(), n)
	}
}

func TestAddrsNoAllocation(t *testing.T) {
	var a Addrs
	a.Insert(netip.MustParsePrefix("10.0.0.0/8"), 1)
	a.Insert(netip.MustParsePrefix("10.1.2.3/32"), 1)
	a.Insert(netip.MustParsePrefix("2001:db8::/32"), 1)
	for _, s := range []string{"10.1.2.3", "10.1.2.4", "11.1.2.4", "2001:db8::1", "::ffff:10.1.2.3"} {
		addr := netip.MustParseAddr(s)
		if n := testing.AllocsPerRun(100, func() { a.Lookup(addr) }); n != 0 {
			t.Errorf("Lookup(%s) allocates %v times", s, n)
		}
	}
}
