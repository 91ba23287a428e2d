package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// cluster is several processes of one server, each with an address and a share of the fleet of its own, and as many of
// the load.
type cluster struct {
	b     *bench
	job   job
	nodes []node
	total int
}

type node struct {
	server   *server
	from, to int // numbers of its devices
	load     *load
}

func (n *node) share() int { return n.to - n.from + 1 }

// cluster starts the servers, each on a core of its own as far as there are some; the load has all cores.
func (b *bench) cluster(ctx context.Context, peer string, j job, nodes, total int) (*cluster, error) {
	c := &cluster{b: b, job: j, total: total}
	for i := range nodes {
		n := node{from: i*total/nodes + 1, to: (i + 1) * total / nodes}
		j.ip = fmt.Sprintf("127.1.%d.%d", i/250, i%250+1)
		j.from, j.to = n.from, n.to
		if !ours(peer) {
			j.from, j.to = 1, n.share() // a bare server counts from 1
		}
		s, err := b.startOn(ctx, peer, j, b.coresOf(i))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("node %d of %d: %w", i+1, nodes, err), c.stop())
		}
		n.server = s
		c.nodes = append(c.nodes, n)
	}
	return c, nil
}

// each calls f for all nodes at once. Where it fails for several, the first tells for all.
func (c *cluster) each(f func(i int, n *node) error) error {
	failed := make([]error, len(c.nodes))
	var wg sync.WaitGroup
	for i := range c.nodes {
		wg.Go(func() { failed[i] = f(i, &c.nodes[i]) })
	}
	wg.Wait()
	return firstOf(failed)
}

// firstOf is the first error of nodes, and how many have failed.
func firstOf(failed []error) error {
	first, n := 0, 0
	for i, err := range failed {
		if err == nil {
			continue
		}
		if n++; n == 1 {
			first = i
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("bench: node %d, and so %d of %d: %w", first+1, n, len(failed), failed[first])
}

// sourcesOf are 14 source addresses for node i. With one for all its devices the kernel would spend most of its time in
// the search for free ports.
func sourcesOf(i int) string { return fmt.Sprintf("127.2.%d.%d/28", i/16, i%16*16) }

// Connects that are not yet up: of one load, as loadgen has it by itself, and of all together. With a thousand for each
// of fifty a link would wait for longer than it has to say who it is, on a machine that accepts 5,000 a second.
const (
	inflightEach = 1024
	inflightAll  = 4096
)

// fill has the whole fleet dial in, each node's from addresses of its own, and returns once all are bound.
func (c *cluster) fill(ctx context.Context, args ...string) error {
	err := c.each(func(i int, n *node) (err error) {
		first := n.from
		if n.server.bare {
			first = 1
		}
		args := append([]string{"--from", strconv.Itoa(first), "--sources", sourcesOf(i), "--timeout",
			clusterTime.String(), "--inflight", strconv.Itoa(max(1, min(inflightEach, inflightAll/len(c.nodes))))}, args...)
		n.load, err = c.b.load(ctx, n.server, n.share(), args...)
		return err
	})
	if err != nil {
		return err
	}
	return c.await(ctx, func(n *node, s stats) bool { return s.Bound == n.share() })
}

const (
	clusterTime = 10 * time.Minute
	clusterLook = 250 * time.Millisecond // seldom, as to look takes linkd more than it takes a bare server
)

// await waits for one node after the other, so that few are asked.
func (c *cluster) await(ctx context.Context, done func(*node, stats) bool) error {
	ctx, cancel := context.WithTimeout(ctx, clusterTime)
	defer cancel()
	for i := range c.nodes {
		n := &c.nodes[i]
		s, err := n.server.until(ctx, clusterTime, clusterLook, func(s stats) bool { return done(n, s) })
		if err != nil {
			return fmt.Errorf("bench: node %d has %d of %d devices bound: %w%s", i+1, s.Bound, n.share(), err,
				n.server.closed())
		}
	}
	return nil
}

// leave has the whole fleet leave, and returns once no server has any of it.
func (c *cluster) leave(ctx context.Context) error {
	err := c.each(func(_ int, n *node) error {
		if n.load == nil {
			return nil
		}
		_, err := n.load.end()
		n.load = nil
		return err
	})
	return errors.Join(err, c.await(ctx, func(_ *node, s stats) bool { return s.Bound == 0 }))
}

// stop ends what still runs.
func (c *cluster) stop() error {
	return c.each(func(_ int, n *node) error {
		var err error
		if n.load != nil {
			err = n.load.stop()
		}
		return errors.Join(err, n.server.stop())
	})
}

// sum adds what f says of each server.
func (c *cluster) sum(f func(*server) (int64, error)) (sum int64, err error) {
	for _, n := range c.nodes {
		v, err := f(n.server)
		if err != nil {
			return 0, err
		}
		sum += v
	}
	return sum, nil
}

func (c *cluster) usage() (used, error) {
	cpu, err := c.sum(func(s *server) (int64, error) {
		t, err := cpuTime(s.pid())
		return int64(t), err
	})
	return used{cpu: time.Duration(cpu), at: time.Now()}, err
}

func (c *cluster) memory(ctx context.Context) (int64, error) {
	return c.sum(func(s *server) (int64, error) { return s.memory(ctx) })
}

// stats adds up what the servers say.
func (c *cluster) stats(ctx context.Context) (sum stats, err error) {
	for _, n := range c.nodes {
		s, err := n.server.stats(ctx)
		if err != nil {
			return sum, err
		}
		sum.Bound += s.Bound
		sum.BytesIn += s.BytesIn
		sum.Polls += s.Polls
		sum.Lost += s.Lost
	}
	return sum, nil
}
