package nats

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"linkd/outputs"
	"linkd/outputs/outputtest"
	"linkd/server"
)

const hello = `INFO {"server_id":"x","version":"2.11.0","headers":true,"max_payload":1048576,"proto":1}` + "\r\n"

// mute takes everything, answers the first pings of a connection, and acknowledges no message.
func mute(pings int) func(net.Conn) {
	return func(c net.Conn) {
		fmt.Fprint(c, hello)
		in := bufio.NewScanner(c)
		for n := 0; in.Scan(); {
			if in.Text() == "PING" && n < pings {
				n++
				fmt.Fprint(c, "PONG\r\n")
			}
		}
	}
}

// TestNeverAcknowledged: a server that takes messages and acknowledges none makes nothing grow, with JetStream and
// without.
func TestNeverAcknowledged(t *testing.T) {
	for _, jetstream := range []bool{false, true} {
		t.Run(fmt.Sprint(jetstream), func(t *testing.T) {
			pings := 2 // of the connect and of the session's begin
			s := begin(t, "json", map[string]any{"server": "nats://" + outputtest.Fake(t, mute(pings)), "retry": "10ms",
				"retry_max": "10ms", "spool": "64KiB", "ack_timeout": "100ms", "inflight": 50, "jetstream": jetstream})
			sessions := func(n uint64) {
				t.Helper()
				outputtest.Eventually(t, func() error {
					if st := s.Stats(); st.Retries < n || !strings.Contains(st.Error, "does not acknowledge within 100ms") {
						return fmt.Errorf("%+v", st)
					}
					return nil
				})
			}
			put(s, 0, 2000)
			sessions(3)
			before, goroutines := outputtest.Heap(), runtime.NumGoroutine()
			for range 20 {
				put(s, 0, 2000)
			}
			sessions(s.Stats().Retries + 10)
			if grown, more := outputtest.Heap()-before, runtime.NumGoroutine()-goroutines; grown > 1<<20 || more > 20 {
				t.Errorf("the heap has grown by %d bytes, and there are %d goroutines more", grown, more)
			}
			if st := s.Stats(); st.Tags.Sent != 0 || st.QueuedBytes > 64<<10 || st.Tags.Taken != 42000 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// TestNeverReads: a server that reads nothing holds up nobody, and Close ends at its time.
func TestNeverReads(t *testing.T) {
	held := make(chan struct{})
	address := outputtest.Fake(t, func(c net.Conn) {
		fmt.Fprint(c, hello)
		in := bufio.NewReader(c)
		for pings := 0; pings < 2; {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if line == "PING\r\n" {
				pings++
				fmt.Fprint(c, "PONG\r\n")
			}
		}
		<-held
	})
	s := begin(t, "json", map[string]any{"inflight": 10_000, "spool": "64MiB", "server": "nats://" + address})
	t.Cleanup(func() { close(held) })
	outputtest.Eventually(t, func() error {
		if st := s.Stats(); st.State != outputs.Fine {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	big := outputtest.Report("d1", 0)
	big.ID = bytes.Repeat([]byte("x"), 500<<10)
	for range 40 {
		s.Reports([]server.Report{big})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := s.Close(ctx); err == nil || time.Since(start) > 5*time.Second {
		t.Errorf("Close took %s: %v", time.Since(start), err)
	}
	if st := s.Stats(); st.Tags.Dropped != 40 {
		t.Errorf("%+v", st)
	}
}

// TestHostileServer: claimed lengths, lines without an end, and rubbish end the session and nothing else.
func TestHostileServer(t *testing.T) {
	for name, c := range map[string]struct{ first, then, want string }{
		"huge message":    {hello, "PONG\r\nMSG a 1 9000000000000000000\r\nx", "no NATS protocol"},
		"large message":   {hello, "PONG\r\nMSG a 1 100000000\r\nx", "sends a message of 100000000 bytes, over 65536"},
		"huge headers":    {hello, "PONG\r\nHMSG a 1 12 99999999999\r\nx", "sends a message of 99999999999 bytes"},
		"endless line":    {hello, "PONG\r\n-ERR " + strings.Repeat("x", 70<<10), "sends a line of over 65536 bytes"},
		"endless INFO":    {"INFO " + strings.Repeat(" ", 70<<10), "", "no NATS protocol"},
		"another service": {"220 mail.test ESMTP\r\n", "", "no NATS protocol"},
		"says nothing":    {"", "", "does not say what it is"},
		"no headers": {`INFO {"max_payload":1048576}` + "\r\n", strings.Repeat("PONG\r\n", 2),
			"headers not supported"},
		"error": {hello, "-ERR 'Account Connection Limit'\r\n", "Account Connection Limit"},
	} {
		t.Run(name, func(t *testing.T) {
			address := outputtest.Fake(t, func(conn net.Conn) {
				fmt.Fprint(conn, c.first)
				in := bufio.NewReader(conn)
				for line := ""; c.then != "" && line != "PING\r\n"; {
					var err error
					if line, err = in.ReadString('\n'); err != nil {
						return
					}
				}
				fmt.Fprint(conn, c.then)
				_, _ = io.Copy(io.Discard, in)
			})
			s := begin(t, "json", map[string]any{"server": "nats://" + address, "retry": "10ms", "ack_timeout": "500ms",
				"retry_max": "10ms"})
			put(s, 0, 1)
			fails(t, s, c.want)
			outputtest.Eventually(t, func() error {
				if st := s.Stats(); st.Retries < 2 || st.Tags.Sent != 0 {
					return fmt.Errorf("%+v", st)
				}
				return nil
			})
		})
	}
}

// TestFalseAcks: acknowledgements of what was not sent, and what is none, free nothing.
func TestFalseAcks(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"not asked for": {`{"stream":"plant","seq":1}`, "does not acknowledge within 300ms"},
		"rubbish":       {`thanks`, "no acknowledgement of a stream"},
		"no number":     {`{"stream":"plant"}`, "no acknowledgement of a stream"},
	} {
		t.Run(name, func(t *testing.T) {
			address := outputtest.Fake(t, func(conn net.Conn) {
				fmt.Fprint(conn, hello)
				in := bufio.NewScanner(conn)
				for in.Scan() {
					words := strings.Fields(in.Text())
					switch {
					case len(words) == 1 && words[0] == "PING":
						fmt.Fprint(conn, "PONG\r\n")
					case len(words) == 5 && words[0] == "HPUB" && name == "not asked for":
						inbox := words[2][:strings.LastIndexByte(words[2], '.')+1]
						for _, number := range []string{"1", "18446744073709551615", "9223372036854775808", "-1", "x"} {
							fmt.Fprintf(conn, "MSG %s%s 1 %d\r\n%s\r\n", inbox, number, len(c.answer), c.answer)
						}
					case len(words) == 5 && words[0] == "HPUB":
						fmt.Fprintf(conn, "MSG %s 1 %d\r\n%s\r\n", words[2], len(c.answer), c.answer)
					}
				}
			})
			s := begin(t, "json", map[string]any{"server": "nats://" + address, "retry": "10ms", "ack_timeout": "300ms",
				"jetstream": true})
			put(s, 0, 1)
			fails(t, s, c.want)
			if st := s.Stats(); st.Tags.Sent != 0 || st.Tags.Dropped != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}
