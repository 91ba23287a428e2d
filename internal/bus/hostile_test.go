package bus

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"linkd/outputs/outputtest"
	"linkd/server"
)

// script is what a hostile server does with a connection.
type script func(to io.Writer, from *bufio.Reader)

// says is a server that says one thing at once, and another after the client's first ping; then it listens for ever.
func says(first, then string) script {
	return func(to io.Writer, from *bufio.Reader) {
		fmt.Fprint(to, first)
		if awaitPing(from) {
			fmt.Fprint(to, then)
		}
		_, _ = io.Copy(io.Discard, from)
	}
}

// floods says then again and again, as long as somebody listens.
func floods(first, begin, then string) script {
	return func(to io.Writer, from *bufio.Reader) {
		fmt.Fprint(to, first)
		if begin != "" {
			awaitPing(from)
			fmt.Fprint(to, begin)
		}
		go func() { _, _ = io.Copy(io.Discard, from) }()
		all := []byte(strings.Repeat(then, 1+(64<<10)/len(then)))
		for {
			if _, err := to.Write(all); err != nil {
				return
			}
		}
	}
}

func awaitPing(from *bufio.Reader) bool {
	for {
		line, err := from.ReadString('\n')
		if err != nil || line == "PING\r\n" {
			return err == nil
		}
	}
}

// infoOf is hello with another max_payload.
func infoOf(payload string) string { return strings.Replace(hello, "1048576", payload, 1) }

// between hands connections to a script, until there is a good server to lead them to.
func between(do script, good *atomic.Pointer[string]) func(net.Conn) {
	return func(c net.Conn) {
		to := good.Load()
		if to == nil {
			do(c, bufio.NewReader(c))
			return
		}
		up, err := net.Dial("tcp", *to)
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(up, c)
			up.Close()
		}()
		_, _ = io.Copy(c, up)
		up.Close()
	}
}

// TestHostileServer: whatever a server of the user's own says and claims, linkd takes reports, says what is wrong, and
// loses nothing when there is a good server in the place of the other.
func TestHostileServer(t *testing.T) {
	const pong = "PONG\r\n"
	mebibyte := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct {
		do   script
		want string
	}{
		"huge message":      {says(hello, pong+"MSG a 1 1073741824\r\nx"), "a message of 1073741824 bytes, over 8388608"},
		"larger still":      {says(hello, pong+"MSG a 1 9000000000000000000\r\nx"), "no NATS protocol"},
		"huge headers":      {says(hello, pong+"HMSG a 1 12 1073741824\r\nx"), "a message of 1073741824 bytes"},
		"false end":         {says(hello, pong+"MSG a 1 1\r\nxyz"), "no NATS protocol"},
		"garbage":           {says(hello, pong+"\x00\xff\x00\xff\r\n"), "no NATS protocol"},
		"another service":   {says("220 mail.test ESMTP\r\n", ""), "no NATS protocol"},
		"endless line":      {floods(hello, pong+"-ERR ", "x"), "a line of over 65536 bytes"},
		"endless INFO":      {floods("INFO {", "", " "), "no NATS protocol"},
		"endless garbage":   {floods("", "", "\x00"), "no NATS protocol"},
		"says nothing":      {says("", ""), "does not say what it is"},
		"never a PONG":      {says(hello, ""), "timeout"},
		"one PONG":          {says(hello, pong), "the server does not answer"},
		"max_payload 1":     {says(infoOf("1"), pong), "messages of 1 bytes at most (max_payload); it must take 4096"},
		"max_payload 0":     {says(infoOf("0"), pong), "messages of 0 bytes at most (max_payload)"},
		"less than none":    {says(infoOf("-9"), pong), "messages of -9 bytes at most (max_payload)"},
		"more than all":     {says(infoOf("9223372036854775807"), pong), "the server does not answer"},
		"no number":         {says(infoOf("1e30"), pong), "max_payload"},
		"an error":          {says(hello, "-ERR 'Account Connection Limit'\r\n"), "Account Connection Limit"},
		"a later error":     {says(hello, pong+"-ERR 'Maximum Payload Violation'\r\n"), "Maximum Payload Violation"},
		"endless errors":    {floods(hello, pong, "-ERR 'Permissions Violation for x'\r\n"), "the server does not answer"},
		"endless addresses": {addresses, "the server does not answer"},
		"endless messages": {floods(hello, pong, "MSG _linkd_.1 1 1048576\r\n"+mebibyte+"\r\n"+
			"MSG linkd.p.cmd.a.b.c 3 1048576\r\n"+mebibyte+"\r\nMSG linkd.p.tx.a.b 4 1048576\r\n"+mebibyte+"\r\n"),
			"the server does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var good atomic.Pointer[string]
			cfg := config(t)
			cfg.URL = "nats://" + outputtest.Fake(t, between(c.do, &good))
			b := start(t, cfg)
			if err := b.Serve(&fakeCore{wait: make(chan struct{})}); err != nil {
				t.Fatal(err)
			}
			const n = 100
			began := time.Now()
			take(b, "d1", 0, n)
			b.Event(server.Event{Kind: "online", Provider: "s1", Connection: "c1", Session: 1, Time: epoch})
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("taking %d reports took %s", n, took)
			}
			eventually(t, "the state says "+c.want, func() bool {
				s := b.State()
				return s.Condition == Away && strings.Contains(s.Reason, c.want)
			})
			if k := sentOf(b, KindTags); k.Waiting == 0 || k.Sent != 0 || k.Dropped != 0 {
				t.Errorf("%+v", k)
			}
			at := foreign(t, t.TempDir(), -1, nil).Addr().String()
			good.Store(&at)
			eventually(t, "all is acknowledged", func() bool {
				return sentOf(b, KindTags).Sent == n && sentOf(b, KindConn).Sent == 1
			})
			up(t, b)
			once(t, numbers(t, b, "d1"), n)
			stop(t, b)
		})
	}
}

// addresses names a thousand other servers with each line, never one twice.
func addresses(to io.Writer, from *bufio.Reader) {
	fmt.Fprint(to, hello)
	awaitPing(from)
	fmt.Fprint(to, "PONG\r\n")
	go func() { _, _ = io.Copy(io.Discard, from) }()
	for n := 0; ; {
		var list bytes.Buffer
		for range 1000 {
			fmt.Fprintf(&list, `,"127.%d.%d.%d:1"`, n>>16&255, n>>8&255, n&255)
			n++
		}
		line := strings.Replace(hello, `"proto"`, `"connect_urls":[`+list.String()[1:]+`],"proto"`, 1)
		if _, err := io.WriteString(to, line); err != nil {
			return
		}
	}
}

// TestHostileFloods: what comes without end is not kept.
func TestHostileFloods(t *testing.T) {
	mebibyte := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct {
		do   script
		much int64 // bytes, of which four times as much would show
	}{
		"errors":    {floods(hello, "PONG\r\n", "-ERR 'Permissions Violation for x'\r\n"), 4 << 20},
		"addresses": {addresses, 4 << 20},
		"messages": {floods(hello, "PONG\r\n", "MSG a 1 1048576\r\n"+mebibyte+"\r\nMSG a 3 1048576\r\n"+mebibyte+"\r\n"+
			"MSG linkd.p.tx.a.b 4 1048576\r\n"+mebibyte+"\r\n"), 64 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			log, passed := &counter{}, &counter{}
			cfg := config(t)
			cfg.Log = slog.New(slog.NewTextHandler(log, nil))
			cfg.URL = "nats://" + outputtest.Fake(t, func(conn net.Conn) {
				c.do(io.MultiWriter(conn, passed), bufio.NewReader(conn))
			})
			b := start(t, cfg)
			if err := b.Serve(&fakeCore{wait: make(chan struct{})}); err != nil {
				t.Fatal(err)
			}
			come := func(bytes int64) {
				from := passed.n.Load()
				eventually(t, "more has come", func() bool { return passed.n.Load() > from+bytes })
			}
			come(c.much)
			before := outputtest.Heap()
			come(4 * c.much)
			eventually(t, "the heap has not grown", func() bool { // what is kept would stay and grow; other tests' remains go
				return outputtest.Heap()-before <= 2*c.much
			})
			if n := log.n.Load(); n > 64<<10 {
				t.Errorf("the log has %d bytes", n)
			}
			ctx, cancel := contextFor(100 * time.Millisecond)
			defer cancel()
			_ = b.Close(ctx)
		})
	}
}

// counter counts what is written.
type counter struct{ n atomic.Int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}
