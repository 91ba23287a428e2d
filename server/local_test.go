package server

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"linkd/drivers"
	"linkd/drivers/raw"
	simdriver "linkd/drivers/sim"
	"linkd/project"
)

const weather = `
project: p
providers:
  - {name: s1, type: tcp-server, local_ip: 127.0.0.1, local_port: 0, connections: [{name: c1, socket_conn_id: x}]}
channels:
  - {name: ch1, connection: s1/c1, driver: raw}
  - {name: weather, driver: sim, poll: 10ms, devices: [{name: d1, tags: [
      {name: count, address: n}, {name: target, address: "20", writable: true}]}]}
`

// TestChannelWithoutConnection: its tags are read, written and followed like any others; it is no connection, and comes
// and goes with the project.
func TestChannelWithoutConnection(t *testing.T) {
	table := drivers.Table{raw.Driver(), simdriver.Driver()}
	s := New(Config{Log: slog.New(slog.DiscardHandler), Drivers: table})
	t.Cleanup(func() { _ = s.Drain(context.Background()) })
	apply := func(src string) {
		t.Helper()
		p, err := project.Parse("x.yaml", []byte(src), table)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Apply(p); err != nil {
			t.Fatal(err)
		}
	}
	value := func(tag string) any {
		v, err := s.Tag("weather", "d1", tag)
		if err != nil {
			t.Fatal(err)
		}
		if v.Provider != "" || v.Connection != "" {
			t.Errorf("%s is on %s/%s", tag, v.Provider, v.Connection)
		}
		return v.Value
	}
	apply(weather)
	eventually(t, "computed five times", func() bool { n, _ := value("count").(float64); return n >= 5 })
	values, stop, err := s.SubscribeValues(TagQuery{Channel: "weather"})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := s.Write(ctx, WriteRequest{Channel: "weather", Device: "d1", Values: []TagValue{{"target", 21.5}}})
	if err != nil || r.Result != confirmed || value("target") != 21.5 {
		t.Errorf("write: %+v, %v; it is %v", r, err, value("target"))
	}
	if v := <-values; v.Channel != "weather" || v.Quality != "good" {
		t.Errorf("followed: %+v", v)
	}
	list, _, err := s.Tags(TagQuery{})
	if err != nil || len(list) != 2 {
		t.Errorf("all tags: %v, %v", list, err)
	}
	list, next, err := s.Tags(TagQuery{Limit: 1})
	if err != nil || len(list) != 1 || next == "" {
		t.Fatalf("first page: %v, next %q, %v", list, next, err)
	}
	if list, _, err = s.Tags(TagQuery{Limit: 1, Cursor: next}); err != nil || len(list) != 1 || list[0].Tag != "target" {
		t.Errorf("second page: %v, %v", list, err)
	}
	if n := len(s.Providers()); n != 1 {
		t.Errorf("%d providers, want 1", n)
	}
	if err := s.Kick("", "weather"); err == nil {
		t.Error("what is no connection was kicked")
	}
	s.Changes(func(c Seen) { t.Errorf("what is no connection came or went: %+v", c) })
	if st := s.Stats(); st.Drivers[1].Polls["ok"] < 5 || len(st.Providers) != 1 {
		t.Errorf("counted: %+v", st.Drivers[1])
	}
	apply(strings.Split(weather, "  - {name: weather")[0])
	if _, err := s.Tag("weather", "d1", "count"); err == nil {
		t.Error("the channel has gone, its tags have not")
	}
	apply(weather)
	eventually(t, "computed again", func() bool { return value("count") != nil })
}
