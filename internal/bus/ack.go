package bus

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/nats-io/nats.go"
)

var errNoStream = errors.New("bus: no stream takes the messages")

// readAck reads JetStream's answer to a message: its number in the stream.
//
//	{"stream":"linkd_greenhouse_tags","seq":17} or {"error":{"code":503,"err_code":10077,"description":"…"}}
func readAck(m *nats.Msg) (seq uint64, err error) {
	if m.Header.Get("Status") == "503" {
		return 0, errNoStream
	}
	// An acknowledgement for each message is read without a decoder's cost where it is of the usual form.
	const key = `"seq":`
	if at := bytes.Index(m.Data, []byte(key)); at >= 0 && !bytes.Contains(m.Data, []byte(`"error"`)) {
		digits := bytes.TrimLeft(m.Data[at+len(key):], " ")
		n := 0
		for n < len(digits) && '0' <= digits[n] && digits[n] <= '9' {
			n++
		}
		if seq, err = strconv.ParseUint(string(digits[:n]), 10, 64); err == nil && seq > 0 {
			return seq, nil
		}
	}
	var ack struct {
		Seq   uint64 `json:"seq"`
		Error *struct {
			ErrCode     int    `json:"err_code"`
			Description string `json:"description"`
		} `json:"error"`
	}
	switch err := json.Unmarshal(m.Data, &ack); {
	case err != nil:
		return 0, &refusal{text: "an answer that is no acknowledgement"}
	case ack.Error != nil:
		return 0, &refusal{code: ack.Error.ErrCode, text: ack.Error.Description}
	case ack.Seq == 0:
		return 0, &refusal{text: "an acknowledgement without a number"}
	}
	return ack.Seq, nil
}
