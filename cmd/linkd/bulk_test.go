package main_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

// acted is what the tests read of an act on many connections.
type acted struct {
	Count  int
	Sample []string
	Undo   int
}

// act previews an act on all connections that a choice selects, and does it.
func (in *instance) act(t *testing.T, verb, choice string) (preview, done acted) {
	t.Helper()
	path, tag := "/connections/actions/"+verb, ""
	for _, step := range []struct {
		query string
		v     *acted
	}{{"?dry_run=true", &preview}, {"", &done}} {
		res, b := in.exchange(t, http.MethodPost, path+step.query, `{"query":`+choice+`}`, "If-Match", tag)
		if err := json.Unmarshal(b, step.v); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s%s: %s: %s", verb, step.query, res.Status, b)
		}
		tag = res.Header.Get("ETag")
	}
	return preview, done
}

// TestActOnAll: two devices are disabled by one act, their links end with that reason and they are kept out, until the
// act is undone; then all links of a query are closed, and the devices come back.
func TestActOnAll(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouse, anyPorts...)
	links := map[string]net.Conn{}
	comes := func(name string, before uint64) {
		t.Helper()
		links[name] = in.dial(t, "s1", "c000"+name[1:])
		in.online(t, "s1/"+name, before)
	}
	comes("c1", 0)
	comes("c2", 0)

	preview, done := in.act(t, "disable", `{"provider":"s1","q":"c000"}`)
	if fmt.Sprint(preview.Sample) != "[s1/c1 s1/c2]" || preview.Count != 2 || done.Count != 2 || done.Undo != 1 {
		t.Errorf("previewed %+v, done %+v", preview, done)
	}
	for name, link := range links {
		closed(t, link)
		eventually(t, name+" is closed with the reason", func() error {
			if c := in.connection(t, "s1/"+name); c.State != "disabled" || c.LastCloseReason != "disabled" {
				return fmt.Errorf("%+v", c)
			}
			return nil
		})
		closed(t, in.dial(t, "s1", "c000"+name[1:])) // it is kept out
	}
	if r := in.revisions(t); len(r) != 2 || r[0].What != "disable 2 connections" || r[0].Who != "admin" {
		t.Errorf("the revisions are %+v", r)
	}
	if _, err := in.request(http.MethodPost, fmt.Sprintf("/api/v1/revisions/%d/undo", done.Undo), ""); err != nil {
		t.Fatal(err)
	}
	comes("c1", 0)
	comes("c2", 0)

	preview, done = in.act(t, "kick", `{"state":"online"}`)
	if preview.Count != 2 || done.Count != 2 || done.Undo != 0 {
		t.Errorf("previewed %+v, closed %+v", preview, done)
	}
	for name, link := range links {
		closed(t, link)
		if c := in.offline(t, "s1/"+name); c.LastCloseReason != "kicked" {
			t.Errorf("%s is %+v", name, c)
		}
		comes(name, 0)
	}
	in.hasTrends(t)
	for range 2 { // what came before it was first looked at counts as once
		in.act(t, "kick", `{"state":"online"}`)
		for name, link := range links {
			closed(t, link)
			comes(name, 0)
		}
	}
	eventually(t, "who comes and goes most", func() error {
		var trouble struct{ Worst, Quietest []connection }
		in.read(t, "/fleet/trouble", &trouble)
		if len(trouble.Quietest) != 2 || len(trouble.Worst) != 2 || !strings.HasPrefix(trouble.Worst[0].Name, "c") {
			return fmt.Errorf("trouble is %+v", trouble)
		}
		return nil
	})
}

// hasTrends waits until there is a point of what TestActOnAll has done.
func (in *instance) hasTrends(t *testing.T) {
	t.Helper()
	eventually(t, "a point with closes", func() error {
		var s struct {
			Times  []int64
			Lines  map[string][]*float64
			Closes map[string][]float64
		}
		in.read(t, "/fleet/series?span=15m", &s)
		if len(s.Times) == 0 || len(s.Lines["online"]) != len(s.Times) || s.Closes["kicked"] == nil ||
			s.Closes["disabled"] == nil {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	var list struct{ Items []connection }
	in.read(t, "/connections?sort=trouble&limit=1", &list)
	if len(list.Items) != 1 {
		t.Errorf("by trouble: %+v", list)
	}
}
