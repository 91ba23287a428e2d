package api

import (
	"strings"
	"testing"
)

// TestTryIdentity pins the answer to a trial, and what is said of one that cannot be made.
func TestTryIdentity(t *testing.T) {
	_, base := start(t, newFakeCore())
	const path = "/api/v1/identity/try"
	for _, c := range []struct {
		body   string
		status int
		want   string // the answer; a part of the detail, or of a fault
	}{
		{`{"identity":{"preset":"line","ack":"OK"},"ids":["c0001"],"hex":"63 30 30 30 31 0d 0a 01 ff"}`, 200,
			`{"found":true,"id":"c0001","id_hex":"6330303031","known":true,"connection":"","state":"","secret":false,` +
				`"reason":"","detail":"","quiet":false,"taken":7,"rest_hex":"01ff","rest_text":"\u0001` + "\uFFFD" + `",` +
				`"held_hex":"","answer_hex":"4f4b","answer_text":"OK"}`},
		{`{"identity":{},"text":"c0001"}`, 200,
			`{"found":true,"id":"c0001","id_hex":"6330303031","known":false,"connection":"","state":"","secret":false,` +
				`"reason":"unknown_id","detail":"","quiet":true,"taken":5,"rest_hex":"","rest_text":"","held_hex":"",` +
				`"answer_hex":"","answer_text":""}`},
		{`{"identity":{},"text":"\n"}`, 200, `"reason":"identity_timeout"`},
		{`{"identity":{"preset":"imei"},"text":"hello"}`, 200, `"reason":"rubbish"`},
		{`{"identity":{"preset":"otto"},"text":"c1"}`, 422, `"location":"body.identity.preset"`},
		{`{"identity":{"preset":"fixed"},"text":"c1"}`, 422, `preset fixed has no length; write the bytes of an id`},
		{`{"identity":{"preset":"fixed"},"text":"c1"}`, 422, `"location":"body.identity.length"`},
		{`{"identity":{"timeout":"soon"},"text":"c1"}`, 422, `"location":"body.identity.timeout"`},
		{`{"identity":{},"text":"c1","hex":"00"}`, 422, "hex and text are both there; give exactly one"},
		{`{"identity":{}}`, 422, "neither hex nor text"},
		{`{"identity":{},"hex":"0g"}`, 422, `body.hex: not hex: \"0g\"`},
		{`{"identity":{},"text":"` + strings.Repeat("x", 2049) + `"}`, 422, "body.text: 2049 bytes; give 1 to 2048"},
		{`{"identity":{},"text":"c1","provider":"s1","ids":["c1"]}`, 422, "give one, or neither"},
		{`{"identity":{},"text":"c1","provider":"s9"}`, 404, `no provider \"s9\"`},
		{`{"text":"c1"}`, 422, "identity"},
	} {
		resp, got := ask(t, "POST", base+path, c.body, "Authorization: Bearer viewer")
		if resp.StatusCode != c.status || !strings.Contains(got, c.want) {
			t.Errorf("%s:\nstatus %d: %s\n  want %d: %s", c.body, resp.StatusCode, got, c.status, c.want)
		}
		if strings.Contains(got, "JSON:1") || strings.Contains(got, "1:1") {
			t.Errorf("%s: a body has no lines: %s", c.body, got)
		}
	}
}
