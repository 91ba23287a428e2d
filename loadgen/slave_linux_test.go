package loadgen

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asks is a server that reads an id of five bytes, asks each address of unit 1 in turn for a self-describing value, and
// shows it.
func asks(shows func(addr int, value uint64), addresses ...int) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		_, err := io.ReadFull(c, make([]byte, 5))
		rtu := modbusRTU()
		for i := 0; err == nil; i++ {
			addr := addresses[i%len(addresses)]
			pdu := []byte{3, byte(addr >> 8), byte(addr), 0, 4}
			if _, err = c.Write(rtu.wrap(nil, &request{unit: 1}, pdu)); err != nil {
				return
			}
			answer := make([]byte, 13)
			if _, err = io.ReadFull(c, answer); err == nil && rtuLength(append([]byte{1, 3}, answer...)) < 100 {
				shows(addr, binary.BigEndian.Uint64(answer[3:]))
			}
		}
	}
}

// values is an HTTP server with a stream of values of one device, as linkd has it.
func values(t *testing.T, c <-chan string) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer sesame" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		fmt.Fprintln(w, lostMetric, 7)
	})
	mux.HandleFunc("GET /api/v1/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, ": linkd\n\n")
		w.(http.Flusher).Flush()
		for {
			select {
			case v := <-c:
				fmt.Fprintf(w, "event: value\ndata: %s\n\n", v)
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				return
			}
		}
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL
}

// TestVerdictOverValues: a stream of values is found right, and each kind of wrong value is found.
func TestVerdictOverValues(t *testing.T) {
	tests := []struct {
		name  string
		shown func(n int, addr int, v uint64) (int, uint64)
		wrong bool
		old   bool
	}{
		{"right", func(_, addr int, v uint64) (int, uint64) { return addr, v }, false, false},
		{"another address", func(n, addr int, v uint64) (int, uint64) { return addr + 4*(n/5%2), v }, true, false},
		{"another unit", func(_, addr int, v uint64) (int, uint64) { return addr, v ^ 3<<unitShift }, true, false},
		{"another device", func(_, addr int, v uint64) (int, uint64) { return addr, v ^ 1<<deviceShift }, true, false},
		{"another table", func(_, addr int, v uint64) (int, uint64) { return addr, v ^ 1<<tableShift }, true, false},
		{"never sent", func(_, addr int, v uint64) (int, uint64) { return addr, v + 5000 }, true, false},
		{"old", func(n, addr int, v uint64) (int, uint64) { return addr, v - uint64(max(0, n-200)) }, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := make(chan string, 1024)
			n := 0
			target := server(t, asks(func(addr int, v uint64) {
				n++
				addr, v = tt.shown(n, addr, v)
				c <- fmt.Sprintf(`{"connection":"s1/f3","device":"d1","address":"holding:%d","type":"uint64",`+
					`"quality":"good","value":%d,"ts":%q}`, addr, v, time.Now().Format(time.RFC3339Nano))
			}, 0, 400))
			r := runs(t, Config{Target: target, Devices: 1, ID: "c{n:04}", From: 3, Mode: ModbusRTU, Duration: time.Second,
				Verify: values(t, c), Token: "sesame",
				Slave: Slave{Latency: Spread{Kind: "fixed", A: float64(time.Millisecond)}}})
			v := r.Verify
			if v.Verified == 0 && !tt.wrong || (v.Wrong > 0) != tt.wrong || (v.Old > 0) != tt.old {
				t.Fatalf("%v, of %d shown", v, n)
			}
			if err := r.Err(); (err != nil) != (tt.wrong || tt.old) ||
				err != nil && !strings.Contains(err.Error(), "the first: what was read of device 3, unit 1, holding:") {
				t.Errorf("the run ends with %v", err)
			}
		})
	}
}

// TestVerifyRefused: without the values there is no run.
func TestVerifyRefused(t *testing.T) {
	cfg := Config{Target: server(t, silent), Devices: 1, ID: "c{n:04}", Mode: ModbusRTU, Duration: time.Second,
		Verify: values(t, nil)}
	_, err := Run(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), "could not be followed: GET /metrics: 401 ") {
		t.Errorf("error %v, want a refusal", err)
	}
}

// TestFaults: each fault does what it says, to answers that a strict reader counts.
func TestFaults(t *testing.T) {
	slow := Spread{Kind: "fixed", A: float64(50 * time.Millisecond)}
	tests := []struct {
		name  string
		slave Slave
		right func(p *Polls) bool
	}{
		{"none", Slave{}, func(p *Polls) bool { return p.Answered > 20 && p.Answered >= p.Received-1 }},
		{"in pieces", Slave{Fragment: true}, func(p *Polls) bool { return p.Answered > 2 && p.Fragmented >= p.Answered }},
		{"dropped", Slave{Drop: 1}, func(p *Polls) bool { return p.Answered == 0 && p.Dropped == p.Received }},
		{"dead", Slave{Dead: 1}, func(p *Polls) bool { return p.Answered == 0 && p.Dead == p.Received }},
		{"late", Slave{Late: 1, LateBy: slow}, func(p *Polls) bool { return p.Answered < 20 && p.Late >= p.Answered }},
		{"other unit", Slave{UnitFrom: 2, UnitTo: 3}, func(p *Polls) bool { return p.OtherUnit == p.Received }},
		{"churn", Slave{Churn: 1}, func(p *Polls) bool { return p.Churned > 0 && p.Answered > 20 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := 500 * time.Millisecond
			if tt.slave.Churn > 0 {
				d += leastBefore + time.Second
			}
			r := runs(t, Config{Target: server(t, asks(func(int, uint64) {}, 0)), Devices: 1, Mode: ModbusRTU, Duration: d,
				Slave: tt.slave})
			if err := r.Err(); err != nil || r.Polls.Received == 0 || !tt.right(r.Polls) {
				t.Errorf("%v; %v", r.Polls, err)
			}
		})
	}
}

// TestAnswersDoNotAllocate: nor do requests.
func TestAnswersDoNotAllocate(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	cfg := Config{Target: "127.0.0.1:1", Devices: 1, ID: "c{n:04}", Mode: ModbusRTU, Duration: time.Second, Seed: 1,
		Slave: Slave{Fragment: true, Garbage: 0.5, BeatInside: 0.5}, HeartbeatSend: []byte("LOG")}.withDefaults()
	speech, err := newSpeech(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWorker(&cfg, speech, 0, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer w.poll.close()
	now := int64(time.Hour)
	w.clock = func() int64 { return now }
	d := &w.devs[0]
	d.state, d.fd, w.phase = up, int32(pair[0]), traffic
	frame := modbusRTU().wrap(nil, &request{unit: 1}, []byte{3, 0, 0, 0, 4})
	buf := make([]byte, 4096)
	answered := func() int64 {
		w.requests(now, d, frame)
		for range 64 {
			now += pieceGap
			w.reply(now)
		}
		_, _ = unix.Read(pair[1], buf)
		return w.out.Polls.Answered
	}
	before := answered()
	if n := testing.AllocsPerRun(500, func() { answered() }); n != 0 {
		t.Errorf("%v allocations for a request and its answer", n)
	}
	if got := w.out.Polls.Answered - before; got < 500 {
		t.Errorf("%d answers went out, want 500 at least", got)
	}
}

// TestGreenhouse: the climate follows the setpoint that was written, and stays plausible.
func TestGreenhouse(t *testing.T) {
	cfg := Config{Devices: 1, From: 1}.withDefaults()
	g := newGreenhouses(&cfg, 0, 1)
	now := int64(time.Hour)
	ask := func(pdu ...byte) []byte { return appendPDU(nil, &request{unit: 1, pdu: pdu}, g, 0, now) }
	if got := fmt.Sprintf("% X", ask(6, 0, 0, 1, 24)); got != "06 00 00 01 18" {
		t.Errorf("setpoint 28: %s", got)
	}
	for name, pdu := range map[string][]byte{"86 03": {6, 0, 0, 3, 24}, "86 02": {6, 0, 1, 0, 1},
		"84 02": {4, 0, 3, 0, 1}} {
		if got := fmt.Sprintf("% X", ask(pdu...)); got != name {
			t.Errorf("% X: %s, want %s", pdu, got, name)
		}
	}
	if got := fmt.Sprintf("% X", ask(3, 0, 0, 0, 1)); got != "03 02 01 18" {
		t.Errorf("setpoint is read back as %s", got)
	}
	first := ask(4, 0, 0, 0, 3)
	now += int64(5 * time.Minute)
	last := ask(4, 0, 0, 0, 3)
	temperature := func(b []byte) int { return int(int16(binary.BigEndian.Uint16(b[2:]))) }
	if a, b := temperature(first), temperature(last); a > 200 || b < 260 || b > 300 {
		t.Errorf("temperature goes from %d to %d tenths, want it at 280 or so", a, b)
	}
	if h := binary.BigEndian.Uint16(last[4:]); h < 200 || h > 950 {
		t.Errorf("humidity is %d tenths", h)
	}
}
