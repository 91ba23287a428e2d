package main_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ownIndex keeps the tests away from a linkd that the user runs, and from its tokens. Its directory is below dir.
func ownIndex(dir string) {
	for _, name := range []string{"LINKD_URL", "LINKD_TOKEN", "LINKD_DATA"} {
		os.Unsetenv(name)
	}
	os.Setenv("XDG_RUNTIME_DIR", filepath.Join(dir, "run"))
	os.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
}

// data is its data directory, as the index names it.
func (in *instance) data() (string, error) {
	var entry struct{ Data string }
	b, err := os.ReadFile(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "linkd", strings.TrimPrefix(in.url, "http://")))
	if err == nil {
		err = json.Unmarshal(b, &entry)
	}
	return entry.Data, err
}

// token is the admin's.
func (in *instance) token() (string, error) {
	dir, err := in.data()
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(filepath.Join(dir, "admin.token"))
	return strings.TrimSpace(string(b)), err
}

// authorize adds the admin's token.
func (in *instance) authorize(r *http.Request) error {
	token, err := in.token()
	r.Header.Set("Authorization", "Bearer "+token)
	return err
}

// newToken makes a token.
func (in *instance) newToken(t *testing.T, name, role string) (token, id string) {
	t.Helper()
	out, status := in.cli("token", "add", name, "--role", role, "-o", "json")
	var made struct{ ID, Token string }
	if err := json.Unmarshal([]byte(out), &made); status != 0 || err != nil {
		t.Fatalf("token add: status %d, %v: %s", status, err, out)
	}
	return made.Token, made.ID
}

// says checks what a client command answers.
func (in *instance) says(t *testing.T, status int, want string, args ...string) {
	t.Helper()
	if out, got := in.cli(args...); got != status || !strings.Contains(out, want) {
		t.Errorf("%s: status %d, %q; want %d, %q", strings.Join(args, " "), got, out, status, want)
	}
}

// TestTokens: from the first start to a revoked token.
func TestTokens(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouse)
	in.dial(t, "s1", "c0001")
	in.online(t, "s1/c1", 0)
	bob, id := in.newToken(t, "bob", "viewer")
	eve, _ := in.newToken(t, "eve", "operator")
	in.says(t, 0, "c0001", "ps", "--token", bob)
	in.says(t, 1, "this needs the role operator; the token of bob has the role viewer; an admin makes tokens with: linkd "+
		"token add NAME --role ROLE", "send", "s1/c1", "--text", "x", "--token", bob)
	in.says(t, 0, "", "send", "s1/c1", "--text", "x", "--token", eve)
	in.says(t, 1, "this needs the role admin; the token of eve has the role operator", "token", "list", "--token", eve)
	in.says(t, 0, "bob", "token", "list")
	in.says(t, 1, "has the name bob already", "token", "add", "bob", "--role", "viewer")
	in.says(t, 2, "give viewer, operator or admin", "token", "add", "x", "--role", "root")
	in.says(t, 2, "give add NAME --role ROLE, list, revoke ID", "token", "shred")

	tap := start(t, exec.Command(binary, "tap", "s1/c1", "--token", bob, "--url", in.url))
	eventually(t, "the tap shows bytes", func() error {
		in.says(t, 0, "", "send", "s1/c1", "--text", "x")
		if !strings.Contains(tap.log.String(), "->") {
			return fmt.Errorf("it shows %q", tap.log)
		}
		return nil
	})
	in.says(t, 0, "revoked", "token", "revoke", id)
	select {
	case <-tap.gone:
	case <-time.After(patience):
		t.Error("the tap of a revoked token goes on")
	}
	in.says(t, 1, "refuses the token: the token is not valid here", "ps", "--token", bob)

	log := in.log.String()
	if !strings.Contains(log, "admin.token") || !strings.Contains(log, "who=eve did=send") {
		t.Errorf("the log has no path of admin.token, or no audit:\n%s", log)
	}
	admin, err := in.token()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{admin, bob, eve} {
		if strings.Contains(log, secret[15:]) {
			t.Error("a secret is in the log")
		}
	}
}

// TestDataDirectory: what is in it, who may have it, and how a lost token is replaced.
func TestDataDirectory(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouse)
	dir, err := in.data()
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimSuffix(in.file, ".yaml") + ".data"; dir != want {
		t.Errorf("data in %s, want %s", dir, want)
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "admin.token": 0o600, "linkd.db": 0o600, "lock": 0o600} {
		at, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if at.Mode().Perm() != want {
			t.Errorf("%s/%s: %v, want mode %04o", dir, name, at.Mode(), want)
		}
	}
	for _, args := range [][]string{{"serve", "-f", in.file, "--http", "127.0.0.1:0"}, {"token", "reset", "--data", dir}} {
		if said := refused(t, 1, args...); !strings.Contains(said, "another linkd (process") {
			t.Errorf("%v says %s", args, said)
		}
	}
	lost, err := in.token()
	if err != nil {
		t.Fatal(err)
	}
	bob, _ := in.newToken(t, "bob", "viewer")
	in.end(syscall.SIGTERM)
	refusedReset := refused(t, 1, "token", "reset", "--data", dir+"x")
	if !strings.Contains(refusedReset, "give the data directory of a linkd") {
		t.Errorf("reset of nothing says %s", refusedReset)
	}
	if out, err := exec.Command(binary, "token", "reset", "--data", dir).CombinedOutput(); err != nil {
		t.Fatalf("reset: %v: %s", err, out)
	}
	again := serve(t, greenhouse, "--data", dir)
	again.says(t, 0, "bob", "token", "list")
	again.says(t, 0, "c0001", "ps", "--token", bob)
	again.says(t, 1, "refuses the token", "ps", "--token", lost)
	again.end(syscall.SIGTERM)

	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if said := refused(t, 1, "serve", "-f", in.file, "--data", dir); !strings.Contains(said, "everybody may write there") {
		t.Errorf("an open directory: %s", said)
	}
}

// TestTokenIsFound at every address that a listener answers at.
func TestTokenIsFound(t *testing.T) {
	t.Parallel()
	for listens, hosts := range map[string][]string{
		"127.0.0.1:0": {"127.0.0.1", "localhost"},
		"0.0.0.0:0":   {"127.0.0.1", "localhost"},
		"[::1]:0":     {"[::1]", "localhost"},
		":0":          {"127.0.0.1", "localhost", "[::1]"},
	} {
		t.Run(listens, func(t *testing.T) {
			t.Parallel()
			if l, err := net.Listen("tcp", listens); err != nil {
				t.Skipf("this machine has no IPv6: %v", err)
			} else {
				l.Close()
			}
			in := serve(t, greenhouse, "--http", listens)
			port := in.url[strings.LastIndex(in.url, ":"):]
			for _, host := range hosts {
				out, err := exec.Command(binary, "ps", "--url", "http://"+host+port).CombinedOutput()
				if err != nil || !strings.Contains(string(out), "c0001") {
					t.Errorf("at %s: %v: %s", host, err, out)
				}
			}
		})
	}
}

// TestTwoUsers: another user of the machine does not come in, and is told what to do.
func TestTwoUsers(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("to be another user needs root")
		}
		t.Skip("to be another user needs root")
	}
	in := serve(t, greenhouse)
	dir, err := in.data()
	if err != nil {
		t.Fatal(err)
	}
	// The other user can run linkd and reach the data directory, but for its mode.
	shared, err := os.MkdirTemp("", "linkd-shared-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(shared) })
	content, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(shared, "program")
	for _, err := range []error{os.WriteFile(program, content, 0o755), os.Chmod(program, 0o755), os.Chmod(shared, 0o755),
		os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(filepath.Dir(filepath.Dir(dir)), 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct{ env, want string }{
		"an index of its own": {"XDG_RUNTIME_DIR=" + filepath.Join(shared, "run"), "run this as the user who runs linkd"},
		"the user's index":    {"XDG_RUNTIME_DIR=" + os.Getenv("XDG_RUNTIME_DIR"), "permission denied"},
		"the data directory":  {"LINKD_DATA=" + dir, "permission denied"},
	} {
		cmd := exec.Command(program, "ps", "--url", in.url)
		cmd.Dir = shared
		cmd.Env = []string{"HOME=" + shared, c.env}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "asks for a token, and there is none") ||
			!strings.Contains(string(out), c.want) {
			t.Errorf("%s: %v: %s; want %q", name, err, out, c.want)
		}
	}
	// Root finds it by LINKD_DATA, without an index.
	cmd := exec.Command(binary, "ps", "--url", in.url)
	cmd.Env = []string{"LINKD_DATA=" + dir}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("with LINKD_DATA: %v: %s", err, out)
	}
}

// TestDebugDoor: profiles show memory, and so are an admin's.
func TestDebugDoor(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouse, "--debug", "127.0.0.1:0")
	found := regexp.MustCompile(`msg="debug listening" addr=(\S+)`).FindStringSubmatch(in.log.String())
	if found == nil {
		t.Fatalf("it does not say where: %s", in.log)
	}
	eve, _ := in.newToken(t, "eve", "operator")
	admin, err := in.token()
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]int{"": 401, eve: 403, admin: 200} {
		r, err := http.NewRequest(http.MethodGet, "http://"+found[1]+"/debug/pprof/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("status %d, want %d", res.StatusCode, want)
		}
	}
}
