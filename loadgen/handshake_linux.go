package loadgen

import (
	"bufio"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// When a host joins, one line of JSON each, of at most maxHello bytes:
//
//	from the coordinator  hello: its version and a nonce
//	from the worker       hello: the same of its own, what it has room for, and the proof that it knows the secret
//	from the coordinator  welcome: its own proof and the lease, or why the worker may not join
//
// Then come the messages of processes_linux.go. A proof is a MAC over both nonces: the secret itself never travels, and
// a proof is good for one meeting. What follows is neither signed nor encrypted.

const (
	protocol      = 1
	maxHello      = 4 << 10
	nonceSize     = 32
	helloWithin   = 5 * time.Second
	mostName      = 64
	mostCores     = 1 << 12
	ofCoordinator = "coordinator"
	ofWorker      = "worker"
)

var (
	errVersion = errors.New("another version of linkd; run the same linkd on all hosts")
	errSecret  = errors.New("wrong secret; give the same --secret on all hosts")
)

// hello is how both ends begin.
type hello struct {
	Version string `json:"linkd_loadgen"`
	Nonce   []byte
	Proof   []byte `json:",omitempty"`
	Name    string `json:",omitempty"` // of the host
	Cores   int    `json:",omitempty"`
	Room    int    `json:",omitempty"` // sockets, in as many processes as there are cores
}

// welcome ends the handshake.
type welcome struct {
	Proof []byte        `json:",omitempty"`
	Lease time.Duration `json:",omitempty"`
	Error string        `json:",omitempty"`
}

// version names the protocol and the shape of its messages, so that a build with another Config is another version.
func version() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v %+v %+v", share{}, report{}, outcome{}))
	return fmt.Sprintf("%d-%s", protocol, hex.EncodeToString(sum[:6]))
}

func newNonce() []byte {
	b := make([]byte, nonceSize)
	_, _ = rand.Read(b) // it never fails
	return b
}

// proof is what only an end that knows the secret can say, of its role and both nonces.
func proof(secret []byte, role string, coordinator, worker []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write(fmt.Appendf(nil, "linkd loadgen %s %x %x", role, coordinator, worker))
	return mac.Sum(nil)
}

// guest is a host that has joined.
type guest struct {
	hello
	link *leased
	in   *bufio.Reader
	trip time.Duration // to it and back
}

// receive is the coordinator's part of a handshake. The guest is told why it may not join.
func (m *Meeting) receive(conn net.Conn) (*guest, error) {
	g := &guest{link: &leased{Conn: conn, lease: helloWithin}}
	g.in = bufio.NewReaderSize(g.link, maxHello)
	own := hello{Version: version(), Nonce: newNonce()}
	asked := time.Now()
	if err := g.link.say(own); err != nil {
		return nil, err
	}
	if err := hear(g.in, &g.hello); err != nil {
		return nil, err
	}
	g.trip = time.Since(asked)
	err := g.check(own.Nonce, m.Secret)
	if err != nil {
		_ = g.link.say(welcome{Error: err.Error()}) // it is sent away either way
		return nil, err
	}
	g.Name = printable(g.Name)
	g.link.lease = m.Lease
	return g, g.link.say(welcome{Proof: proof(m.Secret, ofCoordinator, own.Nonce, g.Nonce), Lease: m.Lease})
}

func (g *guest) check(nonce, secret []byte) error {
	switch {
	case g.Version != version():
		return errVersion
	case len(g.Nonce) != nonceSize || !hmac.Equal(g.Proof, proof(secret, ofWorker, nonce, g.Nonce)):
		return errSecret
	case g.Cores < 1 || g.Cores > mostCores || g.Room < 1 || g.Room > maxDevices*2:
		return fmt.Errorf("%d cores and room for %d devices; neither can be", g.Cores, g.Room)
	}
	return nil
}

// greet is the worker's part of a handshake.
func (m *Meeting) greet(link *leased, in *bufio.Reader, room, cores int) error {
	var its hello
	if err := hear(in, &its); err != nil {
		return fmt.Errorf("%w: no welcome at %s, which may be no coordinator: %w", ErrMeeting, m.Addr, err)
	}
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	own := hello{Version: version(), Nonce: newNonce(), Name: printable(name), Room: room, Cores: cores}
	if len(its.Nonce) == nonceSize {
		own.Proof = proof(m.Secret, ofWorker, its.Nonce, own.Nonce)
	}
	if err := link.say(own); err != nil {
		return fmt.Errorf("%w: %w", ErrMeeting, err)
	}
	var w welcome
	switch err := hear(in, &w); {
	case its.Version != version():
		return fmt.Errorf("%w: the coordinator is %w", ErrMeeting, errVersion)
	case err != nil:
		return fmt.Errorf("%w: the coordinator hung up: %w", ErrMeeting, err)
	case w.Error != "":
		return fmt.Errorf("%w: the coordinator refuses: %s", ErrMeeting, printable(w.Error))
	case !hmac.Equal(w.Proof, proof(m.Secret, ofCoordinator, its.Nonce, own.Nonce)):
		return fmt.Errorf("%w: the coordinator has a %w", ErrMeeting, errSecret)
	case w.Lease < time.Second || w.Lease > time.Hour:
		return fmt.Errorf("%w: the coordinator gives a lease of %v", ErrMeeting, w.Lease)
	}
	link.lease = w.Lease
	return nil
}

// hear reads one line of JSON, of at most the reader's size.
func hear(in *bufio.Reader, to any) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, to)
}

// printable takes from a name or message what could disturb a terminal, and what is too long.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), mostName*4)]
}

// leased is a link whose other end must say something within each lease, and take what is said to it in a part of that:
// whoever tells many must not wait long for one.
type leased struct {
	net.Conn
	lease time.Duration
}

func (l *leased) Read(b []byte) (int, error) {
	if err := l.SetReadDeadline(time.Now().Add(l.lease)); err != nil {
		return 0, err
	}
	n, err := l.Conn.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("no word for %v", l.lease)
	}
	return n, err
}

// Write closes a link that does not take b: nothing can be said behind half a line.
func (l *leased) Write(b []byte) (int, error) {
	err := l.SetWriteDeadline(time.Now().Add(l.lease / beatsInLease))
	n := 0
	if err == nil {
		n, err = l.Conn.Write(b)
	}
	if err != nil {
		l.Close()
	}
	return n, err
}

func (l *leased) say(x any) error {
	b, err := json.Marshal(x)
	if err == nil {
		_, err = l.Write(append(b, '\n'))
	}
	return err
}
