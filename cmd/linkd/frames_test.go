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
	"syscall"
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

// TestTapIntoTshark has tshark read a tap from a pipe while frames come, as Wireshark would: what linkd has kept, then
// a write that is made after tshark has shown that. What it shows is what linkd says of the same bytes.
func TestTapIntoTshark(t *testing.T) {
	t.Parallel()
	tshark := peer(t, "tshark")
	in, _, _, device := startPlant(t, "modbus-rtu")
	in.becomes(t, "ch/d1/temperature", "good", "")
	frames := in.tapFrames(t, "s1/c1")
	_, port, err := net.SplitHostPort(device)
	if err != nil {
		t.Fatal(err)
	}
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	asked := slices.Concat(fields, []string{"_ws.malformed", "tcp.analysis.flags", "ip.checksum.status",
		"tcp.checksum.status"})
	reader := exec.Command(tshark,
		slices.Concat([]string{"-i", "-", "-l"}, modbusArgs("modbus-rtu", port), fieldArgs(asked))...)
	reader.Env = append(os.Environ(), "WIRESHARK_CONFIG_DIR="+t.TempDir())
	printed := &transcript{}
	reader.Stdin, reader.Stdout = from, printed
	shows := start(t, reader)
	writer := exec.Command(binary, "tap", "s1/c1", "-o", "pcapng", "--last", "4", "--url", in.url)
	writer.Stdout = to
	tap := start(t, writer)
	if err := errors.Join(from.Close(), to.Close()); err != nil { // they are the programs' now
		t.Fatal(err)
	}
	var packets []packet
	shown := func(what string, is func(packet) bool) {
		t.Helper()
		eventually(t, "tshark shows "+what, func() error {
			text := printed.String()
			packets = packetsOf(text[:strings.LastIndexByte(text, '\n')+1], asked, port)
			if !slices.ContainsFunc(packets, is) {
				return fmt.Errorf("there are %d packets", len(packets))
			}
			return nil
		})
	}
	shown("what was kept", func(p packet) bool { return p["modbus.func_code"] == "3" })
	in.says(t, 0, "confirmed", "write", "ch/d1/setpoint", "3.5")
	shown("the write", func(p packet) bool { return p["modbus.func_code"] == "6" && p["dir"] == "in" })
	if code := tap.end(syscall.SIGINT); code != 0 {
		t.Errorf("the tap ended with status %d", code)
	}
	<-shows.gone // as the pipe has ended
	if code := shows.cmd.ProcessState.ExitCode(); code != 0 || strings.Contains(shows.log.String(), "cut short") {
		t.Errorf("tshark ended with status %d: %s", code, shows.log)
	}
	tapped, err := sameBytes(frames(), packets)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range packets {
		p.compare(t, tapped[i].Decoded)
		if p["_ws.malformed"]+p["tcp.analysis.flags"] != "" || p["ip.checksum.status"]+p["tcp.checksum.status"] != "11" {
			t.Errorf("tshark finds fault with %v", p)
		}
	}
}

// TestTapOnTerminal: a capture is not written where it would be a mess.
func TestTapOnTerminal(t *testing.T) {
	t.Parallel()
	_, name := pty(t)
	terminal, err := os.OpenFile(name, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	cmd := exec.Command(binary, "tap", "s1/c1", "-o", "pcapng")
	cmd.Stdout = terminal
	tap := start(t, cmd)
	<-tap.gone
	const want = "linkd: -o pcapng: a capture is no text for a terminal; give it to a program or a file: " +
		"linkd tap s1/c1 -o pcapng | wireshark -k -i -\n"
	if code := tap.cmd.ProcessState.ExitCode(); code != 2 || tap.log.String() != want {
		t.Errorf("status %d: %s", code, tap.log)
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
