package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A generation is the whole configuration in one file, generations/NNNNNN.linkd: one line for people and for checking,
// then the records of the store as they are, one after another: bucket, key, sealed value, the latter two behind their
// lengths. The line has always the same length:
//
//	linkd-generation 1 number=… revision=… changes=… time=… bytes=… sha256=…
//
// bytes are those after the line; sha256 is of them, and then of the line up to " sha256".

// Generation is one file of the generations that are kept.
type Generation struct {
	Number   uint64
	Revision uint64 // of the configuration that it holds; 0: nothing had been committed
	Time     time.Time
	Size     int64 // bytes
	Problem  error // why it cannot be restored; nil: it is sound. It wraps ErrCorrupt.

	changes uint64
}

const (
	generationMagic  = "linkd-generation 1"
	generationSuffix = ".linkd"
	// the line: all numbers are padded, so that it can be written last
	lineFormat   = generationMagic + " number=%020d revision=%020d changes=%020d time=%s bytes=%020d"
	timeFormat   = "2006-01-02T15:04:05Z" // UTC
	digestFormat = " sha256=%x\n"
	maxTime      = 253402300799 // the last second of the year 9999
)

// lineSize is the length of the first line in bytes.
const lineSize = len(generationMagic) + len(" number= revision= changes= time= bytes=") + 4*20 + len(timeFormat) +
	len(" sha256=") + 2*sha256.Size + 1

func (g *Generation) line(bytes int64) string {
	seconds := min(max(g.Time.Unix(), 0), maxTime)
	return fmt.Sprintf(lineFormat, g.Number, g.Revision, g.changes, time.Unix(seconds, 0).UTC().Format(timeFormat), bytes)
}

func generationPath(dir string, number uint64) string {
	return filepath.Join(dir, generationsName, fmt.Sprintf("%06d%s", number, generationSuffix))
}

// writeGeneration writes g with all of v's configuration.
func writeGeneration(path string, g Generation, v view) error {
	return writeFile(path, func(f *os.File) error {
		if _, err := f.Seek(int64(lineSize), io.SeekStart); err != nil {
			return err
		}
		digest := sha256.New()
		count := &counter{}
		out := bufio.NewWriterSize(io.MultiWriter(f, digest, count), 256<<10)
		var record []byte
		for _, k := range configuration {
			err := v.each(k, func(key, value []byte) error {
				record = appendText(appendText(append(record[:0], byte(k)), key), value)
				_, err := out.Write(record)
				return err
			})
			if err != nil {
				return err
			}
		}
		if err := out.Flush(); err != nil {
			return err
		}
		line := g.line(count.n)
		digest.Write([]byte(line))
		_, err := f.WriteAt(fmt.Appendf([]byte(line), digestFormat, digest.Sum(nil)), 0)
		return err
	})
}

// counter counts bytes.
type counter struct{ n int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}

// readGeneration reads the file at path and calls record with each of its records. What record returns ends it. The
// error wraps ErrCorrupt when the file is not what was written; records may have been handed out then.
func readGeneration(path string, record func(k kind, key, value []byte) error) (Generation, error) {
	f, err := os.Open(path)
	if err != nil {
		return Generation{}, fmt.Errorf("store: %w", err)
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return Generation{}, fmt.Errorf("store: %w", err)
	}
	in := bufio.NewReaderSize(f, 256<<10)
	line := make([]byte, lineSize)
	if _, err := io.ReadFull(in, line); err != nil {
		return Generation{Size: stat.Size()}, damaged("%s is shorter than its first line", path)
	}
	g, size, stated, err := parseLine(line)
	g.Size = stat.Size()
	if err != nil {
		return g, fmt.Errorf("%w (%s)", err, path)
	}
	if size != g.Size-int64(lineSize) {
		return g, damaged("%s has %d bytes after its first line, and %d were written", path, g.Size-int64(lineSize), size)
	}
	digest := sha256.New()
	r := &recordReader{in: in, digest: digest, left: uint64(size)}
	if err := r.all(record); err != nil {
		return g, fmt.Errorf("%w (%s)", err, path)
	}
	signed, _, _ := bytes.Cut(line, []byte(" sha256="))
	digest.Write(signed)
	if got := hex.EncodeToString(digest.Sum(nil)); got != stated {
		return g, damaged("%s has the SHA-256 %s, and %s was written", path, got, stated)
	}
	return g, nil
}

// parseLine reads a first line. What it says is only to be trusted when the digest is right.
func parseLine(line []byte) (g Generation, size int64, digest string, err error) {
	text, found := strings.CutPrefix(string(line), generationMagic+" ")
	parts := strings.Fields(text)
	names := []string{"number=", "revision=", "changes=", "time=", "bytes=", "sha256="}
	if !found || len(parts) != len(names) || line[len(line)-1] != '\n' {
		return g, 0, "", damaged("the first line is not that of a generation")
	}
	var values [6]string
	for i, name := range names {
		values[i], found = strings.CutPrefix(parts[i], name)
		if !found {
			return g, 0, "", damaged("the first line has no %s", name)
		}
	}
	var errs [5]error
	g.Number, errs[0] = strconv.ParseUint(values[0], 10, 64)
	g.Revision, errs[1] = strconv.ParseUint(values[1], 10, 64)
	g.changes, errs[2] = strconv.ParseUint(values[2], 10, 64)
	g.Time, errs[3] = time.Parse(timeFormat, values[3])
	size, errs[4] = strconv.ParseInt(values[4], 10, 64)
	if err := errors.Join(errs[:]...); err != nil {
		return g, 0, "", damaged("the first line: %v", err)
	}
	return g, size, values[5], nil
}

// recordReader reads records.
type recordReader struct {
	in     *bufio.Reader
	digest hash.Hash
	left   uint64 // bytes
	buffer []byte
}

func (r *recordReader) all(record func(k kind, key, value []byte) error) error {
	for r.left > 0 {
		k, err := r.next(1)
		if err != nil {
			return err
		}
		bucket := kind(k[0])
		if !slices.Contains(configuration, bucket) {
			return damaged("a record is of %s", bucket)
		}
		key, err := r.field()
		if err != nil {
			return err
		}
		key = bytes.Clone(key)
		value, err := r.field()
		if err != nil {
			return err
		}
		if _, err := unseal(bucket, key, value); err != nil {
			return err
		}
		if err := record(bucket, key, value); err != nil {
			return err
		}
	}
	return nil
}

// next returns the next n bytes, valid until the next call.
func (r *recordReader) next(n uint64) ([]byte, error) {
	if n > r.left || n > maxValue {
		return nil, damaged("a record is %d bytes long, and %d are left", n, r.left)
	}
	if uint64(cap(r.buffer)) < n {
		r.buffer = make([]byte, n)
	}
	b := r.buffer[:n]
	if _, err := io.ReadFull(r.in, b); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	r.left -= n
	r.digest.Write(b)
	return b, nil
}

// field returns what stands behind its length.
func (r *recordReader) field() ([]byte, error) {
	var length []byte
	for len(length) < binary.MaxVarintLen64 {
		b, err := r.next(1)
		if err != nil {
			return nil, err
		}
		length = append(length, b[0])
		if b[0] < 0x80 {
			break
		}
	}
	n, read := binary.Uvarint(length)
	if read <= 0 {
		return nil, damaged("a length in a record is not one")
	}
	return r.next(n)
}
