package main_test

import (
	"regexp"
	"strings"
	"syscall"
	"testing"
)

var welcomeLink = regexp.MustCompile(`(?m)^console: (http://\S+)(/#/code/[a-z2-7]+)$`)

// TestConsoleLink: the first start prints a link, the second none; linkd console prints another. Each is good once, and
// in a tab that shows the console already, too.
func TestConsoleLink(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouse, anyPorts...)
	found := welcomeLink.FindStringSubmatch(in.log.String())
	if found == nil || found[1] != in.url {
		t.Fatalf("no link to %s in\n%s", in.url, in.log)
	}
	b := openTab(t, in.url)
	b.open(found[2])
	b.sees("admin", "live")
	if at := tells[string](b, `location.href`); strings.Contains(at, "code") {
		t.Errorf("the address still has the code: %s", at)
	}
	b.shot("signed-in")
	b.click("button", "Sign out")
	b.sees("Token")
	b.open("/")
	b.sees("Token")
	b.open(found[2]) // only what is behind the # is another: the page stays
	b.sees("the link was used already")

	out, status := in.cli("console")
	if status != 0 || !strings.HasPrefix(out, in.url+"/#/code/") {
		t.Fatalf("status %d: %s", status, out)
	}
	b.open(strings.TrimPrefix(strings.TrimSpace(out), in.url))
	b.sees("admin", "live")

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
	in.at(t, strings.TrimPrefix(in.url, "http://"))
}
