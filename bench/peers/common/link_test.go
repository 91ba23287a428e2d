package common

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"
	"unsafe"
)

// conn notes what is sent, and fails when it is closed.
type conn struct {
	bytes.Buffer
	closed int
}

func (c *conn) Write(b []byte) (int, error) {
	if c.closed > 0 {
		return 0, errors.New("closed")
	}
	return c.Buffer.Write(b)
}

func (c *conn) Close() error {
	c.closed++
	return nil
}

// counting implements Timers.
type counting struct{ started int }

func (n *counting) Start(*Link) { n.started++ }
func (n *counting) Stop(*Link)  { n.started-- }

func testServer(t *testing.T, args ...string) *Server {
	t.Helper()
	o, err := parse(append([]string{"-n", "1000"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	return newServer(o)
}

func testLink(s *Server, c *Counters) (*Link, *conn, *counting) {
	to, timers := new(conn), new(counting)
	return s.NewLink(to, c, timers), to, timers
}

// TestFrames: the check value of the CRC's catalogue entry, and frames as they are on the wire.
func TestFrames(t *testing.T) {
	if got := crc16([]byte("123456789")); got != 0x4B37 {
		t.Errorf("CRC %04x, want 4b37", got)
	}
	for want, f := range map[string]*Frame{"01040000000a700d": &question, "010600000033c9df": commandFrame(1),
		"01060000018fc9fe": commandFrame(349), "010600000032081f": commandFrame(350)} {
		if got := hex.EncodeToString(f[:]); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestBind: an id may be cut anywhere; a newer link takes over, and the end of the older one does not harm it.
func TestBind(t *testing.T) {
	s := testServer(t)
	c := s.NewCounters()
	first, to, _ := testLink(s, c)
	for _, part := range []string{"c00", "", "00007he", "llo"} {
		if !first.Input([]byte(part)) {
			t.Fatalf("%q: closed", part)
		}
	}
	if to.String() != "hello" {
		t.Errorf("%q came back, want hello", to)
	}
	second, _, _ := testLink(s, c)
	if !second.Input([]byte("c0000007")) || to.closed != 1 {
		t.Errorf("the older link was closed %d times, want 1", to.closed)
	}
	first.End()
	if got := s.stats(); got.Bound != 1 || got.BytesIn != 5 {
		t.Errorf("%+v, want 1 bound and 5 bytes", got)
	}
	second.End()
	if got := s.stats(); got.Bound != 0 {
		t.Errorf("%d bound, want 0", got.Bound)
	}
	for _, id := range []string{"c0000000", "c0001001", "C0000001"} {
		if l, _, _ := testLink(s, c); l.Input([]byte(id)) {
			t.Errorf("%s is taken", id)
		}
	}
	ended, _, _ := testLink(s, c)
	ended.End()
	if ended.Input([]byte("c0000001")) || s.stats().Bound != 0 {
		t.Error("a link that has ended was bound")
	}
}

var (
	testAnswer = mustHex("0104140000000affff7fff800000010002000300040005")
	testValues = [registers]float64{0, 1, -0.1, 3276.7, -3276.8, 0.1, 0.2, 0.3, 0.4, 0.5}
)

func mustHex(text string) []byte {
	b, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	c := crc16(b)
	return append(b, byte(c), byte(c>>8))
}

// TestAnswers: an answer may be cut anywhere and stand between rubbish and a command's; it gives the registers.
func TestAnswers(t *testing.T) {
	command := commandFrame(1)
	whole := slices.Concat([]byte{1, 4, 9}, testAnswer, []byte{1, 6}, command[:], []byte{1})
	for cut := range whole {
		for _, size := range []int{1, 2, 7, len(whole)} {
			x, c, rubbish := &exchange{askedAt: 1, command: command}, new(Counters), false
			rubbish = x.answers(whole[:cut], c)
			for part := range slices.Chunk(whole[cut:], size) {
				rubbish = x.answers(part, c) || rubbish
			}
			if x.values != testValues || c.polls.Load() != 1 || c.commands.Load() != 1 || !rubbish || x.askedAt != 0 {
				t.Fatalf("cut at %d, then each %d: %v, %d polls, %d commands, rubbish %t", cut, size, x.values,
					c.polls.Load(), c.commands.Load(), rubbish)
			}
		}
	}
	for i := range testAnswer {
		x, c, bad := &exchange{askedAt: 1}, new(Counters), slices.Clone(testAnswer)
		bad[i] ^= 0x10
		if rubbish := x.answers(bad, c); !rubbish || c.polls.Load() != 0 || x.askedAt == 0 {
			t.Errorf("byte %d is wrong: rubbish %t, %d polls", i, rubbish, c.polls.Load())
		}
	}
	if x, c := new(exchange), new(Counters); !x.answers(testAnswer, c) || c.polls.Load() != 0 {
		t.Error("an answer that nobody asked for is taken")
	}
}

// TestAsk: what is due while a question is in flight is lost; after 3 s it is asked all the same.
func TestAsk(t *testing.T) {
	s := testServer(t, "-job", "poll", "-share", "2")
	c := s.NewCounters()
	odd, _, timers := testLink(s, c)
	if odd.Input([]byte("c0000001")); timers.started != 0 {
		t.Error("a device that the share leaves out is polled")
	}
	l, to, timers := testLink(s, c)
	if l.Input([]byte("c0000002")); timers.started != 1 {
		t.Fatal("a device of the share is not polled")
	}
	for i, second := range []int{1, 2, 3, 4, 5} {
		if !l.Ask(int64(second) * int64(time.Second)) {
			t.Fatal("closed")
		}
		asked, lost := uint64(1+i/3), uint64(i)
		if got := s.stats(); got.Lost != lost || got.Lag[0] != asked || to.Len() != int(asked)*len(question) {
			t.Errorf("at %d s: %+v and %d bytes sent; want %d lost, %d asked", second, got, to.Len(), lost, asked)
		}
	}
	to.closed++
	if l.Ask(int64(9 * time.Second)) {
		t.Error("a question that was not sent is no failure")
	}
	l.End()
	if timers.started != 0 {
		t.Error("a link that has ended is polled")
	}
}

// TestLag: a lag is counted below the first bound that it does not exceed.
func TestLag(t *testing.T) {
	c := new(Counters)
	for lag, bucket := range map[time.Duration]int{-time.Second: 0, 250 * time.Microsecond: 0, 251 * time.Microsecond: 1,
		time.Second: 14, time.Second + 1: 15} {
		before := c.lag[bucket].Load()
		if c.late(lag); c.lag[bucket].Load() != before+1 {
			t.Errorf("%v is not counted in bucket %d", lag, bucket)
		}
	}
}

// TestSizes: what README.md says.
func TestSizes(t *testing.T) {
	if size := unsafe.Sizeof(Link{}); size != 80 {
		t.Errorf("a link has %d bytes; README.md says 80", size)
	}
	if size := unsafe.Sizeof(exchange{}); size != 168 {
		t.Errorf("an exchange has %d bytes; README.md says 168", size)
	}
	if size := unsafe.Sizeof(Counters{}); size%64 != 0 {
		t.Errorf("counters have %d bytes, want whole lines of 64", size)
	}
}
