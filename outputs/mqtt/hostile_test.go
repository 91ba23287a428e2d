package mqtt

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"linkd/outputs"
	"linkd/outputs/outputtest"
	"linkd/server"
)

// mute is a broker that accepts everything and acknowledges no message.
func mute(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for {
					p, err := packets.ReadPacket(c)
					if err != nil {
						return
					}
					if _, ok := p.(*packets.ConnectPacket); ok {
						_ = packets.NewControlPacket(packets.Connack).Write(c)
					}
					if pub, ok := p.(*packets.PublishPacket); ok && strings.HasSuffix(pub.TopicName, "/status") {
						ack := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
						ack.MessageID = pub.MessageID
						_ = ack.Write(c)
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// TestNeverAcknowledged: a broker that takes messages and acknowledges none makes nothing grow.
func TestNeverAcknowledged(t *testing.T) {
	s := start(t, "json", map[string]any{"server": "tcp://" + mute(t), "retry": "10ms", "retry_max": "10ms", "spool": "64KiB",
		"ack_timeout": "100ms", "inflight": 50}, outputs.Env{})
	put := func() {
		for i := range 2000 {
			s.Reports([]server.Report{outputtest.Report("d1", i)})
		}
	}
	sessions := func(n uint64) {
		outputtest.Eventually(t, func() error {
			if st := s.Stats(); st.Retries < n || !strings.Contains(st.Error, "does not acknowledge within 100ms") {
				return fmt.Errorf("%+v", st)
			}
			return nil
		})
	}
	put()
	sessions(3)
	before, goroutines := outputtest.Heap(), runtime.NumGoroutine()
	for range 20 {
		put()
	}
	sessions(s.Stats().Retries + 15)
	if grown, more := outputtest.Heap()-before, runtime.NumGoroutine()-goroutines; grown > 512<<10 || more > 20 {
		t.Errorf("the heap has grown by %d bytes, and there are %d goroutines more", grown, more)
	}
	st := s.Stats()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = s.Close(ctx)
	if st.Tags.Sent != 0 || st.QueuedBytes > 64<<10 || st.Tags.Taken != 42000 {
		t.Errorf("%+v", st)
	}
}

// TestHostileBroker: packets of a claimed length that no command has, and rubbish, end the session.
func TestHostileBroker(t *testing.T) {
	for name, rubbish := range map[string][]byte{"huge": {0x30, 0xff, 0xff, 0xff, 0x7f}, "endless": {0x30, 0xff, 0xff,
		0xff, 0xff, 1},
		"rubbish": []byte("HTTP/1.1 200 OK\r\n\r\n")} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					_, _ = packets.ReadPacket(c)
					if name != "rubbish" {
						_ = packets.NewControlPacket(packets.Connack).Write(c)
					}
					_, _ = c.Write(rubbish)
					_, _ = io.Copy(io.Discard, c)
					c.Close()
				}
			}()
			s := start(t, "json", map[string]any{"server": "tcp://" + l.Addr().String(), "retry": "10ms", "ack_timeout": "500ms"},
				outputs.Env{})
			outputtest.Eventually(t, func() error {
				if st := s.Stats(); st.State != outputs.Failing || st.Retries < 2 {
					return fmt.Errorf("%+v", st)
				}
				return nil
			})
		})
	}
}

// FuzzGuarded: whatever comes in whatever pieces, the length that the guard follows is that of the bytes.
func FuzzGuarded(f *testing.F) {
	f.Add([]byte{0x30, 3, 1, 2, 3, 0xd0, 0}, uint8(1))
	f.Add([]byte{0x30, 0x80, 0x80, 0x80, 0x80, 1}, uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, cut uint8) {
		whole, pieces := &guarded{}, &guarded{}
		errWhole := whole.follow(b)
		var errPieces error
		for rest := b; len(rest) > 0 && errPieces == nil; {
			n := min(len(rest), int(cut)+1)
			errPieces = pieces.follow(rest[:n])
			rest = rest[n:]
		}
		if (errWhole == nil) != (errPieces == nil) || errWhole == nil && (whole.rest != pieces.rest ||
			whole.inside != pieces.inside) || whole.rest > maxPacket {
			t.Fatalf("%v and %v, %+v and %+v", errWhole, errPieces, whole, pieces)
		}
	})
}
