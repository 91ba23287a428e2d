package mqtt

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"linkd/outputs"
	"linkd/outputs/outputtest"
	"linkd/server"
)

// TestSparkplug: a life of an edge node at a real broker, read by the decoder of Eclipse Tahu: birth, data, a rebirth
// and a write that a host asks for, an outage with what was stored meanwhile, and the end.
func TestSparkplug(t *testing.T) {
	g, tahu, dir := newGate(t), outputtest.NewTahu(t), t.TempDir()
	c := g.listenOn("spBv1.0/#")
	options := g.Options()
	options["commands"], options["group"], options["edge"] = true, "plant", "north"
	var written atomic.Value
	s := start(t, sparkplugFormat, options, outputs.Env{Dir: dir, Write: func(_ context.Context, r server.WriteRequest) (
		server.WriteResult, error) {
		written.Store(fmt.Sprint(r.Channel, r.Device, r.Values))
		return server.WriteResult{Result: "confirmed"}, nil
	}})
	h := &heard{t: t, broker: g.broker, tahu: tahu}
	h.want("NBIRTH/north bdSeq=0,Node Control/Rebirth=false")
	s.Reports([]server.Report{outputtest.Report("d1", 1)})
	h.want("DBIRTH/north/ch.d1 t=1")
	s.Reports([]server.Report{outputtest.Report("d1", 2)})
	h.want("DDATA/north/ch.d1 =2")

	c.Publish("spBv1.0/plant/DCMD/north/ch.d1", 0, false,
		tahu.Encode(`{"metrics":[{"name":"t","type":"Int64","value":28}]}`)).Wait()
	outputtest.Eventually(t, func() error {
		if got := written.Load(); got != "chd1[{t 28}]" {
			return fmt.Errorf("written was %v", got)
		}
		return nil
	})
	c.Publish("spBv1.0/plant/NCMD/north", 0, false,
		tahu.Encode(`{"metrics":[{"name":"Node Control/Rebirth","type":"Boolean","value":true}]}`)).Wait()
	h.want("NBIRTH/north bdSeq=0,Node Control/Rebirth=false", "DBIRTH/north/ch.d1 t=2")

	g.Down()
	h.want("NDEATH/north bdSeq=0")
	s.Reports([]server.Report{outputtest.Report("d1", 3)})
	g.Up()
	if heard := h.next(); !strings.HasSuffix(heard,
		"DBIRTH/north/ch.d1 t=2\nDDATA/north/ch.d1 =3h\nDDATA/north/ch.d1 =3") {
		t.Errorf("after the outage the host heard\n%s", heard)
	}
	s.Event(server.Event{Kind: "offline", Time: time.Now(), Provider: "s1", Connection: "c1"})
	h.want("DDEATH/north/ch.d1 ")
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	outputtest.Eventually(t, func() error {
		if all := h.all(); !strings.HasPrefix(all[len(all)-1], "NDEATH/north bdSeq=") {
			return fmt.Errorf("the last word is %s", all[len(all)-1])
		}
		return nil
	})

	again := start(t, sparkplugFormat, options, outputs.Env{Dir: dir})
	outputtest.Eventually(t, func() error {
		all := h.all()
		if last := all[len(all)-1]; !strings.HasPrefix(last, "NBIRTH") || strings.Contains(last, "bdSeq=0,") {
			return fmt.Errorf("started again it says %s; want an NBIRTH that goes on counting", last)
		}
		return nil
	})
	_ = again.Close(t.Context())
}

// listenOn keeps what is published on topics, beside what the gate's own listener hears.
func (b *broker) listenOn(topic string) paho.Client {
	b.t.Helper()
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://127.0.0.1:" + b.port).SetClientID("host").
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.got = append(b.got, message{m.Topic(), m.Payload(), m.Qos(), m.Retained()})
		}))
	if token := c.Connect(); token.Wait() && token.Error() != nil {
		b.t.Fatal(token.Error())
	}
	c.Subscribe(topic, 0, nil).Wait()
	b.t.Cleanup(func() { c.Disconnect(100) })
	return c
}

// heard is what a host has heard of the node, as TOPIC NAME=VALUE…
type heard struct {
	t      *testing.T
	broker *broker
	tahu   *outputtest.Tahu
	from   int
	cache  []string
}

func (h *heard) all() []string {
	list := h.broker.messages("spBv1.0/plant/")
	for _, m := range list[len(h.cache):] {
		topic := strings.TrimPrefix(m.topic, "spBv1.0/plant/")
		if strings.Contains(topic, "CMD") {
			h.cache = append(h.cache, topic)
			continue
		}
		var words []string
		for _, v := range h.tahu.Decode(m.payload).Metrics {
			w := fmt.Sprintf("%s=%v", v.Name, v.Value)
			if v.IsHistorical {
				w += "h"
			}
			words = append(words, w)
		}
		h.cache = append(h.cache, topic+" "+strings.Join(words, ","))
	}
	return h.cache
}

// rest is what came after what was wanted before, without commands.
func (h *heard) rest() (list []string) {
	for _, line := range h.all()[h.from:] {
		if !strings.Contains(line, "CMD") {
			list = append(list, line)
		}
	}
	return list
}

func (h *heard) want(lines ...string) {
	h.t.Helper()
	outputtest.Eventually(h.t, func() error {
		if got, want := strings.Join(h.rest(), "\n"), strings.Join(lines, "\n"); got != want {
			return fmt.Errorf("the host heard\n%s\nwant\n%s", got, want)
		}
		return nil
	})
	h.from = len(h.cache)
}

// next waits until the host has the 3 of the outage, as the past and as the present, and returns what came before too.
func (h *heard) next() (text string) {
	h.t.Helper()
	outputtest.Eventually(h.t, func() error {
		text = strings.Join(h.rest(), "\n")
		if !strings.Contains(text, "=3h") || !strings.HasSuffix(text, "=3") {
			return fmt.Errorf("the host heard\n%s", text)
		}
		return nil
	})
	h.from = len(h.cache)
	return text
}
