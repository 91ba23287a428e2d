package api

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"linkd/internal/doors"
)

const sessionPath = "/api/v1/session"

// signIn returns the cookie of a new session, as a browser sends it.
func signIn(t *testing.T, base, body string, header ...string) (send string, got *http.Cookie) {
	t.Helper()
	resp, answer := ask(t, "POST", base+sessionPath, body, append(header, "Authorization: ")...)
	list := resp.Cookies()
	if resp.StatusCode != 200 || len(list) != 1 || resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("status %d, cookies %v: %s", resp.StatusCode, list, answer)
	}
	return "Cookie: " + list[0].Name + "=" + list[0].Value, list[0]
}

func TestSignIn(t *testing.T) {
	d := &fakeDoors{}
	_, base := startWith(t, newFakeCore(), d)
	for name, body := range map[string]string{"token": `{"token":" operator\n"}`, "code": `{"code":"code-of-operator"}`} {
		t.Run(name, func(t *testing.T) {
			send, c := signIn(t, base, body)
			if c.Name != "linkd_session" || c.Path != "/" || !c.HttpOnly || c.Secure || c.MaxAge != 0 ||
				c.SameSite != http.SameSiteStrictMode || len(c.Value) != 52 {
				t.Errorf("the cookie is %s", c.Raw)
			}
			as := []string{"Authorization: ", send}
			want := `{"name":"the-operator","role":"operator"}`
			if resp, got := ask(t, "GET", base+sessionPath, "", as...); resp.StatusCode != 200 ||
				strings.TrimSpace(got) != want || resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("who: %d %s", resp.StatusCode, got)
			}
			if resp, got := ask(t, "DELETE", base+"/api/v1/connections/s1/c1/session", "", as...); resp.StatusCode != 204 {
				t.Errorf("kick: %d %s", resp.StatusCode, got)
			}
			if resp, got := ask(t, "GET", base+"/api/v1/tokens", "", as...); resp.StatusCode != 403 {
				t.Errorf("what an operator may not: %d %s", resp.StatusCode, got)
			}
			resp, got := ask(t, "GET", base+"/api/v1/tokens", "", "Authorization: Bearer viewer", send)
			if resp.StatusCode != 403 || !strings.Contains(got, "the-viewer") {
				t.Errorf("the header comes first: %d %s", resp.StatusCode, got)
			}
			resp, _ = ask(t, "DELETE", base+sessionPath, "", as...)
			if gone := resp.Cookies(); resp.StatusCode != 204 || len(gone) != 1 || gone[0].MaxAge >= 0 || gone[0].Value != "" {
				t.Errorf("sign out: %d %v", resp.StatusCode, gone)
			}
			resp, got = ask(t, "GET", base+sessionPath, "", as...)
			wantProblem(t, resp, got, 401, "the session has ended: sign in again")
		})
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	audit := strings.Join(d.deeds, "\n")
	for _, want := range []string{"the-operator: sign in a browser: <nil>", "the-operator: sign out a browser: <nil>"} {
		if strings.Count(audit, want) != 2 {
			t.Errorf("no %q for each of the two in %s", want, audit)
		}
	}
}

func TestSecureCookie(t *testing.T) {
	_, base := start(t, newFakeCore())
	if _, c := signIn(t, base, `{"token":"viewer"}`, "X-Forwarded-Proto: https"); !c.Secure {
		t.Errorf("behind a proxy that ends TLS: %s", c.Raw)
	}
}

// TestNotSignedIn pins what is said to who cannot sign in, and to who has not.
func TestNotSignedIn(t *testing.T) {
	_, base := start(t, newFakeCore())
	const one = `body: give exactly one of token and code, such as {"token": "linkd_…"}`
	const code = "the link was used already, or is too old, or its token was revoked; linkd console prints another"
	for _, c := range []struct {
		body   string
		status int
		detail string
	}{
		{`{}`, 422, one},
		{`{"token":"viewer","code":"code-of-viewer"}`, 422, one},
		{`{"token":"` + strings.Repeat("x", 129) + `"}`, 422, "body.token: expected length <= 128"},
		{`{"code":"wrong"}`, 401, code},
		{`{"code":"guessed"}`, 429, "too many tokens that are not valid; try again in 2s"},
		{`{"token":"guesser"}`, 429, "too many tokens that are not valid; try again in 2s"},
	} {
		resp, got := ask(t, "POST", base+sessionPath, c.body, "Authorization: ")
		wantProblem(t, resp, got, c.status, c.detail)
		if len(resp.Cookies()) > 0 || (c.status == 429) != (resp.Header.Get("Retry-After") == "2") ||
			(c.status == 401) != (resp.Header.Get("WWW-Authenticate") != "") {
			t.Errorf("%s: %v", c.body, resp.Header)
		}
	}
	resp, got := ask(t, "POST", base+sessionPath, `{"token":"wrong"}`, "Authorization: ")
	if resp.StatusCode != 401 || !strings.Contains(got, "the token is not valid here") {
		t.Errorf("a wrong token: %d %s", resp.StatusCode, got)
	}
	for _, method := range []string{"GET", "DELETE"} {
		resp, got := ask(t, method, base+sessionPath, "", "Authorization: ", "Cookie: linkd_session=guess")
		wantProblem(t, resp, got, 401, "the session has ended: sign in again")
	}
	if resp, _ := ask(t, "GET", base+sessionPath, "", "Authorization: "); resp.StatusCode != 401 {
		t.Errorf("nobody: %d", resp.StatusCode)
	}
}

func TestMakeCode(t *testing.T) {
	_, base := start(t, newFakeCore())
	resp, got := ask(t, "POST", base+sessionPath+"/code", "", "Authorization: Bearer viewer")
	var made Code
	if err := json.Unmarshal([]byte(got), &made); err != nil || resp.StatusCode != 200 || made.Code != "code-of-viewer" {
		t.Fatalf("%d %v %s", resp.StatusCode, err, got)
	}
	if left := time.Until(made.Until); left < 14*time.Minute || left > 15*time.Minute {
		t.Errorf("good for %v", left)
	}
	if resp.Header.Get("Cache-Control") != "no-store" {
		t.Error("it may be stored")
	}
	if resp, _ := ask(t, "POST", base+sessionPath+"/code", "", "Authorization: "); resp.StatusCode != 401 {
		t.Errorf("nobody's code: %d", resp.StatusCode)
	}
}

// TestForeignCookie: a page of another origin cannot use a session, not even to read, and not on another port of the
// same host, which the cookie's SameSite calls the same site.
func TestForeignCookie(t *testing.T) {
	f := newFakeCore()
	_, base := start(t, f)
	send, _ := signIn(t, base, `{"token":"operator"}`)
	origins := map[string]bool{
		"No-Browser: 1": true, "Sec-Fetch-Site: same-origin": true, "Sec-Fetch-Site: none": true, "Origin: " + base: true,
		"Sec-Fetch-Site: cross-site": false, "Sec-Fetch-Site: same-site": false,
		"Origin: http://evil.example": false, "Origin: http://127.0.0.1:1": false, "Origin: null": false,
	}
	upgrade := []string{"Connection: Upgrade", "Upgrade: linkd-tunnel"}
	for origin, ours := range origins {
		for _, c := range []struct {
			method, path string
			header       []string
		}{
			{"GET", "/api/v1/providers", nil},
			{"GET", sessionPath, nil},
			{"GET", "/metrics", nil},
			{"POST", sessionPath + "/code", nil},
			{"DELETE", "/api/v1/connections/s1/c1/session", nil},
			{"GET", "/api/v1/connections/s1/c2/tunnel", upgrade}, // offline: 409 where it is let in
		} {
			header := append([]string{"Authorization: ", send, origin}, c.header...)
			resp, got := ask(t, c.method, base+c.path, "", header...)
			if refused := resp.StatusCode == 403; refused == ours || resp.StatusCode == 401 {
				t.Errorf("%s %s with %q: status %d: %s", c.method, c.path, origin, resp.StatusCode, got)
			}
		}
		for _, path := range []string{"/api/v1/events", "/api/v1/connections/s1/c1/tap"} {
			resp, _ := openWith(t, base+path, send, origin)
			if want := map[bool]int{true: 200, false: 403}[ours]; resp.StatusCode != want {
				t.Errorf("stream %s with %q: status %d, want %d", path, origin, resp.StatusCode, want)
			}
			resp.Body.Close()
		}
	}
	resp, got := ask(t, "GET", base+"/api/v1/providers", "", "Authorization: ", send, "Sec-Fetch-Site: same-site")
	wantProblem(t, resp, got, 403, "a session may not be used from another origin")
	resp, _ = ask(t, "POST", base+sessionPath, `{"token":"operator"}`, "Authorization: ", "Sec-Fetch-Site: cross-site")
	if resp.StatusCode != 403 || len(resp.Cookies()) > 0 {
		t.Errorf("signed in by another's page: %d", resp.StatusCode)
	}
}

// TestSessionEnds: with its token, at once; with a sign-out, but for those of others.
func TestSessionEnds(t *testing.T) {
	k, err := doors.NewKeeper(noStore{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, base := startWith(t, newFakeCore(), k)
	admin, _, err := k.Add("anna", doors.Admin, "")
	if err != nil {
		t.Fatal(err)
	}
	token, bob, err := k.Add("bob", doors.Viewer, "anna")
	if err != nil {
		t.Fatal(err)
	}
	revoked, _ := signIn(t, base, fmt.Sprintf(`{"token":%q}`, token))
	out, _ := signIn(t, base, fmt.Sprintf(`{"token":%q}`, admin))
	stays, _ := signIn(t, base, fmt.Sprintf(`{"token":%q}`, admin))
	lines := map[string]*bufio.Reader{}
	for _, send := range []string{revoked, out, stays} {
		_, lines[send] = openWith(t, base+"/api/v1/events", send)
		wantLines(t, lines[send], ": linkd", "")
	}
	code := k.Code(mustCheck(t, k, token))

	if resp, _ := ask(t, "DELETE", base+"/api/v1/tokens/"+bob.ID, "", "Authorization: ", stays); resp.StatusCode != 204 {
		t.Fatalf("revoke: %d", resp.StatusCode)
	}
	if resp, _ := ask(t, "DELETE", base+sessionPath, "", "Authorization: ", out); resp.StatusCode != 204 {
		t.Fatalf("sign out: %d", resp.StatusCode)
	}
	for _, send := range []string{revoked, out} {
		if resp, _ := ask(t, "GET", base+sessionPath, "", "Authorization: ", send); resp.StatusCode != 401 {
			t.Errorf("status %d, want 401", resp.StatusCode)
		}
		if _, err := lines[send].ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("the stream: %v, want EOF", err)
		}
	}
	if resp, _ := ask(t, "GET", base+sessionPath, "", "Authorization: ", stays); resp.StatusCode != 200 {
		t.Errorf("another session of the same token: %d", resp.StatusCode)
	}
	resp, _ := ask(t, "POST", base+sessionPath, fmt.Sprintf(`{"code":%q}`, code), "Authorization: ")
	if resp.StatusCode != 401 {
		t.Errorf("a code of a revoked token: %d", resp.StatusCode)
	}
}

func mustCheck(t *testing.T, k *doors.Keeper, token string) doors.Identity {
	t.Helper()
	who, err := k.Check(token, address("192.0.2.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	return who
}
