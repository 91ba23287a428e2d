package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// outs runs a client command against the instance and returns its two outputs apart.
func (in *instance) outs(t *testing.T, status int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, said bytes.Buffer
	cmd := exec.Command(binary, append(args, "--url", in.url)...)
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != status {
		t.Errorf("%s: status %d, want %d: %s%s", strings.Join(args, " "), got, status, &out, &said)
	}
	return out.String(), said.String()
}

// text is a file with a content, of a test that ends before it is read again.
func text(t *testing.T, name, content string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// export is the configuration as linkd export prints it.
func (in *instance) export(t *testing.T) string {
	t.Helper()
	out, _ := in.outs(t, 0, "export")
	return out
}

// TestApply: a plan is printed and not done, what a file lacks stays until it is pruned, an export applied is nothing,
// and all of it is taken back.
func TestApply(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouse, anyPorts...)
	other := text(t, "other.yaml", strings.NewReplacer("{name: c1,", "{name: c1, title: Boiler,",
		"{name: c2, socket_conn_id: c0002}", "{name: c3, socket_conn_id: c0003}",
		"{name: ch_dev2, connection: s1/c2,", "{name: ch_dev3, connection: s1/c3,").Replace(greenhouse))
	const added = "~ connection s1/c1\n+ connection s1/c3\n"
	const removed = "- connection s1/c2\n"
	before := in.export(t)

	plan, said := in.outs(t, 0, "apply", "-f", other, "--dry-run", "--prune")
	for _, want := range strings.SplitAfter(added+removed+"+ channel ch_dev3\n- channel ch_dev2\n", "\n") {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan has no %q:\n%s", want, plan)
		}
	}
	if said != "" || in.export(t) != before {
		t.Errorf("a dry run says %q, and the project is\n%s", said, in.export(t))
	}
	if plan, _ := in.outs(t, 0, "apply", "-f", other, "--dry-run"); strings.Contains(plan, "- ") {
		t.Errorf("without --prune it would remove something:\n%s", plan)
	}
	plan, said = in.outs(t, 0, "apply", "-f", other)
	if plan != added+"+ channel ch_dev3\n" || said != "done: revision 2\n" {
		t.Errorf("apply: %q, %q", plan, said)
	}
	in.online(t, "s1/c3", in.dialled(t, "c0003"))
	if plan, said := in.outs(t, 0, "apply", "-f", other); plan != "" || said != "nothing to do: revision 2\n" {
		t.Errorf("applied twice: %q, %q", plan, said)
	}
	if plan, _ := in.outs(t, 0, "apply", "-f", other, "--prune"); plan != removed+"- channel ch_dev2\n" {
		t.Errorf("pruned: %q", plan)
	}
	in.isGone(t, "s1/c2")
	exported := text(t, "exported.yaml", in.export(t))
	for _, flag := range []string{"--dry-run", "--prune"} {
		if plan, said := in.outs(t, 0, "apply", "-f", exported, flag); plan != "" || said != "nothing to do: revision 3\n" {
			t.Errorf("an export applied with %s: %q, %q", flag, plan, said)
		}
	}
	in.takesBack(t, before)
}

// dialled dials in as the device that has an id, and returns 0.
func (in *instance) dialled(t *testing.T, id string) (none uint64) {
	t.Helper()
	in.dial(t, "s1", id)
	return 0
}

// isGone checks that a connection is not configured.
func (in *instance) isGone(t *testing.T, path string) {
	t.Helper()
	_, err := in.request(http.MethodGet, "/api/v1/connections/"+path, "")
	if err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("%s is still there: %v", path, err)
	}
}

// takesBack undoes the two changes of TestApply and looks for them among the revisions.
func (in *instance) takesBack(t *testing.T, first string) {
	t.Helper()
	if plan, _ := in.outs(t, 0, "undo", "--dry-run"); !strings.Contains(plan, "+ connection s1/c2\n") {
		t.Errorf("undo would do %q", plan)
	}
	in.isGone(t, "s1/c2")
	if plan, _ := in.outs(t, 0, "undo"); plan != "+ connection s1/c2\n+ channel ch_dev2\n" {
		t.Errorf("undo: %q", plan)
	}
	in.online(t, "s1/c2", in.dialled(t, "c0002"))
	in.outs(t, 0, "undo", "1")
	if now := in.export(t); now != first {
		t.Errorf("back at revision 1 the project is\n%s\nwas\n%s", now, first)
	}
	if _, said := in.outs(t, 1, "undo", "99"); !strings.Contains(said, "99") {
		t.Errorf("a revision that is not there: %q", said)
	}
	list, _ := in.outs(t, 0, "revisions")
	for _, want := range []string{
		"5  ", "  admin  back to revision 1\n", "\n4  ", "\n1  ", "  file  project file project.yaml\n",
		"    - connection s1/c2\n"} {
		if !strings.Contains(list, want) {
			t.Errorf("the revisions have no %q:\n%s", want, list)
		}
	}
}

// TestImport: a list is taken as a whole or not at all, and comes out again as it went in.
func TestImport(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouse, anyPorts...)
	before := in.export(t)
	for content, want := range map[string]string{
		"name,title,socket_conn_id\nc8,\"8#\ndev\",c0008\n": "LIST:2:4: title holds the control character U+000A; " +
			"write plain text in one line\n",
		"socket_conn_id,name\nc0009,9c\n\nc0001,c9\n,c7\nc0006,c6\nc0006,c5\nc0004,c6\n": "LIST:2:1: name " +
			"\"9c\" is not a name; start with a letter, go on with letters, digits and _\n" +
			`LIST:4:1: socket_conn_id "c0001" is there already; give each connection its own` + "\n" +
			"LIST:5:1: the connection has no socket_conn_id; a provider with conn_identity: common needs one\n" +
			`LIST:7:1: socket_conn_id "c0006" is there already; give each connection its own` + "\n" +
			"LIST:8:1: there is a connection c6 already; give each its own name\n",
	} {
		list := text(t, "bad.csv", content)
		plan, said := in.outs(t, 1, "import", "s1", list)
		if said = strings.ReplaceAll(said, list, "LIST"); plan != "" || said != want {
			t.Errorf("a list with faults: %q\n%s\nwant\n%s", plan, said, want)
		}
	}
	many := "name,socket_conn_id\n" + strings.Repeat("c1,c0001\n", 2000)
	if _, said := in.outs(t, 1, "import", "s1", text(t, "many.csv", many)); strings.Count(said, "\n") != 1001 {
		t.Errorf("thousands of faults: %.300s", said)
	}
	if now := in.export(t); now != before {
		t.Errorf("refused, and the project is\n%s", now)
	}
	good := text(t, "good.csv", "name,title,socket_conn_id\nc8,8# dev,c0008\nc1,Boiler,c0001\n")
	if plan, said := in.outs(t, 0, "import", "s1", good); plan != "~ connection s1/c1\n+ connection s1/c8\n" ||
		said != "done: revision 2\n" {
		t.Errorf("a good list: %q, %q", plan, said)
	}
	in.online(t, "s1/c8", in.dialled(t, "c0008"))
	list, _ := in.outs(t, 0, "export", "--connections", "s1")
	const want = "name,title,socket_conn_id,enabled\nc1,Boiler,c0001,true\nc2,,c0002,true\nc8,8# dev,c0008,true\n"
	if list != want {
		t.Errorf("the list is\n%s\nwant\n%s", list, want)
	}
	lines, _ := in.outs(t, 0, "export", "--connections", "s1", "--format", "ndjson")
	for name, content := range map[string]string{"again.csv": list, "again.ndjson": lines} {
		if plan, said := in.outs(t, 0, "import", "s1", text(t, name, content)); plan != "" ||
			said != "nothing to do: revision 2\n" {
			t.Errorf("%s, imported as it was exported: %q, %q", name, plan, said)
		}
	}
	if _, said := in.outs(t, 1, "import", "s2", good); !strings.Contains(said, "s2") {
		t.Errorf("a provider that is not there: %q", said)
	}
}

// TestRestore: a store that is gone, or has a bit that flipped, is no reason to begin anew, nor to go on; a generation
// brings the configuration and the tokens back.
func TestRestore(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(file string) error{
		"gone": os.Remove,
		"a flipped bit": func(file string) error {
			b, err := os.ReadFile(file)
			spoilt := bytes.ReplaceAll(b, []byte("Boiler house"), []byte("Foiler house")) // also where it was before
			if err != nil || bytes.Equal(spoilt, b) {
				return fmt.Errorf("the store has the title nowhere: %w", err)
			}
			return os.WriteFile(file, spoilt, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := launch(t, write(t, greenhouse), anyPorts...)
			in.edits(t)
			viewer, _ := in.newToken(t, "dashboard", "viewer")
			dir, err := in.data()
			if err != nil {
				t.Fatal(err)
			}
			in.generationHas(t, dir, 2)
			exported := in.export(t)
			if code := in.end(syscall.SIGTERM); code != 0 {
				t.Fatalf("linkd ended with status %d", code)
			}
			if err := spoil(filepath.Join(dir, "linkd.db")); err != nil {
				t.Fatal(err)
			}
			said := refused(t, 1, "serve", "-f", in.file, "--http", "127.0.0.1:0")
			if !strings.Contains(said, "run linkd restore") {
				t.Errorf("it does not say what to do:\n%s", said)
			}
			out, err := exec.Command(binary, "restore", "--data", dir).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "restored generation") {
				t.Fatalf("restore: %v: %s", err, out)
			}
			again := launch(t, in.file, anyPorts...)
			if now := again.export(t); now != exported {
				t.Errorf("restored, the project is\n%s\nwas\n%s", now, exported)
			}
			again.says(t, 0, "c0001", "ps", "--token", viewer)
			held := refused(t, 1, "restore", "--data", dir)
			if !strings.Contains(held, "another linkd") {
				t.Errorf("restore below a linkd that serves: %s", held)
			}
			again.outs(t, 0, "import", "s1", text(t, "new.csv", "name,socket_conn_id\nc8,c0008\n"))
		})
	}
}

// generationHas waits until the newest generation in a data directory holds a revision.
func (in *instance) generationHas(t *testing.T, dir string, revision int) {
	t.Helper()
	now := time.Now().UTC().Add(-time.Second)
	eventually(t, "there is a generation", func() error {
		out, err := exec.Command(binary, "restore", "--data", dir, "--list").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		f := strings.Fields(lines[len(lines)-1])
		if len(f) != 4 || f[2] != fmt.Sprint(revision) || f[3] != "yes" || f[1] < now.Format(time.RFC3339) {
			return errors.New(string(out))
		}
		return nil
	})
}

// TestOneDataDirectory: the second linkd in a data directory is refused, whatever its file, and the first goes on.
func TestOneDataDirectory(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouse, anyPorts...)
	dir, err := in.data()
	if err != nil {
		t.Fatal(err)
	}
	said := refused(t, 1, "serve", "-f", write(t, greenhouse), "--http", "127.0.0.1:0", "--data", dir)
	if !strings.Contains(said, "another linkd (process "+fmt.Sprint(in.cmd.Process.Pid)+") has") {
		t.Errorf("it says %s", said)
	}
	in.online(t, "s1/c1", in.dialled(t, "c0001"))
}
