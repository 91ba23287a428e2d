package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
)

// bbolt maps its file and follows what it finds there: a flipped bit in a page can lead it out of the map, which ends
// the process. So before bbolt sees a file, walk has read all of it with plain reads, trusting nothing. The layout
// is that of bbolt's version 2, as its package internal/common has it, in little endian:
//
//	page     id 8, flags 2, count 2, overflow 4 (pages that follow and belong to it), then count elements
//	leaf     flags 4, pos 4, ksize 4, vsize 4; pos counts from the element itself
//	branch   pos 4, ksize 4, page 8
//	bucket   root page 8, sequence 8; a root of 0: the bucket's only page follows, in the value itself
//	meta     magic 4, version 4, page size 4, flags 4, root bucket 16, freelist 8, pages 8, transaction 8, FNV-1a 8
const (
	pageSize    = 4096
	headerSize  = 16
	elementSize = 16
	bucketSize  = 16
	metaSize    = 64
	boltMagic   = 0xED0CDAED
	boltVersion = 2
	noFreelist  = 1<<64 - 1
	maxDepth    = 24        // pages from the root of a tree to a leaf; three of them hold 10^9 records
	maxValue    = 256 << 20 // bytes of one page with what belongs to it; what is stored is smaller

	branchPage = 1
	leafPage   = 2
	metaPage   = 4
)

type pages struct {
	r       io.ReaderAt
	end     uint64 // pages in use
	visited []bool
	visit   func(bucket, key, value []byte) error
	buffers [2 * maxDepth][]byte // one for each page on the way from the root of roots to a leaf
}

// walk reads the file of size bytes and hands every record to visit, bucket by bucket, in order of keys. What visit
// gets is valid during the call. All errors about the file wrap ErrCorrupt.
func walk(r io.ReaderAt, size int64, visit func(bucket, key, value []byte) error) error {
	var metas [2]meta
	for i := range metas {
		page := make([]byte, headerSize+metaSize)
		if _, err := r.ReadAt(page, int64(i)*pageSize); err != nil && err != io.EOF {
			return err
		}
		var err error
		if metas[i], err = readMeta(page, i); err != nil {
			return err
		}
	}
	current, older := metas[0], metas[1]
	if older.transaction > current.transaction {
		current, older = older, current
	}
	switch {
	case current.transaction != older.transaction+1:
		return damaged("the meta pages are of transactions %d and %d", older.transaction, current.transaction)
	case current.pages < 4 || current.pages > uint64(size)/pageSize:
		return damaged("%d pages in a file of %d bytes", current.pages, size)
	case current.freelist != noFreelist:
		return damaged("it has a free list, which linkd does not write")
	}
	p := &pages{r: r, end: current.pages, visited: make([]bool, current.pages), visit: visit}
	return p.root(current.root)
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

type meta struct {
	root, freelist, pages, transaction uint64
}

// readMeta reads meta page i, whose header has nothing but id and flags. Both meta pages are always whole: 80 bytes
// within one sector are written at once or not at all.
func readMeta(page []byte, i int) (meta, error) {
	le := binary.LittleEndian
	b := page[headerSize:]
	sum := fnv.New64a()
	sum.Write(b[:metaSize-8])
	m := meta{root: le.Uint64(b[16:]), freelist: le.Uint64(b[32:]), pages: le.Uint64(b[40:]),
		transaction: le.Uint64(b[48:])}
	if le.Uint64(page) != uint64(i) || le.Uint64(page[8:]) != metaPage || le.Uint32(b) != boltMagic ||
		le.Uint32(b[4:]) != boltVersion || le.Uint32(b[8:]) != pageSize || le.Uint64(b[56:]) != sum.Sum64() ||
		m.transaction%2 != uint64(i) {
		return m, damaged("meta page %d is not what was written", i)
	}
	return m, nil
}

// page is a branch or a leaf.
type page struct {
	id    uint64
	leaf  bool
	count int
	b     []byte // header included
}

// read reads page id, which nothing else may have pointed to. The page is valid until the next read at that depth.
func (p *pages) read(id uint64, depth int) (page, error) {
	if id < 2 || id >= p.end {
		return page{}, damaged("page %d of %d is referred to", id, p.end)
	}
	if p.buffers[depth] == nil {
		p.buffers[depth] = make([]byte, pageSize)
	}
	first := p.buffers[depth]
	if _, err := p.r.ReadAt(first, int64(id)*pageSize); err != nil {
		return page{}, fmt.Errorf("store: %w", err)
	}
	if got := binary.LittleEndian.Uint64(first); got != id {
		return page{}, damaged("page %d says that it is page %d", id, got)
	}
	n := uint64(binary.LittleEndian.Uint32(first[12:])) + 1
	if n > p.end-id || n > maxValue/pageSize {
		return page{}, damaged("page %d is %d pages long", id, n)
	}
	for i := id; i < id+n; i++ {
		if p.visited[i] {
			return page{}, damaged("page %d is used twice", i)
		}
		p.visited[i] = true
	}
	if n > 1 {
		all := make([]byte, n*pageSize)
		if _, err := p.r.ReadAt(all[copy(all, first):], int64(id+1)*pageSize); err != nil {
			return page{}, fmt.Errorf("store: %w", err)
		}
		first = all
	}
	return parsePage(id, first)
}

func parsePage(id uint64, b []byte) (page, error) {
	flags, count := binary.LittleEndian.Uint16(b[8:]), int(binary.LittleEndian.Uint16(b[10:]))
	pg := page{id: id, leaf: flags == leafPage, count: count, b: b}
	if flags != leafPage && flags != branchPage || headerSize+count*elementSize > len(b) || !pg.leaf && count == 0 {
		return page{}, damaged("page %d has flags %#x and %d elements in %d bytes", id, flags, count, len(b))
	}
	return pg, nil
}

// cut returns n bytes that begin pos bytes after element i.
func (pg *page) cut(i int, pos, n uint64) ([]byte, error) {
	from := uint64(headerSize+i*elementSize) + pos
	if from+n > uint64(len(pg.b)) || from < uint64(headerSize+pg.count*elementSize) {
		return nil, damaged("element %d of page %d lies outside of it", i, pg.id)
	}
	return pg.b[from : from+n : from+n], nil
}

// element returns what element i of a leaf holds.
func (pg *page) element(i int) (key, value []byte, bucket bool, err error) {
	le := binary.LittleEndian
	e := pg.b[headerSize+i*elementSize:]
	flags, pos, ksize, vsize := le.Uint32(e), uint64(le.Uint32(e[4:])), uint64(le.Uint32(e[8:])), uint64(le.Uint32(e[12:]))
	both, err := pg.cut(i, pos, ksize+vsize)
	if err != nil {
		return nil, nil, false, err
	}
	if flags > 1 || ksize == 0 {
		return nil, nil, false, damaged("element %d of page %d has flags %#x and a key of %d bytes", i, pg.id, flags, ksize)
	}
	return both[:ksize], both[ksize:], flags == 1, nil
}

// child returns the key and the page of element i of a branch.
func (pg *page) child(i int) (key []byte, id uint64, err error) {
	le := binary.LittleEndian
	e := pg.b[headerSize+i*elementSize:]
	key, err = pg.cut(i, uint64(le.Uint32(e)), uint64(le.Uint32(e[4:])))
	return key, le.Uint64(e[8:]), err
}

// root walks the buckets.
func (p *pages) root(id uint64) error {
	return p.tree(id, nil, nil, 0, func(name, value []byte, bucket bool) error {
		if !bucket || len(value) < bucketSize {
			return damaged("%q is not a bucket", name)
		}
		record := func(key, value []byte, bucket bool) error {
			if bucket {
				return damaged("%q in %q is a bucket", key, name)
			}
			return p.visit(name, key, value)
		}
		root := binary.LittleEndian.Uint64(value)
		if binary.LittleEndian.Uint64(value[8:]) != 0 {
			return damaged("bucket %q has a sequence", name)
		}
		if root != 0 {
			if len(value) != bucketSize {
				return damaged("bucket %q has a header of %d bytes", name, len(value))
			}
			return p.tree(root, nil, nil, maxDepth, record)
		}
		if len(value) < bucketSize+headerSize {
			return damaged("bucket %q has a page of %d bytes", name, len(value)-bucketSize)
		}
		pg, err := parsePage(0, value[bucketSize:])
		if err != nil {
			return err
		}
		if !pg.leaf {
			return damaged("bucket %q holds a branch", name)
		}
		return pg.leaves(nil, nil, record)
	})
}

// tree walks what is below page id, whose keys are low or more, and less than high unless that is nil. Depth is 0 at
// the root of all buckets and maxDepth at the root of one.
func (p *pages) tree(id uint64, low, high []byte, depth int, visit func(key, value []byte, bucket bool) error) error {
	pg, err := p.read(id, depth)
	if err != nil {
		return err
	}
	if pg.leaf {
		return pg.leaves(low, high, visit)
	}
	key, child, err := pg.child(0)
	for i := 0; err == nil && i < pg.count; i++ {
		next, nextChild := high, uint64(0)
		if i+1 < pg.count {
			if next, nextChild, err = pg.child(i + 1); err != nil {
				return err
			}
		}
		if bytes.Compare(key, low) < 0 || next != nil && bytes.Compare(key, next) >= 0 {
			return damaged("the keys of page %d are out of order", id)
		}
		if (depth+1)%maxDepth == 0 {
			return damaged("page %d lies %d pages deep", id, maxDepth)
		}
		err = p.tree(child, key, next, depth+1, visit)
		key, child = next, nextChild
	}
	return err
}

// leaves visits the elements of a leaf.
func (pg *page) leaves(low, high []byte, visit func(key, value []byte, bucket bool) error) error {
	for i := range pg.count {
		key, value, bucket, err := pg.element(i)
		if err != nil {
			return err
		}
		order := bytes.Compare(key, low)
		if order < 0 || order == 0 && i > 0 || high != nil && bytes.Compare(key, high) >= 0 {
			return damaged("the keys of page %d are out of order", pg.id)
		}
		if err := visit(key, value, bucket); err != nil {
			return err
		}
		low = key
	}
	return nil
}
