package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

// anyPorts has the bus take clients on ports that are free.
var anyPorts = []string{"--bus-listen", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0"}

// ownAddr is an address of this test alone, on which a provider can listen again: no outgoing connection takes its
// port.
func ownAddr(t *testing.T, host string) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// busAt is where the embedded bus takes clients.
func (in *instance) busAt(t *testing.T) (at struct{ Listen, MQTT, State string }) {
	t.Helper()
	in.read(t, "/bus", &at)
	return at
}

// subscribe is a mosquitto_sub that prints the topics and messages of a topic.
func (in *instance) subscribe(t *testing.T, token, topic string) *process {
	t.Helper()
	host, port, err := net.SplitHostPort(in.busAt(t).MQTT)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, exec.Command(peer(t, "mosquitto_sub"), "-h", host, "-p", port, "-u", "anybody", "-P", token,
		"-t", topic, "-v"))
}

// shows waits until a program has printed a text.
func (p *process) shows(text string) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%s shows %q", p.cmd.Args[0], text), func() error {
		if said := p.log.String(); !strings.Contains(said, text) {
			return fmt.Errorf("it shows %q", said)
		}
		return nil
	})
}

// exchange is request with a header line more, which may be empty; it returns the answer whatever its status.
func (in *instance) exchange(t *testing.T, method, path, body, name, value string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, in.url+"/api/v1"+path, strings.NewReader(body))
	if err == nil {
		err = in.authorize(req)
	}
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if name != "" {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, b
}

// known is what the tests read of a connection that outlives linkd.
type known struct {
	Title, State    string
	Since           time.Time
	Session         uint64
	RemoteAddr      string `json:"remote_addr"`
	LastCloseReason string `json:"last_close_reason"`
	Reconnects      uint64
}

func (in *instance) known(t *testing.T, path string) (c known) {
	t.Helper()
	in.read(t, "/connections/"+path, &c)
	return c
}

// life is what happened to a connection.
type life struct {
	TS      time.Time
	Event   string
	Session uint64
	Reason  string
}

func (in *instance) lives(t *testing.T, path string) []life {
	t.Helper()
	var list struct{ Items []life }
	in.read(t, "/connections/"+path+"/history", &list)
	return list.Items
}

// counted is how many good values of a tag the history has between two moments.
func (in *instance) counted(t *testing.T, tag string, from, to time.Time) (n int) {
	t.Helper()
	var list struct{ Items []struct{ Count int } }
	in.read(t, "/history?"+url.Values{"tag": {tag}, "from": {from.Format(time.RFC3339Nano)},
		"to": {to.Format(time.RFC3339Nano)}}.Encode(), &list)
	for _, b := range list.Items {
		n += b.Count
	}
	return n
}

// revision is what the tests read of a change of the configuration.
type revision struct {
	Revision  uint64
	Who, What string
	Changes   []string
}

func (in *instance) revisions(t *testing.T) []revision {
	t.Helper()
	var list struct{ Items []revision }
	in.read(t, "/revisions", &list)
	return list.Items
}

// simulated is a Modbus device with this id that dials in to an address, again and again, until the test ends.
func simulated(t *testing.T, target, id string) *process {
	t.Helper()
	return start(t, exec.Command(binary, "loadgen", "--mode", "modbus-rtu", "--registers", "greenhouse", "--devices", "1",
		"--id", id, "--target", target, "--duration", "10m", "--reconnect", "--own-lag-limit", "1m",
		"--own-cpu-limit", "100%"))
}

// seenIsStored waits until what was seen up to now is on the disk: until the second time that it is written, which
// began after the first had ended. A device that comes and goes gives cause.
func (in *instance) seenIsStored(t *testing.T, id string, at string) {
	t.Helper()
	dir, err := in.data()
	if err != nil {
		t.Fatal(err)
	}
	var last time.Time
	changes := -1
	eventually(t, "what was seen is stored", func() error {
		c, err := net.DialTimeout("tcp", at, patience)
		if err != nil {
			return err
		}
		_, err = io.WriteString(c, id)
		if err = errors.Join(err, c.Close()); err != nil {
			return err
		}
		file, err := os.Stat(filepath.Join(dir, "seen.db"))
		if err != nil {
			return err
		}
		if !file.ModTime().Equal(last) {
			last = file.ModTime()
			changes++
		}
		if changes < 2 {
			return fmt.Errorf("written %d times since", changes)
		}
		return nil
	})
}

// TestStory is a day of a greenhouse: values come over MQTT, somebody edits a connection, linkd is killed and started
// again, and the project file is changed. Nothing of it is lost.
func TestStory(t *testing.T) {
	t.Parallel()
	const host = "127.77.0.1"
	port := ownAddr(t, host)
	at := net.JoinHostPort(host, port)
	content := strings.NewReplacer("local_port: 0", "local_ip: "+host+"\n    local_port: "+port,
		"connections:\n", "connections:\n      - {name: c2, socket_conn_id: c0002}\n"+
			"      - {name: c3, socket_conn_id: c0003}\n",
	).Replace(greenhouseModbus)
	file := write(t, content)
	in := launch(t, file, anyPorts...)
	began := time.Now()
	simulated(t, at, "c{n:04}")
	session := in.online(t, "s1/c1", 0).Session

	viewer, _ := in.newToken(t, "dashboard", "viewer")
	const topic = "linkd/greenhouse/tags/ch_dev1/d1"
	in.subscribe(t, viewer, topic).shows(`"temperature":{"v":1`)
	wrong := in.subscribe(t, viewer[:len(viewer)-1]+"x", topic)
	select {
	case <-wrong.gone:
		if code := wrong.cmd.ProcessState.ExitCode(); code == 0 || strings.Contains(wrong.log.String(), "temperature") {
			t.Errorf("a wrong token: status %d, %s", code, wrong.log)
		}
	case <-time.After(patience):
		t.Error("a wrong token is not refused")
	}

	in.edits(t)
	if c := in.known(t, "s1/c1"); c.Session != session || c.State != "online" {
		t.Errorf("edited, and it is %+v; was in session %d", c, session)
	}
	device, err := net.Dial("tcp", at)
	if err == nil {
		_, err = io.WriteString(device, "c0002")
	}
	if err != nil {
		t.Fatal(err)
	}
	in.online(t, "s1/c2", 0)
	device.Close()
	in.offline(t, "s1/c2")
	in.seenIsStored(t, "c0003", at)
	const tag = "ch_dev1/d1/temperature"
	eventually(t, "there is a history", func() error {
		if n := in.counted(t, tag, began, time.Now()); n < 10 {
			return fmt.Errorf("it has %d values", n)
		}
		return nil
	})
	noted := time.Now()
	before := memory{in.known(t, "s1/c2"), in.revisions(t), in.lives(t, "s1/c2"), in.counted(t, tag, began, noted)}
	in.end(syscall.SIGKILL)

	again := launch(t, file, anyPorts...)
	again.remembers(t, before)
	if n := again.counted(t, tag, began, noted); n < before.values {
		t.Errorf("the history has %d values from before the kill, had %d", n, before.values)
	}
	if c := again.online(t, "s1/c1", 0); c.Session <= session {
		t.Errorf("c1 is in session %d, was in %d", c.Session, session)
	}
	if c := again.known(t, "s1/c1"); c.Title != "Boiler house" || c.Reconnects == 0 {
		t.Errorf("the edited connection is %+v", c)
	}
	again.subscribe(t, viewer, topic).shows(`"temperature":{"v":1`)
	again.changesTheFile(t, content)
	if code := again.end(syscall.SIGTERM); code != 0 {
		t.Errorf("linkd ended with status %d, want 0", code)
	}
}

// memory is what is to outlive a kill.
type memory struct {
	seen      known
	revisions []revision
	lives     []life
	values    int
}

// edits gives a connection a title, once.
func (in *instance) edits(t *testing.T) {
	t.Helper()
	const path, body = "/connections/s1/c1", `{"socket_conn_id": "c0001", "title": "Boiler house"}`
	res, _ := in.exchange(t, http.MethodGet, path, "", "", "")
	tag := res.Header.Get("ETag")
	if res, b := in.exchange(t, http.MethodPut, path, body, "If-Match", tag); res.StatusCode != http.StatusOK {
		t.Fatalf("the edit: %s: %s", res.Status, b)
	}
	res, b := in.exchange(t, http.MethodPut, path, strings.Replace(body, "Boiler", "Green", 1), "If-Match", tag)
	if res.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("a second edit of what was read before the first: %s: %s", res.Status, b)
	}
}

// remembers compares what a linkd knows with what the one before knew.
func (in *instance) remembers(t *testing.T, before memory) {
	t.Helper()
	if c := in.known(t, "s1/c2"); !reflect.DeepEqual(c, before.seen) || c.Since.IsZero() || c.LastCloseReason == "" {
		t.Errorf("c2 is %+v, was %+v", c, before.seen)
	}
	if list := in.revisions(t); !reflect.DeepEqual(list, before.revisions) || len(list) != 2 {
		t.Errorf("the revisions are %+v, were %+v", list, before.revisions)
	}
	if list := in.lives(t, "s1/c2"); !reflect.DeepEqual(list, before.lives) || len(list) != 2 {
		t.Errorf("the history of c2 is %+v, was %+v", list, before.lives)
	}
	in.says(t, 0, "dashboard", "token", "list")
}

// changesTheFile adds a connection to the project file, which leaves alone what was edited over HTTP.
func (in *instance) changesTheFile(t *testing.T, content string) {
	t.Helper()
	in.reload(t, strings.Replace(content, "connections:\n",
		"connections:\n      - {name: c4, socket_conn_id: c0004}\n", 1))
	eventually(t, "c4 is there", func() error {
		_, err := in.request(http.MethodGet, "/api/v1/connections/s1/c4", "")
		return err
	})
	if c := in.known(t, "s1/c1"); c.Title != "Boiler house" || c.State != "online" {
		t.Errorf("after a change of the file the edited connection is %+v", c)
	}
	list := in.revisions(t)
	if len(list) != 3 || list[0].Who != "file" || len(list[0].Changes) != 1 {
		t.Errorf("the revisions are %+v", list)
	}
	if b, err := json.Marshal(list); err != nil || !bytes.Contains(b, []byte("c4")) {
		t.Errorf("the change of the file is not told: %s (%v)", b, err)
	}
}

// TestSessionNumbers: a number is given to one session, however often linkd is killed.
func TestSessionNumbers(t *testing.T) {
	t.Parallel()
	file := write(t, greenhouse)
	var last uint64
	for range 3 {
		in := launch(t, file, "--no-bus")
		in.dial(t, "s1", "c0001")
		c := in.online(t, "s1/c1", 0)
		if c.Session <= last {
			t.Errorf("session %d, after %d", c.Session, last)
		}
		last = c.Session
		in.end(syscall.SIGKILL)
	}
}
