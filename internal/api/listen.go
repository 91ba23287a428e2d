package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
)

// Listen opens the listener of an API. The error names the address and what would be right.
func Listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("http: cannot listen on %s: %w; choose another with --http", addr, cause(err))
	}
	return l, nil
}

// Start listens on addr ("HOST:PORT"; port 0 takes a free one) and serves in a goroutine until Close. It returns the
// address it listens on.
func (a *API) Start(addr string) (net.Addr, error) {
	l, err := Listen(addr)
	if err != nil {
		return nil, err
	}
	go func() {
		if err := a.Serve(l); err != nil {
			a.cfg.Log.Error("the HTTP server ended", "err", err)
		}
	}()
	return l.Addr(), nil
}

// Serve serves on l, which it owns from now on, until Close. It returns nil after Close.
//
// On a loopback listener a request must name localhost, a loopback address or the address of l in its Host: a page
// whose name was re-pointed at this machine cannot pass as one of its own.
func (a *API) Serve(l net.Listener) error {
	if host, _, err := net.SplitHostPort(l.Addr().String()); err == nil && isLoopback(host) {
		a.bound.Store(&host)
	}
	err := a.srv.Serve(newLimitListener(l, maxConns))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("http: %w", err)
}

// Close stops listening, ends every stream and tunnel, and waits for the other requests until ctx is done; then it
// cuts them off and returns ctx's error.
func (a *API) Close(ctx context.Context) error {
	a.cancel()
	a.unfollow()
	err := a.srv.Shutdown(ctx)
	done := make(chan struct{})
	go func() {
		a.tunnels.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return errors.Join(err, a.srv.Close())
	}
	return nil
}

// cause is the plain reason of a failed listen: what the system said, without the call that it said it to.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// guard refuses what a page of another origin could make a browser do, before anything else sees it.
func (a *API) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if !a.hostAllowed(r.Host) {
			writeProblem(w, http.StatusForbidden, fmt.Sprintf(
				"Host %q: not a name of this server; use localhost or the address it listens on", r.Host))
			return
		}
		check := r
		if r.Header.Get("Upgrade") != "" {
			// A tunnel is a GET by form but sends to a device: judge it as the POST that it is.
			check = asPost(r)
		}
		if err := a.origin.Check(check); err != nil {
			writeProblem(w, http.StatusForbidden, fmt.Sprintf(
				"Origin %q: a page of another origin may not do this; call from the server's own origin",
				r.Header.Get("Origin")))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (a *API) hostAllowed(host string) bool {
	bound := a.bound.Load()
	if bound == nil || host == "" { // only HTTP/1.0 has no Host, and no browser speaks it
		return true
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	switch strings.ToLower(host) {
	case "localhost", "127.0.0.1", "::1", *bound:
		return true
	}
	return false
}

// limitListener hands out at most a fixed number of connections at once; further ones wait in the kernel's backlog.
type limitListener struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newLimitListener(l net.Listener, n int) *limitListener {
	return &limitListener{Listener: l, slots: make(chan struct{}, n), closed: make(chan struct{})}
}

func (l *limitListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitedConn{Conn: c, release: func() { <-l.slots }}, nil
}

func (l *limitListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	once    sync.Once
	release func()
}

func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.release)
	return err
}

// CloseWrite sends the end of stream and leaves the other direction open.
func (c *limitedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
