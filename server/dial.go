package server

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/panjf2000/gnet/v2"
)

// maxDials bounds the dials under way at once for one provider.
const maxDials = 64

var errFull = errors.New("server: no room for another link")

// dialled is what an enrolled link brings along: whose it is.
type dialled struct{ point uint32 }

// dialer keeps the connection points of a tcp-client provider connected: each is dialled, handed to a gnet client as
// a link like any other, and dialled again after it was lost, with pauses that double and jitter. It runs one
// goroutine that waits, and at most maxDials that dial.
type dialer struct {
	p      *provider
	engine *engine
	client *gnet.Client
	ctx    context.Context
	cancel context.CancelFunc
	slots  chan struct{}
	done   sync.WaitGroup

	mu      sync.Mutex
	due     dueHeap
	targets map[uint32]*target
	wake    chan struct{}
}

// target is one connection point to dial.
type target struct {
	point uint32
	addr  string
	at    time.Time // when to dial next
	pause time.Duration
	index int // in the heap; -1: not waiting
	up    time.Time
}

// startDialling starts the provider's event loop and its dialler.
func (p *provider) startDialling() error {
	e := newEngine(p, 1)
	client, err := gnet.NewClient(e, e.options()...)
	if err == nil {
		err = client.Start()
	}
	if err != nil {
		return fmt.Errorf("provider %s: cannot start its event loop: %w", p.name, err)
	}
	d := &dialer{p: p, engine: e, client: client, slots: make(chan struct{}, maxDials),
		targets: map[uint32]*target{}, wake: make(chan struct{}, 1)}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	p.dialer = d
	d.done.Go(d.run)
	p.setState(stateDialling, "")
	return nil
}

// add begins to dial a connection point; one that is known changes its address for the next dial.
func (d *dialer) add(point uint32, host string, port uint16) {
	d.mu.Lock()
	defer d.mu.Unlock()
	addr := net.JoinHostPort(host, strconv.Itoa(int(port)))
	if t := d.targets[point]; t != nil {
		t.addr = addr
		return
	}
	t := &target{point: point, addr: addr, index: -1}
	d.targets[point] = t
	d.push(t, time.Now())
}

// remove ends dialling a connection point; its link, if it has one, is closed by whoever removes it.
func (d *dialer) remove(point uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.targets[point]; t != nil && t.index >= 0 {
		heap.Remove(&d.due, t.index)
	}
	delete(d.targets, point)
}

// lost is told that the link of a connection point has closed: it is dialled again after a pause, a short one if the
// link had lasted.
func (d *dialer) lost(point uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.targets[point]
	if t == nil || t.index >= 0 || d.ctx.Err() != nil {
		return
	}
	if !t.up.IsZero() && time.Since(t.up) > d.p.live.Load().conf.RedialMax {
		t.pause = 0
	}
	d.backOff(t)
}

// backOff queues the next dial of t. The caller holds mu.
func (d *dialer) backOff(t *target) {
	conf := d.p.live.Load().conf
	t.pause = min(max(t.pause*2, conf.RedialMin), conf.RedialMax)
	d.push(t, time.Now().Add(t.pause/2+rand.N(t.pause/2+1)))
}

func (d *dialer) push(t *target, at time.Time) {
	t.at = at
	heap.Push(&d.due, t)
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// run starts the dials that are due.
func (d *dialer) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-d.wake:
		case <-timer.C:
		case <-d.ctx.Done():
			return
		}
		for {
			t, wait := d.next()
			if t == nil {
				timer.Reset(wait)
				break
			}
			select {
			case d.slots <- struct{}{}:
			case <-d.ctx.Done():
				return
			}
			d.done.Go(func() {
				d.dial(t)
				<-d.slots
			})
		}
	}
}

// next takes the target that is due, or says how long there is none.
func (d *dialer) next() (*target, time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.due) == 0 {
		return nil, time.Hour
	}
	if wait := time.Until(d.due[0].at); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&d.due).(*target), 0
}

// dial makes one attempt and, when it succeeds, hands the socket to the event loop.
func (d *dialer) dial(t *target) {
	conf := d.p.live.Load().conf
	dial := net.Dialer{Timeout: conf.ConnectTimeout, KeepAlive: -1}
	if conf.LocalIP.IsValid() {
		dial.LocalAddr = &net.TCPAddr{IP: conf.LocalIP.AsSlice()}
	}
	d.mu.Lock()
	addr := t.addr
	d.mu.Unlock()
	var c net.Conn
	err := errFull
	if d.p.srv.sessions.Load() < int64(d.p.srv.capacity) {
		c, err = dial.DialContext(d.ctx, "tcp", addr)
	}
	if err == nil {
		d.mu.Lock()
		t.up = time.Now()
		_, wanted := d.targets[t.point]
		d.mu.Unlock()
		if !wanted {
			_ = c.Close()
			return
		}
		if _, err = d.client.EnrollContext(c, &dialled{point: t.point}); err == nil {
			return
		}
		_ = c.Close()
	}
	if d.ctx.Err() != nil {
		return
	}
	d.p.srv.log.Debug("dialling failed", "provider", d.p.name, "addr", addr, "error", err)
	d.p.dialFailures.Add(1)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.targets[t.point] == t && t.index < 0 {
		d.backOff(t)
	}
}

// stop ends dialling; links stay.
func (d *dialer) stop() {
	d.cancel()
	d.done.Wait()
}

// end stops the event loop; what links there still are close.
func (d *dialer) end(ctx context.Context) error {
	d.engine.stops.Store(true)
	out := make(chan error, 1)
	go func() { out <- d.client.Stop() }()
	select {
	case err := <-out:
		for _, l := range *d.engine.loops.Load() {
			l.end()
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// dueHeap orders targets by when they are due.
type dueHeap []*target

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i]; h[i].index, h[j].index = i, j }
func (h *dueHeap) Push(x any)        { t := x.(*target); t.index = len(*h); *h = append(*h, t) }
func (h *dueHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	t.index = -1
	*h = old[:len(old)-1]
	return t
}
