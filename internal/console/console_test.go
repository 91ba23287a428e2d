package console

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// mostBundle is what a browser loads at most, in bytes as they are sent: a second on a slow 4G link.
const mostBundle = 120 << 10

func get(c *Console, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w
}

func built(t *testing.T) *Console {
	t.Helper()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestFiles: all that is built is served, with the headers that keep other origins out.
func TestFiles(t *testing.T) {
	c := built(t)
	paths := strings.Join(c.Paths(), " ")
	for path, kind := range map[string]string{"/": "text/html", "/app.js": "text/javascript", "/app.css": "text/css"} {
		if !strings.Contains(" "+paths+" ", " "+path+" ") {
			t.Errorf("no %s in %s", path, paths)
		}
		w := get(c, path)
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), kind+"; charset=utf-8") {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
			"X-Content-Type-Options":  "nosniff",
			"Referrer-Policy":         "no-referrer",
			"Cache-Control":           "no-cache",
			"Vary":                    "Accept-Encoding",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s: %q, want %q", path, name, got, want)
			}
		}
	}
	if w := get(c, "/app.map"); w.Code != http.StatusNotFound {
		t.Errorf("what is not there: %d", w.Code)
	}
}

// TestCompressed: who takes gzip gets the same content compressed; each form has its own tag.
func TestCompressed(t *testing.T) {
	c := built(t)
	plain := get(c, "/app.js")
	for accept, small := range map[string]bool{
		"gzip": true, "br, GZIP;q=0.5": true, "deflate,gzip ; q=1": true, "": false, "br": false, "gzip;q=0": false,
		"gzip; q=0.0, br": false, "xgzip": false,
	} {
		w := get(c, "/app.js", "Accept-Encoding: "+accept)
		if small != (w.Header().Get("Content-Encoding") == "gzip") {
			t.Errorf("%q: %v", accept, w.Header())
			continue
		}
		var body io.Reader = w.Body
		if small {
			unzip, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			body = unzip
		}
		if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, plain.Body.Bytes()) {
			t.Errorf("%q: other content, %v", accept, err)
		}
		tag := w.Header().Get("Etag")
		if small == (tag == plain.Header().Get("Etag")) {
			t.Errorf("%q: the tag is %s", accept, tag)
		}
		if w := get(c, "/app.js", "Accept-Encoding: "+accept, "If-None-Match: "+tag); w.Code != http.StatusNotModified ||
			w.Body.Len() > 0 {
			t.Errorf("%q: asked again: %d, %d bytes", accept, w.Code, w.Body.Len())
		}
	}
}

// TestBundle: what a browser loads is small.
func TestBundle(t *testing.T) {
	c := built(t)
	sum := 0
	for _, path := range c.Paths() {
		n := get(c, path, "Accept-Encoding: gzip").Body.Len()
		t.Logf("%s: %d bytes", path, n)
		sum += n
	}
	if sum > mostBundle {
		t.Errorf("%d bytes in all, over %d", sum, mostBundle)
	}
}

var (
	scripts  = regexp.MustCompile(`(?is)<script\b([^>]*)>(.*?)</script>`)
	handlers = regexp.MustCompile(`(?i)\son[a-z]+\s*=`)
	styles   = regexp.MustCompile(`(?i)<style\b|\sstyle\s*=`)
	hosts    = regexp.MustCompile(`(?i)(?:src|href|action|content)\s*=\s*["']?\s*(?:[a-z][a-z0-9+.-]*:)?//`)
	imports  = regexp.MustCompile(`(?i)(?:url\(\s*["']?|@import\s+["'])\s*(?:[a-z][a-z0-9+.-]*:)?//`)
)

// TestPage: the page has no text that the policy would not let run, and names no other host.
func TestPage(t *testing.T) {
	page, err := fs.ReadFile(dist, "dist/index.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults(string(page)) {
		t.Error(fault)
	}
	if !scripts.Match(page) {
		t.Error("it has no script at all")
	}
	sheet, err := fs.ReadFile(dist, "dist/app.css")
	if err != nil {
		t.Fatal(err)
	}
	if at := imports.Find(sheet); at != nil {
		t.Errorf("app.css loads from elsewhere: %s", at)
	}
}

func faults(page string) (found []string) {
	for _, s := range scripts.FindAllStringSubmatch(page, -1) {
		if !strings.Contains(s[1], "src=") || strings.TrimSpace(s[2]) != "" {
			found = append(found, "an inline script: "+s[0])
		}
	}
	for what, is := range map[string]*regexp.Regexp{"a handler": handlers, "a style": styles, "another host": hosts} {
		if at := is.FindString(page); at != "" {
			found = append(found, what+": "+at)
		}
	}
	return found
}

// TestFaults: the test above would find them.
func TestFaults(t *testing.T) {
	for _, page := range []string{
		`<script>alert(1)</script>`, `<script src="/a.js">alert(1)</script>`, "<SCRIPT\n>x</SCRIPT>", `<p onclick="x()">`,
		`<p style="color: red">`, `<style>p {}</style>`, `<script src="https://cdn.example/a.js"></script>`,
		`<link href=//cdn.example/a.css>`, `<img src = 'http://cdn.example/a.png'>`,
	} {
		if len(faults(page)) != 1 {
			t.Errorf("%s: found %q", page, faults(page))
		}
	}
	if found := faults(`<script src="/app.js" defer></script><a href="#/one">on = 1</a>`); len(found) > 0 {
		t.Errorf("found %q", found)
	}
}

// TestNotBuilt: files that are no console are refused at start.
func TestNotBuilt(t *testing.T) {
	for want, files := range map[string]fstest.MapFS{
		"no index.html":          {"app.js": {Data: []byte("1")}},
		"its type is not known":  {"index.html": {}, "app.weird": {}},
		"build it with make con": {},
	} {
		if _, err := newConsole(files); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
