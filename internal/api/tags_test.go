package api

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"linkd/server"
)

// fakeTag is what every read of ch/d1/t answers; ch/d1/u was never read.
func fakeTag(tag string) server.TagView {
	v := server.TagView{Channel: "ch", Device: "d1", Tag: tag, Provider: "s1", Connection: "c1", Unit: "°C",
		Address: "input:0", Type: "int16", Writable: true, Quality: "bad", Reason: "offline"}
	if tag == "t" {
		v.Value, v.Quality, v.Reason, v.TS, v.Changed = 21.5, "good", "", moment, moment
	}
	return v
}

func (f *fakeCore) Tags(q server.TagQuery) ([]server.TagView, string, error) {
	if q.Channel == "nosuch" {
		return nil, "", fmt.Errorf("%w: no channel %q", server.ErrNotFound, q.Channel)
	}
	if q.Cursor == "" {
		return []server.TagView{fakeTag("t")}, "two", nil
	}
	return []server.TagView{fakeTag("u")}, "", nil
}

func (f *fakeCore) Tag(channel, device, tag string) (server.TagView, error) {
	if channel+"/"+device != "ch/d1" || tag != "t" && tag != "u" {
		return server.TagView{}, fmt.Errorf("%w: no tag %q", server.ErrNotFound, tag)
	}
	return fakeTag(tag), nil
}

// Write answers with the result that the first value names, and says in the reason what it was asked.
func (f *fakeCore) Write(_ context.Context, req server.WriteRequest) (server.WriteResult, error) {
	if req.Channel != "ch" {
		return server.WriteResult{}, fmt.Errorf("%w: no channel %q", server.ErrNotFound, req.Channel)
	}
	reason := fmt.Sprintf("%s %v %v", req.Who, req.Readback, req.TTL)
	for _, v := range req.Values {
		reason += fmt.Sprintf(" %s=%v", v.Tag, v.Value)
	}
	return server.WriteResult{Result: fmt.Sprint(req.Values[0].Value), Reason: reason, Readback: 1.5}, nil
}

func (f *fakeCore) SubscribeValues(q server.TagQuery) (<-chan server.TagView, func(), error) {
	if q.Channel == "nosuch" {
		return nil, nil, fmt.Errorf("%w: no channel %q", server.ErrNotFound, q.Channel)
	}
	c := make(chan server.TagView, 1)
	c <- fakeTag("t")
	return c, func() { f.stops <- "values" }, nil
}

const (
	tJSON = `{"channel":"ch","device":"d1","tag":"t","connection":"s1/c1","title":"","unit":"°C","address":"input:0",` +
		`"type":"int16","writable":true,"value":21.5,"quality":"good","reason":"","ts":"2026-03-01T11:00:00.5Z",` +
		`"changed":"2026-03-01T11:00:00.5Z"}`
	uJSON = `{"channel":"ch","device":"d1","tag":"u","connection":"s1/c1","title":"","unit":"°C","address":"input:0",` +
		`"type":"int16","writable":true,"value":null,"quality":"bad","reason":"offline"}`
)

// TestTagAnswers pins the answers about tags: they are contracts.
func TestTagAnswers(t *testing.T) {
	_, base := start(t, newFakeCore())
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "", "", 200, `{"items":[` + tJSON + `],"next":"two"}`},
		{"GET", "?channel=ch&connection=s1/c1&limit=5&cursor=two", "", 200, `{"items":[` + uJSON + `],"next":""}`},
		{"GET", "/ch/d1/t", "", 200, tJSON},
		{"GET", "/ch/d1/u", "", 200, uJSON},
		{"PUT", "/ch/d1/t", `{"value": "confirmed", "readback": true}`, 200,
			`{"result":"confirmed","reason":"the-admin true 0s t=confirmed","readback":1.5}`},
		{"PUT", "/ch/d1/t", `{"value": "queued", "ttl": "30s"}`, 202,
			`{"result":"queued","reason":"the-admin false 30s t=queued","readback":1.5}`},
		{"PUT", "/ch/d1/t", `{"value": "offline"}`, 409,
			`{"result":"offline","reason":"the-admin false 0s t=offline","readback":1.5}`},
		{"PUT", "/ch/d1", `{"values": {"b": "rejected", "a": 18446744073709551615, "c": false}}`, 422,
			`{"result":"rejected","reason":"the-admin false 0s b=rejected a=18446744073709551615 c=false","readback":1.5}`},
		{"PUT", "/ch/d1/t", `{"value": "timeout"}`, 504,
			`{"result":"timeout","reason":"the-admin false 0s t=timeout","readback":1.5}`},
	} {
		t.Run(c.method+c.path+c.body, func(t *testing.T) {
			resp, got := ask(t, c.method, base+"/api/v1/tags"+c.path, c.body)
			if got = strings.TrimSpace(got); resp.StatusCode != c.status || got != c.want {
				t.Errorf("status %d, want %d\n got %s\nwant %s", resp.StatusCode, c.status, got, c.want)
			}
		})
	}
}

// TestTagRefusals: what cannot be asked is a problem that names what would be right.
func TestTagRefusals(t *testing.T) {
	_, base := start(t, newFakeCore())
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/tags?channel=nosuch", "", 404, "no channel"},
		{"GET", "/tags?connection=c1", "", 422, "expected PROVIDER/NAME"},
		{"GET", "/tags/ch/d1/x", "", 404, "no tag"},
		{"GET", "/events?values=true&channel=nosuch", "", 404, "no channel"},
		{"PUT", "/tags/no/d1/t", `{"value": 1}`, 404, "no channel"},
		{"PUT", "/tags/ch/d1/t", `{"value": [1]}`, 422, "write a boolean, a number or a string"},
		{"PUT", "/tags/ch/d1/t", `{"value": null}`, 422, "write a boolean, a number or a string"},
		{"PUT", "/tags/ch/d1/t", `{"value": 1, "ttl": "soon"}`, 422, "write one such as 30s"},
		{"PUT", "/tags/ch/d1/t", `{"valu": 1}`, 422, "valu"},
		{"PUT", "/tags/ch/d1", `{"values": {"a": {}}}`, 422, "body.values.a"},
	} {
		t.Run(c.method+c.path+c.body, func(t *testing.T) {
			resp, got := ask(t, c.method, base+"/api/v1"+c.path, c.body)
			if resp.StatusCode != c.status || !strings.Contains(got, c.want) ||
				resp.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("status %d, want %d with %q: %s", resp.StatusCode, c.status, c.want, got)
			}
		})
	}
}

// TestValueEvents: values come on the stream of events when they are asked for.
func TestValueEvents(t *testing.T) {
	f := newFakeCore()
	_, base := start(t, f)
	resp, lines := open(t, base+"/api/v1/events?values=true&channel=ch")
	wantLines(t, lines, ": linkd", "", "event: value", "data: "+tJSON, "")
	resp.Body.Close()
	for range 2 {
		if what := f.stopped(t); what == "values" {
			return
		}
	}
	t.Error("the values were not stopped with the stream")
}
