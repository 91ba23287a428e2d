// Package webhook is the output that posts batches of reports and events to a URL. It owns its HTTP client and must
// never follow a redirect: what a device measures goes where the project file says and nowhere else.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"linkd/outputs"
	"linkd/project"
)

// Headers of each request where the option secret is set.
const (
	// SignatureHeader is sha256=HEX, the HMAC-SHA-256 with the secret of the timestamp, a dot and the body.
	SignatureHeader = "Linkd-Signature"
	// TimestampHeader is when this try was made, in seconds since the Unix epoch.
	TimestampHeader = "Linkd-Timestamp"
)

// maxAnswer is how much of an answer is read, in bytes: what is longer costs its connection.
const maxAnswer = 64 << 10

// Kind returns the description.
func Kind() *outputs.Kind {
	return &outputs.Kind{Type: "webhook", Title: "HTTP POST of batches",
		Formats: []string{"json", "ndjson", "influx", "protobuf"}, Compile: compile,
		Ask: func(o *outputs.Options, _ string) { ask(o) }}
}

func compile(cfg *project.Output) (outputs.Maker, error) {
	opt, err := read(cfg.Options)
	if err != nil {
		return nil, err
	}
	return func(env outputs.Env) (outputs.Sink, error) { return open(opt, cfg.Format, env, nil) }, nil
}

// webhook is one running output. All but the line belongs to the line's goroutine.
type webhook struct {
	*outputs.Line
	*options
	form   form
	client *http.Client
	key    []byte // of the HMAC; empty: no signature
	prefix string // of idempotency keys, of this run alone
	number uint64 // of the batch
	body   []byte
}

// open starts the output. transport is a test's; nil: the network.
func open(opt *options, format string, env outputs.Env, transport http.RoundTripper) (*webhook, error) {
	secret, err := opt.secret.Read()
	if err != nil {
		return nil, err
	}
	token, err := opt.token.Read()
	if err != nil {
		return nil, err
	}
	if transport == nil {
		if transport, err = network(opt); err != nil {
			return nil, err
		}
	}
	line, err := outputs.NewLine(opt.line, format, false, &env)
	if err != nil {
		return nil, err
	}
	own := *opt
	own.headers = opt.headers.Clone()
	if token != "" {
		own.headers.Set("Authorization", "Bearer "+token)
	}
	own.headers.Set("User-Agent", "linkd")
	w := &webhook{Line: line, options: &own, form: formOf(format), key: []byte(secret), prefix: newPrefix(),
		client: &http.Client{Transport: transport, Timeout: opt.timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	line.Start(w.run)
	return w, nil
}

func network(opt *options) (http.RoundTripper, error) {
	conf, err := opt.tls.Load()
	if err != nil {
		return nil, err
	}
	return &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 1,
		Proxy: http.ProxyFromEnvironment, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: maxAnswer,
		DialContext: (&net.Dialer{Timeout: opt.timeout}).DialContext}, nil
}

func (w *webhook) run(ctx context.Context, q outputs.Queue) {
	defer w.client.CloseIdleConnections()
	var b outputs.Batch
	for {
		if err := q.Take(ctx, &b, w.limits); err != nil {
			return
		}
		w.deliver(ctx, &b)
		if ctx.Err() == nil {
			q.Done()
		}
	}
}

// deliver posts a batch until it is taken, refused, or ctx ends.
func (w *webhook) deliver(ctx context.Context, b *outputs.Batch) {
	w.number++
	w.body = w.form.append(w.body[:0], b)
	id := fmt.Sprintf("%s-%d", w.prefix, w.number)
	w.retry.Reset()
	for {
		wait, err := w.post(ctx, id)
		switch {
		case err == nil:
			w.SentAll(b)
			w.Worked()
			return
		case errors.Is(err, errRefused):
			w.DropAll(b)
			w.Failed(err)
			return
		case ctx.Err() != nil:
			w.Abandon(b, 0)
			return
		}
		w.Failed(err)
		if outputs.Sleep(ctx, max(w.retry.Next(), wait)) != nil {
			w.Abandon(b, 0)
			return
		}
	}
}

var errRefused = errors.New("webhook: the batch is refused and dropped")

// post makes one try. wait is how long the far end wants to be left alone.
func (w *webhook) post(ctx context.Context, id string) (wait time.Duration, err error) {
	req, err := w.request(ctx, id)
	if err != nil {
		return 0, err
	}
	resp, err := w.client.Do(req)
	if err != nil {
		if u := new(url.Error); errors.As(err, &u) {
			err = u.Err // it names the whole URL, in which there may be a secret
		}
		return 0, fmt.Errorf("webhook: %s: %w", req.URL.Host, err)
	}
	defer resp.Body.Close()
	// An answer that is read to its end leaves the connection for the next batch. What it says has no meaning here.
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer)
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return 0, nil
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500:
		return retryAfter(resp.Header.Get("Retry-After"), time.Now()), fmt.Errorf("webhook: the answer is %s", resp.Status)
	case code >= 300 && code < 400:
		return 0, fmt.Errorf("webhook: the answer is %s; redirects are not followed, write where it leads as url",
			resp.Status)
	default:
		return 0, fmt.Errorf("%w: the answer is %s", errRefused, resp.Status)
	}
}
