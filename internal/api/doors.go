package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/doors"
)

// doorkeeper is what the API needs to know who asks. Its methods are safe for concurrent use.
type doorkeeper interface {
	// Check's error is doors.ErrNoToken, doors.ErrBadToken or *doors.SlowDown.
	Check(token string, from netip.Addr) (doors.Identity, error)
	// Redeem's error is doors.ErrBadCode or *doors.SlowDown.
	Redeem(code string, from netip.Addr) (doors.Identity, error)
	// Code makes a code that Redeem takes once, within doors.CodeLife.
	Code(who doors.Identity) string
	// Add's token is shown once. Errors of these three wrap the sentinels of package doors.
	Add(name string, role doors.Role, who string) (token string, made doors.Token, err error)
	List() []doors.Token
	Revoke(id, who string) error
	// Audit writes down who did what to which thing; err is what came of it.
	Audit(who, did, what string, err error)
}

// scheme is the name of the security scheme in the description. An operation's requirement names the role: it is the
// one place that states it, for the description and for the door.
const scheme = "token"

func needs(role doors.Role) []map[string][]string {
	return []map[string][]string{{scheme: {role.String()}}}
}

// anybody is what an operation needs that is open to all: the one that signs in, which asks for a token itself.
func anybody() []map[string][]string { return []map[string][]string{{}} }

// describeDoors has every operation that is registered state the role that it needs, and its door ask for it.
func (a *API) describeDoors(spec *huma.OpenAPI) {
	spec.Components.SecuritySchemes = map[string]*huma.SecurityScheme{scheme: {
		Type: "http", Scheme: "bearer",
		Description: "Authorization: Bearer TOKEN. A token has a role: viewer (reads), operator (also sends, writes, " +
			"closes sessions, adopts, tunnels) or admin (also configures). Each operation names the least one. Without " +
			"a valid token the answer is 401, with too small a role 403.",
	}}
	spec.OnAddOperation = append(spec.OnAddOperation, func(_ *huma.OpenAPI, op *huma.Operation) {
		if len(op.Security) == 1 && len(op.Security[0]) == 0 {
			op.Description = strings.TrimSpace(op.Description + " Open to all.")
			a.open[op.Method+" "+op.Path] = true
			return
		}
		if len(op.Security) != 1 || len(op.Security[0][scheme]) != 1 {
			panic("api: " + op.Method + " " + op.Path + " states no role; make it with operation")
		}
		role, err := doors.ParseRole(op.Security[0][scheme][0])
		if err != nil {
			panic("api: " + op.Method + " " + op.Path + ": " + err.Error())
		}
		op.Description = strings.TrimSpace(op.Description + " Needs the role " + role.String() + ".")
		a.needs[op.Method+" "+op.Path] = role
	})
}

// handle serves a pattern outside the description to those who have the role.
func (a *API) handle(need doors.Role, pattern string, h http.Handler) {
	a.needs[pattern] = need
	a.mux.Handle(pattern, h)
}

// handleOpen serves a pattern to anybody: the health paths, and the files of the console, which hold no data.
func (a *API) handleOpen(pattern string, h http.Handler) {
	a.open[pattern] = true
	a.mux.Handle(pattern, h)
}

// enterDoor serves what the token of a request gives the right to. A pattern that states no role is nobody's.
func (a *API) enterDoor(w http.ResponseWriter, r *http.Request) {
	missing, pattern := a.mux.Handler(r)
	if a.open[pattern] {
		a.mux.ServeHTTP(w, r)
		return
	}
	need, h := a.needs[pattern], http.Handler(a.mux)
	if pattern == "" { // what exists is no stranger's business
		need, h = doors.Viewer, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { noSuchPath(w, r, missing) })
	}
	a.Require(need, h).ServeHTTP(w, r)
}

// Require serves h to those who have the role, for handlers on other listeners.
func (a *API) Require(need doors.Role, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := a.identify(r)
		switch {
		case err != nil:
			turnAway(w, err)
		case !who.Role.May(need):
			forbid(w, need, who)
		default:
			a.serveFor(who, h).ServeHTTP(w, r)
		}
	})
}

// identify says who asks. It is the only place that looks: for a token in the header, then for the session cookie of a
// browser. A token in the query is none: addresses end up in logs and histories.
func (a *API) identify(r *http.Request) (doors.Identity, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return a.signedIn(r)
	}
	kind, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(kind, "Bearer") {
		return doors.Identity{}, doors.ErrNoToken
	}
	return a.cfg.Doors.Check(strings.TrimSpace(token), address(r.RemoteAddr))
}

// address is where a request comes from; of a listener without addresses all callers count as one.
func address(remote string) netip.Addr {
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return from.Addr()
}

// callerKey is where a request's context has its doors.Identity.
type callerKey struct{}

// caller is who asks; nobody when the door was not passed.
func caller(ctx context.Context) doors.Identity {
	who, _ := ctx.Value(callerKey{}).(doors.Identity)
	return who
}

// serveFor has h know who asks, and ends the request's context once that token is revoked.
func (a *API) serveFor(who doors.Identity, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(context.WithValue(r.Context(), callerKey{}, who))
		defer cancel()
		defer who.OnRevoked(cancel)()
		defer who.Stay()()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

// audit writes down what the caller did.
func (a *API) audit(ctx context.Context, did, what string, err error) {
	a.cfg.Doors.Audit(caller(ctx).Name, did, what, err)
}

// turnAway answers who has no valid token.
func turnAway(w http.ResponseWriter, err error) {
	status, header, detail := turnedAway(err)
	maps.Copy(w.Header(), header)
	writeProblem(w, status, detail)
}

// turnedAway is what is said to who has no valid token, code or session.
func turnedAway(err error) (status int, header http.Header, detail string) {
	header = http.Header{}
	const challenge = `Bearer realm="linkd"`
	var slow *doors.SlowDown
	switch {
	case errors.As(err, &slow):
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(slow.After.Seconds()))))
		return http.StatusTooManyRequests, header, strings.TrimPrefix(err.Error(), "doors: ")
	case errors.Is(err, errForeign):
		return http.StatusForbidden, header, strings.TrimPrefix(err.Error(), "api: ")
	case errors.Is(err, doors.ErrNoToken):
		detail = `no token: send the header "Authorization: Bearer TOKEN"; the first start made one in admin.token of ` +
			`the data directory, linkd token add makes others`
		header.Set("WWW-Authenticate", challenge)
	case errors.Is(err, doors.ErrNoSession):
		detail = "the session has ended: sign in again"
		header.Set("WWW-Authenticate", challenge)
	case errors.Is(err, doors.ErrBadCode):
		detail = "the link was used already, or is too old, or its token was revoked; linkd console prints another"
		header.Set("WWW-Authenticate", challenge)
	default:
		detail = "the token is not valid here: it was revoked, or is of another linkd, or is not whole; " +
			"linkd token add makes another"
		header.Set("WWW-Authenticate", challenge+`, error="invalid_token", error_description="`+detail+`"`)
	}
	return http.StatusUnauthorized, header, detail
}

// forbid answers whose token has too small a role.
func forbid(w http.ResponseWriter, need doors.Role, who doors.Identity) {
	w.Header().Set("WWW-Authenticate",
		fmt.Sprintf(`Bearer realm="linkd", error="insufficient_scope", scope="%s"`, need))
	writeProblem(w, http.StatusForbidden, lesser(need, who))
}

// lesser is what is said to who has too small a role.
func lesser(need doors.Role, who doors.Identity) string {
	return fmt.Sprintf("this needs the role %s; the token of %s has the role %s", need, who.Name, who.Role)
}
