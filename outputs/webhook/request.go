package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"linkd/internal/payload"
	"linkd/outputs"
)

// maxWait bounds what a Retry-After can ask for.
const maxWait = time.Hour

// form is how a format puts records into a body.
type form struct {
	contentType string
	append      func(dst []byte, b *outputs.Batch) []byte
}

func formOf(format string) form {
	switch format {
	case "ndjson":
		return form{"application/x-ndjson", func(dst []byte, b *outputs.Batch) []byte { return join(dst, b, "", "\n") }}
	case "influx":
		return form{"text/plain; charset=utf-8", func(dst []byte, b *outputs.Batch) []byte { return join(dst, b, "", "") }}
	case "protobuf":
		return form{"application/x-protobuf; messageType=linkd.v1.Batch", protoBatch}
	}
	return form{"application/json", func(dst []byte, b *outputs.Batch) []byte {
		return append(join(append(dst, '['), b, ",", ""), ']')
	}}
}

func join(dst []byte, b *outputs.Batch, between, after string) []byte {
	for i := range b.Len() {
		if i > 0 {
			dst = append(dst, between...)
		}
		dst = append(append(dst, b.At(i).Data...), after...)
	}
	return dst
}

func protoBatch(dst []byte, b *outputs.Batch) []byte {
	for i := range b.Len() {
		dst = protowire.AppendTag(dst, payload.BatchEntries, protowire.BytesType)
		dst = protowire.AppendBytes(dst, b.At(i).Data)
	}
	return dst
}

// newPrefix is what tells the batches of this run from those of others.
func newPrefix() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails, says its documentation
	return hex.EncodeToString(b[:])
}

// request makes the request of one try: the same key and body each time, and a signature of the moment.
func (w *webhook) request(ctx context.Context, id string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(w.body))
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	for name, values := range w.headers {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", w.form.contentType)
	req.Header.Set("Idempotency-Key", id)
	if len(w.key) > 0 {
		at := strconv.FormatInt(time.Now().Unix(), 10)
		req.Header.Set(TimestampHeader, at)
		req.Header.Set(SignatureHeader, "sha256="+hex.EncodeToString(sign(w.key, at, w.body)))
	}
	return req, nil
}

func sign(key []byte, at string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(at + ".")) // a hash's Write never fails
	mac.Write(body)
	return mac.Sum(nil)
}

// retryAfter reads the header: seconds or a date (RFC 9110, section 10.2.3).
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return min(time.Duration(n)*time.Second, maxWait)
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(0, min(at.Sub(now), maxWait))
	}
	return 0
}
