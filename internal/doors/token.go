package doors

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"regexp"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
)

// A token is written linkd_ID_SECRET: the id is public, so that a token can be listed and revoked; the secret holds 256
// random bits. Both are base32 in lower case.
const (
	prefix      = "linkd_"
	idBytes     = 5
	secretBytes = 32
	idLen       = 8  // of an id as text
	secretLen   = 52 // of a secret as text
	tokenLen    = len(prefix) + idLen + 1 + secretLen
)

// How a secret is hashed. Nobody can guess 256 random bits, so the cost is small: a millisecond or two, and 1 MiB.
const (
	hashVersion = 1 // the first byte of a hash: says that it was made as the constants below say
	hashTime    = 1
	hashMemory  = 1024 // KiB
	hashThreads = 1
	saltLen     = 16
	sumLen      = 32
	hashLen     = 1 + saltLen + sumLen
)

// Token is what is kept of a token: all but its secret.
type Token struct {
	ID      string
	Name    string // who has it; no two tokens have the same
	Role    string // viewer, operator or admin
	Hash    []byte // of the secret
	Created time.Time
	Who     string // the name of the token that made it; empty: linkd itself
}

func encoding() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: the process ends first
	return b
}

func newID() string { return encoding().EncodeToString(random(idBytes)) }

func newSecret() string { return encoding().EncodeToString(random(secretBytes)) }

func written(id, secret string) string { return prefix + id + "_" + secret }

// parse takes a token apart. The bound of its length is checked first: it comes from anybody.
func parse(token string) (id, secret string, err error) {
	if len(token) != tokenLen || !strings.HasPrefix(token, prefix) || token[len(prefix)+idLen] != '_' {
		return "", "", ErrBadToken
	}
	id, secret = token[len(prefix):len(prefix)+idLen], token[tokenLen-secretLen:]
	if !isBase32(id) || !isBase32(secret) {
		return "", "", ErrBadToken
	}
	return id, secret, nil
}

func isBase32(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

func isID(s string) bool { return len(s) == idLen && isBase32(s) }

// hashed is what is kept of a secret: the version, a salt of its own, and the sum.
func hashed(secret string) []byte {
	salt := random(saltLen)
	return append(append([]byte{hashVersion}, salt...), sum(secret, salt)...)
}

func sum(secret string, salt []byte) []byte {
	return argon2.IDKey([]byte(secret), salt, hashTime, hashMemory, hashThreads, sumLen)
}

// matches reports whether hash was made of secret. It costs the same whatever the answer is.
func matches(hash []byte, secret string) bool {
	return subtle.ConstantTimeCompare(hash[1+saltLen:], sum(secret, hash[1:1+saltLen])) == 1
}

// digest is what tells a token that was verified before from any other.
func digest(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }

func same(a, b *[sha256.Size]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

func checkName(name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("%w: the name is %.80q; write 1 to 64 letters, digits, '.', '_', '-' or '@', "+
			"beginning with a letter or a digit", ErrInvalid, name)
	}
	return nil
}

// check refuses a token that a store cannot have from here.
func (t Token) check() error {
	if !isID(t.ID) {
		return fmt.Errorf("%w: the id is %.20q; it has %d characters a-z, 2-7", ErrInvalid, t.ID, idLen)
	}
	if err := checkName(t.Name); err != nil {
		return err
	}
	if _, err := ParseRole(t.Role); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if len(t.Hash) != hashLen || t.Hash[0] != hashVersion {
		return fmt.Errorf("%w: token %s has a hash that this linkd cannot read; it has %d bytes and begins with %d",
			ErrInvalid, t.ID, hashLen, hashVersion)
	}
	return nil
}
