package bus

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	nats "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"linkd/outputs/outputtest"
)

// TestExternalTLS: a server that wants TLS and a certificate lets linkd in with both, and the state says what is wrong
// without.
func TestExternalTLS(t *testing.T) {
	ours, others := outputtest.Certificates(t), outputtest.Certificates(t)
	s := foreign(t, t.TempDir(), -1, func(o *nats.Options) {
		c, err := nats.GenTLSConfig(&nats.TLSConfigOpts{CertFile: ours("server.pem"), KeyFile: ours("server.key"),
			CaFile: ours("ca.pem"), Verify: true, MinVersion: tls.VersionTLS12})
		if err != nil {
			t.Fatal(err)
		}
		o.TLSConfig, o.TLSVerify, o.TLSTimeout = c, true, within.Seconds()
	})
	all := TLS{CA: ours("ca.pem"), Cert: ours("client.pem"), Key: ours("client.key")}
	for _, c := range []struct {
		name  string
		tls   TLS
		wrong string
	}{
		{"with all", all, ""},
		{"server not trusted", TLS{CA: others("ca.pem"), Cert: all.Cert, Key: all.Key}, "certificate"},
		{"no certificate of its own", TLS{CA: all.CA}, "certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(t)
			cfg.URL, cfg.TLS = s.ClientURL(), c.tls
			enters(t, cfg, c.wrong, nil)
		})
	}
	cfg := config(t)
	cfg.URL, cfg.TLS = s.ClientURL(), TLS{CA: "none.pem"}
	if b, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "none.pem") {
		t.Errorf("a file that is not there: %v, %v", b, err)
	}
}

// TestExternalCreds: a server of operator mode lets linkd in with its credentials file.
func TestExternalCreds(t *testing.T) {
	key := func(make func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string) {
		t.Helper()
		k, err := make()
		if err != nil {
			t.Fatal(err)
		}
		public, err := k.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		return k, public
	}
	operator, operatorID := key(nkeys.CreateOperator)
	account, accountID := key(nkeys.CreateAccount)
	_, systemID := key(nkeys.CreateAccount)
	stranger, _ := key(nkeys.CreateAccount)
	user, userID := key(nkeys.CreateUser)
	claims := jwt.NewAccountClaims(accountID)
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: -1, MemoryStorage: -1, Streams: -1, Consumer: -1}
	resolver := &nats.MemAccResolver{}
	for _, c := range []*jwt.AccountClaims{claims, jwt.NewAccountClaims(systemID)} {
		signed, err := c.Encode(operator)
		if err == nil {
			err = resolver.Store(c.Subject, signed)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s := foreign(t, t.TempDir(), -1, func(o *nats.Options) {
		trusted := jwt.NewOperatorClaims(operatorID)
		if _, err := trusted.Encode(operator); err != nil {
			t.Fatal(err)
		}
		o.TrustedOperators, o.AccountResolver, o.SystemAccount = []*jwt.OperatorClaims{trusted}, resolver, systemID
	})
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		signer nkeys.KeyPair
		wrong  string
	}{{"of the account", account, ""}, {"of an account that is not there", stranger, "Authorization Violation"}} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(t)
			cfg.URL, cfg.Creds = s.ClientURL(), filepath.Join(t.TempDir(), "linkd.creds")
			write := func(signer nkeys.KeyPair) {
				token, err := jwt.NewUserClaims(userID).Encode(signer)
				if err != nil {
					t.Fatal(err)
				}
				creds, err := jwt.FormatUserConfig(token, seed)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(cfg.Creds, creds, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write(c.signer)
			enters(t, cfg, c.wrong, func() { write(account) })
		})
	}
}

// enters starts a bus, which must come up and store; where something is wrong, it must say so, and come up when it is
// mended, if it can be.
func enters(t *testing.T, cfg Config, wrong string, mend func()) {
	t.Helper()
	b := start(t, cfg)
	take(b, "d1", 0, 10)
	if wrong != "" {
		eventually(t, "the state says "+wrong, func() bool {
			s := b.State()
			return s.Condition == Away && strings.Contains(s.Reason, wrong)
		})
		time.Sleep(2 * time.Second) // it asks more than twice
		if mend == nil {
			ctx, cancel := contextFor(100 * time.Millisecond)
			defer cancel()
			if err := b.Close(ctx); err == nil {
				t.Error("nothing was lost")
			}
			return
		}
		mend()
	}
	defer stop(t, b)
	up(t, b)
	eventually(t, "all is acknowledged", func() bool { return sentOf(b, KindTags).Sent == 10 })
}
