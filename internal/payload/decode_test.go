package payload

import (
	"errors"
	"math"
	"testing"

	"linkd/drivers/tags"
	"linkd/server"
)

// TestParse: what was written is read again.
func TestParse(t *testing.T) {
	r := report(good(tags.Float(-0.5)), good(tags.Int(math.MinInt64)), good(tags.Uint(math.MaxUint64)),
		good(tags.Bool(true)),
		good(tags.Text("x")), value("n", tags.Value{}, tags.Bad, tags.Offline))
	r.Values[0].TS = r.Time
	var e Entry
	for range 2 { // the second time into what the first has left
		if err := e.Parse(AppendProto(nil, r)); err != nil {
			t.Fatal(err)
		}
		got := &e.Report
		if e.IsEvent || e.Time != r.Time || got.Provider != "s1" || got.Connection != "c1" || got.Channel != "ch_dev1" ||
			got.Device != "d1" || len(got.Values) != len(r.Values) {
			t.Fatalf("read %+v", e)
		}
		for i, v := range got.Values {
			want := r.Values[i]
			if v.Tag != want.Tag.Name || v.Value != want.Value || v.Quality != want.Quality || v.Reason != want.Reason.String() {
				t.Errorf("value %d is %+v, want %+v", i, v, want)
			}
		}
	}
	ev := server.Event{Kind: "offline", Provider: "s1", Connection: "c1", ID: "i", Session: 3, RemoteAddr: "a",
		Reason: "r",
		Time:   moment()}
	if err := e.Parse(AppendProtoEvent(nil, &ev)); err != nil {
		t.Fatal(err)
	}
	at := ev.Time
	ev.Time = e.Event.Time
	if !e.IsEvent || e.Event != ev || e.Time != at.UnixNano() {
		t.Errorf("read %+v", e)
	}
}

// FuzzParse: any bytes are read or refused.
func FuzzParse(f *testing.F) {
	f.Add(AppendProto(nil, tenTags()))
	f.Add([]byte{10, 200})
	f.Fuzz(func(t *testing.T, b []byte) {
		var e Entry
		if err := e.Parse(b); err != nil && !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
	})
}
