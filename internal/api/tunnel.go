package api

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"linkd/internal/doors"
)

// tunnelProtocol is what a client asks to be upgraded to.
const tunnelProtocol = "linkd-tunnel"

const tunnelBuffer = 16 << 10 // bytes read from the device's side at once

type tunnelInput struct {
	ConnectionPath
	Upgrade string `header:"Upgrade" doc:"linkd-tunnel"`
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

func (a *API) tunnel(ctx context.Context, in *tunnelInput) (*huma.StreamResponse, error) {
	if !strings.EqualFold(in.Upgrade, tunnelProtocol) {
		return nil, huma.ErrorWithHeaders(
			huma.Error426UpgradeRequired("header.Upgrade: expected "+tunnelProtocol+", not "+quote(in.Upgrade)),
			http.Header{"Upgrade": {tunnelProtocol}, "Connection": {"Upgrade"}})
	}
	if err := a.enter(); err != nil {
		return nil, err
	}
	device, err := a.core.Tunnel(in.Provider, in.Name)
	a.audit(ctx, "tunnel", in.String(), err)
	if err != nil {
		a.leave()
		return nil, refusal(in.String(), err)
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer a.leave()
		defer device.Close()
		// Close waits for tunnels, as the HTTP server forgets a connection that was taken from it. Counted before it
		// is taken, so that one of the two always waits.
		a.tunnels.Add(1)
		defer a.tunnels.Done()
		_, w := humago.Unwrap(ctx)
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			writeProblem(w, http.StatusInternalServerError, "tunnel: "+err.Error())
			return
		}
		defer conn.Close()
		a.carry(caller(ctx.Context()), conn, buffered.Reader, device)
	}}, nil
}

// carry moves bytes both ways until both sides are done, one side fails, the token is revoked, or the API closes. in
// holds what the client sent right after its request.
//
// When the client ends its half, the device's answer is still carried for the time of linger. When the device's side
// ends, the client is told with an end of stream, and gets the time of linger to end its own half: closing at once,
// with bytes of its unread, would reset the connection and destroy what is on its way to it.
func (a *API) carry(who doors.Identity, conn net.Conn, in *bufio.Reader, device io.ReadWriteCloser) {
	cut := func() {
		conn.Close()
		device.Close()
	}
	defer context.AfterFunc(a.ctx, cut)()
	defer who.OnRevoked(cut)() // not the request's context: that ends as soon as the client ends its half
	out := &timedWriter{conn}
	const accepted = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + tunnelProtocol + "\r\n\r\n"
	if _, err := io.WriteString(out, accepted); err != nil {
		return
	}

	clientDone := make(chan struct{})
	go func() {
		defer close(clientDone)
		_, err := io.Copy(device, in)
		if err == nil {
			time.AfterFunc(a.linger, func() { device.Close() })
			return
		}
		device.Close()
		_, _ = io.Copy(io.Discard, in)
	}()

	_, err := io.CopyBuffer(out, device, make([]byte, tunnelBuffer))
	device.Close()
	if err != nil || closeWrite(conn) != nil || conn.SetReadDeadline(time.Now().Add(a.linger)) != nil {
		conn.Close()
	}
	<-clientDone
}

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// timedWriter bounds each write to a client: one that stops reading must not hold a tunnel for ever.
type timedWriter struct{ conn net.Conn }

func (w *timedWriter) Write(p []byte) (int, error) {
	if err := w.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return w.conn.Write(p)
}
