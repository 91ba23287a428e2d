package api

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"linkd/internal/doors"
)

func TestTokens(t *testing.T) {
	_, base := start(t, newFakeCore())
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "", "", 200, `{"items":[{"id":"aaaaaaaa","name":"anna","role":"viewer",` +
			`"created":"2026-03-01T11:00:00.5Z","who":""}],"next":""}`},
		{"POST", "", `{"name":"bob","role":"operator"}`, 201, `{"id":"aaaaaaaa","name":"bob","role":"operator",` +
			`"created":"2026-03-01T11:00:00.5Z","who":"the-admin","token":"linkd_aaaaaaaa_secret"}`},
		{"DELETE", "/aaaaaaaa", "", 204, ""},
	} {
		resp, got := ask(t, c.method, base+"/api/v1/tokens"+c.path, c.body)
		if got = strings.TrimSpace(got); resp.StatusCode != c.status || got != c.want {
			t.Errorf("%s: status %d, want %d\n got %s\nwant %s", c.method, resp.StatusCode, c.status, got, c.want)
		}
		if resp.StatusCode == 201 && resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("Cache-Control %q", resp.Header.Get("Cache-Control"))
		}
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		detail             string
	}{
		{"POST", "", `{"name":"taken","role":"viewer"}`, 409, "token: conflict: taken is taken"},
		{"POST", "", `{"name":"bob","role":"root"}`, 422,
			`body.role: expected value to be one of "viewer, operator, admin", not "root"`},
		{"POST", "", `{"role":"viewer"}`, 422, "body: expected required property name to be present"},
		{"DELETE", "/zz", "", 404, `token: no such token: "zz"`},
	} {
		resp, got := ask(t, c.method, base+"/api/v1/tokens"+c.path, c.body)
		wantProblem(t, resp, got, c.status, c.detail)
	}
}

// noStore keeps nothing: a Keeper has its tokens in memory too.
type noStore struct{}

func (noStore) Tokens() ([]doors.Token, error) { return nil, nil }
func (noStore) PutToken(doors.Token) error     { return nil }
func (noStore) DeleteToken(string) error       { return nil }
func (noStore) Audit(doors.Deed) error         { return nil }

// TestRevokedAtOnce: what a revoked token has open ends, and what others have does not.
func TestRevokedAtOnce(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	k, err := doors.NewKeeper(noStore{}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	f := newFakeCore()
	_, base := startWith(t, f, k)
	admin, _, err := k.Add("anna", doors.Admin, "")
	if err != nil {
		t.Fatal(err)
	}
	token, bob, err := k.Add("bob", doors.Operator, "anna")
	if err != nil {
		t.Fatal(err)
	}
	_, lines := openAs(t, base+"/api/v1/events", token)
	wantLines(t, lines, ": linkd", "")
	_, stays := openAs(t, base+"/api/v1/connections/s1/c1/tap", admin)
	wantLines(t, stays, ": linkd", "")
	tunnel, _ := dialTunnelAs(t, token, base, "s1/c1")
	device := f.farEnd(t)

	resp, got := ask(t, "DELETE", base+"/api/v1/tokens/"+bob.ID, "", "Authorization: Bearer "+admin)
	if resp.StatusCode != 204 {
		t.Fatalf("status %d: %s", resp.StatusCode, got)
	}
	if resp, _ := ask(t, "GET", base+"/api/v1/providers", "", "Authorization: Bearer "+token); resp.StatusCode != 401 {
		t.Errorf("a new request: status %d, want 401", resp.StatusCode)
	}
	if _, err := lines.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream: %v, want EOF", err)
	}
	if _, err := tunnel.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the tunnel: %v, want its end", err)
	}
	if _, err := device.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the tunnel's device: %v, want its end", err)
	}
	if what := f.stopped(t); what != "events" {
		t.Errorf("stopped %s", what)
	}
	close(f.frames)
	if _, err := stays.ReadByte(); !errors.Is(err, io.EOF) { // by its source, not before
		t.Error(err)
	}
	if what := f.stopped(t); what != "tap" {
		t.Errorf("stopped %s", what)
	}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
