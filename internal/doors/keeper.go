package doors

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// mostTokens there may be; Add refuses one more.
const mostTokens = 1000

// What is wrong with a token, or with what was asked about one. Errors wrap these.
var (
	ErrNoToken  = errors.New("doors: no token")
	ErrBadToken = errors.New("doors: the token is not valid here")
	ErrInvalid  = errors.New("doors: invalid")
	ErrNotFound = errors.New("doors: no such token")
	ErrConflict = errors.New("doors: conflict")

	ErrBadCode   = errors.New("doors: the code was used, or is too old")
	ErrNoSession = errors.New("doors: no such session")
)

// Deed is one line of the audit: who did what to which thing, and what came of it.
type Deed struct {
	Time   time.Time
	Who    string // the name of a token
	Did    string // such as kick, adopt, token add
	What   string // such as "connection s1/c1"
	Result string // "done", or why not
}

// Store keeps tokens and the audit across restarts. What PutToken and DeleteToken acknowledge is on disk. The Keeper
// calls one method at a time, but for Audit, which is safe for concurrent use.
type Store interface {
	Tokens() ([]Token, error)
	PutToken(Token) error
	DeleteToken(id string) error
	Audit(Deed) error
}

// Keeper knows the tokens. Its methods are safe for concurrent use.
type Keeper struct {
	store  Store
	log    *slog.Logger
	now    func() time.Time
	limit  *limiter
	codes  codes
	nobody *entry // in place of a token that is not known, so that it costs as much as a wrong one

	changes sync.Mutex // held while the store changes; taken before mu
	mu      sync.RWMutex
	tokens  map[string]*entry // by id
}

// entry is a token that is known. It does not change, but for verified.
type entry struct {
	Token
	identity Identity
	end      context.CancelFunc // of the identity's life
	// verified is the digest of the token once it was found to match the hash: from then on it is not hashed again.
	verified atomic.Pointer[[sha256.Size]byte]
}

// NewKeeper returns the keeper of a store's tokens; it owns the store from now on. What it has to complain of goes to
// log. The error says which token of the store is wrong.
func NewKeeper(store Store, log *slog.Logger) (*Keeper, error) {
	k := &Keeper{store: store, log: log, now: time.Now, limit: newLimiter(), tokens: map[string]*entry{},
		codes: codes{waiting: map[[sha256.Size]byte]code{}}}
	k.nobody = newEntry(Token{Hash: hashed(newSecret())}, None)
	k.nobody.verified.Store((*[sha256.Size]byte)(random(sha256.Size)))
	k.nobody.end()
	all, err := store.Tokens()
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if err := t.check(); err != nil {
			return nil, err
		}
		if err := k.free(t.ID, t.Name); err != nil {
			return nil, err
		}
		k.tokens[t.ID] = newEntry(t, roleOf(t))
	}
	return k, nil
}

func newEntry(t Token, r Role) *entry {
	life, end := context.WithCancel(context.Background())
	return &entry{Token: t, end: end, identity: Identity{ID: t.ID, Name: t.Name, Role: r, life: life}}
}

// roleOf is the role of a token that was checked.
func roleOf(t Token) Role {
	r, _ := ParseRole(t.Role) // None for what cannot be read: no right at all
	return r
}

// Check says whose a token is that came from an address. The error is ErrNoToken, ErrBadToken or *SlowDown.
func (k *Keeper) Check(token string, from netip.Addr) (Identity, error) {
	if token == "" {
		return Identity{}, ErrNoToken
	}
	id, secret, err := parse(token)
	if err != nil {
		return Identity{}, err
	}
	k.mu.RLock()
	e, known := k.tokens[id]
	k.mu.RUnlock()
	if !known {
		e = k.nobody
	}
	got := digest(token)
	if before := e.verified.Load(); before == nil || !same(before, &got) {
		if err := k.limit.take(from, k.now()); err != nil {
			return Identity{}, err
		}
		if !matches(e.Hash, secret) || !known {
			return Identity{}, ErrBadToken
		}
		k.limit.giveBack(from)
		e.verified.Store(&got)
	}
	if e.identity.life.Err() != nil { // revoked in the meantime
		return Identity{}, ErrBadToken
	}
	return e.identity, nil
}

// identity is whose the token with an id is.
func (k *Keeper) identity(id string) (who Identity, known bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	e, known := k.tokens[id]
	if known {
		who = e.identity
	}
	return who, known
}

// Add makes a token for somebody. It is in the answer alone: nothing else has it ever again.
func (k *Keeper) Add(name string, role Role, who string) (token string, made Token, err error) {
	k.changes.Lock()
	defer k.changes.Unlock()
	token, made, err = k.add(name, role, who)
	k.Audit(who, "token add", fmt.Sprintf("token %s of %.80q, %v", made.ID, name, role), err)
	return token, made, err
}

func (k *Keeper) add(name string, role Role, who string) (string, Token, error) {
	token, t, err := k.prepare(name, role, who)
	if err == nil {
		_, err = k.keep(t)
	}
	if err != nil {
		return "", Token{}, err
	}
	t.Hash = nil
	return token, t, nil
}

// prepare makes a token that may be kept.
func (k *Keeper) prepare(name string, role Role, who string) (string, Token, error) {
	secret := newSecret()
	t := Token{ID: newID(), Name: name, Role: role.String(), Hash: hashed(secret), Created: k.now().UTC(), Who: who}
	if err := t.check(); err != nil {
		return "", Token{}, err
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	if err := k.free(t.ID, name); err != nil {
		return "", Token{}, err
	}
	if len(k.tokens) >= mostTokens {
		return "", Token{}, fmt.Errorf("%w: there are %d tokens, and no more may be; revoke those that nobody needs",
			ErrConflict, mostTokens)
	}
	return written(t.ID, secret), t, nil
}

// keep puts a token into the store, then lets it in.
func (k *Keeper) keep(t Token) (Identity, error) {
	if err := k.store.PutToken(t); err != nil {
		return Identity{}, err
	}
	e := newEntry(t, roleOf(t))
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tokens[t.ID] = e
	return e.identity, nil
}

// free refuses an id or a name that a token has. The caller holds mu.
func (k *Keeper) free(id, name string) error {
	for _, e := range k.tokens {
		if e.ID == id || e.Name == name {
			return fmt.Errorf("%w: token %s has the name %s already; choose another, or revoke that one first",
				ErrConflict, e.ID, e.Name)
		}
	}
	return nil
}

// List is all tokens without their hashes, oldest first.
func (k *Keeper) List() []Token {
	k.mu.RLock()
	defer k.mu.RUnlock()
	list := make([]Token, 0, len(k.tokens))
	for e := range maps.Values(k.tokens) {
		t := e.Token
		t.Hash = nil
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b Token) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// Revoke ends a token. When it returns, no check lets the token in, and all who asked with OnRevoked are told. The
// last token of an admin stays: nobody could make another.
func (k *Keeper) Revoke(id, who string) error {
	k.changes.Lock()
	defer k.changes.Unlock()
	err := k.revoke(id)
	k.Audit(who, "token revoke", fmt.Sprintf("token %.20q", id), err)
	return err
}

func (k *Keeper) revoke(id string) error {
	k.mu.RLock()
	e := k.tokens[id]
	admins := 0
	for other := range maps.Values(k.tokens) {
		if other.identity.Role == Admin {
			admins++
		}
	}
	k.mu.RUnlock()
	switch {
	case e == nil:
		return fmt.Errorf("%w: %.20q; list those there are", ErrNotFound, id)
	case e.identity.Role == Admin && admins == 1:
		return fmt.Errorf("%w: %s is the last token of an admin; add another one first", ErrConflict, id)
	}
	return k.drop(e)
}

// drop removes a token from the store, then from memory.
func (k *Keeper) drop(e *entry) error {
	if err := k.store.DeleteToken(e.ID); err != nil {
		return err
	}
	k.mu.Lock()
	delete(k.tokens, e.ID)
	k.mu.Unlock()
	e.end()
	return nil
}

// Audit writes down who did what; err is what came of it, nil for done.
func (k *Keeper) Audit(who, did, what string, err error) {
	d := Deed{Time: k.now().UTC(), Who: who, Did: did, What: what, Result: "done"}
	if err != nil {
		d.Result = err.Error()
	}
	if err := k.store.Audit(d); err != nil {
		k.log.Error("the audit cannot be written", "err", err, "who", who, "did", did, "what", what, "result", d.Result)
	}
}
