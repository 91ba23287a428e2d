package webhook

import (
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"linkd/outputs"
)

type options struct {
	url     string
	headers http.Header
	secret  outputs.Secret
	token   outputs.Secret
	tls     outputs.TLS
	timeout time.Duration
	retry   outputs.Backoff
	limits  outputs.Limits
	line    outputs.LineOptions
}

// ours are the headers that the output sets.
var ours = []string{"Content-Type", "Content-Length", "Host", "Authorization", "Idempotency-Key", "Transfer-Encoding",
	"Connection", SignatureHeader, TimestampHeader}

func read(m map[string]any) (*options, error) {
	o := outputs.ReadOptions(m)
	opt := ask(o)
	return opt, o.Done()
}

// ask asks for all options.
func ask(o *outputs.Options) *options {
	opt := &options{url: o.Text("url", ""), secret: o.Secret("secret"), token: o.Secret("token"), tls: o.TLS(),
		timeout: o.Duration("timeout", 10*time.Second, 100*time.Millisecond, 5*time.Minute),
		retry: outputs.Backoff{Low: o.Duration("retry", time.Second, 10*time.Millisecond, time.Hour),
			High: o.Duration("retry_max", time.Minute, 10*time.Millisecond, 24*time.Hour)},
		limits: outputs.Limits{Records: o.Count("batch", 500, 1, 100_000), Bytes: int(o.Size("batch_bytes", 1<<20, 1<<10,
			64<<20)), Linger: o.Duration("linger", time.Second, 0, time.Hour)},
		line: o.Line()}
	if u, err := url.Parse(opt.url); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" ||
		u.User != nil || u.Fragment != "" {
		o.Fault("url", "is %q; write http://HOST/PATH or https://HOST/PATH, a user name as token or in headers", opt.url)
	}
	opt.headers = headers(o)
	return opt
}

func headers(o *outputs.Options) http.Header {
	h := http.Header{}
	for name, value := range o.Texts("headers", 32) {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		for _, own := range ours {
			if strings.EqualFold(own, name) {
				o.Fault("headers", "has %s, which the output sets; leave it out", name)
			}
		}
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			o.Fault("headers", "has %q, which HTTP cannot carry; write NAME: VALUE in printable characters", name)
		}
		h[canonical] = []string{value}
	}
	return h
}
