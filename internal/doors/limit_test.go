package doors

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

func TestLimit(t *testing.T) {
	k := newKeeper(t, &memory{})
	now := time.Unix(1e9, 0)
	k.now = func() time.Time { return now }
	anna, annas := add(t, k, "anna", Admin)
	bob, _ := add(t, k, "bob", Viewer)
	if _, err := k.Check(anna, here); err != nil {
		t.Fatal(err)
	}
	wrong := func(from netip.Addr) error {
		_, err := k.Check(written(annas.ID, newSecret()), from)
		return err
	}
	for i := range failBurst {
		if err := wrong(here); !errors.Is(err, ErrBadToken) {
			t.Fatalf("failure %d: %v", i, err)
		}
	}
	var slow *SlowDown
	if err := wrong(here); !errors.As(err, &slow) || slow.After != failEvery {
		t.Errorf("one too many: %v", err)
	}
	if _, err := k.Check(bob, here); !errors.As(err, &slow) {
		t.Errorf("one that was never verified, from there: %v", err)
	}
	if _, err := k.Check(anna, here); err != nil {
		t.Errorf("one that was verified before, from there: %v", err)
	}
	if _, err := k.Check(bob, netip.MustParseAddr("192.0.2.2")); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	now = now.Add(failEvery)
	if err := wrong(here); !errors.Is(err, ErrBadToken) {
		t.Errorf("after a while: %v", err)
	}
}

// TestLimitOfAll: guesses from many addresses cannot burn the processor.
func TestLimitOfAll(t *testing.T) {
	l, now := newLimiter(), time.Unix(1e9, 0)
	looked := 0
	for i := range 3 * mostAddresses {
		from := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		if l.take(from, now) == nil {
			looked++
		}
		if i == mostAddresses {
			now = now.Add(time.Second)
		}
	}
	if looked != hashesAtOnce+hashesASecond {
		t.Errorf("%d were looked at, want %d", looked, hashesAtOnce+hashesASecond)
	}
}

func TestAddressesAreBounded(t *testing.T) {
	l, now := newLimiter(), time.Unix(1e9, 0)
	l.all = rate.NewLimiter(rate.Inf, 0)
	worst := netip.MustParseAddr("2001:db8::1")
	for range failBurst {
		if err := l.take(worst, now); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 * mostAddresses {
		if err := l.take(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), now); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.forgiven) != mostAddresses {
		t.Errorf("%d addresses are remembered, want %d", len(l.forgiven), mostAddresses)
	}
	if l.take(netip.MustParseAddr("2001:db8::2"), now) == nil { // the same /64
		t.Error("the worst address was forgotten")
	}
	now = now.Add(time.Hour)
	if err := l.take(netip.MustParseAddr("192.0.2.7"), now); err != nil || len(l.forgiven) != 1 {
		t.Errorf("an hour later: %v, %d addresses", err, len(l.forgiven))
	}
}
