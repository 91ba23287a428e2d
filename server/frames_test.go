package server

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"linkd/drivers"
	"linkd/drivers/modbus"
	"linkd/drivers/raw"
)

// meanwhile runs f, which waits for loops, while these run.
func (w *sim) meanwhile(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	for {
		select {
		case <-done:
			return
		default:
			w.drain()
		}
	}
}

// frames is what is kept of a connection, as "in hello", with ! after the direction for identity.
func (w *sim) frames(name string) (out []string) {
	w.t.Helper()
	for _, f := range w.kept(name) {
		out = append(out, frameLine(f))
	}
	return out
}

func (w *sim) kept(name string) (frames []Frame) {
	w.t.Helper()
	var err error
	w.meanwhile(func() { frames, err = w.srv.Frames(w.t.Context(), "s1", name) })
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 1; i < len(frames); i++ {
		if !frames[i].Time.After(frames[i-1].Time) {
			w.t.Errorf("frame %d is no later than the one before: %v", i, frames[i].Time)
		}
	}
	return frames
}

func frameLine(f Frame) string {
	mark := ""
	if f.Identity {
		mark = "!"
	}
	return fmt.Sprintf("%s%s %s", f.Dir, mark, f.Data)
}

func (w *sim) wantFrames(name string, want ...string) {
	w.t.Helper()
	if got := w.frames(name); !slices.Equal(got, want) {
		w.t.Fatalf("frames of %s: %q, want %q", name, got, want)
	}
}

// TestFramesBefore: what passed before anybody looked is there, the identity first, also when the link has ended and
// when the next one is on another loop.
func TestFramesBefore(t *testing.T) {
	w := newSim(t, threeDevices)
	w.wantFrames("c1")
	l := w.dial(0, "10.0.0.1:1000").send("c00").send("01\nhello")
	l.send("again")
	first := []string{"in! c0001\n", "in hello", "out hello", "in again", "out again"}
	w.wantFrames("c1", first...)
	f := w.kept("c1")
	if f[1].Session != f[0].Session || f[1].Session == 0 || f[1].Length != 5 ||
		f[1].Remote != netip.MustParseAddrPort("10.0.0.1:1000") {
		t.Errorf("the second frame: %+v", f[1])
	}
	w.pass(time.Second)
	l.hangUp(io.EOF)
	w.wantFrames("c1", first...)
	w.pass(time.Second)
	w.dial(1, "10.0.0.2:1000").send("c0001\nback")
	all := slices.Concat(first, []string{"in! c0001\n", "in back", "out back"})
	w.wantFrames("c1", all...)
	f = w.kept("c1")
	if last := f[len(f)-1]; last.Session == f[0].Session || last.Remote.Port() != 1000 || last.Remote == f[0].Remote {
		t.Errorf("the last frame: %+v", last)
	}
	w.dial(1, "10.0.0.3:1000").send("c0001\n") // takes over, on the same loop
	w.wantFrames("c1", append(all, "in! c0001\n")...)
	w.wantFrames("c2")
}

// TestFramesOfPreset: what the preset answers is there, what the driver sees is without the preset's frames.
func TestFramesOfPreset(t *testing.T) {
	w := newSim(t, `
project: p
providers:
  - {name: s1, type: tcp-server, local_port: 0, identity: {preset: imei}, connections: [
      {name: c1, socket_conn_id: "490154203237518"}]}
channels: [{name: ch1, connection: s1/c1, driver: raw, options: {echo: true}}]
`)
	w.dial(0, "10.0.0.1:1000").send("\x00\x0f490154203237518").send("abc")
	w.wantFrames("c1", "in! \x00\x0f490154203237518", "out! \x01", "in abc", "out abc")
}

// TestFramesDecoded: kept frames have the driver's words, those of which only the beginning is kept have none.
func TestFramesDecoded(t *testing.T) {
	w := newSim(t, oneSensor, modbus.RTU())
	l := w.dial(0, "10.0.0.1:1000").send("c0001\n")
	w.pass(time.Second)
	if len(l.sent) == 0 {
		t.Fatal("nothing is asked")
	}
	l.send(string(bytes.Repeat([]byte{1}, 3000)))
	f := w.kept("c1")
	if len(f) < 3 || !strings.Contains(f[1].Text, "unit 1 read") || f[0].Text != "" {
		t.Fatalf("frames %+v", f)
	}
	last := f[len(f)-1]
	if last.Length != 3000 || len(last.Data) != keptBytes || last.Text != "" {
		t.Errorf("a long frame: %d of %d bytes, %q", len(last.Data), last.Length, last.Text)
	}
}

const oneSensor = `
project: p
providers: [{name: s1, type: tcp-server, local_port: 0, connections: [{name: c1, socket_conn_id: c0001}]}]
channels:
  - {name: ch1, connection: s1/c1, driver: modbus-rtu, poll: 1s, devices: [{name: d, unit: 1, tags: [
      {name: a, address: "input:0"}]}]}
`

// TestTapJoins: whoever taps at any moment gets what was kept and what follows, each frame once, in order.
func TestTapJoins(t *testing.T) {
	w := newSim(t, threeDevices)
	l := w.dial(0, "10.0.0.1:1000").send("c0002\n")
	rng := rand.New(rand.NewPCG(1, 2))
	said, most := 0, 0
	say := func() {
		for range min(rng.IntN(4), most-said) {
			said++
			w.now++
			l.host.loop.traffic(l.s, fmt.Append(nil, said))
			l.settle()
		}
	}
	for range 100 {
		most = said + 200 // who taps is not to be too slow for any
		say()
		var frames []Frame
		var live <-chan Frame
		var stop func()
		var err error
		done := make(chan struct{})
		go func() {
			frames, live, stop, err = w.srv.Tap(t.Context(), "s1", "c2")
			close(done)
		}()
		for waits := true; waits; {
			say()
			select {
			case <-done:
				waits = false
			default:
				w.drain()
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		say()
		stop()
		w.drain()
		for len(live) > 0 {
			frames = append(frames, <-live)
		}
		frames = slices.DeleteFunc(frames, func(f Frame) bool { return f.Identity })
		for i, f := range frames {
			if want := fmt.Sprint(said - len(frames) + i + 1); string(f.Data) != want || f.Lost != 0 ||
				i > 0 && !f.Time.After(frames[i-1].Time) {
				t.Fatalf("frame %d of %d is %q, want %q: %+v", i, len(frames), f.Data, want, f)
			}
		}
	}
}

// crowd is a loop with 16 rings and n links, c1 to cn, which have all said "hello".
func crowd(t *testing.T, n int) (*sim, []*simLink) {
	cfg := Config{Log: slog.New(slog.DiscardHandler), Capacity: 1000, Drivers: drivers.Table{raw.Driver()},
		Frames: blockBytes}
	w := newSimWith(t, cfg, 1, project1(nil, []string{`name: "c{n}", socket_conn_id: "c{n:04}", from: 1, to: 100`}))
	links := []*simLink{nil}
	for i := 1; i <= n; i++ {
		links = append(links, w.dial(0, "10.0.0.1:1000").send(fmt.Sprintf("c%04d\nhello", i)))
	}
	return w, links
}

// TestFramesOfMany: links that come first have the rings. One that is looked at gets one, from a link that nobody looks
// at; those that are tapped keep theirs.
func TestFramesOfMany(t *testing.T) {
	w, links := crowd(t, 20)
	if got := w.frames("c16"); len(got) != 2 {
		t.Fatalf("the sixteenth link has %q", got)
	}
	w.wantFrames("c17") // and now it is looked at
	links[17].send("more")
	w.wantFrames("c17", "in more")
	taken := 0
	for i := 1; i <= 15; i++ {
		if links[i].s.ring == 0 {
			taken = i
		}
	}
	if taken == 0 || links[16].s.ring == 0 {
		t.Fatal("the ring is that of a link which somebody has looked at")
	}
	links[3].hangUp(io.EOF)
	links[2].hangUp(io.EOF)
	w.dial(0, "10.0.0.9:1000").send("c0050\nx")
	w.wantFrames("c50", "in! c0050\n", "in x") // the ring of one that has gone, the longest ago
	w.wantFrames("c3")
	w.wantFrames("c2", "in! c0002\n", "in hello")
}

// TestFramesTapped: rings of links that are tapped now go to nobody; who finds no other gets what passes from then on.
func TestFramesTapped(t *testing.T) {
	w, links := crowd(t, 20)
	stops := make([]func(), 0, 17)
	for i := 1; i <= 17; i++ {
		w.meanwhile(func() {
			_, _, stop, err := w.srv.Tap(t.Context(), "s1", fmt.Sprintf("c%d", i))
			if err != nil {
				t.Error(err)
				return
			}
			stops = append(stops, stop)
		})
	}
	for i, l := range links[1:18] {
		if has := l.s.ring != 0; has != (i < 16) {
			t.Errorf("c%d has a ring: %v", i+1, has)
		}
	}
	stops[4]()
	w.drain()
	w.wantFrames("c20")
	if links[5].s.ring != 0 || links[20].s.ring == 0 {
		t.Error("the ring of a link that is tapped no more is not to be had")
	}
}

// TestFramesOfTheRemoved: a connection whose number was another's shows nothing of it.
func TestFramesOfTheRemoved(t *testing.T) {
	with := func(names ...string) string {
		var conns []string
		for _, n := range names {
			conns = append(conns, fmt.Sprintf("name: %s, socket_conn_id: i%s", n, n))
		}
		return project1(conns, nil)
	}
	w := newSim(t, with("a", "b", "c"))
	a := w.dial(0, "10.0.0.1:1000").send("ia\nsecret")
	b := w.dial(0, "10.0.0.2:1000").send("ib\nsecret")
	a.hangUp(io.EOF)
	w.apply(w.parse(with("c")))
	w.drain()
	w.wantClosed(b, ReasonRemoved)
	w.apply(w.parse(with("c", "d", "e")))
	w.drain()
	w.wantFrames("d")
	w.wantFrames("e")
	w.dial(0, "10.0.0.3:1000").send("id\nx")
	w.wantFrames("d", "in! id\n", "in x")
}

// TestFramesOff: without rings nothing is kept, and a tap shows what passes.
func TestFramesOff(t *testing.T) {
	cfg := Config{Log: slog.New(slog.DiscardHandler), Capacity: 1000, Drivers: drivers.Table{raw.Driver()}, Frames: -1}
	w := newSimWith(t, cfg, 2, threeDevices)
	l := w.dial(0, "10.0.0.1:1000").send("c0002\nhello")
	w.wantFrames("c2")
	var kept []Frame
	var live <-chan Frame
	var stop func()
	var err error
	w.meanwhile(func() { kept, live, stop, err = w.srv.Tap(t.Context(), "s1", "c2") })
	if err != nil || len(kept) > 0 {
		t.Fatalf("kept %v, %v", kept, err)
	}
	defer stop()
	l.send("more")
	if len(live) != 1 || string((<-live).Data) != "more" {
		t.Error("what passes is not tapped")
	}
}

// TestTunnelOfOneSession: who has a tunnel to a session gets what its device sends: nothing of the identity, nothing of
// the next session.
func TestTunnelOfOneSession(t *testing.T) {
	w := newSim(t, threeDevices)
	l := w.dial(0, "10.0.0.1:1000").send("c0002\n")
	tun, err := w.srv.Tunnel("s1", "c2")
	if err != nil {
		t.Fatal(err)
	}
	defer tun.Close()
	w.drain()
	l.send("first")
	w.dial(1, "10.0.0.2:1000").send("c0002\nsecond")
	var got []byte
	w.meanwhile(func() { got, err = io.ReadAll(tun) })
	if string(got) != "first" || err != nil {
		t.Errorf("the tunnel has %q, %v", got, err)
	}
}

// TestFrameBlocks: loops share what there is, one that comes too late has one block all the same, and what an ended
// loop had is there for others.
func TestFrameBlocks(t *testing.T) {
	w, _ := crowd(t, 1)
	late := &simHost{sim: w}
	late.loop = w.srv.addLoop(w.p, late, func() int64 { return w.now })
	w.hosts = append(w.hosts, late)
	w.dial(1, "10.0.0.1:1000").send("c0002\nhello")
	w.wantFrames("c2", "in! c0002\n", "in hello")
	if n := len(late.loop.rings.all) - 1; n != ringBlock || w.srv.blocks.left.Load() != 0 {
		t.Errorf("the late loop has %d rings, %d blocks are left", n, w.srv.blocks.left.Load())
	}
	for _, h := range w.hosts {
		w.srv.dropLoop(h.loop)
	}
	if left := w.srv.blocks.left.Load(); left != 1 {
		t.Errorf("%d blocks are left after all loops have ended", left)
	}
}

// TestRing holds a ring to what a list of frames says: it has the newest ones, as many as fit.
func TestRing(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	r := ring{buf: new([ringBytes]byte)}
	var all []Frame
	of := ends{}
	for at := int64(1); at < 20_000; at++ {
		if rng.IntN(50) == 0 {
			of = ends{session: rng.Uint64(),
				remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(at)}), 7),
				local:  netip.MustParseAddrPort("[2001:db8::1]:502")}
			r.begin(at, of)
			continue
		}
		b := bytes.Repeat([]byte{byte(at)}, rng.IntN(100))
		if rng.IntN(100) == 0 {
			b = bytes.Repeat([]byte{byte(at)}, rng.IntN(3*keptBytes))
		}
		kind := frameKind(rng.IntN(4))
		r.add(kind, at, b)
		f := kind.frame(at, b[:min(len(b), keptBytes)], of.session)
		f.Length, f.Remote, f.Local = len(b), of.remote, of.local
		all = append(all, f)
		if at%97 != 0 {
			continue
		}
		got := r.copied().frames(nil)
		if len(got) > len(all) {
			t.Fatalf("%d frames of %d", len(got), len(all))
		}
		all = all[len(all)-len(got):]
		size := 0
		for i := range got {
			g, w := got[i], all[i]
			if !bytes.Equal(g.Data, w.Data) || g.Length != w.Length || g.Session != w.Session || g.Remote != w.Remote ||
				g.Dir != w.Dir || g.Identity != w.Identity || !g.Time.Equal(w.Time) {
				t.Fatalf("frame %d of %d: %+v, want %+v", i, len(got), g, w)
			}
			size += recordHead + len(g.Data)
		}
		if at > 2000 && size < ringBytes*3/4 {
			t.Fatalf("only %d bytes of frames", size)
		}
	}
}
