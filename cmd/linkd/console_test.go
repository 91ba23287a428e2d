package main_test

import (
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

var welcomeLink = regexp.MustCompile(`(?m)^console: (http://\S+)(/#/code/[a-z2-7]+)$`)

// TestConsoleLink: the first start prints a link, the second none; linkd console prints another. It is good once.
func TestConsoleLink(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouse)
	found := welcomeLink.FindStringSubmatch(in.log.String())
	if found == nil || found[1] != in.url {
		t.Fatalf("no link to %s in\n%s", in.url, in.log)
	}
	b := openTab(t, in.url)
	b.open(found[2])
	b.sees("admin")
	if at, err := script[string](b, `location.href`); err != nil || strings.Contains(at, "code") {
		t.Errorf("the address still has the code: %s, %v", at, err)
	}
	b.click(buttons, "Sign out")
	b.sees("Token")
	b.open("/")
	b.sees("Token")
	b.open(found[2])
	b.sees("the link was used already")

	out, status := in.cli("console")
	if status != 0 || !strings.HasPrefix(out, in.url+"/#/code/") {
		t.Fatalf("status %d: %s", status, out)
	}
	b.open("/")
	b.open(strings.TrimPrefix(strings.TrimSpace(out), in.url))
	b.sees("admin")
	b.shot("signed-in")

	in.again(t)
	if welcomeLink.MatchString(in.log.String()) {
		t.Error("the second start prints a link too")
	}
}

// again ends linkd and starts it with what it had, at the same address.
func (in *instance) again(t *testing.T) {
	t.Helper()
	if code := in.end(syscall.SIGTERM); code != 0 {
		t.Fatalf("linkd ended with status %d", code)
	}
	addr := strings.TrimPrefix(in.url, "http://")
	in.process = start(t, exec.Command(binary, "serve", "-f", in.file, "--http", addr))
	eventually(t, "linkd is ready again", func() error {
		if httpListening.FindStringSubmatch(in.log.String()) == nil {
			return errors.New("it does not listen for HTTP")
		}
		_, err := in.request("GET", "/readyz", "")
		return err
	})
}
