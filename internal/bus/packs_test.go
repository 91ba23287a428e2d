package bus

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"linkd/internal/payload"
)

// chunkOf is a chunk with count reports of each of devices devices.
func chunkOf(devices, count int) *chunk {
	s := newSpool(1 << 30)
	s.to = subjectsOf("p")
	for n := range count {
		for d := range devices {
			r := reportOf(fmt.Sprint("d", d), n)
			s.put(func(dst []byte) ([]byte, int) {
				start := len(dst)
				dst = append(append(append(dst, "linkd.p.tags.ch."...), "d"...), fmt.Sprint(d)...)
				return payload.AppendJSON(dst, &r), len(dst) - start
			}, nil)
		}
	}
	c, _ := s.take(time.Now(), 0)
	return c
}

func TestShard(t *testing.T) {
	// What is on disk is found by these.
	for subject, want := range map[string]int{"linkd.greenhouse.tags.ch_dev1.d1": 2, "linkd.p.tags.ch_f7.d1": 6, "": 5} {
		if got := shardOf(subject); got != want {
			t.Errorf("%s is of shard %d, want %d", subject, got, want)
		}
	}
}

func TestPack(t *testing.T) {
	const devices, count = 200, 5
	s, p := subjectsOf("p"), &packer{}
	for _, limit := range []int{packBytes, 2000, 10} {
		messages := p.pack(chunkOf(devices, count), limit)
		if want := map[int]int{packBytes: shards, 10: devices * count}[limit]; want > 0 && len(messages) > want {
			t.Errorf("limit %d: %d messages, want at most %d", limit, len(messages), want)
		}
		for d := range devices {
			var got, want []string
			device := s.find("ch", fmt.Sprint("d", d))
			for _, m := range messages {
				if m.subject != device.subject {
					continue
				}
				if len(m.data) > limit && bytes.IndexByte(m.data, '\n') >= 0 {
					t.Fatalf("limit %d: a pack of %d bytes", limit, len(m.data))
				}
				device.each(m.data, func(r []byte) { got = append(got, string(r)) })
			}
			for n := range count {
				want = append(want, string(payload.AppendJSON(nil, new(reportOf(fmt.Sprint("d", d), n)))))
			}
			if !slices.Equal(got, want) {
				t.Fatalf("limit %d, d%d: got %q, want %q", limit, d, got, want)
			}
		}
	}
}

// No byte that a device sends makes its report another's.
func TestFindIsNotFooled(t *testing.T) {
	r := reportOf("d2", 0)
	r.ID = []byte(`","channel":"ch","device":"d1","tags":{` + "\n")
	r.Connection = payload.AppendOrigin(nil, "ch", "d1")
	s := subjectsOf("p")
	d := s.find("ch", "d1")
	d.each(payload.AppendJSON(nil, &r), func(report []byte) { t.Errorf("found %s", report) })
	own := payload.AppendJSON(nil, new(reportOf("d1", 0)))
	d.each(own, func(report []byte) {
		if !bytes.Equal(report, own) {
			t.Errorf("got %s", report)
		}
		own = nil
	})
	if own != nil {
		t.Error("its own is not found")
	}
}

// Reports of many devices share messages, and each device finds its own.
func TestPacksInTheStream(t *testing.T) {
	cfg := config(t)
	cfg.Listen, cfg.Access = "127.0.0.1:0", roles
	b := start(t, cfg)
	defer stop(t, b)
	const devices, count = 300, 40
	for n := range count {
		for d := range devices {
			take(b, fmt.Sprint("d", d), n, n+1)
		}
	}
	eventually(t, "all is acknowledged", func() bool { return sentOf(b, KindTags).Sent == devices*count })
	s, err := b.js.Stream(t.Context(), tagStream("p"))
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n > devices*count/4 {
		t.Errorf("%d messages of %d reports", n, devices*count)
	}
	for _, d := range []int{0, 17, devices - 1} {
		once(t, numbers(t, b, fmt.Sprint("d", d)), count)
		q := HistoryQuery{"ch", fmt.Sprint("d", d), "n", epoch, epoch.Add(count * time.Second), 1}
		h, err := b.History(t.Context(), q)
		if err != nil || len(h) != 1 || h[0].Count != count || h[0].Max != count-1 {
			t.Errorf("d%d: %+v, %v", d, h, err)
		}
	}
}

// A stream that takes nothing has packs sent again; who listens hears each report once all the same.
func TestRefusedPacksAreToldOnce(t *testing.T) {
	srv := foreign(t, t.TempDir(), -1, nil)
	cfg := config(t)
	cfg.URL = srv.ClientURL()
	b := start(t, cfg)
	defer stop(t, b)
	up(t, b)
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	sub, err := nc.SubscribeSync("linkd.p.tags.>")
	if err != nil {
		t.Fatal(err)
	}
	limit := func(bytes int32) {
		s, err := b.js.Stream(t.Context(), tagStream("p"))
		if err != nil {
			t.Fatal(err)
		}
		c := s.CachedInfo().Config
		c.MaxMsgSize = bytes
		if _, err := b.js.UpdateStream(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	const n = 100
	limit(10)
	take(b, "d1", 0, n)
	eventually(t, "it is sent again", func() bool { return sentOf(b, KindTags).Resent > n })
	limit(-1)
	eventually(t, "all is acknowledged", func() bool { return sentOf(b, KindTags).Sent == n })
	once(t, numbers(t, b, "d1"), n)
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if got, _, err := sub.Pending(); err != nil || got != n {
		t.Errorf("the listener heard %d reports, want %d; %v", got, n, err)
	}
}
