package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// cleanIndex is an index of the test's own.
func cleanIndex(t *testing.T) (dir string) {
	t.Helper()
	run := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", run)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("LINKD_DATA", "")
	t.Setenv("LINKD_TOKEN", "")
	return filepath.Join(run, "linkd")
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	at, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return at.Mode().Perm()
}

var loopback = net.IPv4(127, 0, 0, 1)

func TestIndex(t *testing.T) {
	dir := cleanIndex(t)
	if at, err := lookUp(loopback, "8080"); at != "" || err != nil {
		t.Errorf("nothing: %q, %v", at, err)
	}
	defer syscall.Umask(syscall.Umask(0)) // the widest
	stop := announce("127.0.0.1:8080", "/data", quiet())
	file := filepath.Join(dir, "127.0.0.1:8080")
	if mode(t, dir) != 0o700 || mode(t, file) != 0o600 {
		t.Errorf("modes %04o and %04o, want 0700 and 0600", mode(t, dir), mode(t, file))
	}
	if at, err := lookUp(loopback, "8080"); at != "/data" || err != nil {
		t.Errorf("found %q, %v; want /data", at, err)
	}
	for _, other := range []struct{ ip, port string }{{"127.0.0.1", "8081"}, {"127.0.0.2", "8080"}, {"::1", "8080"}} {
		if at, err := lookUp(net.ParseIP(other.ip), other.port); at != "" || err != nil {
			t.Errorf("%v: %q, %v; want nothing", other, at, err)
		}
	}
	later := announce("127.0.0.1:8080", "/later", quiet()) // in another network namespace
	stop()
	if at, err := lookUp(loopback, "8080"); at != "/later" || err != nil {
		t.Errorf("after the first one ended: %q, %v; want /later", at, err)
	}
	later()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestIndexOfWildcards(t *testing.T) {
	cleanIndex(t)
	for address, want := range map[string]map[string]bool{
		"0.0.0.0:1": {"127.0.0.1": true, "127.0.0.9": true, "::1": false}, // somebody else may have that port of ::1
		"[::]:1":    {"127.0.0.1": true, "::1": true},
		"[::1]:1":   {"127.0.0.1": false, "::1": true},
	} {
		stop := announce(address, "/data", quiet())
		for ip, found := range want {
			if at, err := lookUp(net.ParseIP(ip), "1"); (at != "") != found || err != nil {
				t.Errorf("%s asked for %s: %q, %v", address, ip, at, err)
			}
		}
		stop()
	}
}

// TestIndexIsSwept: what crashes left behind goes when the next linkd comes; what others hold, and what is not linkd's,
// stays.
func TestIndexIsSwept(t *testing.T) {
	dir := cleanIndex(t)
	defer announce("127.0.0.1:1", "/data", quiet())()
	for name, text := range map[string]string{
		"127.0.0.1:2": `{"address":"127.0.0.1:2","data":"/data"}`, "127.0.0.1:3": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/data", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	defer announce("127.0.0.1:4", "/data", quiet())()
	left, err := os.ReadDir(dir)
	if got := fmt.Sprint(left); err != nil || got != "[- 127.0.0.1:1 - 127.0.0.1:4 L link]" {
		t.Errorf("left: %s, %v", got, err)
	}
}

// TestNoIndex: where none can be, linkd serves all the same.
func TestNoIndex(t *testing.T) {
	cleanIndex(t)
	t.Setenv("XDG_RUNTIME_DIR", "/proc/nothing")
	t.Setenv("XDG_CACHE_HOME", "/proc/nothing")
	announce("127.0.0.1:8080", "/data", quiet())()
	if at, err := lookUp(loopback, "8080"); at != "" || err != nil {
		t.Errorf("%q, %v", at, err)
	}
	t.Setenv("XDG_RUNTIME_DIR", "relative")
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	if dirs := indexDirs(); len(dirs) != 0 {
		t.Errorf("directories %v", dirs)
	}
}

// TestHostileIndex: a file that no linkd of this user holds names no data directory.
func TestHostileIndex(t *testing.T) {
	good := `{"address":"127.0.0.1:8080","data":"/data"}`
	put := func(text string, mode fs.FileMode) func(string) error {
		return func(p string) error { return errors.Join(os.WriteFile(p, []byte(text), 0o600), os.Chmod(p, mode)) }
	}
	for name, c := range map[string]struct {
		make func(path string) error
		held bool // somebody has the lock
		want string
	}{
		"good":          {put(good, 0o600), true, ""},
		"left behind":   {put(good, 0o600), false, ""},
		"writable":      {put(good, 0o622), true, "not a file that linkd wrote"},
		"another's":     {put(strings.Replace(good, "8080", "8081", 1), 0o600), true, "not a file that linkd wrote"},
		"relative":      {put(strings.Replace(good, "/data", "data", 1), 0o600), true, "not a file that linkd wrote"},
		"no JSON":       {put("\x00", 0o600), true, "not a file that linkd wrote"},
		"much":          {put(good+strings.Repeat(" ", mostEntry), 0o600), true, "not a file that linkd wrote"},
		"link":          {func(p string) error { return os.Symlink("/dev/zero", p) }, false, "too many levels"},
		"pipe":          {func(p string) error { return syscall.Mkfifo(p, 0o600) }, false, "not a file that linkd wrote"},
		"directory":     {func(p string) error { return os.Mkdir(p, 0o700) }, false, "not a file that linkd wrote"},
		"another owner": {put(good, 0o600), true, "not a file that linkd wrote"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := cleanIndex(t)
			path := filepath.Join(dir, "127.0.0.1:8080")
			if err := errors.Join(os.Mkdir(dir, 0o700), c.make(path)); err != nil {
				t.Fatal(err)
			}
			if name == "another owner" && os.Chown(path, 65534, 65534) != nil {
				t.Skip("only root can give a file away")
			}
			if c.held {
				f, err := os.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
					t.Fatal(err)
				}
			}
			at, err := lookUp(loopback, "8080")
			if (at != "") != (name == "good") || (err != nil) != (c.want != "") {
				t.Fatalf("found %q, %v; want %q", at, err, c.want)
			}
			if err != nil && (!strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path)) {
				t.Errorf("got %v, want %q with the path", err, c.want)
			}
		})
	}
}

// TestIndexThatOthersMayUse is neither read nor written.
func TestIndexThatOthersMayUse(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"open":   func(dir string) error { return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o755)) },
		"a link": func(dir string) error { return os.Symlink(os.TempDir(), dir) },
		"a file": func(dir string) error { return os.WriteFile(dir, nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := cleanIndex(t)
			t.Setenv("XDG_CACHE_HOME", "/proc/nothing")
			if err := spoil(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := lookUp(loopback, "8080"); err == nil || !strings.Contains(err.Error(), dir) {
				t.Errorf("reading: %v", err)
			}
			if f, err := putEntry(dir, entry{Address: "127.0.0.1:8080", Data: "/data"}); err == nil {
				f.Close()
				t.Error("it was written")
			}
		})
	}
}

// TestTokenGoesNowhereElse: the token that the index names is sent to the address that the index has, and to no other:
// not to what localhost may be besides, not to where a redirect leads.
func TestTokenGoesNowhereElse(t *testing.T) {
	cleanIndex(t)
	stranger := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the stranger got %q", r.Header.Get("Authorization"))
	}))
	defer stranger.Close()
	var got string
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		http.Redirect(w, r, stranger.URL, http.StatusTemporaryRedirect)
	}))
	defer own.Close()
	address := strings.TrimPrefix(own.URL, "http://")
	dir, err := openData(filepath.Join(t.TempDir(), "data"), quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	keeper, err := dir.keeper(quiet())
	if err == nil {
		_, err = keeper.Bootstrap(dir.dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer announce(address, dir.dir, quiet())()
	_, port, _ := net.SplitHostPort(address)
	for _, base := range []string{own.URL, "http://localhost:" + port} {
		got = ""
		wantRun(t, []string{"ps", "--url", base}, 1, "", fmt.Sprintf(
			"linkd: %s does not answer as linkd does (status 307 Temporary Redirect, text/html; charset=utf-8); "+
				"is --url right?\n", base))
		if !strings.HasPrefix(got, "Bearer linkd_") {
			t.Errorf("%s: Authorization %q", base, got)
		}
	}
	// Another machine's linkd gets no token of this one, though it has the same port.
	for _, base := range []string{"http://192.0.2.1:" + port, "https://localhost:" + port, "http://linkd.example:" + port} {
		t.Setenv("LINKD_DATA", dir.dir)
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		if f := findToken("", u); f.token != "" || f.missing == nil {
			t.Errorf("%s gets a token, or no reason: %v", base, f.missing)
		}
	}
}
