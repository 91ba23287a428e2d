package routing

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/puzpuzpuz/xsync/v4"
)

// lookuper is a map under comparison: lookups by bytes as they come off a socket, and writes of present ids.
type lookuper interface {
	load(id []byte) (uint32, bool)
	store(id []byte, pt uint32)
}

type tableMap struct{ *Table }

func (m tableMap) load(id []byte) (uint32, bool) { return m.Lookup(id) }
func (m tableMap) store(id []byte, pt uint32) {
	if _, ok := m.Replace(id, pt); !ok {
		m.Insert(id, pt)
	}
}

type xsyncMap struct{ m *xsync.Map[string, uint32] }

func (m xsyncMap) load(id []byte) (uint32, bool) { return m.m.Load(string(id)) }
func (m xsyncMap) store(id []byte, pt uint32)    { m.m.Store(string(id), pt) }

type syncMap struct{ m *sync.Map }

func (m syncMap) load(id []byte) (uint32, bool) {
	v, ok := m.m.Load(string(id))
	if !ok {
		return 0, false
	}
	return v.(uint32), true
}
func (m syncMap) store(id []byte, pt uint32) { m.m.Store(string(id), pt) }

// mutexMap is the usual hand-made one: 64 Go maps, each behind a sync.RWMutex.
type mutexMap struct {
	seed   maphash.Seed
	shards [64]struct {
		sync.RWMutex
		m map[string]uint32
		_ [32]byte
	}
}

func newMutexMap() *mutexMap {
	m := &mutexMap{seed: maphash.MakeSeed()}
	for i := range m.shards {
		m.shards[i].m = map[string]uint32{}
	}
	return m
}

func (m *mutexMap) load(id []byte) (uint32, bool) {
	s := &m.shards[maphash.Bytes(m.seed, id)%64]
	s.RLock()
	pt, ok := s.m[string(id)]
	s.RUnlock()
	return pt, ok
}

func (m *mutexMap) store(id []byte, pt uint32) {
	s := &m.shards[maphash.Bytes(m.seed, id)%64]
	s.Lock()
	s.m[string(id)] = pt
	s.Unlock()
}

var contenders = []struct {
	name string
	make func(hint int) lookuper
}{
	{"routing", func(hint int) lookuper { return tableMap{NewTable(hint)} }},
	{"routing-nohint", func(int) lookuper { return tableMap{NewTable(0)} }},
	{"xsync", func(hint int) lookuper { return xsyncMap{xsync.NewMap[string, uint32](xsync.WithPresize(hint))} }},
	{"sync.Map", func(int) lookuper { return syncMap{&sync.Map{}} }},
	{"mutex", func(int) lookuper { return newMutexMap() }},
}

// heap is the bytes in use on the heap.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// fleet appends n ids of 8 bytes, one after the other.
func fleet(n int) []byte {
	b := make([]byte, 0, 8*n)
	for i := range n {
		b = fmt.Appendf(b, "c%07d", i)
	}
	return b
}

func fill(m lookuper, ids []byte) {
	for i := 0; i < len(ids); i += 8 {
		m.store(ids[i:i+8], uint32(i/8))
	}
}

// BenchmarkLookup looks ids up in random order, in parallel; with w % of the operations writes of present ids.
// B/entry is the heap that one entry takes, its id included. To compare contenders, run them in one go:
//
//	go test -run '^$' -bench Lookup/n=1000000/w=1 -count 5 ./routing
func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{1000, 100_000, 1_000_000} {
		if testing.Short() && n > 1000 {
			break // a hundred seconds; BenchmarkFind has one goroutine's share
		}
		ids := fleet(n)
		order := rand.New(rand.NewPCG(1, 1)).Perm(n)
		stream := make([]byte, 0, len(ids)) // the ids in the order of their arrival
		for _, i := range order {
			stream = append(stream, ids[8*i:8*i+8]...)
		}
		for _, writes := range []uint64{0, 1} {
			for _, c := range contenders {
				b.Run(fmt.Sprintf("n=%d/w=%d/%s", n, writes, c.name), func(b *testing.B) {
					before := heap()
					m := c.make(n)
					fill(m, ids)
					size := heap() - before
					var goroutines atomic.Uint64
					b.ResetTimer()
					b.RunParallel(func(pb *testing.PB) { mix(b, pb, m, stream, writes, goroutines.Add(1)) })
					b.ReportMetric(float64(size)/float64(n), "B/entry")
					runtime.KeepAlive(m)
				})
			}
		}
	}
}

// mix is one goroutine's share of BenchmarkLookup. Each begins at its own place in the stream of ids.
func mix(b *testing.B, pb interface{ Next() bool }, m lookuper, stream []byte, writes, goroutine uint64) {
	n, r := uint64(len(stream)/8), rand.NewPCG(goroutine, 2)
	i := r.Uint64() % n
	var key [8]byte // as in a receive buffer
	for pb.Next() {
		copy(key[:], stream[8*i:])
		if r.Uint64()%100 < writes {
			m.store(key[:], uint32(i))
		} else if _, ok := m.load(key[:]); !ok {
			b.Errorf("load(%q) finds nothing", key)
			return
		}
		if i++; i == n {
			i = 0
		}
	}
}

// BenchmarkLoad fills a table with 1,000,000 ids (10,000 with -short), from one goroutine, without a hint. In the
// orders of mixed lengths the index is at work too.
func BenchmarkLoad(b *testing.B) {
	n := 1_000_000
	if testing.Short() {
		n = 10_000
	}
	shuffled := rand.New(rand.NewPCG(1, 1)).Perm(n)
	for _, c := range []struct {
		name string
		id   func(b []byte, i int) []byte
	}{
		{"one-length", func(b []byte, i int) []byte { return fmt.Appendf(b, "c%07d", i) }},
		{"mixed/ascending", func(b []byte, i int) []byte { return fmt.Appendf(b, "c%d", i+1) }},
		{"mixed/descending", func(b []byte, i int) []byte { return fmt.Appendf(b, "c%d", n-i) }},
		{"mixed/shuffled", func(b []byte, i int) []byte { return fmt.Appendf(b, "c%d", shuffled[i]+1) }},
		{"two-lengths", func(b []byte, i int) []byte {
			return fmt.Appendf(b, []string{"c%07d", "8%014d"}[i%2], shuffled[i])
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var id []byte
			for b.Loop() {
				before := heap()
				t := NewTable(0)
				for i := range n {
					id = c.id(id[:0], i)
					if !t.Insert(id, uint32(i)) {
						b.Fatalf("Insert(%q) is false", id)
					}
				}
				b.ReportMetric(float64(heap()-before)/float64(n), "B/entry")
				runtime.KeepAlive(t)
			}
		})
	}
}
