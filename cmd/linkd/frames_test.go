package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFramesInTshark has tshark read the file of a link's last frames, which nobody has looked at before: packets are
// whole, their checksums right, their bytes those of a tap in order, and Modbus is what linkd says it is.
func TestFramesInTshark(t *testing.T) {
	t.Parallel()
	tshark := peer(t, "tshark")
	for _, driver := range []string{"modbus-tcp", "modbus-rtu"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			in, _, _, device := startPlant(t, driver)
			eventually(t, "a whole round has been asked and answered", func() error {
				var kept struct{ Items []tapFrame }
				in.read(t, "/connections/s1/c1/frames", &kept)
				if n := len(kept.Items); n < 1+pollRound { // the identity came first
					return fmt.Errorf("%d frames", n)
				}
				return nil
			})
			host, port, err := net.SplitHostPort(device)
			if err != nil {
				t.Fatal(err)
			}
			capture, err := in.request(http.MethodGet, "/api/v1/connections/s1/c1/frames?format=pcapng", "")
			if err != nil {
				t.Fatal(err)
			}
			all := in.tapFrames(t, "s1/c1") // soon after, as rings go round
			file := filepath.Join(t.TempDir(), "frames.pcapng")
			if err := os.WriteFile(file, capture, 0o600); err != nil {
				t.Fatal(err)
			}
			read := func(more ...string) string { return readCapture(t, tshark, file, driver, port, more...) }
			const wrong = "_ws.malformed || tcp.analysis.flags || ip.checksum.status != 1 || tcp.checksum.status != 1"
			if bad := read("-Y", wrong, "-O", "ip,tcp"); bad != "" {
				t.Errorf("tshark finds fault with %s", bad)
			}
			first := strings.TrimSpace(read("-c", "1", "-T", "fields", "-E", "separator=/s", "-e", "ip.src",
				"-e", "tcp.srcport", "-e", "ip.dst", "-e", "tcp.dstport", "-e", "tcp.payload", "-e", "frame.comment"))
			id := fmt.Sprintf("%s %s 127.0.0.1 %s %x identity, session 1", host, port, in.port(t, "s1"), "c0001")
			if first != id {
				t.Errorf("the first packet is %q, want %q", first, id)
			}
			packets := dissect(t, tshark, file, driver, port)
			if len(packets) < pollRound {
				t.Fatalf("%d packets", len(packets))
			}
			var tapped []tapFrame
			eventually(t, "a tap has all that is in the file", func() (err error) {
				tapped, err = sameBytes(all(), packets)
				return err
			})
			for i, p := range packets {
				p.compare(t, tapped[i].Decoded)
			}
		})
	}
}

// TestTapJSON: what a device said before anybody looked, and before its link dropped, is told, an object a line; then
// what it says now.
func TestTapJSON(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouse)
	c := in.dial(t, "s1", "c0002")
	before := in.online(t, "s1/c2", 0)
	fmt.Fprint(c, "last words\n")
	eventually(t, "the words have come", func() error {
		if now := in.connection(t, "s1/c2"); now.BytesIn != uint64(len("c0002last words\n")) {
			return fmt.Errorf("%d bytes", now.BytesIn)
		}
		return nil
	})
	c.Close()
	in.offline(t, "s1/c2")
	tap := start(t, exec.Command(binary, "tap", "s1/c2", "-o", "json", "--since", "1h", "--url", in.url))
	type frame struct {
		Dir, Text string
		Identity  bool
		Session   uint64
	}
	shows := func(want ...frame) {
		t.Helper()
		eventually(t, "the tap shows what it should", func() error {
			var got []frame
			for line := range strings.Lines(tap.log.String()) {
				var f frame
				if err := json.Unmarshal([]byte(line), &f); err != nil {
					return errors.New(line)
				}
				got = append(got, f)
			}
			if !slices.Equal(got, want) {
				return fmt.Errorf("%+v, want %+v", got, want)
			}
			return nil
		})
	}
	session := before.Session
	first := []frame{{"in", "c0002", true, session}, {"in", "last words\n", false, session}}
	shows(first...)
	in.dial(t, "s1", "c0002\nback")
	session = in.online(t, "s1/c2", session).Session
	shows(append(first, frame{"in", "c0002\n", true, session}, frame{"in", "back", false, session})...)

	text, err := in.request(http.MethodGet, "/api/v1/connections/s1/c2/frames?format=text&last=1", "")
	if err != nil || !strings.HasSuffix(string(text), "\tin\t62 61 63 6b\tback\t\n") {
		t.Errorf("as text: %q, %v", text, err)
	}
}

// TestFramesOff: --frames 0 keeps none.
func TestFramesOff(t *testing.T) {
	t.Parallel()
	in := serve(t, greenhouse, "--frames", "0")
	in.dial(t, "s1", "c0002hello")
	in.online(t, "s1/c2", 0)
	var list struct{ Items []tapFrame }
	in.read(t, "/connections/s1/c2/frames", &list)
	if len(list.Items) > 0 {
		t.Errorf("it has %v", list.Items)
	}
}
