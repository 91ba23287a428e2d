package main_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestTshark lets Wireshark's dissector see what linkd tap shows, on a capture of the test's own port while linkd polls
// and writes the plant, and holds each frame's words against tshark's fields: unit, function and its name, addresses,
// counts, values, exception. For RTU it checks the CRCs of both sides too.
//
// Not compared: the name of an exception, which tshark has for eyes alone; the padding of an answer's bits, of which
// tshark leaves out those that its question did not ask for; function 23, which this device does not know and
// TestExplain has the standard's example of; Modbus ASCII, which tshark does not dissect on TCP.
func TestTshark(t *testing.T) {
	t.Parallel()
	tshark, dumpcap := peer(t, "tshark"), peer(t, "dumpcap")
	for _, driver := range []string{"modbus-tcp", "modbus-rtu"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			in, _, _, device := startPlant(t, driver)
			in.becomes(t, "ch/d1/temperature", "good", "")
			frames := in.tapFrames(t, "s1/c1")
			_, port, err := net.SplitHostPort(device)
			if err != nil {
				t.Fatal(err)
			}
			link := "host 127.0.0.1 and tcp port " + port + " and tcp port " + in.port(t, "s1") // and nobody else's
			file := capture(t, dumpcap, link, func() {
				for path, body := range map[string]string{
					"/valve": `{"value": true}`, "/setpoint": `{"value": 3.5}`, "/counter": `{"value": 3000000}`,
					"/lamp": `{"value": true}`, "": `{"values": {"valve": false, "pump": true}}`,
				} {
					_, _ = in.request("PUT", "/api/v1/tags/ch/d1"+path, body) // the lamp is refused, as it should
				}
				before := len(frames())
				eventually(t, "polls go on", func() error { // writes go first: in a row they would leave no room
					if n := len(frames()) - before; n < 2*pollRound {
						return fmt.Errorf("%d frames of %d", n, 2*pollRound)
					}
					return nil
				})
			})
			packets := dissect(t, tshark, file, driver, port)
			var tapped []tapFrame
			eventually(t, "tap has shown all that was captured", func() (err error) {
				tapped, err = sameBytes(frames(), packets)
				return err
			})
			kinds := map[string]bool{}
			for i, p := range packets {
				p.compare(t, tapped[i].Decoded)
				kinds[tapped[i].Dir+" "+p["modbus.func_code"]+" "+p["modbus.exception_code"]] = true
			}
			for _, k := range []string{"1 ", "2 ", "3 ", "4 ", "5 ", "6 ", "15 ", "16 "} {
				if !kinds["out "+k] || !kinds["in "+k] {
					t.Errorf("no question and answer of function %s in %v", k, slices.Sorted(maps.Keys(kinds)))
				}
			}
			if !kinds["out 22 "] || !kinds["in 22 1"] || !kinds["in 3 6"] {
				t.Errorf("no exceptions in %v", slices.Sorted(maps.Keys(kinds)))
			}
		})
	}
}

// pollRound is questions and answers of one round of the plant: coils, discrete, input, and holding in three pieces.
const pollRound = 12

// tapFrame is what the tests read of a frame on a tap.
type tapFrame struct{ Dir, Hex, Decoded string }

// tapFrames collects the frames of PROVIDER/NAME: those that are kept, and those that follow.
func (in *instance) tapFrames(t *testing.T, path string) (so func() []tapFrame) {
	t.Helper()
	var mu sync.Mutex
	var all []tapFrame
	in.stream(t, "/connections/"+path+"/tap", func(data []byte) {
		var f tapFrame
		if json.Unmarshal(data, &f) == nil {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, f)
		}
	})
	return func() []tapFrame {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

// capture records 300 packets with data of one link while it calls meanwhile over and over, and returns the file. link
// is a capture filter. Capturing needs root, or a dumpcap with capabilities: without, the test is left out as without a
// peer.
func capture(t *testing.T, dumpcap, link string, meanwhile func()) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "capture.pcapng")
	p := start(t, exec.Command(dumpcap, "-i", "lo", "-f", link+" and tcp[tcpflags] & tcp-push != 0",
		"-w", file, "-c", "300", "-a", "duration:20"))
	eventually(t, "dumpcap captures", func() error {
		select {
		case <-p.gone:
			missing(t, "dumpcap may not capture on lo (be root, or give it capabilities): %s", p.log)
		default:
		}
		if !strings.Contains(p.log.String(), "File: ") {
			return errors.New(p.log.String())
		}
		return nil
	})
	for {
		meanwhile()
		select {
		case <-p.gone:
			if code := p.cmd.ProcessState.ExitCode(); code != 0 {
				t.Fatalf("dumpcap ended with status %d: %s", code, p.log)
			}
			return file
		default:
		}
	}
}

// packet is the fields that tshark has of a packet; a field that is there several times has its values comma-separated.
type packet map[string]string

// fields are what is asked of tshark.
var fields = []string{"tcp.srcport", "tcp.payload", "_ws.col.Info", "mbtcp.unit_id", "mbrtu.unit_id",
	"mbrtu.crc16.status", "modbus.func_code", "modbus.exception_code", "modbus.reference_num", "modbus.word_cnt",
	"modbus.bit_cnt", "modbus.byte_cnt", "modbus.regval_uint16", "modbus.bitval", "modbus.data", "modbus.and_mask",
	"modbus.or_mask"}

// dissect has tshark read a capture. port is the device's: it tells questions, which go there, from answers.
func dissect(t *testing.T, tshark, file, driver, port string) (packets []packet) {
	t.Helper()
	packets = packetsOf(readCapture(t, tshark, file, driver, port, fieldArgs(fields)...), fields, port)
	if len(packets) > 0 && packets[0]["dir"] == "in" {
		packets = packets[1:] // its question was not captured
	}
	return packets
}

// fieldArgs has tshark print fields.
func fieldArgs(fields []string) []string {
	args := []string{"-T", "fields", "-E", "separator=/t", "-E", "aggregator=,"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	return args
}

// packetsOf is what tshark has printed of fields.
func packetsOf(printed string, fields []string, port string) (packets []packet) {
	for line := range strings.Lines(printed) {
		p := packet{}
		for i, v := range strings.Split(strings.TrimSuffix(line, "\n"), "\t") {
			p[fields[i]] = v
		}
		p["dir"] = "out"
		if p["tcp.srcport"] == port {
			p["dir"] = "in"
		}
		packets = append(packets, p)
	}
	return packets
}

// readCapture is what tshark prints of a capture of Modbus.
func readCapture(t *testing.T, tshark, file, driver, port string, more ...string) string {
	t.Helper()
	cmd := exec.Command(tshark, slices.Concat([]string{"-r", file}, modbusArgs(driver, port), more)...)
	cmd.Env = append(os.Environ(), "WIRESHARK_CONFIG_DIR="+t.TempDir()) // nobody's own settings
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v", err)
	}
	return string(out)
}

// modbusArgs has tshark take a port for Modbus, and verify checksums.
func modbusArgs(driver, port string) []string {
	protocol := map[string]string{"modbus-tcp": "mbtcp", "modbus-rtu": "mbrtu"}[driver]
	return []string{"-d", "tcp.port==" + port + "," + protocol, "-o", protocol + ".tcp.port:" + port,
		"-o", "mbrtu.crc_verification:TRUE", "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"}
}

// sameBytes returns the run of tapped frames whose bytes are those of the packets, one by one.
func sameBytes(frames []tapFrame, packets []packet) ([]tapFrame, error) {
	if len(packets) == 0 {
		return nil, errors.New("nothing was captured")
	}
	for from := range max(len(frames)-len(packets)+1, 0) {
		run := frames[from : from+len(packets)]
		if slices.EqualFunc(run, packets, func(f tapFrame, p packet) bool {
			return f.Hex == p["tcp.payload"] && f.Dir == p["dir"]
		}) {
			return run, nil
		}
	}
	return nil, fmt.Errorf("%d frames of tap do not hold the %d packets, the first of which is %v",
		len(frames), len(packets), packets[0])
}

var infoName = regexp.MustCompile(`Func: +\d+: ([A-Za-z ]+)`)

// compare holds what tap says of a packet against tshark's fields.
func (p packet) compare(t *testing.T, tap string) {
	t.Helper()
	if s, ok := p["mbrtu.crc16.status"]; ok && p["mbrtu.unit_id"] != "" && s != "1" {
		t.Errorf("%s: tshark finds its CRC bad", p["tcp.payload"])
	}
	name := infoName.FindStringSubmatch(p["_ws.col.Info"])
	if name == nil {
		t.Errorf("%s: tshark names no function in %q", p["tcp.payload"], p["_ws.col.Info"])
		return
	}
	want := fmt.Sprintf("unit %s %s", p["mbtcp.unit_id"]+p["mbrtu.unit_id"], strings.ToLower(strings.TrimSpace(name[1])))
	if code := p["modbus.exception_code"]; code != "" {
		if want += ": exception " + code + ", "; !strings.HasPrefix(tap, want) {
			t.Errorf("%s: tap says %q, tshark %q and so on", p["tcp.payload"], tap, want)
		}
		return
	}
	if want += p.words(t); tap != want {
		t.Errorf("%s: tap says %q, tshark %q", p["tcp.payload"], tap, want)
	}
}

// words is how tap puts what tshark found in a packet that is no exception.
func (p packet) words(t *testing.T) string {
	t.Helper()
	first, registers := p["modbus.reference_num"], strings.Split(p["modbus.regval_uint16"], ",")
	count := p.number(t, "modbus.bit_cnt") + p.number(t, "modbus.word_cnt")
	run := " " + first
	if count > 1 {
		run += fmt.Sprintf(" to %d", p.number(t, "modbus.reference_num")+count-1)
	}
	data, err := hex.DecodeString(p["modbus.data"])
	if err != nil {
		t.Fatal(err)
	}
	out := p["dir"] == "out"
	switch fc := p["modbus.func_code"]; {
	case out && slices.Contains([]string{"1", "2", "3", "4"}, fc), !out && (fc == "15" || fc == "16"):
		return run
	case fc == "1" || fc == "2":
		bits := strings.Split(p["modbus.bitval"], ",")
		for len(bits) < 8*p.number(t, "modbus.byte_cnt") {
			bits = append(bits, "0")
		}
		return ": " + listed(bits)
	case fc == "3" || fc == "4":
		return ": " + listed(registers)
	case fc == "5":
		return run + " = " + map[string]string{"ff00": "on", "0000": "off"}[p["modbus.data"]]
	case fc == "6":
		return fmt.Sprintf("%s = %d", run, int(data[0])<<8|int(data[1]))
	case fc == "15": // tshark leaves the bits in bytes
		var bits []string
		for i := range count {
			bits = append(bits, strconv.Itoa(int(data[i/8]>>(i%8)&1)))
		}
		return run + " = " + listed(bits)
	case fc == "16":
		return run + " = " + listed(registers)
	case fc == "22":
		return fmt.Sprintf(" %s: and %s, or %s", first, p["modbus.and_mask"], p["modbus.or_mask"])
	}
	return " and nothing that the test knows"
}

// number is a field as a number; 0 when the packet has none.
func (p packet) number(t *testing.T, field string) int {
	t.Helper()
	if p[field] == "" {
		return 0
	}
	n, err := strconv.Atoi(p[field])
	if err != nil {
		t.Fatalf("%s: %v", field, err)
	}
	return n
}

// listed is values as tap lists them: the first 16.
func listed(values []string) string {
	if len(values) > 16 {
		return strings.Join(values[:16], ", ") + fmt.Sprintf(" and %d more", len(values)-16)
	}
	return strings.Join(values, ", ")
}
