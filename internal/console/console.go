// Package console owns the files of the web console, which are built from the folder web into the folder dist, and how
// they are served. The files hold no data: what the console shows, it asks of the API like any other client. So this
// package must never know anything else of linkd.
package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

//go:embed dist
var dist embed.FS

// policy lets a page load, ask and be framed by nothing but its own origin, and run no script of its own text.
const policy = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

// kinds are the MIME types by the end of a name. Those that the system knows differ from one to the next.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
	".png":  "image/png",
	".ico":  "image/vnd.microsoft.icon",
}

// Console serves the files. Make one with New; it does not change.
type Console struct {
	files map[string]*file // by path
}

// file is one file, as it is and compressed.
type file struct {
	kind         string // MIME type
	plain, small variant
}

type variant struct {
	content []byte
	tag     string // ETag
}

// New returns the console that is built into this program. All is compressed here, once.
func New() (*Console, error) {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	return newConsole(files)
}

func newConsole(files fs.FS) (*Console, error) {
	c := &Console{files: map[string]*file{}}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		f, err := newFile(name, content)
		if err != nil {
			return err
		}
		at := "/" + strings.TrimSuffix(name, "index.html")
		c.files[at] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	if c.files["/"] == nil {
		return nil, fmt.Errorf("console: no index.html; build it with make console")
	}
	return c, nil
}

func newFile(name string, content []byte) (*file, error) {
	kind := kinds[path.Ext(name)]
	if kind == "" {
		return nil, fmt.Errorf("%s: its type is not known by its name", name)
	}
	var small bytes.Buffer
	w, err := gzip.NewWriterLevel(&small, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return &file{kind: kind, plain: newVariant(content), small: newVariant(small.Bytes())}, nil
}

func newVariant(content []byte) variant {
	sum := sha256.Sum256(content)
	return variant{content: content, tag: `"` + hex.EncodeToString(sum[:16]) + `"`}
}

// Paths are where the files are, such as / and /app.js.
func (c *Console) Paths() []string {
	paths := make([]string, 0, len(c.files))
	for at := range c.files {
		paths = append(paths, at)
	}
	slices.Sort(paths)
	return paths
}

// ServeHTTP serves GET and HEAD of the files. A browser asks each time whether it still has the newest one, so that it
// never runs a console that is older than linkd.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := c.files[r.URL.Path]
	if f == nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "Accept-Encoding")
	v := f.plain
	if takesGzip(r.Header.Get("Accept-Encoding")) {
		v = f.small
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Etag", v.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(v.content))
}

// takesGzip reports whether a client that sent this Accept-Encoding takes gzip. "gzip;q=0" is a refusal.
func takesGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			weight := strings.TrimPrefix(strings.ReplaceAll(strings.ToLower(q), " ", ""), "q=")
			return weight == "" || strings.Trim(weight, "0.") != ""
		}
	}
	return false
}
