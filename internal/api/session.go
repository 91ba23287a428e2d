package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/doors"
)

const (
	cookieName     = "linkd_session"
	mostSignInBody = 4 << 10
)

// errForeign is a request with a cookie that a page of another origin had the browser send.
var errForeign = errors.New("api: a session may not be used from another origin")

// SignIn says who a browser is: exactly one of Token and Code.
type SignIn struct {
	Token string `json:"token,omitempty" maxLength:"128"`
	Code  string `json:"code,omitempty" maxLength:"128" doc:"Of a link that the first start, or linkd console, printed."`
}

// Who is who asks.
type Who struct {
	Name string `json:"name"`
	Role string `json:"role" enum:"viewer,operator,admin"`
}

// Code stands once for whoever asked for it.
type Code struct {
	Code  string    `json:"code"`
	Until time.Time `json:"until" doc:"It is good until then."`
}

type signInInput struct {
	Body SignIn
	from netip.Addr
	tls  bool
}

// Resolve takes from the request what is not in its body.
func (in *signInInput) Resolve(ctx huma.Context) []error {
	in.from = address(ctx.RemoteAddr())
	// Whoever ends TLS in front of linkd says so. Who lies in it has his own browser keep his cookie more strictly.
	in.tls = ctx.TLS() != nil || strings.EqualFold(ctx.Header("X-Forwarded-Proto"), "https")
	return nil
}

type signInOutput struct {
	SetCookie    http.Cookie `header:"Set-Cookie"`
	CacheControl string      `header:"Cache-Control"`
	Body         Who
}

type whoOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         Who
}

type signOutInput struct {
	Session http.Cookie `cookie:"linkd_session"`
}

type signOutOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

type codeOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         Code
}

func (a *API) sessionRoutes(h huma.API) {
	const path = "/api/v1/session"
	in := operation(doors.None, http.MethodPost, path, "Sign a browser in, with a token or a code; a cookie is the answer")
	in.Security = anybody()
	in.MaxBodyBytes = mostSignInBody
	huma.Register(h, in, a.signIn)

	huma.Register(h, operation(doors.Viewer, http.MethodGet, path, "Who asks"),
		func(ctx context.Context, _ *struct{}) (*whoOutput, error) {
			return &whoOutput{CacheControl: "no-store", Body: whoView(caller(ctx))}, nil
		})

	out := operation(doors.Viewer, http.MethodDelete, path, "Sign the browser out: what it has open ends")
	out.DefaultStatus = http.StatusNoContent
	huma.Register(h, out, a.signOut)

	code := operation(doors.Viewer, http.MethodPost, path+"/code", "Make a code that signs a browser in as who asks, once")
	huma.Register(h, code, a.makeCode)
}

func whoView(who doors.Identity) Who { return Who{Name: who.Name, Role: who.Role.String()} }

// cookie is what a browser keeps of a session; without a key it is to forget it. It has no end of its own: that of the
// session counts, and the browser's.
func cookie(key string, secure bool) http.Cookie {
	c := http.Cookie{Name: cookieName, Value: key, Path: "/", HttpOnly: true, Secure: secure,
		SameSite: http.SameSiteStrictMode}
	if key == "" {
		c.MaxAge = -1
	}
	return c
}

func (a *API) signIn(_ context.Context, in *signInInput) (*signInOutput, error) {
	var who doors.Identity
	var err error
	switch {
	case (in.Body.Token == "") == (in.Body.Code == ""):
		return nil, huma.Error422UnprocessableEntity(`body: give exactly one of token and code, such as {"token": "linkd_…"}`)
	case in.Body.Code != "":
		who, err = a.cfg.Doors.Redeem(in.Body.Code, in.from)
	default:
		who, err = a.cfg.Doors.Check(strings.TrimSpace(in.Body.Token), in.from)
	}
	if err != nil {
		status, header, detail := turnedAway(err)
		return nil, huma.ErrorWithHeaders(huma.NewError(status, detail), header)
	}
	key := a.sessions.Open(who)
	a.cfg.Doors.Audit(who.Name, "sign in", "a browser", nil)
	return &signInOutput{SetCookie: cookie(key, in.tls), CacheControl: "no-store", Body: whoView(who)}, nil
}

func (a *API) signOut(ctx context.Context, in *signOutInput) (*signOutOutput, error) {
	if in.Session.Value != "" {
		a.sessions.Close(in.Session.Value)
		a.audit(ctx, "sign out", "a browser", nil)
	}
	return &signOutOutput{SetCookie: cookie("", false)}, nil
}

func (a *API) makeCode(ctx context.Context, _ *struct{}) (*codeOutput, error) {
	until := time.Now().Add(doors.CodeLife)
	code := a.cfg.Doors.Code(caller(ctx))
	a.audit(ctx, "make", "a code to sign in with", nil)
	return &codeOutput{CacheControl: "no-store", Body: Code{Code: code, Until: until.UTC().Truncate(time.Second)}}, nil
}

// signedIn says whose the session cookie of a request is. A browser adds the cookie by itself, whichever page has it
// send the request: whatever the method, only a page of this very origin counts. The cookie's SameSite is not enough,
// as another port of the same host is the same site.
func (a *API) signedIn(r *http.Request) (doors.Identity, error) {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return doors.Identity{}, doors.ErrNoToken
	}
	if a.origin.Check(asPost(r)) != nil {
		return doors.Identity{}, errForeign
	}
	return a.sessions.Check(c.Value)
}

// asPost is the request as one that acts, which is what guard judges; r itself stays as it is.
func asPost(r *http.Request) *http.Request {
	post := *r
	post.Method = http.MethodPost
	return &post
}
