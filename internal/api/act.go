package api

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/doors"
)

const (
	mostSent     = 64 << 10  // bytes of one send: the outbound bound of a link
	mostSendBody = 512 << 10 // JSON of that many bytes, each escaped in six characters, and some room
)

var errHex = errors.New("api: not hex")

// SendRequest is what to send to a device: exactly one of Hex and Text.
type SendRequest struct {
	Hex    *string `json:"hex,omitempty" doc:"Bytes as hex; blanks and colons between bytes do not matter."`
	Text   *string `json:"text,omitempty" doc:"Bytes as UTF-8 text."`
	WaitMS int     `json:"wait_ms,omitempty" minimum:"0" maximum:"60000" doc:"How long to collect what comes back."`
}

// SendAnswer is what came of a send.
type SendAnswer struct {
	Sent         int    `json:"sent" doc:"Bytes queued for the device."`
	ReceivedHex  string `json:"received_hex" doc:"What it sent within the wait."`
	ReceivedText string `json:"received_text" doc:"The same as text; bytes that are no UTF-8 show as U+FFFD."`
}

type sendInput struct {
	ConnectionPath
	Body SendRequest
}

type sendOutput struct{ Body SendAnswer }

func (a *API) actionRoutes(h huma.API) {
	const connection = "/api/v1/connections/{provider}/{name}"
	kick := operation(doors.Operator, http.MethodDelete, connection+"/session", "Close its session")
	kick.DefaultStatus = http.StatusNoContent
	huma.Register(h, kick, a.kick)

	send := operation(doors.Operator, http.MethodPost, connection+"/send", "Send bytes to its device")
	send.MaxBodyBytes = mostSendBody
	huma.Register(h, send, a.send)
}

func (a *API) kick(ctx context.Context, in *ConnectionPath) (*struct{}, error) {
	err := a.core.Kick(in.Provider, in.Name)
	a.audit(ctx, "kick", in.String(), err)
	if err != nil {
		return nil, refusal(in.String(), err)
	}
	return nil, nil
}

func (a *API) send(ctx context.Context, in *sendInput) (*sendOutput, error) {
	data, err := in.Body.bytes()
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	res, err := a.core.Send(ctx, in.Provider, in.Name, data, time.Duration(in.Body.WaitMS)*time.Millisecond)
	a.audit(ctx, "send", fmt.Sprintf("%d bytes to %s", len(data), in), err)
	if err != nil {
		return nil, refusal(in.String(), err)
	}
	return &sendOutput{Body: SendAnswer{
		Sent: res.Sent, ReceivedHex: hex.EncodeToString(res.Received), ReceivedText: text(res.Received),
	}}, nil
}

func (r SendRequest) bytes() ([]byte, error) { return bytesOf(r.Hex, r.Text, mostSent) }

// bytesOf is what a body gives as exactly one of hex and text: 1 to most bytes.
func bytesOf(asHex, asText *string, most int) ([]byte, error) {
	var data []byte
	field := "body.hex"
	switch {
	case asHex != nil && asText != nil:
		return nil, errors.New("body: hex and text are both there; give exactly one")
	case asHex != nil:
		var err error
		if data, err = ParseHex(*asHex); err != nil {
			return nil, fmt.Errorf("body.hex: %s", strings.TrimPrefix(err.Error(), "api: "))
		}
	case asText != nil:
		data, field = []byte(*asText), "body.text"
	default:
		return nil, errors.New(`body: neither hex nor text; give exactly one, such as {"hex": "01 03"}`)
	}
	if len(data) == 0 || len(data) > most {
		return nil, fmt.Errorf("%s: %d bytes; give 1 to %d", field, len(data), most)
	}
	return data, nil
}

// ParseHex reads bytes written as hex. Blanks and colons may stand between bytes, not within one.
func ParseHex(s string) ([]byte, error) {
	isBlank := func(r rune) bool { return r == ' ' || r == ':' || r == '\t' || r == '\n' || r == '\r' }
	out := make([]byte, 0, len(s)/2)
	for group := range strings.FieldsFuncSeq(s, isBlank) {
		b, err := hex.DecodeString(group)
		if err != nil {
			return nil, fmt.Errorf("%w: %s; write two digits 0-9, a-f for each byte, such as 01 03",
				errHex, quote(group))
		}
		out = append(out, b...)
	}
	return out, nil
}

// quote is s in quotes, cut to what fits in a line.
func quote(s string) string {
	const most = 40
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.Quote(s)
}
