package nats

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"linkd/outputs"
	"linkd/outputs/outputtest"
	"linkd/project"
)

// TestTLS: a certificate of each side and a password from the environment; each alone is refused. TLS that the address
// does not promise, and none where it does, are refused too.
func TestTLS(t *testing.T) {
	file := outputtest.Certificates(t)
	section := func(more string) string {
		return fmt.Sprintf(`tls: {ca_file: %q, cert_file: %q, key_file: %q, verify: true, timeout: 10 %s}`,
			file("ca.pem"), file("server.pem"), file("server.key"), more)
	}
	login := `authorization: {user: plant, password: s3cret}`
	secure, first := newPeer(t, section(""), login), newPeer(t, section(", handshake_first: true"), login)
	open := newPeer(t, login)
	t.Setenv("NATS_PASSWORD", "s3cret")
	whole := func() map[string]any {
		o := secure.options()
		o["server"] = "tls://" + secure.address()
		o["ca"], o["cert"], o["key"] = file("ca.pem"), file("client.pem"), file("client.key")
		o["user"], o["password"], o["ack_timeout"] = "plant", "env:NATS_PASSWORD", "5s"
		return o
	}
	if err := os.WriteFile(file("wrong"), []byte("guess\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	plain := func(o map[string]any) {
		for _, key := range []string{"ca", "cert", "key"} {
			delete(o, key)
		}
	}
	for name, c := range map[string]struct {
		change func(map[string]any)
		want   string // in the error; empty: it works
	}{
		"whole":          {func(map[string]any) {}, ""},
		"wrong password": {func(o map[string]any) { o["password"] = "file:" + file("wrong") }, "Authorization Violation"},
		"no certificate": {func(o map[string]any) { delete(o, "cert"); delete(o, "key") }, "certificate required"},
		"unknown CA":     {func(o map[string]any) { delete(o, "ca") }, "unknown authority"},
		"other name":     {func(o map[string]any) { o["server_name"] = "elsewhere.test" }, "elsewhere.test"},
		"in clear": {func(o map[string]any) { plain(o); o["server"] = "nats://" + secure.address() },
			"the server demands TLS; write tls://HOST:PORT"},
		"no TLS": {func(o map[string]any) { o["server"] = "tls://" + open.address() }, "the server has no TLS"},
		"handshake first": {func(o map[string]any) { o["server"], o["tls_first"] = "tls://"+first.address(), true },
			""},
		"handshake first, not told": {func(o map[string]any) { o["server"] = "tls://" + first.address(); o["ack_timeout"] = "300ms" },
			"one that begins with TLS needs tls_first"},
	} {
		t.Run(name, func(t *testing.T) {
			o := whole()
			c.change(o)
			s := begin(t, "json", o)
			put(s, 0, 1)
			if c.want == "" {
				sent(t, s, 1)
			} else {
				fails(t, s, c.want)
			}
			if said := s.Stats().Error; strings.Contains(said, "s3cret") || strings.Contains(said, "guess") {
				t.Error("the error tells the password")
			}
		})
	}
}

// TestToken: the right one is let in, another is not.
func TestToken(t *testing.T) {
	p := newPeer(t, `authorization: {token: t0ken}`)
	for token, want := range map[string]string{"t0ken": "", "other": "Authorization Violation"} {
		o := p.options()
		o["token"] = token
		s := begin(t, "json", o)
		put(s, 0, 1)
		if want == "" {
			sent(t, s, 1)
		} else {
			fails(t, s, want)
		}
	}
}

// creds makes a server of an operator with one account, and the credentials file of its user.
func creds(t *testing.T) (p *peer, path string) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	operator, err := nkeys.CreateOperator()
	must(err)
	account, err := nkeys.CreateAccount()
	must(err)
	user, err := nkeys.CreateUser()
	must(err)
	name := func(k nkeys.KeyPair) string {
		s, err := k.PublicKey()
		must(err)
		return s
	}
	ofOperator, err := jwt.NewOperatorClaims(name(operator)).Encode(operator)
	must(err)
	ofAccount, err := jwt.NewAccountClaims(name(account)).Encode(operator)
	must(err)
	ofUser, err := jwt.NewUserClaims(name(user)).Encode(account)
	must(err)
	seed, err := user.Seed()
	must(err)
	text, err := jwt.FormatUserConfig(ofUser, seed)
	must(err)
	path = filepath.Join(t.TempDir(), "plant.creds")
	must(os.WriteFile(path, text, 0o600))
	return newPeer(t, "operator: "+ofOperator, "resolver: MEMORY",
		fmt.Sprintf("resolver_preload: {%s: %s}", name(account), ofAccount)), path
}

// TestCreds: a user of an account is let in; one of another operator is not; what is no credentials file is no output.
func TestCreds(t *testing.T) {
	p, path := creds(t)
	o := p.options()
	o["creds"] = path
	s := begin(t, "json", o)
	put(s, 0, 1)
	sent(t, s, 1)

	_, foreign := creds(t)
	o["creds"] = foreign
	s = begin(t, "json", o)
	put(s, 0, 1)
	fails(t, s, "Authorization Violation")

	bad := filepath.Join(t.TempDir(), "bad.creds")
	for text, want := range map[string]string{
		"": "bad.creds is no credentials file", strings.Repeat("x", maxCreds+1): "over 64KiB",
	} {
		if err := os.WriteFile(bad, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, map[string]any{"server": "nats://h", "creds": bad}, want)
	}
	refused(t, map[string]any{"server": "nats://h", "creds": bad + "x"}, "no such file")
	refused(t, map[string]any{"server": "nats://h", "token": "env:NO_SUCH_SECRET"}, "no NO_SUCH_SECRET")
	refused(t, map[string]any{"server": "nats://h", "user": "u", "password": "file:" + bad + "x"}, "no such file")
	refused(t, map[string]any{"server": "tls://h", "ca": bad}, "holds no certificate in PEM")
}

// refused: the output cannot be made.
func refused(t *testing.T, options map[string]any, want string) {
	t.Helper()
	m, err := compile(&project.Output{Format: "json", Options: options})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m(outputs.Env{}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v; want %s", err, want)
	}
}

func TestOptions(t *testing.T) {
	for want, o := range map[string]map[string]any{
		`server must be there; write nats://HOST:PORT`:        {},
		`server has "http://h"; write nats://HOST:PORT`:       {"server": "http://h"},
		`server has "nats://u:p@h"; write nats://HOST:PORT`:   {"server": "nats://u:p@h"},
		`server has "nats://b/x"; write nats://HOST:PORT`:     {"server": []any{"nats://a", "nats://b/x"}},
		`server has "nats://b", which is not encrypted`:       {"server": []any{"tls://a", "nats://b"}, "ca": "x"},
		`server has "nats://h", which is not encrypted`:       {"server": "nats://h", "tls_first": true},
		`prefix is "a..b"; write the beginning of subjects`:   {"server": "nats://h", "prefix": "a..b"},
		`prefix is "a.>"; write the beginning of subjects`:    {"server": "nats://h", "prefix": "a.>"},
		`prefix is "$JS.API"; write the beginning`:            {"server": "nats://h", "prefix": "$JS.API"},
		`user is one of 2 ways to say who linkd is`:           {"server": "nats://h", "user": "u", "token": "t"},
		`password needs user`:                                 {"server": "nats://h", "password": "p"},
		`inflight is 0; write a whole number from 1 to 10000`: {"server": "nats://h", "inflight": 0},
		`jetstream is 1; write true or false`:                 {"server": "nats://h", "jetstream": 1},
		`cert needs key, and key needs cert`:                  {"server": "tls://h", "cert": "x"},
	} {
		if _, err := read(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v; want %s", o, err, want)
		}
	}
	opt, err := read(map[string]any{"server": []any{"nats://a", "tls://[::1]:5"}})
	if err != nil || opt.servers[0].String() != "nats://a:4222" || opt.servers[1].Host != "[::1]:5" {
		t.Errorf("%+v, %v", opt, err)
	}
}
