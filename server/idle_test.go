package server

import (
	"testing"
	"time"

	"linkd/drivers"
)

// asker is a channel that asks at an interval.
type asker time.Duration

func (asker) Machine() drivers.Machine { return nil }
func (a asker) Asks() time.Duration    { return time.Duration(a) }

// TestIdleLimit: three polls at the shortest interval of the channel, 90 s at least; none where nothing is asked.
func TestIdleLimit(t *testing.T) {
	tests := []struct {
		polls      bool
		asks, want time.Duration
	}{
		{true, time.Second, 90 * time.Second}, {true, time.Hour, 3 * time.Hour}, {true, 0, 0}, {false, time.Hour, 0},
	}
	for _, tt := range tests {
		got := time.Duration(idleLimit(tt.polls, time.Minute, asker(tt.asks))) * time.Millisecond
		if got != tt.want {
			t.Errorf("polls %v, asks every %v: idle limit %v, want %v", tt.polls, tt.asks, got, tt.want)
		}
	}
}
