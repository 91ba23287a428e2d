package nats

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"linkd/internal/payload"
	"linkd/outputs"
)

// maxServers bounds the list of servers, maxPrefix the prefix in bytes: a subject must fit into a line of the protocol.
const (
	maxServers = 32
	maxPrefix  = 256
)

type options struct {
	servers   []*url.URL // with ports
	creds     string     // file
	token     outputs.Secret
	user      string
	password  outputs.Secret
	tls       outputs.TLS
	first     bool // TLS before the server's first word
	prefix    string
	jetstream bool
	window    int // messages sent and not acknowledged
	ack       time.Duration
	keep      time.Duration
	retry     outputs.Backoff
	line      outputs.LineOptions
}

func read(m map[string]any) (*options, error) {
	o := outputs.ReadOptions(m)
	opt := ask(o)
	return opt, o.Done()
}

// ask asks for all options.
func ask(o *outputs.Options) *options {
	opt := &options{creds: o.Text("creds", ""), token: o.Secret("token"), user: o.Text("user", ""),
		password: o.Secret("password"), tls: o.TLS(), first: o.Flag("tls_first", false), prefix: o.Text("prefix", "linkd"),
		jetstream: o.Flag("jetstream", false), window: o.Count("inflight", 256, 1, 10_000),
		ack:  o.Duration("ack_timeout", 30*time.Second, 100*time.Millisecond, 10*time.Minute),
		keep: o.Duration("keepalive", 30*time.Second, time.Second, time.Hour),
		retry: outputs.Backoff{Low: o.Duration("retry", time.Second, 10*time.Millisecond, time.Hour),
			High: o.Duration("retry_max", time.Minute, 10*time.Millisecond, 24*time.Hour)}, line: o.Line()}
	opt.addresses(o)
	opt.identity(o)
	if !validPrefix(opt.prefix) {
		o.Fault("prefix", "is %q; write the beginning of subjects, such as linkd or plant.linkd: letters, digits, _ and -, "+
			"with dots between, %d bytes at most", opt.prefix, maxPrefix)
	}
	return opt
}

func validPrefix(s string) bool {
	for token := range strings.SplitSeq(s, ".") {
		if token == "" || string(payload.AppendToken(nil, token)) != token {
			return false
		}
	}
	return len(s) <= maxPrefix
}

// identity: there is one way to say who linkd is.
func (opt *options) identity(o *outputs.Options) {
	var ways []string
	for way, set := range map[string]bool{"creds": opt.creds != "", "token": opt.token != outputs.Secret{},
		"user": opt.user != ""} {
		if set {
			ways = append(ways, way)
		}
	}
	if len(ways) > 1 {
		o.Fault("user", "is one of %d ways to say who linkd is; write only one of creds, token, and user with password",
			len(ways))
	}
	if opt.user == "" && opt.password != (outputs.Secret{}) {
		o.Fault("password", "needs user; write both, or a token alone as token")
	}
}

func (opt *options) addresses(o *outputs.Options) {
	list := o.List("server", maxServers)
	if list == nil {
		o.Fault("server", "must be there; write nats://HOST:PORT or tls://HOST:PORT, or a list of them")
	}
	for _, s := range list {
		u, err := address(s)
		if err != nil {
			o.Fault("server", "has %q; write nats://HOST:PORT or tls://HOST:PORT, who linkd is as creds, token or user", s)
			continue
		}
		opt.servers = append(opt.servers, u)
		if u.Scheme != "tls" && (opt.tls != (outputs.TLS{}) || opt.first) {
			o.Fault("server", "has %q, which is not encrypted; write tls://HOST:PORT, or leave ca, cert, key, server_name "+
				"and tls_first out", s)
		}
	}
}

func address(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.Hostname() == "" || u.User != nil ||
		u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("nats: %q is no address of a server", s)
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "4222")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}
