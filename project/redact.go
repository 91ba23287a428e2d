package project

import (
	"net/url"
	"strings"
)

// Hidden stands where a secret was.
const Hidden = "***"

// secretKeys are parts of the names of options that hold secrets. Drivers and outputs name them so; one that is hidden
// for nothing costs less than one that is not.
var secretKeys = []string{"pass", "pwd", "secret", "token", "auth", "cred", "cookie", "header", "apikey", "api_key"}

// Redacted returns p for people who need not know its secrets: those of connections, those that options hold by their
// name, and what a URL says beside its host. What says only where a secret is (env:NAME, file:PATH) stays. The result
// shares what it need not change with p, and is there to be written, not to be run.
func (p *Project) Redacted() *Project {
	out := &Project{Name: p.Name, Models: p.Models}
	for _, pr := range p.Providers {
		copied := *pr
		copied.Connections = redactedAll(pr.Connections, func(c *ConnPt) *ConnPt {
			if c.Secret == "" {
				return c
			}
			hidden := *c
			hidden.Secret = Hidden
			return &hidden
		})
		out.Providers = append(out.Providers, &copied)
	}
	out.Channels = redactedAll(p.Channels, func(c *Channel) *Channel {
		copied := *c
		copied.Options = RedactedOptions(c.Options)
		copied.Devices = redactedAll(c.Devices, func(d *Device) *Device {
			hidden := *d
			hidden.Options = RedactedOptions(d.Options)
			return &hidden
		})
		return &copied
	})
	out.Outputs = redactedAll(p.Outputs, func(o *Output) *Output {
		copied := *o
		copied.Options = RedactedOptions(o.Options)
		return &copied
	})
	return out
}

func redactedAll[T any](list []*T, redact func(*T) *T) []*T {
	out := make([]*T, len(list))
	for i, x := range list {
		out[i] = redact(x)
	}
	return out
}

// RedactedOptions returns options without the secrets that they hold. See Redacted.
func RedactedOptions(m map[string]any) map[string]any {
	if m == nil {
		return nil
	}
	out := make(map[string]any, len(m))
	for key, v := range m {
		out[key] = redactedValue(v, isSecretKey(key))
	}
	return out
}

func isSecretKey(key string) bool {
	key = strings.ToLower(key)
	for _, part := range secretKeys {
		if strings.Contains(key, part) {
			return true
		}
	}
	return false
}

// redactedValue is an option's value; secret says that its name, or the name of what it is in, is that of a secret.
func redactedValue(v any, secret bool) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, inner := range v {
			out[key] = redactedValue(inner, secret || isSecretKey(key))
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = redactedValue(inner, secret)
		}
		return out
	case string:
		return redactedText(v, secret)
	case nil, bool:
		return v
	}
	if secret {
		return Hidden // a number
	}
	return v
}

func redactedText(s string, secret bool) string {
	scheme, rest, isURL := strings.Cut(s, "://")
	switch {
	case s == "" || strings.HasPrefix(s, "env:") || strings.HasPrefix(s, "file:") && !isURL:
		return s
	case secret:
		return Hidden
	case !isURL:
		return s
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return Hidden
	}
	if u.User == nil && u.Host == strings.TrimSuffix(rest, "/") {
		return s
	}
	return scheme + "://" + u.Host + "/" + Hidden
}
