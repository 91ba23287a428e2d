package routing

import (
	"hash/maphash"
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
)

// Shards: enough that the writers of one wait briefly while it grows, few enough that their heads stay in the cache.
const (
	shardEntries = 8192 // entries of a shard when the table is as large as was hinted
	minShards    = 16
	growth       = 4       // a shard grows by one part in so many: at most a fifth of its memory waits to be used
	maxShards    = 1 << 16 // as many as the low 16 bits of a hash tell apart
)

// store is the sharded lock-free hash table under Table, its index and Addrs: byte strings of 1 to MaxID bytes to
// numbers. DESIGN.md describes it.
type store struct {
	seed    maphash.Seed // random, so that nobody can choose ids that collide
	shards  []shard
	presize int64 // entries for which a shard's first generation has room
}

type shard struct {
	gen  atomic.Pointer[gen]
	mu   sync.Mutex // held while the next generation is made; never by readers
	_    [48]byte
	size atomic.Int64 // live entries; behind by the writers that are between their change and their count
	_    [56]byte
}

func (s *store) alloc(hint int) {
	n := 1 << bits.Len(uint(max(hint, 1)-1)/shardEntries)
	n = min(max(n, minShards), maxShards)
	s.seed = maphash.MakeSeed()
	s.shards = make([]shard, n)
	if hint > 0 {
		mean := float64(hint) / float64(n)
		s.presize = int64(mean + 3*math.Sqrt(mean)) // hashing fills shards unevenly
	}
	none := newGen(0, 0, 0, 0)
	for i := range s.shards {
		s.shards[i].gen.Store(none)
	}
}

func (s *store) hash(id []byte) uint64 { return maphash.Bytes(s.seed, id) }

func (s *store) shard(h uint64) *shard { return &s.shards[h&uint64(len(s.shards)-1)] }

// get is wait-free: it reads one generation, once.
func (s *store) get(id []byte) (pt uint32, ok bool) {
	if len(id) > MaxID {
		return 0, false
	}
	h := s.hash(id)
	g := s.shard(h).gen.Load()
	e, ok := g.find(h, id)
	if !ok {
		return 0, false
	}
	v := g.load(e)
	return uint32(v), v&live != 0
}

// put inserts id: done, present, or, if gate is set, gated.
func (s *store) put(id []byte, pt uint32, gate bool) outcome {
	h := s.hash(id)
	sh := s.shard(h)
	for {
		g := sh.gen.Load()
		if gate && g.gate != len(id) {
			return gated
		}
		o := g.put(h, id, pt)
		if o != retired {
			if o == done {
				sh.size.Add(1)
			}
			return o
		}
		s.renew(sh, g, entryWords(len(id)))
	}
}

// set replaces the number of id.
func (s *store) set(id []byte, pt uint32) (old uint32, ok bool) {
	if len(id) > MaxID {
		return 0, false
	}
	h := s.hash(id)
	sh := s.shard(h)
	for {
		g := sh.gen.Load()
		old, o := g.change(h, id, header(len(id), pt))
		if o != retired {
			return old, o == done
		}
		s.renew(sh, g, 0)
	}
}

// remove deletes id: done, absent, or, if gate is set, gated.
func (s *store) remove(id []byte, gate bool) (old uint32, o outcome) {
	h := s.hash(id)
	sh := s.shard(h)
	for {
		g := sh.gen.Load()
		if gate && g.gate != len(id) {
			return 0, gated
		}
		old, o = g.change(h, id, header(len(id), 0)&^live)
		if o == retired {
			s.renew(sh, g, 0)
			continue
		}
		if o == done && sh.size.Add(-1) < g.limit/4 && g.limit > 8*minLimit {
			s.renew(sh, g, 0) // mostly deleted: give the memory back
		}
		return old, o
	}
}

// renew replaces generation g of sh by one with room for need more words, unless that has happened already. Writers
// that need the next generation wait here for the one that makes it.
func (s *store) renew(sh *shard, g *gen, need int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.gen.Load() == g {
		s.advance(sh, g, need, g.gate)
	}
}

// regate gives all shards a new generation with another gate. When it returns, no writer that passed an older gate
// can change anything any more. idLen is the length for which a first generation is sized.
func (s *store) regate(gate, idLen int) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		s.advance(sh, sh.gen.Load(), entryWords(idLen), gate)
		sh.mu.Unlock()
	}
}

// advance makes and publishes the generation after g, with room for need words more. The caller holds sh.mu.
func (s *store) advance(sh *shard, g *gen, need int64, gate int) {
	entries, words, long := g.freeze()
	limit := max(minLimit, entries+entries/growth+1)
	if g.limit == 0 {
		limit = max(limit, s.presize)
	}
	switch { // as many words for each new entry as the old ones have
	case entries > 0:
		words, long = words*limit/entries, long*limit/entries
	case need <= longWords:
		words = limit * need
	}
	if need > longWords {
		long += need
	}
	next := newGen(limit, words, long, gate)
	for !next.adopt(g, s.hash) || !next.hasRoom(uint64(need)) { // entries of many sizes leave gaps
		words += blockWords + words/8
		next = newGen(limit, words, long, gate)
	}
	sh.gen.Store(next)
}

func (s *store) len() (n int) {
	for i := range s.shards {
		n += int(s.shards[i].size.Load())
	}
	return n
}

// each visits every entry that is there from beginning to end once, and others at most once.
func (s *store) each(f func(id []byte, pt uint32) bool) {
	buf := make([]byte, 0, MaxID)
	for i := range s.shards {
		if !s.shards[i].gen.Load().each(buf, f) {
			return
		}
	}
}
