package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	watchFrames = 1024 // frames waiting for one who taps
	maxSend     = 64 << 10
)

// hearing is who is to have what passes on a link.
type hearing uint8

const (
	byTap hearing = 1 << iota // somebody taps the connection point
	byAsk                     // what comes goes to who asks for it; see received.go
)

// hear begins or ends a hearing.
func (s *session) hear(h hearing, on bool) {
	if s.heard &^= h; on {
		s.heard |= h
	}
}

// watchers are those who tap connection points of one provider. A session whose point is watched hands them copies.
type watchers struct {
	mu sync.RWMutex
	m  map[uint32][]*watcher
}

// watcher is one who taps: a bounded queue; frames that find it full are counted and lost.
type watcher struct {
	c    chan Frame
	lost atomic.Uint64
	// of is the session of which it wants what the device sends to the driver; 0: it wants everything.
	of handle
	// behind are the loops that have not handed over yet what they kept; until then the watcher gets nothing of them.
	// Guarded by the watchers' mu.
	behind map[*loop]bool
}

// tapped hands a copy of b to all who tap the session's connection point.
func (s *session) tapped(kind frameKind, at int64, b []byte) {
	p, text := s.loop.provider, ""
	if s.served != nil && s.served.explain != nil && kind&frameIdentity == 0 {
		text = s.served.explain.Explain(kind == 0, b)
	}
	p.watch.mu.RLock()
	defer p.watch.mu.RUnlock()
	for _, w := range p.watch.m[s.point] {
		if w.of != 0 && (w.of != s.handle() || kind != 0) || w.behind[s.loop] {
			continue
		}
		f := kind.frame(at, slices.Clone(b), s.number)
		f.Text, f.Lost, f.Remote, f.Local = text, w.lost.Swap(0), s.remote(), s.local()
		select {
		case w.c <- f:
		default:
			w.lost.Add(f.Lost + 1)
		}
	}
}

// tap begins to watch connection point n; the returned function ends it.
func (p *provider) tap(n uint32, w *watcher) (stop func()) {
	p.watch.mu.Lock()
	if p.watch.m == nil {
		p.watch.m = map[uint32][]*watcher{}
	}
	p.watch.m[n] = append(p.watch.m[n], w)
	p.watch.mu.Unlock()
	p.setWatched(n, true)
	return sync.OnceFunc(func() {
		p.watch.mu.Lock()
		left := slices.DeleteFunc(p.watch.m[n], func(o *watcher) bool { return o == w })
		if p.watch.m[n] = left; len(left) == 0 {
			delete(p.watch.m, n)
		}
		p.watch.mu.Unlock()
		if len(left) == 0 {
			p.setWatched(n, false)
		}
	})
}

// join says that w has what loop l kept, and gets what follows.
func (p *provider) join(w *watcher, l *loop) {
	if w == nil {
		return
	}
	p.watch.mu.Lock()
	defer p.watch.mu.Unlock()
	delete(w.behind, l)
}

// setWatched tells the connection point, and its session if it has one, whether it is watched.
func (p *provider) setWatched(n uint32, on bool) {
	owner, _ := p.pts.mark(n, pointWatched, on)
	p.srv.tell(owner, func(s *session) {
		p.watch.mu.RLock()
		s.hear(byTap, len(p.watch.m[n]) > 0)
		p.watch.mu.RUnlock()
		s.loop.keepFrames(s, s.loop.now, true)
	})
}

// Tap returns what passes between the device and the driver of a connection, through all its sessions: the frames that
// are kept (see Frames), and those that follow, none missing or twice. stop ends it and must be called. A reader that
// falls 1,024 frames behind loses frames: see Frame.Lost. Errors wrap ErrNotFound or ErrBusy, or are ctx's.
func (s *Server) Tap(
	ctx context.Context, provider, name string,
) (kept []Frame, live <-chan Frame, stop func(), err error) {
	p, n, err := s.lookup(provider, name)
	if err != nil {
		return nil, nil, nil, err
	}
	w := &watcher{c: make(chan Frame, watchFrames), behind: map[*loop]bool{}}
	loops := p.loops()
	for _, l := range loops {
		w.behind[l] = true
	}
	stop = p.tap(n, w)
	if kept, err = p.frames(ctx, n, loops, w); err != nil {
		stop()
		return nil, nil, nil, err
	}
	return kept, w.c, stop, nil
}

// owner returns the session of a connection, 0 with ErrOffline when it has none.
func (p *provider) owner(n uint32) (handle, error) {
	if h := p.pts.at(n).binding.Owner(); h != 0 {
		return h, nil
	}
	return 0, ErrOffline
}

// Send queues data for the device and, with a wait, returns what it sends back: from the first byte, which must come
// within wait, until it has been silent for 50 ms. data is 1 byte to 64 KiB and is copied. Errors: ErrNotFound,
// ErrInvalid, ErrOffline, ErrSlow, ErrBusy, or ctx's.
func (s *Server) Send(ctx context.Context, provider, name string, data []byte, wait time.Duration) (SendResult, error) {
	if len(data) == 0 || len(data) > maxSend {
		return SendResult{}, fmt.Errorf("%w: %d bytes; send 1 to %d", ErrInvalid, len(data), maxSend)
	}
	p, n, err := s.lookup(provider, name)
	if err != nil {
		return SendResult{}, err
	}
	h, err := p.owner(n)
	if err != nil {
		return SendResult{}, err
	}
	w := &watcher{c: make(chan Frame, watchFrames), of: h}
	if wait > 0 {
		defer p.tap(n, w)() // posted before the bytes are: the session is watched when they leave
	}
	s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	if err := s.sendTo(ctx, h, slices.Clone(data)); err != nil {
		return SendResult{}, err
	}
	res := SendResult{Sent: len(data)}
	for quiet := time.NewTimer(wait); wait > 0; {
		select {
		case f := <-w.c:
			res.Received = append(res.Received, f.Data...)
			if len(res.Received) >= maxSend {
				return res, nil
			}
			quiet.Reset(50 * time.Millisecond)
		case <-quiet.C:
			return res, nil
		case <-ctx.Done():
			return res, ctx.Err()
		}
	}
	return res, nil
}

// sendTo queues data for one session; data is the session's from then on.
func (s *Server) sendTo(ctx context.Context, h handle, data []byte) error {
	done := make(chan error, 1)
	err := s.post(h, func(now int64, s *session) {
		switch {
		case s == nil || s.phase != phaseOnline || s.reason != notClosed:
			done <- ErrOffline
		case !s.send(now, data):
			done <- ErrSlow
		default:
			done <- nil
		}
	})
	if err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Tunnel joins the caller to the link of a connection: Read returns what the device sends, Write sends to it and
// waits while the device is slow. It ends with io.EOF when the session that is online now ends. Close it.
func (s *Server) Tunnel(provider, name string) (io.ReadWriteCloser, error) {
	p, n, err := s.lookup(provider, name)
	if err != nil {
		return nil, err
	}
	h, err := p.owner(n)
	if err != nil {
		return nil, err
	}
	w := &watcher{c: make(chan Frame, watchFrames), of: h}
	t := &tunnel{srv: s, session: h, frames: w.c, stop: p.tap(n, w), ended: make(chan struct{})}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	go t.watchSession()
	return t, nil
}

type tunnel struct {
	srv     *Server
	session handle
	frames  <-chan Frame
	rest    []byte
	stop    func()
	ctx     context.Context
	cancel  context.CancelFunc
	ended   chan struct{} // the session has gone
}

// watchSession ends the tunnel when its session has gone; it looks ten times a second.
func (t *tunnel) watchSession() {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if t.srv.alive(t.session) {
				continue
			}
			close(t.ended)
			return
		case <-t.ctx.Done():
			return
		}
	}
}

func (t *tunnel) Read(b []byte) (int, error) {
	if len(t.rest) == 0 {
		f, err := t.next()
		if err != nil {
			return 0, err
		}
		if f.Lost > 0 {
			return 0, fmt.Errorf("%w: %d frames were lost; read faster", ErrSlow, f.Lost)
		}
		t.rest = f.Data
	}
	n := copy(b, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

// next returns the next frame; after the session has gone, those that it left.
func (t *tunnel) next() (Frame, error) {
	select {
	case f := <-t.frames:
		return f, nil
	case <-t.ctx.Done():
		return Frame{}, io.ErrClosedPipe
	case <-t.ended:
	}
	select {
	case f := <-t.frames:
		return f, nil
	default:
		return Frame{}, io.EOF
	}
}

func (t *tunnel) Write(b []byte) (n int, err error) {
	const piece = outboundBytes / 4
	for len(b) > 0 {
		part := slices.Clone(b[:min(len(b), piece)])
		for deadline := time.Now().Add(outboundTime); ; {
			err = t.srv.sendTo(t.ctx, t.session, part)
			if !errors.Is(err, ErrSlow) || time.Now().After(deadline) {
				break
			}
			select {
			case <-time.After(10 * time.Millisecond):
			case <-t.ctx.Done():
			}
		}
		if err != nil {
			return n, err
		}
		n += len(part)
		b = b[len(part):]
	}
	return n, nil
}

func (t *tunnel) Close() error {
	t.cancel()
	t.stop()
	return nil
}
