package api

import (
	"net/netip"
	"strings"
	"testing"

	"linkd/server"
)

// TestStrangerRules pins what HTTP says of ignored and blocked strangers. One that has a rule already is all that is
// needed to make another one.
func TestStrangerRules(t *testing.T) {
	f := newFakeCore()
	f.rules.PutRule(server.Rule{Key: "k1", Action: server.Ignore, Provider: "s1", ID: []byte("a\x00"), Who: "anna",
		Since: moment})
	f.rules.PutRule(server.Rule{Key: "k2", Action: server.Ignore, Provider: "s1", Addr: netip.MustParseAddr("10.0.0.7")})
	f.known = 2
	_, base := start(t, f)
	const strangers = "/api/v1/strangers/"
	for _, c := range []struct {
		method, path, body, token string
		status                    int
		want                      string // a part
	}{
		{"GET", "rules", "", "viewer", 200, `{"items":[{"key":"k1","action":"ignore","provider":"s1","id":"\"a\\x00\"",` +
			`"address":"","who":"anna","since":"2026-03-01T11:00:00.5Z","count":0,"last_seen":null},{"key":"k2",`},
		{"POST", "k1/block", `{"by":"address"}`, "admin", 422, "no address"},
		{"POST", "k1/ignore", "", "operator", 200, `"action":"ignore","provider":"s1"`},
		{"POST", "nobody/ignore", "", "operator", 404, `no stranger \"nobody\"`},
		{"POST", "k1/block", "", "operator", 403, "this needs the role admin"},
		{"POST", "k2/block", "", "admin", 422, "sent no id; block its address, or ignore it"},
		{"POST", "k1/block", `{"by":"name"}`, "admin", 422, "body.by"},
		{"POST", "k2/block", `{"by":"address"}`, "admin", 409, "known devices come from 10.0.0.7 too (connections: 2)"},
		{"POST", "k2/block", `{"by":"address","force":true}`, "admin", 200, `"provider":"","id":"","address":"10.0.0.7"`},
		{"DELETE", "rules/k2", "", "operator", 204, ""},
		{"DELETE", "rules/k2", "", "operator", 404, `no rule about strangers \"k2\"`},
	} {
		resp, got := ask(t, c.method, base+strangers+c.path, c.body, "Authorization: Bearer "+c.token)
		if resp.StatusCode != c.status || !strings.Contains(got, c.want) {
			t.Errorf("%s %s %s:\nstatus %d: %s\n  want %d: %s", c.method, c.path, c.body, resp.StatusCode, got, c.status, c.want)
		}
	}
	blocked := f.Rules()[0] // the newest
	if blocked.Action != server.Block || blocked.Who != "the-admin" {
		t.Fatalf("rules %+v", f.Rules())
	}
	resp, got := ask(t, "DELETE", base+strangers+"rules/"+blocked.Key, "", "Authorization: Bearer operator")
	if resp.StatusCode != 403 || !strings.Contains(got, "this needs the role admin; the token of the-operator has") {
		t.Errorf("an operator takes back a block: %d %s", resp.StatusCode, got)
	}
	if resp, got = ask(t, "DELETE", base+strangers+"rules/"+blocked.Key, ""); resp.StatusCode != 204 {
		t.Errorf("an admin takes back a block: %d %s", resp.StatusCode, got)
	}
}
