package server

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// plainSocket is a conn that hides its socket, so that bytes leave by Write, which is gnet's way.
type plainSocket struct{ fd int }

func (c plainSocket) Write(b []byte) (int, error) { return unix.Write(c.fd, b) }
func (c plainSocket) OutboundBuffered() int       { return 0 }

// openSocket is the same with a socket to be seen.
type openSocket struct{ plainSocket }

func (c openSocket) Fd() int { return c.fd }

// BenchmarkGive sends a poll's eight bytes into a pair of sockets and takes them out again: past gnet, as give does,
// and by a write that the Go scheduler is told of.
func BenchmarkGive(b *testing.B) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = unix.Close(pair[0]), unix.Close(pair[1]) })
	var room [64]byte
	frame := []byte{1, 4, 0, 0, 0, 10, 0x70, 0x0d}
	for _, way := range []struct {
		name string
		conn conn
	}{{"raw", openSocket{plainSocket{pair[0]}}}, {"gnet", plainSocket{pair[0]}}} {
		b.Run(way.name, func(b *testing.B) {
			s := &session{conn: way.conn}
			b.ReportAllocs()
			for b.Loop() {
				if n, err := s.give(frame); n != len(frame) || err != nil {
					b.Fatal(n, err)
				}
				if n, err := unix.Read(pair[1], room[:]); n != len(frame) || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

// BenchmarkNap sleeps a tick of 2 ms: as a loop that polls does, and in ways that tell the Go scheduler. What counts is
// the CPU time that the process takes for one sleep.
func BenchmarkNap(b *testing.B) {
	spec := unix.NsecToTimespec(int64(paceTick))
	for _, way := range []struct {
		name  string
		sleep func()
	}{
		{"raw", func() { nap(paceTick) }},
		{"syscall", func() { _ = unix.Nanosleep(&spec, nil) }},
		{"time.Sleep", func() { time.Sleep(paceTick) }},
	} {
		b.Run(way.name, func(b *testing.B) {
			before := cpuTime(b)
			for b.Loop() {
				way.sleep()
			}
			b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
		})
	}
}

// cpuTime is the CPU time of this process.
func cpuTime(b *testing.B) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

// BenchmarkAdmit decides whether a link may stay: while no address has failed, which takes no lock, and while some
// have.
func BenchmarkAdmit(b *testing.B) {
	for _, failed := range []int{0, 1000} {
		name := "none-failed"
		if failed > 0 {
			name = "some-failed"
		}
		b.Run(name, func(b *testing.B) {
			l := benchLoop(b, -1)
			p := l.provider
			set, now := p.live.Load(), l.read()
			for i := range failed {
				p.limit.failed(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), now)
			}
			b.ReportAllocs()
			for b.Loop() {
				if r := p.admit(l, set, simAddr.Addr(), now); r != notClosed {
					b.Fatal(r)
				}
			}
		})
	}
}

// fatNodes keeps each timer inside something as large as a session.
type fatNodes []struct {
	timerNode
	_ [192]byte
}

func (f fatNodes) node(n uint32) *timerNode { return &f[n].timerNode }
func (f fatNodes) ahead(_, _ uint32)        {}

// BenchmarkTimers arms the timers of 100,000 links again, one after the other: in a wheel with timers that stand apart
// from their sessions, in a wheel with timers inside them, and those of package time.
func BenchmarkTimers(b *testing.B) {
	const links = 100_000
	rearm := func(name string, arm func(n uint32)) {
		b.Run(name, func(b *testing.B) {
			for n := range uint32(links) {
				arm(n + 1)
			}
			b.ReportAllocs()
			n := uint32(0)
			for b.Loop() {
				n = (n + 7919) % links
				arm(n + 1)
			}
		})
	}
	apart, inside := &wheel{nodes: make(flatNodes, links+1)}, &wheel{nodes: make(fatNodes, links+1)}
	rearm("apart", func(n uint32) { apart.arm(n, int64(n%10000)+1000) })
	rearm("inside", func(n uint32) { inside.arm(n, int64(n%10000)+1000) })
	timers := make([]*time.Timer, links+1)
	rearm("time.Timer", func(n uint32) {
		d := time.Duration(n%10000)*time.Millisecond + time.Hour
		if timers[n] == nil {
			timers[n] = time.AfterFunc(d, func() {})
			return
		}
		timers[n].Reset(d)
	})
	for _, t := range timers[1:] {
		if t != nil {
			t.Stop()
		}
	}
}
