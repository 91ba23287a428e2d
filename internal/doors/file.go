package doors

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

const (
	tokensFile    = "tokens.json"
	fileVersion   = 1
	mostFile      = 1 << 20 // bytes; a thousand tokens need half of it
	worldWritable = 0o002
)

var errOpen = errors.New("it is open to everybody")

// FileStore keeps tokens in one file, DIR/tokens.json, which is replaced as a whole, and writes the audit to a log. Make
// one with OpenFile. One process at a time may have it.
type FileStore struct {
	path   string
	log    *slog.Logger
	tokens []Token
}

// file is the content of tokens.json. Sum is the SHA-256 of Tokens as compact JSON.
type file struct {
	Version int             `json:"version"`
	Sum     string          `json:"sum"`
	Tokens  json.RawMessage `json:"tokens"`
}

// OpenFile reads the tokens in the directory dir; no file is no tokens. The audit goes to log.
func OpenFile(dir string, log *slog.Logger) (*FileStore, error) {
	s := &FileStore{path: filepath.Join(dir, tokensFile), log: log}
	b, err := readRegular(s.path, mostFile, worldWritable)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		s.tokens, err = decode(b)
	}
	if err != nil {
		return nil, fmt.Errorf("doors: %s: %w; bring back a copy of it, or remove it: "+
			"without it no token is valid, and a new one for an admin is made", s.path, err)
	}
	return s, nil
}

func decode(b []byte) (tokens []Token, err error) {
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, err
	}
	if f.Version != fileVersion {
		return nil, fmt.Errorf("version %d; this linkd reads version %d", f.Version, fileVersion)
	}
	sum, err := checksum(f.Tokens)
	if err != nil {
		return nil, err
	}
	if sum != f.Sum {
		return nil, fmt.Errorf("the checksum is %.80q, want %s: it was damaged or changed by hand", f.Sum, sum)
	}
	if err := json.Unmarshal(f.Tokens, &tokens); err != nil {
		return nil, err
	}
	return tokens, nil
}

func checksum(tokens []byte) (string, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, tokens); err != nil {
		return "", err
	}
	sum := sha256.Sum256(compact.Bytes())
	return hex.EncodeToString(sum[:]), nil
}

// Tokens implements Store.
func (s *FileStore) Tokens() ([]Token, error) { return slices.Clone(s.tokens), nil }

// PutToken implements Store.
func (s *FileStore) PutToken(t Token) error {
	return s.write(append(slices.DeleteFunc(slices.Clone(s.tokens), func(o Token) bool { return o.ID == t.ID }), t))
}

// DeleteToken implements Store.
func (s *FileStore) DeleteToken(id string) error {
	return s.write(slices.DeleteFunc(slices.Clone(s.tokens), func(o Token) bool { return o.ID == id }))
}

// Audit implements Store.
func (s *FileStore) Audit(d Deed) error {
	s.log.Info("audit", "who", d.Who, "did", d.Did, "what", d.What, "result", d.Result)
	return nil
}

func (s *FileStore) write(tokens []Token) error {
	list, err := json.Marshal(tokens)
	if err != nil {
		return fmt.Errorf("doors: %w", err)
	}
	sum, err := checksum(list)
	if err != nil {
		return fmt.Errorf("doors: %w", err)
	}
	b, err := json.MarshalIndent(file{Version: fileVersion, Sum: sum, Tokens: list}, "", " ")
	if err != nil {
		return fmt.Errorf("doors: %w", err)
	}
	if err := replace(s.path, append(b, '\n')); err != nil {
		return fmt.Errorf("doors: %s cannot be written: %w", s.path, err)
	}
	s.tokens = tokens
	return nil
}

// replace puts b at path as a whole or not at all, for its owner's eyes alone, and returns when it is on disk.
func replace(path string, b []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // may be closed; the first error tells
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(b); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// readRegular reads a file: no link, no pipe, no more than most bytes, and none of the permissions in not.
func readRegular(path string, most int64, not fs.FileMode) ([]byte, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	at, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if at.Mode().Perm()&not != 0 {
		return nil, fmt.Errorf("%w (mode %04o)", errOpen, at.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("it has more than %d bytes", most)
	}
	return b, nil
}

// openRegular opens a file for reading, and refuses what is no regular file without waiting for it.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	at, err := f.Stat()
	if err == nil && !at.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
