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

// TestLateLoop: a link whose time is over while its bytes wait for the loop is read first, and closed only if they are
// not what was waited for. Nor is it silent, so that half an id were all of it.
func TestLateLoop(t *testing.T) {
	w := newSim(t, project1([]string{"name: a, socket_conn_id: x1", "name: b, socket_conn_id: x2",
		"name: c, socket_conn_id: x20"}, nil))
	slow, wrong, half := w.dial(0, "10.0.0.1:1"), w.dial(0, "10.0.0.1:2"), w.dial(0, "10.0.0.1:3").send("x2")
	slow.unread, wrong.unread, half.unread = "x1", "x9", "0"
	w.pass(time.Minute)
	for _, l := range []*simLink{slow, wrong, half} {
		if l.closed {
			t.Fatalf("closed (%s) before it was read", l.why)
		}
		l.send(l.unread)
		l.unread = ""
	}
	w.wantState("a", Online)
	w.pass(2 * drivers.UnreadTime)
	w.wantState("c", Online)
	w.wantState("b", Offline)
	if slow.closed || !wrong.closed {
		t.Errorf("identified and closed: %v; unknown and closed: %v", slow.closed, wrong.closed)
	}
}

// TestUnaskedIsNotIdle: a device that answers each question, and too late, is asked ever less often, and is not closed
// for a silence in which it was not asked. One that answers nothing is closed when its limit has passed.
func TestUnaskedIsNotIdle(t *testing.T) {
	w := newPolledSim(t)
	late := w.dial(0, "10.0.0.1:1").send("c0001\n")
	mute := w.dial(0, "10.0.0.1:2").send("d0001\n")
	const step = 100 * time.Millisecond
	var asked []time.Duration
	for at := time.Duration(0); at < 30*time.Minute; at += step {
		w.pass(step)
		if len(late.sent) > 0 {
			asked = append(asked, at)
		}
		late.sent = nil
		if n := len(asked); n > 0 && at == asked[n-1]+4*step {
			late.send(rtuAnswer([]byte{1, 4, 0, 0, 0, 1, 0, 0}))
		}
		if mute.closed != (at+step >= 90*time.Second) {
			t.Fatalf("one that says nothing: closed %v after %v", mute.closed, at)
		}
	}
	w.wantClosed(mute, ReasonIdle)
	w.wantState("c1", Online)
	if n := len(asked); asked[n-1]-asked[n-2] < 2*time.Minute {
		t.Errorf("the last two questions are %v apart: too little to prove anything", asked[n-1]-asked[n-2])
	}
}
