package main_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// strangerRule is what the test reads of a rule about strangers.
type strangerRule struct {
	Key, Action, Provider, ID, Address string
	Count                              uint64
}

// rule returns the one rule about strangers that there is.
func (in *instance) rule(t *testing.T) strangerRule {
	t.Helper()
	var list struct{ Items []strangerRule }
	if in.read(t, "/strangers/rules", &list); len(list.Items) != 1 {
		t.Fatalf("rules %+v; want one", list.Items)
	}
	return list.Items[0]
}

// stranger waits until one stranger is listed, and returns its key.
func (in *instance) stranger(t *testing.T) (key string) {
	t.Helper()
	eventually(t, "a stranger is listed", func() error {
		var list struct{ Items []struct{ Key string } }
		if in.read(t, "/strangers", &list); len(list.Items) != 1 {
			return fmt.Errorf("strangers: %+v", list)
		}
		key = list.Items[0].Key
		return nil
	})
	return key
}

// must does one HTTP call, which must succeed.
func (in *instance) must(t *testing.T, method, path, body string) {
	t.Helper()
	if _, err := in.request(method, "/api/v1"+path, body); err != nil {
		t.Fatal(err)
	}
}

// met waits until the rule has met so many links.
func (in *instance) met(t *testing.T, count uint64) {
	t.Helper()
	eventually(t, "the rule has met the link", func() error {
		if r := in.rule(t); r.Count != count {
			return fmt.Errorf("it is %+v", r)
		}
		return nil
	})
}

// TestBlock: a blocked id is turned away and not listed, also after a crash, while known devices come in from the same
// address; a block of that address asks first whether they are meant, and is taken back.
func TestBlock(t *testing.T) {
	t.Parallel()
	file := write(t, greenhouse)
	in := launch(t, file, anyPorts...)
	in.dial(t, "s1", "c0001")
	in.online(t, "s1/c1", 0)
	closed(t, in.dial(t, "s1", "c0099\r\n"))
	in.must(t, "POST", "/strangers/"+in.stranger(t)+"/block", "")
	in.end(syscall.SIGKILL)

	in = launch(t, file, anyPorts...)
	if r := in.rule(t); r.Action != "block" || r.Provider != "s1" || r.ID != "c0099" {
		t.Errorf("after a crash the rule is %+v", r)
	}
	closed(t, in.dial(t, "s1", "c0099\r\n"))
	in.met(t, 1)
	in.dial(t, "s1", "c0001")
	known := in.online(t, "s1/c1", 0)
	metrics, err := in.request("GET", "/metrics", "")
	if err != nil || !strings.Contains(string(metrics), `linkd_closes_total{provider="s1",reason="blocked"} 1`) {
		t.Errorf("the metrics do not count it: %v", err)
	}

	in.must(t, "DELETE", "/strangers/rules/"+in.rule(t).Key, "")
	closed(t, in.dial(t, "s1", "c0099\r\n"))
	block := "/strangers/" + in.stranger(t) + "/block"
	_, err = in.request("POST", "/api/v1"+block, `{"by": "address"}`)
	if err == nil || !strings.Contains(err.Error(), "known devices come from 127.0.0.1 too (connections: ") {
		t.Errorf("a block of the address of a known device: %v", err)
	}
	in.must(t, "POST", block, `{"by": "address", "force": true}`)
	closed(t, in.dial(t, "s1", "c0002"))
	if c := in.connection(t, "s1/c1"); c.State != "online" || c.Session != known.Session {
		t.Errorf("a link that was there is %+v; it was in session %d", c, known.Session)
	}
	in.must(t, "DELETE", "/strangers/rules/"+in.rule(t).Key, "")
	in.dial(t, "s1", "c0002")
	in.online(t, "s1/c2", 0)
}
