package pcapng

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// blocks cuts a file into its blocks, whose two lengths must agree.
func blocks(t *testing.T, b []byte) (list [][]byte) {
	t.Helper()
	for len(b) > 0 {
		n := binary.LittleEndian.Uint32(b[4:])
		if n%4 != 0 || int(n) > len(b) || binary.LittleEndian.Uint32(b[n-4:]) != n {
			t.Fatalf("a block of %d bytes in %d: %x", n, len(b), b)
		}
		list, b = append(list, b[:n]), b[n:]
	}
	return list
}

// TestFile holds a file to the bytes that the draft's figures ask for: section header (figure 9), interface description
// (figure 10), enhanced packet (figure 11); interface statistics have no options (section 4.6).
func TestFile(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, "linkd", "s1/c1")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(0, 0x0102030405060708)
	device, own := netip.MustParseAddrPort("10.1.2.3:4000"), netip.MustParseAddrPort("192.0.2.1:502")
	if err := w.Write(Frame{Time: at, From: device, To: own, Data: []byte("hello"), Comment: "id"}); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(Frame{Time: at, From: own, To: device, Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	if err := w.Still(at); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"0a0d0d0a 2c000000 4d3c2b1a 0100 0000 ffffffffffffffff 0400 0500 6c696e6b64 000000 0000 0000 2c000000",
		"01000000 2c000000 6500 0000 00000000 0200 0500 73312f6331 000000 0900 0100 09 000000 0000 0000 2c000000",
		"06000000 5c000000 00000000 04030201 08070605 2d000000 2d000000" +
			"4500002d 00004000 4006 6cc6 0a010203 c0000201" +
			"0fa0 01f6 00000001 00000001 5018 ffff 8c58 0000 68656c6c6f 000000" +
			"0100 0200 6964 0000 0000 0000 5c000000",
		"06000000 4c000000 00000000 04030201 08070605 29000000 29000000" +
			"45000029 00004000 4006 6cca c0000201 0a010203" +
			"01f6 0fa0 00000001 00000006 5018 ffff 5829 0000 78 000000 4c000000",
		"05000000 18000000 00000000 04030201 08070605 18000000",
	}
	got := blocks(t, b.Bytes())
	if len(got) != len(want) {
		t.Fatalf("%d blocks", len(got))
	}
	for i, g := range got {
		if h := strings.ReplaceAll(want[i], " ", ""); hex.EncodeToString(g) != h {
			t.Errorf("block %d\n     %x\nwant %s", i, g, h)
		}
	}
}

// TestChecksums: the sum of all 16-bit words of what a checksum covers, itself included, is all ones (RFC 1071).
func TestChecksums(t *testing.T) {
	for _, tt := range []struct{ from, to string }{
		{"10.1.2.3:4000", "192.0.2.1:502"}, {"[2001:db8::1]:4000", "[2001:db8::2]:502"},
		{"[::ffff:10.1.2.3]:4000", "192.0.2.1:502"}, {"10.1.2.3:4000", ""}, {"", "[2001:db8::2]:502"}, {"", ""},
	} {
		var b bytes.Buffer
		w, err := NewWriter(&b, "", "")
		if err != nil {
			t.Fatal(err)
		}
		var ends [2]netip.AddrPort
		for i, s := range []string{tt.from, tt.to} {
			if s != "" {
				ends[i] = netip.MustParseAddrPort(s)
			}
		}
		if err := w.Write(Frame{Time: time.Now(), From: ends[0], To: ends[1], Data: []byte("odd")}); err != nil {
			t.Fatal(err)
		}
		p := blocks(t, b.Bytes())[2][28:]
		ip, addrs := ip4Header, p[12:20]
		if p[0]>>4 == 6 {
			ip, addrs = ip6Header, p[8:40]
		} else if checksum(0, p[:ip4Header]) != 0 {
			t.Errorf("%v: the IP header's checksum is wrong: %x", tt, p)
		}
		if tcp := p[ip:][:tcpHeader+3]; checksum(sum(6+tcpHeader+3, addrs), tcp) != 0 {
			t.Errorf("%v: the TCP checksum is wrong: %x", tt, p)
		}
	}
}

// TestLong: of a frame that was cut, the length and the numbers that follow are the true ones; a comment is bounded.
func TestLong(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, "", "")
	if err != nil {
		t.Fatal(err)
	}
	a, z := netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:2")
	for _, f := range []Frame{
		{From: a, To: z, Data: make([]byte, 10), Length: 3000, Comment: strings.Repeat("x", 100_000)},
		{From: a, To: z, Data: make([]byte, 80_000)},
		{From: a, To: z, Data: []byte{1}},
	} {
		if err := w.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	packets := blocks(t, b.Bytes())[2:]
	for i, want := range [][3]uint32{{50, 3040, 1}, {65535, 65535, 3001}, {41, 41, 83_001}} {
		p := packets[i]
		got := [3]uint32{binary.LittleEndian.Uint32(p[20:]), binary.LittleEndian.Uint32(p[24:]),
			binary.BigEndian.Uint32(p[28+20+4:])}
		if got != want {
			t.Errorf("packet %d: captured, length, number %v, want %v", i, got, want)
		}
	}
}

// TestMany: a file without an end keeps the numbers of the newest links, not of all that ever were.
func TestMany(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, "", "")
	if err != nil {
		t.Fatal(err)
	}
	own := netip.MustParseAddrPort("10.0.0.1:1")
	for port := range 3 * mostEnds {
		device := netip.AddrPortFrom(netip.MustParseAddr("10.0.0.2"), uint16(port))
		for range 2 {
			for _, f := range []Frame{{From: device, To: own, Data: []byte("123")}, {From: own, To: device, Data: []byte("4")}} {
				if err := w.Write(f); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(w.sent) > mostEnds+1 {
			t.Fatalf("%d directions are kept", len(w.sent))
		}
	}
	for i, p := range blocks(t, b.Bytes())[2:] {
		got := [2]uint32{binary.BigEndian.Uint32(p[28+20+4:]), binary.BigEndian.Uint32(p[28+20+8:])}
		if want := [4][2]uint32{{1, 1}, {1, 4}, {4, 2}, {2, 7}}[i%4]; got != want {
			t.Fatalf("packet %d has the numbers %v, want %v", i, got, want)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestBroken(t *testing.T) {
	if _, err := NewWriter(broken{}, "", ""); err == nil {
		t.Error("no error")
	}
}
