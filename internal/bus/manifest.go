package bus

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"linkd/internal/durable"
)

// manifest is linkd's own list of the streams that it has made, so that one that is gone is missed. NATS itself skips a
// stream that it cannot read, and a client would make it anew without a word.
//
// The file is the SHA-256 of what follows, in hex, a line end, and JSON. It is replaced whole.
type manifest struct {
	path    string
	Version int               `json:"version"`
	URL     string            `json:"url"` // of the server; empty: embedded
	Streams map[string]*entry `json:"streams"`
}

// entry is one stream.
type entry struct {
	Created time.Time `json:"created"`
	LastSeq uint64    `json:"last_seq"` // of a message that is on disk for sure
}

const (
	manifestName    = "streams.json"
	manifestVersion = 1
	mostManifest    = 1 << 20
)

// ErrStreamLost says that a stream that linkd has made and filled is not there, or cannot be read.
var ErrStreamLost = errors.New("bus: a stream is lost")

// readManifest reads the manifest in dir; without one it is empty. One of another server is empty too.
func readManifest(dir, url string) (*manifest, error) {
	m := &manifest{
		path: filepath.Join(dir, manifestName), Version: manifestVersion, URL: url, Streams: map[string]*entry{},
	}
	f, err := os.Open(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	defer f.Close()
	body := make([]byte, mostManifest+1)
	n, err := readFull(f, body)
	if err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	sum, text, _ := bytes.Cut(body[:n], []byte{'\n'})
	want := sha256.Sum256(text)
	old := *m
	switch {
	case n > mostManifest:
		return nil, m.damaged("is over 1 MiB")
	case string(sum) != hex.EncodeToString(want[:]):
		return nil, m.damaged("does not have the checksum that it states")
	case json.Unmarshal(text, &old) != nil || old.Streams == nil:
		return nil, m.damaged("is no list of streams")
	case old.Version != manifestVersion:
		return nil, fmt.Errorf("bus: %s is of version %d; this linkd reads version %d", m.path, old.Version,
			manifestVersion)
	case old.URL != url:
		return m, nil
	}
	return &old, nil
}

func (m *manifest) damaged(how string) error {
	return fmt.Errorf("%w: the list of streams %s %s; restore it from a backup, or begin anew with --new-history, "+
		"which keeps the streams that can be read", ErrStreamLost, m.path, how)
}

// save replaces the file.
func (m *manifest) save() error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	sum := sha256.Sum256(text)
	body := append(append(hex.AppendEncode(nil, sum[:]), '\n'), text...)
	if err := durable.Replace(m.path, durable.Bytes(body)); err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	return nil
}

// readFull reads until b is full or f ends.
func readFull(f *os.File, b []byte) (n int, err error) {
	for n < len(b) {
		m, err := f.Read(b[n:])
		n += m
		if m == 0 || err != nil {
			return n, ignoreEOF(err)
		}
	}
	return n, nil
}
