package bus

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"linkd/server"
)

const (
	mostCommand = 512 << 10 // bytes of a command
	mostSent    = 64 << 10  // bytes for a device: the outbound bound of a link
	mostWait    = time.Minute
)

// Reading is strict on purpose. Who may only read can have the server itself send to any subject: as the reply of a
// request to JetStream, or as the subject that a consumer delivers to. All of that has a header, or is a JSON object
// with other members than a command's.

var errNotAClient = errors.New("a message of the server is no command")

func fromClient(m *nats.Msg) error {
	if strings.HasPrefix(m.Reply, "$") {
		return errNotAClient
	}
	for key := range m.Header {
		if key == "Status" || strings.HasPrefix(key, "Nats-") {
			return errNotAClient
		}
	}
	if len(m.Data) > mostCommand {
		return fmt.Errorf("%d bytes; send at most %d", len(m.Data), mostCommand)
	}
	return nil
}

// object reads a JSON object with the members of to alone.
func object(data []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

// readWrite reads a value, or {"value": 28, "ttl": "30s", "readback": true}.
func readWrite(m *nats.Msg, req *server.WriteRequest) (value any, err error) {
	if err := fromClient(m); err != nil {
		return nil, err
	}
	const right = `write a boolean, a number or a string, or {"value": …, "ttl": "30s", "readback": true}`
	var in struct {
		Value    any    `json:"value"`
		TTL      string `json:"ttl"`
		Readback bool   `json:"readback"`
	}
	data := bytes.TrimSpace(m.Data)
	if bytes.HasPrefix(data, []byte("{")) {
		err = object(data, &in)
	} else {
		err = object(data, &in.Value)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, right)
	}
	switch in.Value.(type) {
	case bool, json.Number, string:
	default:
		return nil, errors.New("no value; " + right)
	}
	if in.TTL != "" {
		if req.TTL, err = time.ParseDuration(in.TTL); err != nil {
			return nil, fmt.Errorf("ttl: %.40q: not a duration; write one such as 30s", in.TTL)
		}
	}
	req.Readback = in.Readback
	return in.Value, nil
}

// readSend reads {"hex": "01 03"} or {"text": "…"}, with "wait_ms"; what does not begin with a brace is the bytes.
func readSend(m *nats.Msg) (data []byte, wait time.Duration, err error) {
	if err := fromClient(m); err != nil {
		return nil, 0, err
	}
	data = m.Data
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		if data, wait, err = readSendObject(data); err != nil {
			return nil, 0, err
		}
	}
	if len(data) == 0 || len(data) > mostSent {
		return nil, 0, fmt.Errorf("%d bytes; send 1 to %d", len(data), mostSent)
	}
	return data, wait, nil
}

func readSendObject(text []byte) (data []byte, wait time.Duration, err error) {
	var in struct {
		Hex    *string `json:"hex"`
		Text   *string `json:"text"`
		WaitMS int64   `json:"wait_ms"`
	}
	if err := object(text, &in); err != nil {
		return nil, 0, fmt.Errorf(`%w; send {"hex": "01 03"} or {"text": "…"}, with "wait_ms" if an answer is awaited; `+
			"bytes that begin with a brace are sent as hex", err)
	}
	if in.WaitMS < 0 || in.WaitMS > mostWait.Milliseconds() {
		return nil, 0, fmt.Errorf("wait_ms: %d; write 0 to %d", in.WaitMS, mostWait.Milliseconds())
	}
	wait = time.Duration(in.WaitMS) * time.Millisecond
	switch {
	case (in.Hex == nil) == (in.Text == nil):
		return nil, 0, errors.New(`give exactly one of hex and text, such as {"hex": "01 03"}`)
	case in.Text != nil:
		return []byte(*in.Text), wait, nil
	}
	blank := func(r rune) bool { return strings.ContainsRune(" :\t\r\n", r) }
	for group := range strings.FieldsFuncSeq(*in.Hex, blank) {
		if data, err = hex.AppendDecode(data, []byte(group)); err != nil {
			return nil, 0, fmt.Errorf("hex: %.40q: write two digits 0-9, a-f for each byte, such as 01 03", group)
		}
	}
	return data, wait, nil
}

// sendAnswer is what a send is answered with: what HTTP says, and its status.
type sendAnswer struct {
	Status       int    `json:"status"`
	Sent         int    `json:"sent"`
	ReceivedHex  string `json:"received_hex"`
	ReceivedText string `json:"received_text"`
}

func sent(r server.SendResult) sendAnswer {
	return sendAnswer{Status: 200, Sent: r.Sent, ReceivedHex: hex.EncodeToString(r.Received),
		ReceivedText: strings.ToValidUTF8(string(r.Received), "\uFFFD")}
}
