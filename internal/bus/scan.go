package bus

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/minio/highwayhash"
)

// Damage is a place in a stream's file where the checksum says that it is not what was written.
type Damage struct {
	Stream string
	File   string
	Offset int64  // of the first bad record
	Kept   string // a copy of the file as it was
}

const mostBlock = 64 << 20 // bytes of a block; nats-server makes them of 8 MiB at most

// A block of nats-server 2.15 is records back to back, little-endian; bit 31 of the length says that there is a header:
//
//	length 4 | sequence 8 | time 8 | subject length 2 | subject | [header length 4 | header] | payload | HighwayHash-64 8
//
// The hash is over sequence, time, subject, header and payload; its key is SHA-256 of STREAM-BLOCK.
const (
	blockHead = 22
	blockHash = 8
	headerBit = 1 << 31
)

// scan looks for damage in the blocks of the streams in dir, before the server starts: the server believes what it has
// not to rebuild, and cuts off a block that it rebuilds at the first bad record. Damaged blocks are copied to keep.
func scan(dir, keep string, now time.Time) (found []Damage, err error) {
	streams, err := os.ReadDir(dir)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	var b []byte
	for _, s := range streams {
		blocks, err := filepath.Glob(filepath.Join(dir, s.Name(), "msgs", "*.blk"))
		if err != nil {
			return nil, err
		}
		slices.SortFunc(blocks, func(a, b string) int { return blockIndex(a) - blockIndex(b) })
		for i, path := range blocks {
			if b, err = readBlock(path, b); err != nil {
				return nil, err
			}
			at := badRecord(b, s.Name(), blockIndex(path))
			if at < 0 || i == len(blocks)-1 && tornAt(b, at) {
				continue
			}
			d := Damage{Stream: s.Name(), File: path, Offset: int64(at)}
			d.Kept = filepath.Join(keep, s.Name()+"-"+filepath.Base(path)+"-"+now.UTC().Format("20060102T150405"))
			if err := os.MkdirAll(keep, 0o700); err != nil {
				return nil, err
			}
			if err := os.WriteFile(d.Kept, b, 0o600); err != nil {
				return nil, err
			}
			found = append(found, d)
		}
	}
	return found, nil
}

func blockIndex(path string) int {
	n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(path), ".blk"))
	if err != nil {
		return -1
	}
	return n
}

// readBlock reads a file into b, or into a longer slice.
func readBlock(path string, b []byte) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() > mostBlock {
		return nil, fmt.Errorf("%s has %d bytes, over %d: no block of a stream", path, st.Size(), mostBlock)
	}
	b = slices.Grow(b[:0], int(st.Size()))[:st.Size()]
	n, err := io.ReadFull(f, b)
	return b[:n], err
}

// badRecord returns where the first record is that is not what was written; -1: all are.
func badRecord(b []byte, stream string, index int) int {
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", stream, index))
	h, err := highwayhash.NewDigest64(key[:])
	if err != nil {
		return 0 // the key has its size
	}
	for at := 0; at < len(b); {
		r := b[at:]
		size, head := recordSize(r)
		if size == 0 {
			return at
		}
		subject := int(binary.LittleEndian.Uint16(r[20:]))
		end := size - blockHash
		h.Reset()
		_, _ = h.Write(r[4:20]) // a hash takes everything
		_, _ = h.Write(r[blockHead : blockHead+subject])
		_, _ = h.Write(r[blockHead+subject+head : end])
		if !bytes.Equal(h.Sum(nil), r[end:size]) {
			return at
		}
		at += size
	}
	return -1
}

// recordSize returns the bytes of the record at the beginning of r, and of its header's length; 0: it is none.
func recordSize(r []byte) (size, head int) {
	if len(r) < blockHead {
		return 0, 0
	}
	n := binary.LittleEndian.Uint32(r)
	if n&headerBit != 0 {
		head = 4
	}
	size = int(n &^ headerBit)
	if size > len(r) || blockHead+int(binary.LittleEndian.Uint16(r[20:]))+head+blockHash > size {
		return 0, 0
	}
	return size, head
}

// tornAt reports whether b ends within the record at at, as a write does that a crash has cut short.
func tornAt(b []byte, at int) bool {
	r := b[at:]
	return len(r) < blockHead || int(binary.LittleEndian.Uint32(r)&^headerBit) > len(r)
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
