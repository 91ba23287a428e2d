package api

import (
	"encoding/binary"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"linkd/server"
)

// withKept is a core with three kept frames: an identity, an answer that was cut, and a question.
func withKept() *fakeCore {
	f := newFakeCore()
	remote, local := netip.MustParseAddrPort("10.0.0.9:4000"), netip.MustParseAddrPort("10.0.0.1:30000")
	f.kept = []server.Frame{
		{Time: moment, Dir: server.In, Data: []byte("c1\r\n"), Length: 4, Identity: true},
		{Time: moment.Add(1), Dir: server.In, Data: []byte("<b>"), Length: 9},
		{Time: moment.Add(2), Dir: server.Out, Data: []byte{0}, Length: 1, Text: "a\tq\n\xff"},
	}
	for i := range f.kept {
		f.kept[i].Session, f.kept[i].Remote, f.kept[i].Local = 3, remote, local
	}
	return f
}

// keptJSON is these frames as HTTP shows them.
var keptJSON = []string{
	`{"ts":"2026-03-01T11:00:00.5Z","dir":"in","hex":"63310d0a","text":"c1\r\n","identity":true,"session":3,"lost":0}`,
	`{"ts":"2026-03-01T11:00:00.500000001Z","dir":"in","hex":"3c623e","text":"\u003cb\u003e","length":9,` +
		`"session":3,"lost":0}`,
	`{"ts":"2026-03-01T11:00:00.500000002Z","dir":"out","hex":"00","text":"\u0000","decoded":"a\tq\n` + "\uFFFD" +
		`","session":3,"lost":0}`,
}

func TestFrames(t *testing.T) {
	_, base := start(t, withKept())
	path := base + "/api/v1/connections/s1/c1/frames"
	for query, want := range map[string]string{
		"":                                    strings.Join(keptJSON, ","),
		"?last=2":                             strings.Join(keptJSON[1:], ","),
		"?last=0":                             "",
		"?after=2026-03-01T11:00:00.5Z":       strings.Join(keptJSON[1:], ","),
		"?after=2026-03-01T11:00:01Z&last=20": "",
		"?after=2026-03-01T11:00:00.500000001Z&format=json": keptJSON[2],
	} {
		resp, got := ask(t, "GET", path+query, "", "Authorization: Bearer viewer")
		if resp.StatusCode != 200 || got != `{"items":[`+want+`],"next":""}`+"\n" ||
			resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Content-Disposition") != "" {
			t.Errorf("%s: status %d, %v\n got %s\nwant %s", query, resp.StatusCode, resp.Header, got, want)
		}
	}
}

func TestFramesAsText(t *testing.T) {
	_, base := start(t, withKept())
	resp, got := ask(t, "GET", base+"/api/v1/connections/s1/c1/frames?format=text", "")
	const want = "2026-03-01T11:00:00.500Z\tin\t63 31 0d 0a\tc1..\tidentity\n" +
		"2026-03-01T11:00:00.500Z\tin\t3c 62 3e\t<b>\t9 bytes in all\n" +
		"2026-03-01T11:00:00.500Z\tout\t00\t.\ta q \uFFFD\n"
	if got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if h := resp.Header; h.Get("Content-Type") != "text/plain; charset=utf-8" ||
		h.Get("Content-Disposition") != "attachment; filename=s1-c1-frames.txt" {
		t.Errorf("header %v", h)
	}
}

// TestFramesAsCapture: cmd/linkd has tshark read such a file; here it is its shape.
func TestFramesAsCapture(t *testing.T) {
	_, base := start(t, withKept())
	resp, got := ask(t, "GET", base+"/api/v1/connections/s1/c1/frames?format=pcapng", "")
	if h := resp.Header; h.Get("Content-Type") != "application/x-pcapng" ||
		h.Get("Content-Disposition") != "attachment; filename=s1-c1-frames.pcapng" {
		t.Errorf("header %v", h)
	}
	device, own := "\x0a\x00\x00\x09\x0a\x00\x00\x01\x0f\xa0\x75\x30", "\x0a\x00\x00\x01\x0a\x00\x00\x09\x75\x30\x0f\xa0"
	if !strings.HasPrefix(got, "\n\r\r\n") || strings.Count(got, device) != 2 || strings.Count(got, own) != 1 ||
		!strings.Contains(got, "identity, session 3") {
		t.Errorf("got %q", got)
	}
}

func TestFramesRefused(t *testing.T) {
	_, base := start(t, withKept())
	path := base + "/api/v1/connections/s1/"
	for _, tt := range []struct {
		path   string
		status int
		say    string
	}{
		{"c9/frames", 404, `provider s1 has no connection "c9"`},
		{"c1/frames?format=pcap", 422, "query.format: expected value to be one of \"json, text, pcapng\""},
		{"c1/frames?last=-1", 422, "query.last: expected number >= 0"},
		{"c1/tap?format=text", 422, "query.format: expected value to be one of \"json, pcapng\""},
		{"c1/tap?after=yesterday", 422, "query.after: invalid date/time for format 2006-01-02T15:04:05.999999999Z07:00"},
	} {
		resp, got := ask(t, "GET", path+tt.path, "")
		if resp.StatusCode != tt.status || !strings.Contains(strings.ReplaceAll(got, `\"`, `"`), tt.say) {
			t.Errorf("%s: status %d, %s; want %d, %q", tt.path, resp.StatusCode, got, tt.status, tt.say)
		}
	}
}

func TestTap(t *testing.T) {
	for query, want := range map[string][]string{
		"": keptJSON, "?last=0": nil, "?after=2026-03-01T11:00:00.500000001Z": keptJSON[2:],
	} {
		f := withKept()
		_, base := start(t, f)
		_, lines := open(t, base+"/api/v1/connections/s1/c2/tap"+query)
		wantLines(t, lines, ": linkd", "")
		for _, w := range want {
			wantLines(t, lines, "event: frame", "data: "+w, "")
		}
		f.frames <- server.Frame{Time: moment, Dir: server.In, Data: []byte("A\x00\xff"), Length: 3, Lost: 2}
		f.frames <- server.Frame{Time: moment.Add(time.Second), Dir: server.Out, Data: []byte("<"), Length: 1}
		wantLines(t, lines,
			"event: frame", `data: {"ts":"2026-03-01T11:00:00.5Z","dir":"in","hex":"4100ff","text":"A\u0000`+"\uFFFD"+
				`","session":0,"lost":2}`, "",
			"event: frame", `data: {"ts":"2026-03-01T11:00:01.5Z","dir":"out","hex":"3c","text":"\u003c",`+
				`"session":0,"lost":0}`, "")
		close(f.frames)
		if _, err := lines.ReadByte(); err != io.EOF {
			t.Errorf("after the source ended: %v", err)
		}
		if what := f.stopped(t); what != "tap" {
			t.Errorf("stopped %s", what)
		}
	}
}

// TestTapAsCapture: a capture comes as it grows, a whole block at a time; into silence go statistics that say nothing.
func TestTapAsCapture(t *testing.T) {
	f := withKept()
	_, base := start(t, f, func(a *API) { a.heartbeat = time.Millisecond })
	resp, body := open(t, base+"/api/v1/connections/s1/c1/tap?format=pcapng&last=1")
	if kind := resp.Header.Get("Content-Type"); kind != "application/x-pcapng" {
		t.Errorf("it is %s", kind)
	}
	next := func() []byte {
		t.Helper()
		head, err := body.Peek(8)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, binary.LittleEndian.Uint32(head[4:]))
		if _, err := io.ReadFull(body, got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	block := func(number uint32, has string) {
		t.Helper()
		got := next()
		for number != 5 && binary.LittleEndian.Uint32(got) == 5 {
			got = next()
		}
		if binary.LittleEndian.Uint32(got) != number || !strings.Contains(string(got), has) {
			t.Errorf("got block %q, want number %x with %q", got, number, has)
		}
	}
	block(0x0A0D0D0A, "linkd")
	block(1, "s1/c1")
	block(6, "a\tq\n") // the newest of those that were kept
	block(5, "")
	block(5, "")
	f.frames <- server.Frame{Time: moment, Dir: server.In, Data: []byte("AB"), Length: 2, Lost: 2, Text: "hello"}
	block(6, "2 frames lost before this one. hello")
	f.frames <- server.Frame{Time: moment, Dir: server.In, Data: []byte("CD"), Length: 2}
	block(6, "CD")
	close(f.frames)
	rest, err := io.ReadAll(body)
	for len(rest) >= 24 && binary.LittleEndian.Uint32(rest) == 5 {
		rest = rest[24:]
	}
	if err != nil || len(rest) > 0 {
		t.Errorf("after the source ended: %v, %x", err, rest)
	}
	if what := f.stopped(t); what != "tap" {
		t.Errorf("stopped %s", what)
	}
}
