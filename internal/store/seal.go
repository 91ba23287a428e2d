package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// kind is a bucket of a book. Its number is part of every checksum and of every generation: numbers are never reused.
type kind byte

const (
	kindHead       kind = iota // one record: counts and digests of the others
	kindState                  // numbers of the store itself
	kindProject                // the project's name
	kindProvider               // by name
	kindFleet                  // by PROVIDER/PATTERN
	kindConnection             // by PROVIDER/NAME
	kindModel
	kindChannel
	kindOutput
	kindApplied  // the project file that was applied last
	kindRevision // by number: what people read of it
	kindUndo     // by number: what turns it into the one before
	kindToken    // by id
	kindAudit    // by number
	kindCommand  // by id
	kindSeen     // by PROVIDER/NAME
	kindRule     // about strangers, by key
	kinds
)

var kindNames = [kinds]string{"head", "state", "project", "providers", "fleets", "connections", "models", "channels",
	"outputs", "applied", "revisions", "undo", "tokens", "audit", "commands", "seen",
	"rules"}

func (k kind) String() string {
	if k >= kinds {
		return fmt.Sprintf("bucket %d", byte(k))
	}
	return kindNames[k]
}

// configuration is what a generation holds.
var configuration = []kind{kindProject, kindProvider, kindFleet, kindConnection, kindModel, kindChannel, kindOutput,
	kindApplied, kindToken, kindRule}

// sealSize is the length of the checksum behind each value: CRC-32C of kind, key and value, little endian.
const sealSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(k kind, key, payload []byte) uint32 {
	start := [3]byte{byte(k), byte(len(key)), byte(len(key) >> 8)}
	sum := crc32.Update(0, castagnoli, start[:])
	sum = crc32.Update(sum, castagnoli, key)
	return crc32.Update(sum, castagnoli, payload)
}

// appendSealed appends payload with its seal.
func appendSealed(dst []byte, k kind, key, payload []byte) []byte {
	dst = append(dst, payload...)
	return binary.LittleEndian.AppendUint32(dst, checksum(k, key, payload))
}

// unseal returns the payload of a sealed value, which it is a part of.
func unseal(k kind, key, value []byte) ([]byte, error) {
	n := len(value) - sealSize
	if n < 0 || checksum(k, key, value[:n]) != sealOf(value) {
		return nil, fmt.Errorf("%w: the record %q of %s has a wrong checksum", ErrCorrupt, key, k)
	}
	return value[:n:n], nil
}

// sealOf returns the checksum that a value carries; 0 when it is too short for one.
func sealOf(value []byte) uint32 {
	if len(value) < sealSize {
		return 0
	}
	return binary.LittleEndian.Uint32(value[len(value)-sealSize:])
}

// tally is what a bucket holds: so many records, the sum of their seals, and their bytes, keys included.
type tally struct {
	count, digest, bytes uint64
}

func (t *tally) add(key, value []byte) {
	t.count++
	t.digest += uint64(sealOf(value))
	t.bytes += uint64(len(key) + len(value))
}

func (t *tally) remove(key, value []byte) {
	t.count--
	t.digest -= uint64(sealOf(value))
	t.bytes -= uint64(len(key) + len(value))
}

// head says what a book holds. It is written with every transaction.
type head struct {
	writes  uint64 // transactions so far
	tallies [kinds]tally
}

const headFormat = 1

func headKey() []byte { return []byte("head") }

func (h *head) append(b []byte) []byte {
	b = append(b, headFormat)
	b = binary.AppendUvarint(b, h.writes)
	b = binary.AppendUvarint(b, uint64(len(h.tallies)))
	for _, t := range h.tallies {
		b = binary.AppendUvarint(b, t.count)
		b = binary.AppendUvarint(b, t.digest)
		b = binary.AppendUvarint(b, t.bytes)
	}
	return b
}

func readHead(payload []byte) (*head, error) {
	f := fields{rest: payload}
	if format := f.byte(); format != headFormat {
		return nil, fmt.Errorf("store: the file has format %d; this linkd reads format %d", format, headFormat)
	}
	h := &head{writes: f.number()}
	n := f.number()
	if n > uint64(kinds) {
		return nil, fmt.Errorf("store: the file was written by a newer linkd; use that one")
	}
	for i := range n {
		h.tallies[i] = tally{f.number(), f.number(), f.number()}
	}
	if err := f.end(); err != nil {
		return nil, fmt.Errorf("%w: head: %w", ErrCorrupt, err)
	}
	return h, nil
}
