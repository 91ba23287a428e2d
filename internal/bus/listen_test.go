package bus

import (
	"errors"
	"net"
	"testing"
)

// TestListenInUse: an address that another has ends the start, and the error says so; without it the bus starts on the
// same files.
func TestListenInUse(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, listener := range []func(*Config){
		func(c *Config) { c.Listen = other.Addr().String() },
		func(c *Config) { c.MQTT = other.Addr().String() },
	} {
		cfg := config(t)
		plain := cfg
		listener(&cfg)
		if _, err := Start(t.Context(), cfg); !errors.Is(err, ErrInUse) {
			t.Errorf("%v; want ErrInUse", err)
		}
		stop(t, start(t, plain))
	}
}
