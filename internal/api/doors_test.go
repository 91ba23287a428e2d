package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"linkd/internal/doors"
)

// fakeDoors takes the name of a role as a token of it, whose owner is "the-ROLE".
type fakeDoors struct {
	mu    sync.Mutex
	deeds []string
}

func (d *fakeDoors) Check(token string, _ netip.Addr) (doors.Identity, error) {
	role, err := doors.ParseRole(token)
	switch {
	case token == "":
		return doors.Identity{}, doors.ErrNoToken
	case token == "guesser":
		return doors.Identity{}, &doors.SlowDown{After: 1500 * time.Millisecond}
	case err != nil:
		return doors.Identity{}, doors.ErrBadToken
	}
	return doors.Identity{ID: token, Name: "the-" + token, Role: role}, nil
}

func (d *fakeDoors) Code(who doors.Identity) string { return "code-of-" + who.ID }

func (d *fakeDoors) Redeem(code string, from netip.Addr) (doors.Identity, error) {
	switch token, ok := strings.CutPrefix(code, "code-of-"); {
	case code == "guessed":
		return d.Check("guesser", from)
	case ok:
		return d.Check(token, from)
	}
	return doors.Identity{}, doors.ErrBadCode
}

func (d *fakeDoors) Add(name string, role doors.Role, who string) (string, doors.Token, error) {
	if name == "taken" {
		return "", doors.Token{}, fmt.Errorf("%w: taken is taken", doors.ErrConflict)
	}
	return "linkd_aaaaaaaa_secret", doors.Token{ID: "aaaaaaaa", Name: name, Role: role.String(), Created: moment.UTC(),
		Who: who}, nil
}

func (d *fakeDoors) List() []doors.Token {
	return []doors.Token{{ID: "aaaaaaaa", Name: "anna", Role: "viewer", Hash: []byte("hash"), Created: moment.UTC()}}
}

func (d *fakeDoors) Revoke(id, _ string) error {
	if id != "aaaaaaaa" {
		return fmt.Errorf("%w: %q", doors.ErrNotFound, id)
	}
	return nil
}

func (d *fakeDoors) Audit(who, did, what string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.deeds = append(d.deeds, fmt.Sprintf("%s: %s %s: %v", who, did, what, err))
}

// neededRoles is every pattern that is served, with the least role: a new one is added here, by somebody who thinks
// about it.
var neededRoles = map[string]doors.Role{
	"GET /metrics":                         doors.Viewer,
	"GET /api/openapi.json":                doors.Viewer,
	"GET /api/v1/providers":                doors.Viewer,
	"GET /api/v1/connections":              doors.Viewer,
	"GET /api/v1/strangers":                doors.Viewer,
	"GET /api/v1/channels":                 doors.Viewer,
	"GET /api/v1/models":                   doors.Viewer,
	"GET /api/v1/drivers":                  doors.Viewer,
	"GET /api/v1/tags":                     doors.Viewer,
	"GET /api/v1/events":                   doors.Viewer,
	"POST /api/v1/strangers/{key}/adopt":   doors.Operator,
	"POST /api/v1/strangers/{key}/ignore":  doors.Operator,
	"POST /api/v1/strangers/{key}/block":   doors.Admin,
	"GET /api/v1/strangers/rules":          doors.Viewer,
	"DELETE /api/v1/strangers/rules/{key}": doors.Operator,
	"PUT /api/v1/tags/{channel}/{device}":  doors.Operator,
	"GET /api/v1/session":                  doors.Viewer,
	"DELETE /api/v1/session":               doors.Viewer,
	"POST /api/v1/session/code":            doors.Viewer,
	"POST /api/v1/identity/try":            doors.Viewer,
	"GET /api/v1/system":                   doors.Viewer,
	"GET /api/v1/output-types":             doors.Viewer,
	"GET /api/v1/system/log":               doors.Operator,
	"GET /api/v1/system/bundle":            doors.Admin,
	"GET /api/v1/tokens":                   doors.Admin,
	"POST /api/v1/tokens":                  doors.Admin,
	"DELETE /api/v1/tokens/{id}":           doors.Admin,
	"GET /deploy/rules.yml":                doors.Viewer,

	"GET /api/v1/fleet/series":                 doors.Viewer,
	"GET /api/v1/fleet/trouble":                doors.Viewer,
	"POST /api/v1/connections/actions/kick":    doors.Operator,
	"POST /api/v1/connections/actions/enable":  doors.Admin,
	"POST /api/v1/connections/actions/disable": doors.Admin,
	"POST /api/v1/connections/actions/move":    doors.Admin,

	"GET /api/v1/connections/{provider}/{name}":            doors.Viewer,
	"GET /api/v1/connections/{provider}/{name}/tap":        doors.Viewer,
	"GET /api/v1/connections/{provider}/{name}/frames":     doors.Viewer,
	"GET /api/v1/connections/{provider}/{name}/tunnel":     doors.Operator,
	"DELETE /api/v1/connections/{provider}/{name}/session": doors.Operator,
	"POST /api/v1/connections/{provider}/{name}/send":      doors.Operator,
	"GET /api/v1/tags/{channel}/{device}/{tag}":            doors.Viewer,
	"PUT /api/v1/tags/{channel}/{device}/{tag}":            doors.Operator,

	"GET /api/v1/providers/{name}":                 doors.Viewer,
	"PUT /api/v1/providers/{name}":                 doors.Admin,
	"DELETE /api/v1/providers/{name}":              doors.Admin,
	"PUT /api/v1/connections/{provider}/{name}":    doors.Admin,
	"DELETE /api/v1/connections/{provider}/{name}": doors.Admin,
	"GET /api/v1/fleets/{provider}/{name}":         doors.Viewer,
	"PUT /api/v1/fleets/{provider}/{name}":         doors.Admin,
	"DELETE /api/v1/fleets/{provider}/{name}":      doors.Admin,
	"GET /api/v1/models/{name}":                    doors.Viewer,
	"PUT /api/v1/models/{name}":                    doors.Admin,
	"DELETE /api/v1/models/{name}":                 doors.Admin,
	"GET /api/v1/channels/{name}":                  doors.Viewer,
	"PUT /api/v1/channels/{name}":                  doors.Admin,
	"DELETE /api/v1/channels/{name}":               doors.Admin,
	"GET /api/v1/outputs/{name}":                   doors.Admin,
	"PUT /api/v1/outputs/{name}":                   doors.Admin,
	"DELETE /api/v1/outputs/{name}":                doors.Admin,
	"GET /api/v1/providers/{name}/connections":     doors.Admin,
	"POST /api/v1/providers/{name}/connections":    doors.Admin,
	"GET /api/v1/fleets":                           doors.Viewer,
	"GET /api/v1/outputs":                          doors.Viewer,
	"GET /api/v1/project":                          doors.Admin,
	"PUT /api/v1/project":                          doors.Admin,
	"GET /api/v1/revisions":                        doors.Viewer,
	"POST /api/v1/revisions/{revision}/undo":       doors.Admin,
}

// deployed is what is handed out to those who watch linkd.
var deployed = fstest.MapFS{"rules.yml": {Data: []byte("groups: []")}}

var param = regexp.MustCompile(`\{[^}]*\}`)

// TestDoors walks all patterns with all roles.
func TestDoors(t *testing.T) {
	f := newFakeCore()
	a := New(Config{Core: f, Doors: &fakeDoors{}, Editor: edited(t, f), Metrics: http.NotFoundHandler(), Deploy: deployed,
		Console: fakeConsole{}})
	gone, cancel := context.WithCancel(t.Context())
	cancel() // streams end at once
	try := func(pattern, token string) *httptest.ResponseRecorder {
		method, path, _ := strings.Cut(pattern, " ")
		r := httptest.NewRequestWithContext(gone, method, param.ReplaceAllString(strings.TrimSuffix(path, "{$}"), "x"), nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, r)
		return w
	}
	for pattern := range a.needs {
		if _, ok := neededRoles[pattern]; !ok {
			t.Errorf("%s is not in the table of this test", pattern)
		}
	}
	for pattern, need := range neededRoles {
		for _, token := range []string{"", "wrong", "viewer", "operator", "admin"} {
			role, _ := doors.ParseRole(token) // None for the first two
			w := try(pattern, token)
			switch {
			case role == doors.None:
				if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" {
					t.Errorf("%s with the token %q: status %d, want 401", pattern, token, w.Code)
				}
			case role < need:
				want := fmt.Sprintf("this needs the role %v; the token of the-%v has the role %v", need, role, role)
				if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), want) {
					t.Errorf("%s as %v: status %d, %s; want 403, %q", pattern, role, w.Code, w.Body, want)
				}
			case w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden:
				t.Errorf("%s as %v: status %d", pattern, role, w.Code)
			}
		}
	}
	open := []string{"GET /healthz", "GET /readyz", "GET /{$}", "GET /app.js"}
	for _, pattern := range open {
		if w := try(pattern, ""); w.Code != http.StatusOK || !a.open[pattern] {
			t.Errorf("%s is not open: %d", pattern, w.Code)
		}
	}
	if w := try("POST /api/v1/session", ""); w.Code != http.StatusBadRequest { // for want of a body
		t.Errorf("signing in is not open: %d", w.Code)
	}
	if len(a.open) != len(open)+1 {
		t.Errorf("open: %v, want the health paths, the console's files, and signing in", a.open)
	}
	for _, path := range []string{"GET /nothing", "POST /healthz", "GET /api/v1/", "GET /debug/pprof/"} {
		if w := try(path, "wrong"); w.Code != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d; what exists is no stranger's business", path, w.Code)
		}
	}
}

// TestRolesAreDescribed: the description names the role at each operation, and has no other operations.
func TestRolesAreDescribed(t *testing.T) {
	_, base := start(t, newFakeCore())
	_, got := ask(t, "GET", base+"/api/openapi.json", "")
	var spec struct {
		Paths map[string]map[string]struct {
			Description string
			Security    []map[string][]string
		}
		Components struct {
			SecuritySchemes map[string]struct{ Type, Scheme string }
		}
	}
	if err := json.Unmarshal([]byte(got), &spec); err != nil {
		t.Fatal(err)
	}
	if s := spec.Components.SecuritySchemes[scheme]; s.Type != "http" || s.Scheme != "bearer" {
		t.Errorf("the scheme is %+v", s)
	}
	described := 0
	for path, operations := range spec.Paths {
		for method, op := range operations {
			described++
			if method == "post" && path == "/api/v1/session" {
				if len(op.Security) != 1 || len(op.Security[0]) != 0 || !strings.HasSuffix(op.Description, "Open to all.") {
					t.Errorf("signing in: %v, %q", op.Security, op.Description)
				}
				continue
			}
			role := neededRoles[strings.ToUpper(method)+" "+path].String()
			if len(op.Security) != 1 || !slices.Equal(op.Security[0][scheme], []string{role}) ||
				!strings.HasSuffix(op.Description, "Needs the role "+role+".") {
				t.Errorf("%s %s: %v, %q; want %s", method, path, op.Security, op.Description, role)
			}
		}
	}
	// Signing in, which is open, but not the metrics, the description itself, and what is handed out under /deploy.
	if want := len(neededRoles) + 1 - 3; described != want {
		t.Errorf("%d operations are described, want %d", described, want)
	}
}

// TestNoRole: an operation that states no role cannot be registered.
func TestNoRole(t *testing.T) {
	for name, security := range map[string][]map[string][]string{
		"none": nil, "empty": {{scheme: {}}}, "unknown": needs(doors.None), "another scheme": {{"cookie": {"viewer"}}},
		"a choice": {{scheme: {"viewer"}}, {scheme: {"admin"}}},
	} {
		t.Run(name, func(t *testing.T) {
			a := &API{mux: http.NewServeMux(), needs: map[string]doors.Role{}}
			h := humago.New(a.mux, humaConfig("dev"))
			a.describeDoors(h.OpenAPI())
			defer func() {
				if recover() == nil {
					t.Error("it was registered")
				}
			}()
			op := huma.Operation{OperationID: "x", Method: http.MethodGet, Path: "/x", Security: security}
			huma.Register(h, op, a.listTokens)
		})
	}
	// One that is hidden from the description is nobody's, as its pattern states nothing.
	a := New(Config{Core: newFakeCore(), Doors: &fakeDoors{}})
	a.mux.HandleFunc("GET /hidden", func(http.ResponseWriter, *http.Request) { t.Error("it was served") })
	r := httptest.NewRequest(http.MethodGet, "/hidden", nil)
	r.Header.Set("Authorization", "Bearer admin")
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("status %d, want 403", w.Code)
	}
}

// TestTurnedAway pins what is said to who has no token, or a wrong one, or guesses.
func TestTurnedAway(t *testing.T) {
	_, base := start(t, newFakeCore())
	const none = `no token: send the header "Authorization: Bearer TOKEN"; the first start made one in admin.token of ` +
		`the data directory, linkd token add makes others`
	const wrong = "the token is not valid here: it was revoked, or is of another linkd, or is not whole; " +
		"linkd token add makes another"
	for _, c := range []struct {
		name, query, header string
		status              int
		detail, challenge   string
	}{
		{"none", "", "", 401, none, `Bearer realm="linkd"`},
		{"empty", "", "Bearer ", 401, none, `Bearer realm="linkd"`},
		{"another kind", "", "Basic YWRtaW46YWRtaW4=", 401, none, `Bearer realm="linkd"`},
		{"in the query", "?access_token=admin", "", 401, none, `Bearer realm="linkd"`},
		{"wrong", "", "Bearer nobody", 401, wrong,
			`Bearer realm="linkd", error="invalid_token", error_description="` + wrong + `"`},
		{"guessed", "", "Bearer guesser", 429, "too many tokens that are not valid; try again in 2s", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, got := ask(t, "GET", base+"/api/v1/events"+c.query, "", "Authorization: "+c.header)
			wantProblem(t, resp, got, c.status, c.detail)
			if said := resp.Header.Get("WWW-Authenticate"); said != c.challenge {
				t.Errorf("WWW-Authenticate %s, want %s", said, c.challenge)
			}
			if after := resp.Header.Get("Retry-After"); (after == "2") != (c.status == 429) {
				t.Errorf("Retry-After %q", after)
			}
		})
	}
	resp, _ := ask(t, "DELETE", base+"/api/v1/connections/s1/c1/session", "", "Authorization: bearer  viewer ")
	if said := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != 403 ||
		said != `Bearer realm="linkd", error="insufficient_scope", scope="operator"` {
		t.Errorf("status %d, %s", resp.StatusCode, said)
	}
}

// TestAudit: what is done to devices is written down with the name of who did it.
func TestAudit(t *testing.T) {
	d := &fakeDoors{}
	_, base := startWith(t, newFakeCore(), d)
	as := "Authorization: Bearer operator"
	ask(t, "DELETE", base+"/api/v1/connections/s1/c1/session", "", as)
	ask(t, "DELETE", base+"/api/v1/connections/s1/c2/session", "", as)
	ask(t, "POST", base+"/api/v1/connections/s1/c1/send", `{"hex":"01 03"}`, as)
	ask(t, "POST", base+"/api/v1/strangers/s1:x/adopt", `{"name":"c2"}`, as)
	dialTunnel(t, base, "s1/c1")
	want := []string{
		"the-operator: kick connection s1/c1: <nil>",
		"the-operator: kick connection s1/c2: server: the connection is offline",
		"the-operator: send 2 bytes to connection s1/c1: <nil>",
		`the-operator: adopt stranger "s1:x" as "c2": <nil>`,
		"the-operator: tunnel connection s1/c1: <nil>",
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.deeds, want) {
		t.Errorf("got  %q\nwant %q", d.deeds, want)
	}
}

// TestRequire: a handler on another listener has the same door.
func TestRequire(t *testing.T) {
	a := New(Config{Core: newFakeCore(), Doors: &fakeDoors{}})
	h := a.Require(doors.Admin, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, caller(r.Context()).Name)
	}))
	for token, want := range map[string]int{"": 401, "wrong": 401, "operator": 403, "admin": 200} {
		r := httptest.NewRequest(http.MethodGet, "/debug/pprof/", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want || (want == 200) != (w.Body.String() == "the-admin") {
			t.Errorf("token %q: %d %s", token, w.Code, w.Body)
		}
	}
}
