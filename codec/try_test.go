package codec

import (
	"testing"

	"linkd/project"
)

// TestTry: the identity, what is left for the driver, what is held back, what is answered.
func TestTry(t *testing.T) {
	type want struct {
		verdict           Verdict
		quiet             bool
		id, payload, held string
		reply, end        string
	}
	ddpRegistration := "\x7B\x01\x00\x1613066668888\x01\x02\x03\x04\x05\x06\x7B"
	ddpBeat := "\x7B\x01\x00\x1613066668888\x01\x02\x03\x04\x05\x06\x7B"
	for _, x := range []struct {
		name  string
		cfg   project.Identity
		ids   idSet
		bytes string
		want  want
	}{
		{"at once", project.Identity{}, ids("c0001"), "c0001\x01\x03", want{verdict: Found, id: "c0001",
			payload: "\x01\x03"}},
		{"its line end is nobody's", project.Identity{}, ids("c1"), "c1 \r\nhello", want{verdict: Found, id: "c1",
			payload: "hello"}},
		{"silence decides", project.Identity{}, ids("c1", "c10"), "c1", want{verdict: Found, quiet: true, id: "c1"}},
		{"a stranger", project.Identity{}, ids(), "c1", want{verdict: Found, quiet: true, id: "c1"}},
		{"more is needed", project.Identity{Preset: "fixed", Length: 5}, ids(), "c1", want{verdict: Wait}},
		{"rubbish", project.Identity{Preset: "imei"}, ids(), "hello", want{verdict: Rubbish}},
		{"heartbeats", project.Identity{Preset: "usr"}, ids("c1"), "LOGc1LOGdataLO", want{verdict: Found, id: "c1",
			payload: "dataLO"}},
		{"a heartbeat begun, then silence", project.Identity{Preset: "usr"}, ids("c1"), "c1LO", want{verdict: Found, id: "c1",
			payload: "LO"}},
		{"a frame begun", project.Identity{Preset: "ddp"}, ids("13066668888"), ddpRegistration + "\x7B\x09\x00",
			want{verdict: Found, id: "13066668888", held: "\x7B\x09\x00"}},
		{"the framing is broken", project.Identity{Preset: "ddp"}, ids("13066668888"), ddpRegistration + "xyz",
			want{verdict: Found, id: "13066668888", end: "?"}},
		{"a registration again", project.Identity{Preset: "ddp"}, ids("13066668888"), ddpRegistration + ddpBeat,
			want{verdict: Found, id: "13066668888", reply: "\x7B\x81\x00\x1013066668888\x7B"}},
	} {
		f, b := framer(t, x.cfg), []byte(x.bytes)
		r := f.Try(b, func(quiet bool) Identified { return f.Identify(nil, b, quiet, x.ids) })
		got := want{verdict: r.Verdict, quiet: r.Quiet, id: string(r.ID), payload: string(r.Payload), held: string(r.Held),
			reply: string(r.Reply), end: r.End}
		if x.want.end == "?" && got.end != "" {
			x.want.end, x.want.held = got.end, got.held
		}
		if got != x.want {
			t.Errorf("%s:\n got %+v\nwant %+v", x.name, got, x.want)
		}
	}
}
