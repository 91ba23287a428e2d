package outputs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"strings"

	"linkd/project/options"
)

// maxSecret bounds files of secrets and certificates, in bytes.
const maxSecret = 1 << 20

// Secret is what an option says of a secret: env:NAME, file:PATH, or the secret itself. It prints as what it is not.
type Secret struct{ from string }

// Secret reads a secret; the zero Secret when there is none.
func (o *Options) Secret(key string) Secret {
	s := o.oneLine(options.Option{Key: key, Kind: options.Secret})
	for _, prefix := range []string{"env:", "file:"} {
		if s == prefix {
			o.Fault(key, "is %q; write env:NAME or file:PATH", s)
		}
	}
	return Secret{from: s}
}

// String hides the secret.
func (s Secret) String() string {
	if s.from == "" {
		return ""
	}
	return "***"
}

// Read returns the secret, empty when there is none. The line end of a file is no part of it.
func (s Secret) Read() (string, error) {
	if name, ok := strings.CutPrefix(s.from, "env:"); ok {
		v, set := os.LookupEnv(name)
		if !set {
			return "", fmt.Errorf("outputs: the environment has no %s; set it, or write file:PATH", name)
		}
		return v, nil
	}
	if path, ok := strings.CutPrefix(s.from, "file:"); ok {
		b, err := readFile(path)
		return strings.TrimRight(string(b), "\r\n"), err
	}
	return s.from, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("outputs: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err == nil && len(b) > maxSecret {
		err = fmt.Errorf("%s has over %s", path, Size(maxSecret))
	}
	if err != nil {
		return nil, fmt.Errorf("outputs: %w", err)
	}
	return b, nil
}

// TLS is what options say of TLS: files in PEM.
type TLS struct {
	CA         string // who may have signed the server's certificate; empty: those of the system
	Cert, Key  string // of the client; empty: none
	ServerName string // empty: the host's
}

// TLS reads the options ca, cert, key and server_name.
func (o *Options) TLS() TLS {
	t := TLS{CA: o.Text("ca", ""), Cert: o.Text("cert", ""), Key: o.Text("key", ""), ServerName: o.Text("server_name", "")}
	if (t.Cert == "") != (t.Key == "") {
		o.Fault("cert", "needs key, and key needs cert; write both or none")
	}
	return t
}

// Load reads the files. There is no way to trust any certificate.
func (t TLS) Load() (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := readFile(t.CA)
		if err != nil {
			return nil, err
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("outputs: %s holds no certificate in PEM", t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("outputs: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}
