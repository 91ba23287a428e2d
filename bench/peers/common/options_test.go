package common

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	o, err := parse(strings.Fields("-n 10 -job poll -p 500 -share 3 -loops 4 -addr 127.0.0.2"))
	want := Options{10, Poll, 500 * time.Millisecond, 3, 4, netip.MustParseAddr("127.0.0.2")}
	if err != nil || o != want {
		t.Errorf("%+v, %v; want %+v", o, err, want)
	}
	o, err = parse(nil)
	want = Options{50_000, Echo, time.Second, 1, o.Loops, netip.MustParseAddr("127.0.0.1")}
	if err != nil || o != want || o.Loops < 1 {
		t.Errorf("defaults are %+v, %v; want %+v", o, err, want)
	}
	for args, right := range map[string]string{
		"-n 0":         "-n 0: give a number from 1 to 9999999",
		"-n 10000000":  "give a number from 1 to 9999999",
		"-p 1":         "-p 1: give a number from 2 to 3600000",
		"-p 3600001":   "give a number from 2 to 3600000",
		"-share 0":     "-share 0: give a number from 1 to 9999999",
		"-loops 5000":  "-loops 5000: give a number from 1 to 4096",
		"-job dance":   `-job "dance": give echo, sink or poll`,
		"-addr ::1":    `-addr "::1": give an IPv4 address`,
		"-addr here":   `-addr "here": give an IPv4 address`,
		"more":         `"more": give flags alone`,
		"-n many":      "usage: PEER [-n DEVICES]",
		"-what":        "usage: PEER [-n DEVICES]",
		"-job echo -h": "usage: PEER [-n DEVICES]",
	} {
		if _, err := parse(strings.Fields(args)); err == nil || !strings.Contains(err.Error(), right) {
			t.Errorf("%s: %v, want %q", args, err, right)
		}
	}
}
