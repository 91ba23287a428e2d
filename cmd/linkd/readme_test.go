package main_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// inside is set in the network namespace in which the README's commands run.
const inside = "LINKD_TEST_README"

// block is a fenced block of the README that is marked sh, and more words:
//
//	background   it goes on beside the blocks after it
//	ready=TEXT   the next block waits until this background block has printed TEXT
//	expect=TEXT  it is repeated until it prints TEXT; what a background block prints is looked at in the end
//	fresh        the background blocks before it are ended first, with Ctrl-C
//	ci           it is what CI runs, and is not run once more here
type block struct {
	line       int
	command    string
	background bool
	fresh      bool
	ci         bool
	ready      string
	expect     string
}

var (
	fence    = regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```$")
	unmarked = regexp.MustCompile("^(bash|shell|console|zsh)?$")
)

// blocks finds what is to be run.
func blocks(text string) (found []block, err error) {
	for _, at := range fence.FindAllStringSubmatchIndex(text, -1) {
		b := block{line: 1 + strings.Count(text[:at[0]], "\n"), command: text[at[4]:at[5]]}
		language, words, _ := strings.Cut(text[at[2]:at[3]], " ")
		if unmarked.MatchString(language) {
			return nil, fmt.Errorf("line %d: a block marked %q is not run; mark it sh, yaml, json or text", b.line, language)
		}
		if language != "sh" {
			continue
		}
		for _, word := range strings.Fields(words) {
			key, value, _ := strings.Cut(word, "=")
			switch key {
			case "background":
				b.background = true
			case "fresh":
				b.fresh = true
			case "ci":
				b.ci = true
			case "ready":
				b.ready = value
			case "expect":
				b.expect = value
			default:
				return nil, fmt.Errorf("line %d: no such word after sh: %q", b.line, word)
			}
		}
		found = append(found, b)
	}
	return found, nil
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"none", "text\n", "[] <nil>"},
		{"plain", "a\n\n```sh\nmake\n```\n", "[{3 make\n false false false  }] <nil>"},
		{"all", "```sh background fresh ci ready=on expect=up\nx\ny\n```\n", "[{1 x\ny\n true true true on up}] <nil>"},
		{"other language", "```yaml\na: 1\n```\n```sh\nb\n```\n", "[{4 b\n false false false  }] <nil>"},
		{"unmarked", "```\nmake\n```\n", `[] line 1: a block marked "" is not run; mark it sh, yaml, json or text`},
		{"wrong word", "```sh later\nmake\n```\n", `[] line 1: no such word after sh: "later"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found, err := blocks(tt.text)
			if got := fmt.Sprint(found, " ", err); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestReadme runs the README's commands in their order, as they stand there. They use fixed ports, so this test calls
// itself in a network namespace of its own, where all ports are free.
func TestReadme(t *testing.T) {
	if os.Getenv(inside) != "" {
		runReadme(t)
		return
	}
	t.Parallel()
	unshare := []string{peer(t, "unshare"), "--net"}
	if os.Geteuid() != 0 {
		unshare = append(unshare, "--user", "--map-root-user")
	}
	for _, name := range []string{"ip", "nc", "curl", "make"} {
		peer(t, name)
	}
	if out, err := exec.Command(unshare[0], append(unshare[1:], "true")...).CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("no network namespace: %v: %s", err, out)
		}
		t.Skipf("no network namespace: %v: %s", err, out)
	}
	// Compiled beforehand, so that the waits in there are for linkd alone.
	if out, err := sh("make build").CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := `PATH="$PATH:/usr/sbin:/sbin"; ip link set lo up && exec "$0" -test.run='^TestReadme$' -test.v`
	cmd := exec.Command(unshare[0], append(unshare[1:], "sh", "-c", script, self)...)
	cmd.Env = append(os.Environ(), inside+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// sh is a shell command in the root of the repository, in a process group of its own.
func sh(command string) *exec.Cmd {
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = filepath.Join("..", "..")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func runReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	list, err := blocks(string(text))
	if err != nil {
		t.Fatalf("README.md: %v", err)
	}
	setAside(t, "../../examples/greenhouse.data")
	setAside(t, "../../bin/prometheus.token")
	printed := map[*block]*transcript{} // by background blocks
	ends := []func(){}                  // of those that go on
	var ci []string
	for i := range list {
		b := &list[i]
		if b.fresh {
			for _, end := range ends {
				end()
			}
			ends = nil
		}
		switch {
		case b.ci:
			ci = append(ci, strings.TrimSpace(b.command))
		case b.background:
			out, end := background(t, b.command)
			printed[b], ends = out, append(ends, end)
			b.prints(t, b.ready, printed[b])
		default:
			b.run(t)
		}
	}
	for b, out := range printed {
		b.prints(t, b.expect, out)
	}
	runsInCI(t, ci)
}

// setAside has the README begin without a file or directory, and puts back in the end what was there.
func setAside(t *testing.T, path string) {
	t.Helper()
	aside := path + ".aside"
	err := os.Rename(path, aside)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	was := err == nil
	t.Cleanup(func() {
		err := os.RemoveAll(path)
		if was {
			err = errors.Join(err, os.Rename(aside, path))
		}
		if err != nil {
			t.Error(err)
		}
	})
}

// prints waits until a background block has printed want.
func (b *block) prints(t *testing.T, want string, out *transcript) {
	t.Helper()
	eventually(t, fmt.Sprintf("README.md:%d prints %q", b.line, want), func() error {
		if s := out.String(); !strings.Contains(s, want) {
			return fmt.Errorf("it printed %q", s)
		}
		return nil
	})
}

// run repeats the block until it succeeds and prints what is expected: the blocks before it take their time.
func (b *block) run(t *testing.T) {
	t.Helper()
	eventually(t, fmt.Sprintf("README.md:%d: %s", b.line, strings.TrimSpace(b.command)), func() error {
		out, err := sh(b.command).CombinedOutput()
		if err == nil && !strings.Contains(string(out), b.expect) {
			err = fmt.Errorf("no %q in it", b.expect)
		}
		if err != nil {
			return fmt.Errorf("%w:\n%s", err, out)
		}
		return nil
	})
}

// background starts a block that goes on, with a terminal at which nobody types, and returns all that it prints, and a
// function that ends it.
func background(t *testing.T, command string) (out *transcript, end func()) {
	t.Helper()
	cmd := sh(command)
	keyboard, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, cmd)
	end = sync.OnceFunc(func() {
		keyboard.Close()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) // Ctrl-C reaches all of it; it may have ended
		select {
		case <-p.gone:
		case <-time.After(patience):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // as above
			t.Errorf("still there %v after Ctrl-C: %s", patience, command)
		}
	})
	t.Cleanup(end)
	return p.log, end
}

// runsInCI: what the README tells newcomers to run for the tests is what CI runs.
func runsInCI(t *testing.T, commands []string) {
	t.Helper()
	script, err := os.ReadFile("../../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	if len(commands) == 0 {
		t.Error("README.md has no block marked ci")
	}
	for _, c := range commands {
		if !strings.Contains("\n"+string(script), "\n"+c+"\n") {
			t.Errorf("README.md says %q for the tests; .ci/run does not run it", c)
		}
	}
}
