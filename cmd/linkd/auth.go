package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"

	"linkd/internal/doors"
	"linkd/loadgen"
)

// found is a token, and where it may go.
type found struct {
	token string
	// address is the only one that may be dialled with a token that the index named: localhost has two, and somebody
	// else may listen on the other. Empty: wherever the URL leads.
	address string
	missing error // why there is no token; the server may still want none
}

// findToken is the token for the linkd at u: what was given, or that of the linkd which runs there on this machine.
func findToken(given string, u *url.URL) found {
	if given != "" {
		return found{token: given}
	}
	ips := hereAs(u.Hostname())
	if u.Scheme != "http" || ips == nil {
		return found{missing: errors.New("a linkd that may be another machine's: give --token, or set LINKD_TOKEN")}
	}
	var wrong error
	port := cmp.Or(u.Port(), "80")
	for _, ip := range ips {
		dir, err := lookUp(ip, port)
		if dir != "" {
			token, err := doors.ReadAdmin(dir)
			return found{token: token, address: net.JoinHostPort(ip.String(), port), missing: err}
		}
		wrong = errors.Join(wrong, err)
	}
	if dir := os.Getenv("LINKD_DATA"); dir != "" {
		token, err := doors.ReadAdmin(dir)
		return found{token: token, missing: err}
	}
	if wrong != nil {
		return found{missing: fmt.Errorf("it was looked for: %w", wrong)}
	}
	return found{missing: errors.New("no linkd of this user is known there; run this as the user who runs linkd, set " +
		"LINKD_DATA to its data directory, or give --token")}
}

// client is an HTTP client that sends the token nowhere else.
func (f found) client() *http.Client {
	// linkd redirects nobody: a redirect comes from somebody else.
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if f.address == "" {
		return c
	}
	var dialer net.Dialer
	c.Transport = &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, f.address)
	}}
	return c
}

// notAllowed says what to do about an answer that wants another token. It is nil for any other.
func (c *client) notAllowed(resp *http.Response, detail string) error {
	switch {
	case resp.Header.Get("WWW-Authenticate") == "":
		return nil
	case resp.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%s; an admin makes tokens with: linkd token add NAME --role ROLE", detail)
	case c.found.missing != nil:
		return fmt.Errorf("%s asks for a token, and there is none: %w", c.base, c.found.missing)
	}
	return fmt.Errorf("%s refuses the token: %s", c.base, detail)
}

// tokenOfFollowed finds the token for the linkd whose values a simulated fleet follows.
func tokenOfFollowed(cfg *loadgen.Config) {
	for _, at := range []*string{&cfg.Verify, &cfg.Ledger} {
		u, err := url.Parse(*at)
		if *at == "" || err != nil {
			continue // what is wrong with it, loadgen says
		}
		f := findToken(cfg.Token, u)
		cfg.Token = f.token
		if f.address != "" {
			u.Host = f.address
			*at = u.String()
		}
	}
}
