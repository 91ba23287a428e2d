package doors

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// reopen is a keeper as the next start has it.
func reopen(t *testing.T, dir string) *Keeper {
	t.Helper()
	s, err := OpenFile(dir, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return newKeeper(t, s)
}

func wantMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	at, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if at.Mode().Perm() != want {
		t.Errorf("%s has mode %04o, want %04o", path, at.Mode().Perm(), want)
	}
}

func TestFileKeepsTokens(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0)) // the widest
	dir := t.TempDir()
	k := reopen(t, dir)
	if err := k.Bootstrap(dir); err != nil {
		t.Fatal(err)
	}
	wantMode(t, AdminFile(dir), 0o600)
	wantMode(t, filepath.Join(dir, tokensFile), 0o600)
	admin, err := ReadAdmin(dir)
	if err != nil {
		t.Fatal(err)
	}
	bob, bobs := add(t, k, "bob", Viewer)
	carl, _ := add(t, k, "carl", Operator)
	if err := k.Revoke(bobs.ID, "admin"); err != nil {
		t.Fatal(err)
	}

	k = reopen(t, dir)
	if err := k.Bootstrap(dir); err != nil {
		t.Fatal(err)
	}
	if again, err := ReadAdmin(dir); err != nil || again != admin {
		t.Errorf("the second start changed the admin's token: %v", err)
	}
	for token, want := range map[string]Role{admin: Admin, bob: None, carl: Operator} {
		if id, _ := k.Check(token, here); id.Role != want {
			t.Errorf("after the start it is %v, want %v", id.Role, want)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	for _, secret := range []string{admin, bob, carl} {
		b, err := os.ReadFile(filepath.Join(dir, tokensFile))
		if err != nil || strings.Contains(string(b), secret[len(secret)-secretLen:]) {
			t.Errorf("a secret is in the file, or: %v", err)
		}
	}
}

func TestLostAdminToken(t *testing.T) {
	dir := t.TempDir()
	k := reopen(t, dir)
	if err := k.Bootstrap(dir); err != nil {
		t.Fatal(err)
	}
	old, err := ReadAdmin(dir)
	if err != nil {
		t.Fatal(err)
	}
	bob, _ := add(t, k, "bob", Viewer)
	if err := os.Remove(AdminFile(dir)); err != nil {
		t.Fatal(err)
	}
	k = reopen(t, dir)
	if err := k.Bootstrap(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadAdmin(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a start made a token anew: %v", err)
	}
	if err := k.Reset(dir); err != nil {
		t.Fatal(err)
	}
	now, err := ReadAdmin(dir)
	if err != nil {
		t.Fatal(err)
	}
	k = reopen(t, dir)
	for token, want := range map[string]Role{old: None, now: Admin, bob: Viewer} {
		if id, _ := k.Check(token, here); id.Role != want {
			t.Errorf("after the reset it is %v, want %v", id.Role, want)
		}
	}
}

// TestBootstrapComesIn: the token in the file comes in though its address is out of tries.
func TestBootstrapComesIn(t *testing.T) {
	dir := t.TempDir()
	if err := reopen(t, dir).Bootstrap(dir); err != nil {
		t.Fatal(err)
	}
	token, err := ReadAdmin(dir)
	if err != nil {
		t.Fatal(err)
	}
	k := reopen(t, dir)
	if err := k.Bootstrap(dir); err != nil {
		t.Fatal(err)
	}
	for range failBurst {
		_, _ = k.Check(written("aaaaaaaa", newSecret()), here) // wrong
	}
	if id, err := k.Check(token, here); err != nil || id.Role != Admin {
		t.Errorf("%+v, %v", id, err)
	}
}

func TestReadAdminRefuses(t *testing.T) {
	token := written(newID(), newSecret())
	for name, c := range map[string]struct {
		make func(path string) error
		want string
	}{
		"nothing":       {func(string) error { return nil }, "no such file"},
		"open":          {func(p string) error { return errors.Join(os.WriteFile(p, []byte(token), 0o600), os.Chmod(p, 0o644)) }, "open to everybody (mode 0644)"},
		"a directory":   {func(p string) error { return os.Mkdir(p, 0o700) }, "not a regular file"},
		"a pipe":        {func(p string) error { return syscall.Mkfifo(p, 0o600) }, "not a regular file"},
		"a link":        {func(p string) error { return os.Symlink("/dev/zero", p) }, "too many levels"},
		"no token":      {func(p string) error { return os.WriteFile(p, []byte("secret"), 0o600) }, "holds no token"},
		"much":          {func(p string) error { return os.WriteFile(p, make([]byte, 1<<16), 0o600) }, "more than 256 bytes"},
		"a second line": {func(p string) error { return os.WriteFile(p, []byte(token+"\nX: y"), 0o600) }, "holds no token"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := c.make(AdminFile(dir)); err != nil {
				t.Fatal(err)
			}
			_, err := ReadAdmin(dir)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Count(err.Error(), AdminFile(dir)) != 1 {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestHostileFile(t *testing.T) {
	dir := t.TempDir()
	if err := reopen(t, dir).Bootstrap(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, tokensFile)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		content string
		mode    fs.FileMode
		want    string
	}{
		"empty":        {"", 0o600, "unexpected end"},
		"cut":          {string(good[:len(good)/2]), 0o600, "unexpected end"},
		"a changed id": {strings.Replace(string(good), `"admin"`, `"nimda"`, 1), 0o600, "the checksum is"},
		"no tokens":    {`{"version":1,"sum":""}`, 0o600, "unexpected end"},
		"null":         {`{"version":1,"sum":"","tokens":null}`, 0o600, "the checksum is"},
		"from later":   {strings.Replace(string(good), `"version": 1`, `"version": 2`, 1), 0o600, "version 2; this linkd reads"},
		"open":         {string(good), 0o666, "open to everybody"},
		"much":         {strings.Repeat(" ", mostFile+1), 0o600, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := errors.Join(os.WriteFile(path, []byte(c.content), 0o600), os.Chmod(path, c.mode)); err != nil {
				t.Fatal(err)
			}
			_, err := OpenFile(dir, quiet())
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestFileThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	k := reopen(t, dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := k.Bootstrap(dir); !errors.Is(err, fs.ErrNotExist) || len(k.List()) != 0 {
		t.Errorf("%v, tokens %v", err, k.List())
	}
	if _, _, err := k.Add("anna", Admin, ""); !errors.Is(err, fs.ErrNotExist) || len(k.List()) != 0 {
		t.Errorf("%v, tokens %v", err, k.List())
	}
}
