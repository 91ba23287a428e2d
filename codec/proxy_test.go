package codec

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

const (
	sign2 = "\r\n\r\n\x00\r\nQUIT\n"
	v2tcp = sign2 + "\x21\x11\x00\x0C\xC0\xA8\x00\x01\x0A\x00\x00\x01\xDC\x04\x01\xBB"
	v2tlv = sign2 + "\x21\x11\x00\x10\xC0\xA8\x00\x01\x0A\x00\x00\x01\xDC\x04\x01\xBB\x04\x00\x01\x00"
	v2six = sign2 + "\x21\x21\x00\x24\x20\x01\x0D\xB8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x20\x01\x0D\xB8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\xDC\x04\x01\xBB"
	v2local  = sign2 + "\x20\x00\x00\x00"
	v2local4 = sign2 + "\x20\x00\x00\x04abcd"
	v2udp    = sign2 + "\x21\x12\x00\x0C\xC0\xA8\x00\x01\x0A\x00\x00\x01\xDC\x04\x01\xBB"
	v2unix   = sign2 + "\x21\x31\x00\xD8"
)

var proxyHeaders = []struct {
	name, header string
	want         string // source; empty: none
	bad          string // part of the error; empty: the header is good
}{
	{"v1 TCP4", "PROXY TCP4 192.168.0.1 10.0.0.1 56324 443\r\n", "192.168.0.1:56324", ""},
	{"v1 TCP6", "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", "[2001:db8::1]:56324", ""},
	{"v1 longest", "PROXY UNKNOWN " + strings.Repeat("f", 91) + "\r\n", "", ""},
	{"v1 UNKNOWN", "PROXY UNKNOWN\r\n", "", ""},
	{"v2 TCP4", v2tcp, "192.168.0.1:56324", ""},
	{"v2 TLV", v2tlv, "192.168.0.1:56324", ""},
	{"v2 TCP6", v2six, "[2001:db8::1]:56324", ""},
	{"v2 LOCAL", v2local, "", ""},
	{"v2 LOCAL with bytes to skip", v2local4, "", ""},

	{"no header", "c", "", `, want "PROXY " or version 2's signature`},
	{"v1 like", "PROXYx", "", "want"},
	{"v1 too long", "PROXY UNKNOWN " + strings.Repeat("f", 93), "", "no line end within 107 bytes"},
	{"v1 LF alone", "PROXY TCP4 192.168.0.1 10.0.0.1 56324 443\n", "", "must end with"},
	{"v1 bad address", "PROXY TCP4 192.168.0.256 10.0.0.1 56324 443\r\n", "", "invalid address"},
	{"v1 bad port", "PROXY TCP4 192.168.0.1 10.0.0.1 65536 443\r\n", "", "invalid port"},
	{"v2 signature wrong", "\r\n\r\n\x00\r\nQUIX", "", "want"},
	{"v2 too long", sign2 + "\x21\x11\x03\xF1", "", "1025 bytes, want at most 1024"},
	{"v2 version", sign2 + "\x11\x11\x00\x00", "", "unsupported"},
	{"v2 short address", sign2 + "\x21\x11\x00\x01\x00", "", "invalid length"},
	{"v2 UDP", v2udp, "", "not a TCP address"},
	{"v2 unix", v2unix + strings.Repeat("\x00", 216), "", "not a TCP address"},
}

func TestProxy(t *testing.T) {
	for _, x := range proxyHeaders {
		t.Run(x.name, func(t *testing.T) {
			b := []byte(x.header)
			for i := range b {
				if _, n, v, err := Proxy(b[:i]); v != Wait || n != 0 || err != nil {
					t.Fatalf("%q: %v, %d bytes, %v; want to wait", b[:i], v, n, err)
				}
			}
			for _, more := range []string{"", "c0001\r\n"} {
				src, n, v, err := Proxy(append([]byte(x.header), more...))
				if x.bad != "" {
					if v != Rubbish || n != 0 || !errors.Is(err, ErrProxy) || !strings.Contains(err.Error(), x.bad) {
						t.Fatalf("%v, %d bytes, %v; want rubbish and %q", v, n, err, x.bad)
					}
					continue
				}
				want := netip.AddrPort{}
				if x.want != "" {
					want = netip.MustParseAddrPort(x.want)
				}
				if v != Found || n != len(x.header) || err != nil || src != want {
					t.Fatalf("%v, %d bytes, %v, %v; want %v", v, n, src, err, want)
				}
			}
		})
	}
}

func FuzzProxy(f *testing.F) {
	for _, x := range proxyHeaders {
		f.Add([]byte(x.header), 3)
	}
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		src, n, v, err := Proxy(b)
		if (v == Rubbish) != (err != nil) || v == WaitQuiet || n < 0 || n > len(b) || (n > 0) != (v == Found) {
			t.Fatalf("Proxy(%q) = %v, %d, %v, %v", b, src, n, v, err)
		}
		if v == Wait && len(b) >= maxProxyV2 {
			t.Fatalf("Proxy waits on with %d bytes", len(b))
		}
		if v != Found {
			return
		}
		if s2, n2, v2, _ := Proxy(b[:n]); s2 != src || n2 != n || v2 != v {
			t.Fatalf("Proxy(%q) depends on what follows the header", b)
		}
		if _, _, v2, _ := Proxy(b[:uint(cut)%uint(n)]); v2 != Wait {
			t.Fatalf("Proxy(%q) does not wait for all %d bytes", b, n)
		}
	})
}
