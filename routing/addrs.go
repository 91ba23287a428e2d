package routing

import (
	"net/netip"
	"sync/atomic"
)

// Addrs maps source addresses to connection point numbers: an address belongs to the longest prefix that holds it.
// IPv4 and IPv6 are apart (0.0.0.0/0 holds no IPv6 address), IPv4-mapped IPv6 addresses and prefixes count as IPv4,
// zones are ignored. The zero Addrs is empty. Writers are lock-free in the same sense as those of Table; a Lookup
// beside several changes may see some of them and not others.
type Addrs struct {
	store  atomic.Pointer[store]
	v4, v6 lengths // 1 + bits of the prefixes there are, or were
}

// prefixKey is a prefix as a key of the store: the number of bits, then the masked address (4 or 16 bytes).
type prefixKey struct {
	b [17]byte
	n int
}

func (k *prefixKey) bytes() []byte { return k.b[:k.n] }

// keyOf returns the key of an unmapped address without its mask.
func keyOf(addr netip.Addr) (k prefixKey) {
	if addr.Is4() {
		a := addr.As4()
		k.n = 1 + copy(k.b[1:], a[:])
	} else {
		a := addr.As16()
		k.n = 1 + copy(k.b[1:], a[:])
	}
	return k
}

// shorten clears all but the first bits of the address. Keys only get shorter.
func (k *prefixKey) shorten(bits int) {
	k.b[0] = byte(bits)
	for i := 1 + bits/8; i < k.n; i++ {
		keep := max(0, bits-8*(i-1))
		k.b[i] &^= 0xff >> keep
	}
}

// normal returns p in the one form that Addrs knows it by; false when p is not valid.
func normal(p netip.Prefix) (k prefixKey, bits int, v4, ok bool) {
	if !p.IsValid() {
		return k, 0, false, false
	}
	addr, bits := p.Addr(), p.Bits()
	if addr.Is4In6() && bits >= 96 {
		addr, bits = addr.Unmap(), bits-96
	}
	k = keyOf(addr)
	k.shorten(bits)
	return k, bits, addr.Is4(), true
}

// Insert adds p; bits beyond its length are ignored. False when it is there already, or not valid.
func (a *Addrs) Insert(p netip.Prefix, pt uint32) bool {
	k, bits, v4, ok := normal(p)
	if !ok {
		return false
	}
	if a.store.Load() == nil {
		s := new(store)
		s.alloc(0)
		a.store.CompareAndSwap(nil, s)
	}
	if v4 { // before the prefix can be found, so that Lookup does not pass it by once it is there
		a.v4.add(1 + bits)
	} else {
		a.v6.add(1 + bits)
	}
	return a.store.Load().put(k.bytes(), pt, false) == done
}

// Replace gives p, if it is there, another connection point, in one step, and returns the one it had.
func (a *Addrs) Replace(p netip.Prefix, pt uint32) (old uint32, ok bool) {
	s := a.store.Load()
	k, _, _, ok := normal(p)
	if s == nil || !ok {
		return 0, false
	}
	return s.set(k.bytes(), pt)
}

// Delete removes p, and returns the connection point it had.
func (a *Addrs) Delete(p netip.Prefix) (pt uint32, ok bool) {
	s := a.store.Load()
	k, _, _, ok := normal(p)
	if s == nil || !ok {
		return 0, false
	}
	pt, o := s.remove(k.bytes(), false)
	return pt, o == done
}

// Lookup returns the connection point of the longest prefix that holds addr. It is wait-free and does not allocate.
func (a *Addrs) Lookup(addr netip.Addr) (pt uint32, ok bool) {
	s := a.store.Load()
	if s == nil || !addr.IsValid() {
		return 0, false
	}
	addr = addr.Unmap()
	present := &a.v6
	if addr.Is4() {
		present = &a.v4
	}
	k := keyOf(addr)
	for n := present.down(1 + addr.BitLen()); n > 0; n = present.down(n - 1) {
		k.shorten(n - 1)
		if pt, ok = s.get(k.bytes()); ok {
			return pt, true
		}
	}
	return 0, false
}

// Len is the number of prefixes. Beside writers it is a number that was right a moment ago.
func (a *Addrs) Len() int {
	s := a.store.Load()
	if s == nil {
		return 0
	}
	return s.len()
}
