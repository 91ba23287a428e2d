package server

import "linkd/internal/prefetch"

// What a poll touches of a driver's machine and of a gnet connection, in bytes.
const (
	machineHead = 192
	connHead    = 192
)

// ahead implements nodeTable: while the kernel sends for this timer, what the next one touches is fetched, and of the
// one after it as much as is known without looking.
func (l *loop) ahead(n, after uint32) {
	if after != 0 {
		prefetch.Of(l.at((after - 1) >> 1))
		prefetch.Of(l.node(after))
	}
	s := l.at((n - 1) >> 1)
	prefetch.Head(&s.machine, machineHead)
	prefetch.Head(&s.conn, connHead)
}

// expect fetches what an answer touches, all at once in place of one after the other.
func (s *session) expect() {
	prefetch.Of(s)
	prefetch.Head(&s.machine, machineHead)
	if s.values != nil {
		s.values.block.Prefetch()
	}
	prefetch.Of(s.loop.node(timerNumber(s.place, driverTimer)))
}
