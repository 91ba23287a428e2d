package nats

import (
	"encoding/json"
	"errors"
	"fmt"

	natsgo "github.com/nats-io/nats.go"
)

// tooLarge is the err_code of a message that the stream will never take: it is over its max_msg_size.
const tooLarge = 10054

var (
	errTooLarge = errors.New("nats: a message is larger than what is taken, and dropped")
	errNoAck    = errors.New("nats: the answer is no acknowledgement of a stream; does something else listen there?")
)

// readAck reads JetStream's answer to a message; nil when it is stored.
//
//	{"stream":"plant","seq":17} or {"error":{"code":503,"err_code":10077,"description":"…"}}
func readAck(m *natsgo.Msg, subjects subjects) error {
	if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		return fmt.Errorf("nats: no stream takes the messages; make one with the subject %s", subjects.all())
	}
	var ack struct {
		Stream string `json:"stream"`
		Seq    uint64 `json:"seq"`
		Error  *struct {
			ErrCode     int    `json:"err_code"`
			Description string `json:"description"`
		} `json:"error"`
	}
	switch err := json.Unmarshal(m.Data, &ack); {
	case err != nil:
		return errNoAck
	case ack.Error != nil && ack.Error.ErrCode == tooLarge:
		return fmt.Errorf("%w: %s (%d)", errTooLarge, ack.Error.Description, tooLarge)
	case ack.Error != nil:
		return fmt.Errorf("nats: the stream does not store: %s (%d)", ack.Error.Description, ack.Error.ErrCode)
	case ack.Stream == "" || ack.Seq == 0:
		return errNoAck
	}
	return nil
}
