package doors

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var here = netip.MustParseAddr("192.0.2.1")

// memory is a store that forgets.
type memory struct {
	mu     sync.Mutex
	tokens []Token
	deeds  []string
	fail   error
}

func (m *memory) Tokens() ([]Token, error) { return m.tokens, m.fail }
func (m *memory) PutToken(Token) error     { return m.fail }
func (m *memory) DeleteToken(string) error { return m.fail }
func (m *memory) Audit(d Deed) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deeds = append(m.deeds, fmt.Sprintf("%s: %s %s: %s", d.Who, d.Did, d.What, d.Result))
	return nil
}

func newKeeper(t *testing.T, s Store) *Keeper {
	t.Helper()
	k, err := NewKeeper(s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func add(t *testing.T, k *Keeper, name string, role Role) (string, Token) {
	t.Helper()
	token, made, err := k.Add(name, role, "tester")
	if err != nil {
		t.Fatal(err)
	}
	return token, made
}

func TestCheck(t *testing.T) {
	store := &memory{}
	k := newKeeper(t, store)
	anna, annas := add(t, k, "anna", Admin)
	bob, _ := add(t, k, "bob", Viewer)
	for range 2 { // hashed, then remembered
		if who, err := k.Check(anna, here); err != nil || who.Name != "anna" || who.Role != Admin || who.ID != annas.ID {
			t.Fatalf("anna is %+v, %v", who, err)
		}
		if who, err := k.Check(bob, here); err != nil || who.Name != "bob" || who.Role != Viewer {
			t.Fatalf("bob is %+v, %v", who, err)
		}
	}
	other := newSecret()
	for name, wrong := range map[string]string{
		"the id with another secret": written(annas.ID, other),
		"an id that is not there":    written("aaaaaaaa", other),
		"the secret of another":      written(annas.ID, bob[len(bob)-secretLen:]),
		"a longer one":               anna + "a",
		"a shorter one":              anna[:len(anna)-1],
		"upper case":                 strings.ToUpper(anna),
		"the id alone":               annas.ID,
		"a blank before it":          " " + anna[1:],
		"a line end":                 anna[:len(anna)-1] + "\n",
		"much":                       strings.Repeat("linkd_", 1<<16),
	} {
		if who, err := k.Check(wrong, here); !errors.Is(err, ErrBadToken) || who != (Identity{}) {
			t.Errorf("%s: %+v, %v; want ErrBadToken", name, who, err)
		}
	}
	if _, err := k.Check("", here); !errors.Is(err, ErrNoToken) {
		t.Errorf("none: %v, want ErrNoToken", err)
	}
	for _, said := range append(store.deeds, fmt.Sprint(k.List())) {
		if strings.Contains(said, anna[len(anna)-secretLen:]) {
			t.Errorf("a secret is in %q", said)
		}
	}
}

// TestWrongTokensCostTheSame counts what is done rather than timing it: a wrong secret and an unknown id are both
// hashed, as both take from the limit.
func TestWrongTokensCostTheSame(t *testing.T) {
	for _, known := range []bool{true, false} {
		for _, before := range []bool{true, false} {
			k := newKeeper(t, &memory{})
			token, made := add(t, k, "anna", Admin)
			if before { // it was verified once
				if _, err := k.Check(token, here); err != nil {
					t.Fatal(err)
				}
			}
			id := "aaaaaaaa"
			if known {
				id = made.ID
			}
			if _, err := k.Check(written(id, newSecret()), here); !errors.Is(err, ErrBadToken) {
				t.Fatal(err)
			}
			left := k.limit.forgiven[here].Sub(k.now())
			if left <= 0 || left > failEvery {
				t.Errorf("known %v, verified %v: %v are taken from the limit, want one failure's", known, before, left)
			}
		}
	}
}

func TestNames(t *testing.T) {
	store := &memory{}
	k := newKeeper(t, store)
	_, anna := add(t, k, "anna", Admin)
	for name, want := range map[string]error{
		"": ErrInvalid, "-x": ErrInvalid, "a b": ErrInvalid, "a\nb": ErrInvalid, "ä": ErrInvalid, "a/b": ErrInvalid,
		strings.Repeat("x", 65): ErrInvalid, "anna": ErrConflict,
		strings.Repeat("x", 64): nil, "prometheus": nil, "anna.b@example.org": nil, "9": nil,
	} {
		token, _, err := k.Add(name, Viewer, "tester")
		if !errors.Is(err, want) || (err == nil) != (token != "") {
			t.Errorf("name %.20q: %v, want %v", name, err, want)
		}
	}
	for _, role := range []Role{None, Admin + 1} {
		if _, _, err := k.Add("x", role, "tester"); !errors.Is(err, ErrInvalid) {
			t.Errorf("role %v: %v, want ErrInvalid", role, err)
		}
	}
	if list := k.List(); len(list) != 5 || list[0].ID != anna.ID || list[0].Hash != nil || list[0].Who != "tester" {
		t.Errorf("listed: %+v", list)
	}
	store.fail = errors.New("disk full")
	if _, _, err := k.Add("late", Viewer, "tester"); !errors.Is(err, store.fail) || len(k.List()) != 5 {
		t.Errorf("with a full disk: %v, %d tokens", err, len(k.List()))
	}
}

func TestMostTokens(t *testing.T) {
	store := &memory{}
	for i := range mostTokens {
		hash := append([]byte{hashVersion}, make([]byte, saltLen+sumLen)...)
		store.tokens = append(store.tokens, Token{ID: newID(), Name: fmt.Sprintf("t%d", i), Role: "viewer", Hash: hash})
	}
	k := newKeeper(t, store)
	if _, _, err := k.Add("one-more", Viewer, "tester"); !errors.Is(err, ErrConflict) {
		t.Errorf("one more than may be: %v", err)
	}
}

func TestRevoke(t *testing.T) {
	store := &memory{}
	k := newKeeper(t, store)
	anna, annas := add(t, k, "anna", Admin)
	bob, bobs := add(t, k, "bob", Operator)
	ids := map[string]Identity{}
	for _, token := range []string{anna, bob} {
		id, err := k.Check(token, here)
		if err != nil {
			t.Fatal(err)
		}
		ids[id.Name] = id
	}
	told := make(chan string, 4)
	ids["bob"].OnRevoked(func() { told <- "bob" })
	stop := ids["bob"].OnRevoked(func() { told <- "stopped" })
	if !stop() {
		t.Error("the second interest was not stopped")
	}
	defer ids["anna"].OnRevoked(func() { told <- "anna" })()

	store.fail = errors.New("disk full")
	if err := k.Revoke(bobs.ID, "anna"); !errors.Is(err, store.fail) {
		t.Errorf("with a full disk: %v", err)
	}
	if _, err := k.Check(bob, here); err != nil {
		t.Errorf("what was not revoked: %v", err)
	}
	store.fail = nil
	if err := k.Revoke(bobs.ID, "anna"); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Check(bob, here); !errors.Is(err, ErrBadToken) {
		t.Errorf("a revoked token, remembered before: %v", err)
	}
	if who := <-told; who != "bob" {
		t.Errorf("told %s", who)
	}
	ids["bob"].OnRevoked(func() { told <- "late" })
	if who := <-told; who != "late" {
		t.Errorf("told %s", who)
	}
	if err := k.Revoke(bobs.ID, "anna"); !errors.Is(err, ErrNotFound) {
		t.Errorf("twice: %v", err)
	}
	if err := k.Revoke(annas.ID, "anna"); !errors.Is(err, ErrConflict) {
		t.Errorf("the last admin: %v", err)
	}
	want := "anna: token revoke token \"" + bobs.ID + "\": done"
	if !strings.Contains(strings.Join(store.deeds, "\n"), want) {
		t.Errorf("no %q in the audit: %q", want, store.deeds)
	}
}

// TestRevokedWhileChecked: after Revoke has returned nobody gets in, whoever is at the door at that moment.
func TestRevokedWhileChecked(t *testing.T) {
	k := newKeeper(t, &memory{})
	add(t, k, "anna", Admin)
	token, made := add(t, k, "bob", Viewer)
	var revoked sync.Mutex // held while it is not
	revoked.Lock()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				was := revoked.TryLock()
				if was {
					revoked.Unlock()
				}
				_, err := k.Check(token, here)
				if was && err == nil {
					t.Error("a revoked token was let in")
				}
				if err != nil {
					return
				}
			}
		})
	}
	if err := k.Revoke(made.ID, "anna"); err != nil {
		t.Error(err)
	}
	revoked.Unlock()
	all.Wait()
}

func TestHostileStore(t *testing.T) {
	good := Token{ID: "aaaaaaaa", Name: "anna", Role: "admin", Hash: hashed(newSecret())}
	for want, change := range map[string]func(*Token){
		"the id is":       func(t *Token) { t.ID = "../../etc" },
		"the name is":     func(t *Token) { t.Name = "a\x1b[31m" },
		"the role is":     func(t *Token) { t.Role = "root" },
		"token aaaaaaaa ": func(t *Token) { t.Hash = t.Hash[:hashLen-1] },
		"begins with":     func(t *Token) { t.Hash = append([]byte{9}, t.Hash[1:]...) },
	} {
		bad := good
		change(&bad)
		_, err := NewKeeper(&memory{tokens: []Token{bad}}, slog.New(slog.DiscardHandler))
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	twice := good
	twice.ID = "bbbbbbbb"
	if _, err := NewKeeper(&memory{tokens: []Token{good, twice}}, nil); !errors.Is(err, ErrConflict) {
		t.Errorf("one name twice: %v", err)
	}
	broken := errors.New("broken")
	if _, err := NewKeeper(&memory{fail: broken}, nil); !errors.Is(err, broken) {
		t.Errorf("a broken store: %v", err)
	}
}

// TestAuditThatFails: what cannot be written down is logged instead, as it has been done.
func TestAuditThatFails(t *testing.T) {
	var log bytes.Buffer
	k, err := NewKeeper(noAudit{&memory{}}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	k.Audit("anna", "kick", "connection s1/c1", errors.New("offline"))
	for _, want := range []string{"no room", "who=anna", "did=kick", "s1/c1", "offline"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in %s", want, log.String())
		}
	}
}

type noAudit struct{ *memory }

func (noAudit) Audit(Deed) error { return errors.New("no room") }

func FuzzParse(f *testing.F) {
	f.Add("")
	f.Add(written(newID(), newSecret()))
	f.Add("linkd_aaaaaaaa_" + strings.Repeat("a", secretLen))
	f.Add("linkd_aaaaaaaa_" + strings.Repeat("=", secretLen))
	f.Add("linkd__aaaaaaa_" + strings.Repeat("a", secretLen))
	f.Add("Bearer linkd_aaaaaaaa_" + strings.Repeat("7", secretLen))
	f.Fuzz(func(t *testing.T, s string) {
		id, secret, err := parse(s)
		if err != nil {
			if id != "" || secret != "" {
				t.Errorf("%q is refused, and gives %q and %q", s, id, secret)
			}
			return
		}
		if !isID(id) || len(secret) != secretLen || written(id, secret) != s {
			t.Errorf("%q is read as %q and %q", s, id, secret)
		}
	})
}

func BenchmarkCheckRemembered(b *testing.B) {
	k, err := NewKeeper(&memory{}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	token, _, err := k.Add("anna", Admin, "tester")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Check(token, here); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	hash, secret := hashed(newSecret()), newSecret()
	b.ReportAllocs()
	for b.Loop() {
		if matches(hash, secret) {
			b.Fatal("matches")
		}
	}
}
