package mqtt

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"linkd/outputs"
	"linkd/outputs/outputtest"
	"linkd/project"
)

// broker is a mosquitto that can be killed and started again on its port.
type broker struct {
	t    testing.TB
	conf string
	port string
	cmd  *exec.Cmd

	mu  sync.Mutex
	got []message
}

// newBroker starts a mosquitto with a line of configuration for its listener.
func newBroker(t testing.TB, more ...string) *broker {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/mosquitto")
	}
	if err != nil {
		err = fmt.Errorf("mosquitto is not installed: %w", err)
	}
	outputtest.Need(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &broker{t: t, conf: filepath.Join(t.TempDir(), "mosquitto.conf")}
	_, b.port, _ = net.SplitHostPort(l.Addr().String())
	l.Close()
	if len(more) == 0 {
		more = []string{"allow_anonymous true"}
	}
	// No queue of a subscriber may overflow, or it would look as if linkd had lost something.
	text := "user root\npersistence false\nmax_queued_messages 0\nmax_inflight_messages 0\n" +
		"listener " + b.port + " 127.0.0.1\n" +
		strings.Join(more, "\n") + "\n"
	b.must(os.WriteFile(b.conf, []byte(text), 0o600))
	b.cmd = &exec.Cmd{Path: path}
	t.Cleanup(b.Down)
	b.Up()
	return b
}

func (b *broker) must(err error) {
	if err != nil {
		b.t.Helper()
		b.t.Fatal(err)
	}
}

func (b *broker) Up() {
	b.t.Helper()
	b.cmd = exec.Command(b.cmd.Path, "-c", b.conf)
	log, err := os.Create(filepath.Join(filepath.Dir(b.conf), "log"))
	b.must(err)
	defer log.Close()
	b.cmd.Stdout, b.cmd.Stderr = log, log
	b.must(b.cmd.Start())
	outputtest.Eventually(b.t, func() error {
		c, err := net.Dial("tcp", "127.0.0.1:"+b.port)
		if err != nil {
			said, _ := os.ReadFile(log.Name())
			return fmt.Errorf("%w; it says %s", err, said)
		}
		return c.Close()
	})
}

// Down kills it: no word to its clients.
func (b *broker) Down() {
	if b.cmd.Process != nil && b.cmd.ProcessState == nil {
		_ = b.cmd.Process.Kill()
		_ = b.cmd.Wait()
	}
}

// listen keeps what comes on topics, over restarts too. Its session is kept by the broker only while that runs.
func (b *broker) listen(topics ...string) paho.Client {
	b.t.Helper()
	filters := map[string]byte{}
	for _, topic := range topics {
		filters[topic] = 1
	}
	subscribed := make(chan struct{}, 100)
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://127.0.0.1:" + b.port).SetClientID("listener").
		SetConnectRetry(true).SetConnectRetryInterval(10 * time.Millisecond).SetMaxReconnectInterval(20 * time.Millisecond).
		SetOnConnectHandler(func(c paho.Client) {
			if c.SubscribeMultiple(filters, nil).Wait() {
				subscribed <- struct{}{}
			}
		}).SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.got = append(b.got, message{m.Topic(), m.Payload(), m.Qos(), m.Retained()})
	}))
	c.Connect()
	<-subscribed
	b.t.Cleanup(func() { c.Disconnect(100) })
	return c
}

func (b *broker) messages(prefix string) (list []message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.got {
		if strings.HasPrefix(m.topic, prefix) {
			list = append(list, m)
		}
	}
	return list
}

func (b *broker) options() map[string]any {
	return map[string]any{"server": "tcp://127.0.0.1:" + b.port, "retry": "10ms", "retry_max": "50ms"}
}

// start makes an output; it is closed with the test.
func start(t testing.TB, format string, options map[string]any, env outputs.Env) outputs.Sink {
	t.Helper()
	m, err := outputs.Table{Kind()}.Compile(&project.Output{Name: "o", Type: "mqtt", Format: format, Options: options})
	if err != nil {
		t.Fatal(err)
	}
	env.Project, env.Log = "p", outputtest.Log(t)
	s, err := m(env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.Close(ctx)
	})
	return s
}

// String is how failures show a message.
func (m message) String() string { return fmt.Sprintf("%s: %q", m.topic, m.payload) }
