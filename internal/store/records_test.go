package store

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"linkd/project"
)

// connCases are connections, for the table, the fuzz seeds and the round trip.
func connCases() []project.ConnPt {
	return []project.ConnPt{
		{Name: "a"},
		{Name: "b", Title: "Tür 1", SocketConnID: "c0001", Secret: "s\x00\xff", Disabled: true},
		{Name: "c", RemoteIP: netip.MustParsePrefix("10.1.2.3/32")},
		{Name: "d", RemoteIP: netip.MustParsePrefix("2001:db8::/32"), Title: "six"},
		{Name: "e", RemoteIP: netip.MustParsePrefix("0.0.0.0/0")},
		{Name: "f", Host: "plc.example", Port: 502, Title: "out"},
		{Name: "g", Port: 65535},
	}
}

func TestConnRecords(t *testing.T) {
	var raw []rawConn
	for _, c := range connCases() {
		r, err := readConn([]byte(c.Name), appendConn(nil, &c))
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		raw = append(raw, r)
	}
	for i, got := range connections(raw) {
		if want := connCases()[i]; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	want := []byte{connFormat, connTitle | connID | connDisabled, 1, 'T', 2, 'i', 'd'}
	if got := appendConn(nil, &project.ConnPt{Title: "T", SocketConnID: "id", Disabled: true}); !bytes.Equal(got, want) {
		t.Errorf("got % x, want % x", got, want)
	}
}

// FuzzConn: no record makes readConn panic, and what it takes can be written and read again.
func FuzzConn(f *testing.F) {
	for _, c := range connCases() {
		f.Add(appendConn(nil, &c))
	}
	f.Add([]byte{connFormat, connTitle, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{connFormat, connIPv4 | connIPv6, 0, 0, 0})
	f.Add([]byte{connFormat, connIPv4, 33, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, record []byte) {
		r, err := readConn([]byte("n"), record)
		if err != nil {
			return
		}
		c := connections([]rawConn{r})[0]
		r, err = readConn([]byte("n"), appendConn(nil, &c))
		if err != nil {
			t.Fatal(err)
		}
		if again := connections([]rawConn{r})[0]; again != c {
			t.Fatalf("%+v became %+v", c, again)
		}
	})
}

// FuzzRecords: no bytes make a reader of records panic.
func FuzzRecords(f *testing.F) {
	e := Seen{Online: true, Session: 3, Since: time.Unix(1, 2), Addr: "a", Reconnects: 4, LastClose: "c"}
	f.Add(e.append(nil))
	f.Add((&Revision{Time: time.Unix(1, 2), Who: "w", Plan: "p"}).append(nil))
	f.Add((&head{writes: 4}).append(nil))
	u := &undo{limit: 1000}
	u.remember(kindConnection, []byte("a/b"), []byte("value"))
	u.remember(kindModel, []byte("m"), nil)
	f.Add(u.b)
	f.Fuzz(func(_ *testing.T, b []byte) {
		r := fields{rest: b}
		_ = readSeen([]byte("a/b"), &r)
		_ = r.end()
		_, _ = readRevision(numberKey(1), b)
		_, _ = readHead(b)
		_ = new(past).take(b)
		_, _, _ = readPlaced(b)
		line := make([]byte, lineSize)
		copy(line, b)
		_, _, _, _ = parseLine(line)
	})
}

// FuzzPages: a file that was changed in two places, or cut, makes the reader of pages neither panic nor read without
// an end.
func FuzzPages(f *testing.F) {
	path := filepath.Join(f.TempDir(), "book")
	err := createBook(path, seenKinds(), func(w *batch) error {
		for i := range 200 {
			if err := w.put(kindSeen, fmt.Appendf(nil, "a/%d", i), []byte("value")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	whole = whole[:min(len(whole), 16*pageSize)] // what follows is room to grow
	f.Add(uint32(0), uint64(0), uint32(0), uint64(0), uint32(len(whole)))
	for i := range uint32(10) {
		f.Add(i*pageSize+8, uint64(1)<<i, i*pageSize+headerSize, uint64(255)<<(4*i), uint32(len(whole)))
	}
	f.Add(uint32(2*pageSize), uint64(7), uint32(0), uint64(0), uint32(5*pageSize+1))
	f.Fuzz(func(t *testing.T, one uint32, first uint64, other uint32, second uint64, size uint32) {
		file := bytes.Clone(whole[:min(int(size), len(whole))])
		for i := range 8 {
			if at := int(one) + i; at < len(file) {
				file[at] ^= byte(first >> (8 * i))
			}
			if at := int(other) + i; at < len(file) {
				file[at] ^= byte(second >> (8 * i))
			}
		}
		err := walk(bytes.NewReader(file), int64(len(file)), func(_, _, _ []byte) error { return nil })
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
	})
}

func TestBoundsOfLists(t *testing.T) {
	s := open(t, t.TempDir(), quiet())
	// What fills a list goes in at once; its last places are taken as everyone takes them.
	err := s.main.update(func(w *batch) error {
		for i := range uint64(MaxCommands) {
			key := numberKey(i)
			if i < MaxTokens-1 {
				if err := w.put(kindToken, key, []byte("x")); err != nil {
					return err
				}
			}
			if i < MaxAudit {
				if err := w.put(kindAudit, key, []byte("x")); err != nil {
					return err
				}
			}
			if i < MaxCommands-1 {
				if err := w.put(kindCommand, key, []byte("x")); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.PutToken(Token{ID: "a"}), s.PutToken(Token{ID: "a", Name: "again"})); err != nil {
		t.Error(err)
	}
	if err := s.PutToken(Token{ID: "b"}); !errors.Is(err, ErrLimit) {
		t.Errorf("one token too many: %v", err)
	}
	if err := errors.Join(s.PutCommand(Command{ID: MaxCommands}), s.PutCommand(Command{ID: MaxCommands})); err != nil {
		t.Error(err)
	}
	if err := s.PutCommand(Command{ID: MaxCommands + 1}); !errors.Is(err, ErrLimit) {
		t.Errorf("one command too many: %v", err)
	}
	if err := s.Healthy(); err != nil {
		t.Errorf("a limit is no failure of the disk: %v", err)
	}
	if err := s.Audit(Entry{What: "last"}); err != nil {
		t.Error(err)
	}
	err = s.main.read(func(v view) error {
		h, err := v.readHead()
		if n := h.tallies[kindAudit].count; n != MaxAudit {
			t.Errorf("%d entries", n)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if last, err := s.AuditLog(1); err != nil || last[0].What != "last" {
		t.Errorf("%v, %v", last, err)
	}
}
