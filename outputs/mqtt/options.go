package mqtt

import (
	"net"
	"net/url"
	"strings"
	"time"

	"linkd/outputs"
	"linkd/outputs/sparkplug"
)

type options struct {
	server   *url.URL
	clientID string // empty: linkd-PROJECT-NAME
	user     string
	password outputs.Secret
	tls      outputs.TLS
	qos      byte
	retain   bool
	prefix   string
	group    string // of Sparkplug; empty: the project's name
	edge     string
	commands bool
	window   int // messages sent and not acknowledged
	ack      time.Duration
	keep     time.Duration
	retry    outputs.Backoff
	line     outputs.LineOptions
}

// ports are the schemes and what they mean where the URL has no port.
var ports = map[string]string{"tcp": "1883", "mqtt": "1883", "tls": "8883", "mqtts": "8883"}

func read(format string, m map[string]any) (*options, error) {
	o := outputs.ReadOptions(m)
	opt := ask(o, format)
	return opt, o.Done()
}

// ask asks for all options of a format.
func ask(o *outputs.Options, format string) *options {
	opt := &options{clientID: o.Text("client_id", ""), user: o.Text("user", ""), password: o.Secret("password"),
		tls: o.TLS(), commands: o.Flag("commands", false), window: o.Count("inflight", 256, 1, 10_000),
		ack:  o.Duration("ack_timeout", 30*time.Second, 100*time.Millisecond, 10*time.Minute),
		keep: o.Duration("keepalive", 30*time.Second, time.Second, time.Hour),
		retry: outputs.Backoff{Low: o.Duration("retry", time.Second, 10*time.Millisecond, time.Hour),
			High: o.Duration("retry_max", time.Minute, 10*time.Millisecond, 24*time.Hour)}, line: o.Line()}
	opt.address(o, o.Text("server", ""))
	if len(opt.clientID) > 256 {
		o.Fault("client_id", "has %d bytes; write at most 256", len(opt.clientID))
	}
	if format == sparkplugFormat {
		opt.group, opt.edge = o.Text("group", ""), o.Text("edge", "linkd")
		if why := sparkplug.Valid(opt.group); why != "" && opt.group != "" {
			o.Fault("group", "is %q; %s", opt.group, why)
		}
		if why := sparkplug.Valid(opt.edge); why != "" {
			o.Fault("edge", "is %q; %s", opt.edge, why)
		}
		return opt
	}
	opt.qos, opt.retain = byte(o.Count("qos", 1, 0, 1)), o.Flag("retain", false)
	if opt.prefix = o.Text("prefix", "linkd"); opt.prefix == "" || strings.ContainsAny(opt.prefix, "+#") ||
		strings.HasPrefix(opt.prefix, "/") || strings.HasSuffix(opt.prefix, "/") || strings.HasPrefix(opt.prefix, "$") {
		o.Fault("prefix", "is %q; write the beginning of topics, such as linkd or plant/linkd", opt.prefix)
	}
	return opt
}

func (opt *options) address(o *outputs.Options, s string) {
	u, err := url.Parse(s)
	if err != nil || ports[u.Scheme] == "" || u.Hostname() == "" || u.User != nil || u.Path != "" && u.Path != "/" ||
		u.RawQuery != "" || u.Fragment != "" {
		o.Fault("server", "is %q; write tcp://HOST:PORT or tls://HOST:PORT, a user name as user", s)
		return
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), ports[u.Scheme])
	}
	opt.server = u
	if secure := ports[u.Scheme] == "8883"; !secure && opt.tls != (outputs.TLS{}) {
		o.Fault("server", "is %q, which is not encrypted; write tls://HOST:PORT, or leave ca, cert, key and server_name out", s)
	}
}
