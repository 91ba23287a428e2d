package api

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"linkd/codec"
	"linkd/internal/doors"
	"linkd/project"
	"linkd/server"
)

const (
	mostTriedIDs  = 1000
	mostTriedBody = 256 << 10 // that many ids of usual length, and the bytes
)

// IdentityTrial is bytes to be tried: exactly one of Hex and Text, as if a device had sent them and nothing more.
type IdentityTrial struct {
	Identity IdentitySpec `json:"identity" doc:"As a provider has it, saved or not."`
	Provider string       `json:"provider,omitempty" doc:"Its configured ids are known."`
	IDs      []string     `json:"ids,omitempty" maxItems:"1000" doc:"Without a provider: ids that are known."`
	Hex      *string      `json:"hex,omitempty" doc:"Bytes as hex; blanks and colons between bytes do not matter."`
	Text     *string      `json:"text,omitempty" doc:"Bytes as UTF-8 text."`
}

// TriedIdentity is what linkd would do with a link that sends these bytes.
type TriedIdentity struct {
	Found      bool   `json:"found" doc:"The bytes hold an id."`
	ID         string `json:"id" doc:"Quoted where it is not printable."`
	IDHex      string `json:"id_hex"`
	Known      bool   `json:"known" doc:"The id is configured."`
	Connection string `json:"connection" doc:"That the link would be bound to, or that turns it away."`
	State      string `json:"state" doc:"Of that connection now."`
	Secret     bool   `json:"secret" doc:"That connection has a secret. It is not compared here."`
	Reason     string `json:"reason" doc:"Why the link would be closed; empty: it would be bound."`
	Detail     string `json:"detail" doc:"Of the reason."`
	Quiet      bool   `json:"quiet" doc:"Only silence decides: the link waits for identity.quiet first."`
	Taken      int    `json:"taken" doc:"Bytes that the id used, with what came before it."`
	RestHex    string `json:"rest_hex" doc:"What is left for the driver."`
	RestText   string `json:"rest_text"`
	HeldHex    string `json:"held_hex" doc:"Held back: the beginning of a frame of the preset."`
	AnswerHex  string `json:"answer_hex" doc:"What the device would be sent."`
	AnswerText string `json:"answer_text"`
}

type tryInput struct {
	Body    IdentityTrial
	RawBody []byte
}

type tryOutput struct{ Body TriedIdentity }

func (a *API) identityRoutes(h huma.API) {
	try := operation(doors.Viewer, http.MethodPost, "/api/v1/identity/try", "What linkd would do with these first bytes")
	try.Description = "Nothing is bound, counted or sent. Without provider and ids, every id is unknown."
	try.MaxBodyBytes = mostTriedBody
	huma.Register(h, try, a.tryIdentity)
}

func (a *API) tryIdentity(_ context.Context, in *tryInput) (*tryOutput, error) {
	if in.Body.Provider != "" && len(in.Body.IDs) > 0 {
		return nil, huma.Error422UnprocessableEntity("body: provider and ids are both there; give one, or neither")
	}
	data, err := bytesOf(in.Body.Hex, in.Body.Text, server.MaxTried)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	id, err := identityOf(in.RawBody)
	if err != nil {
		return nil, refusal("identity", err)
	}
	r, err := a.core.TryIdentity(server.Trial{
		Identity: *id, Provider: in.Body.Provider, IDs: in.Body.IDs, Data: data})
	if err != nil {
		return nil, refusal("identity", err)
	}
	return &tryOutput{Body: triedView(r)}, nil
}

// identityOf reads the member identity of a body as the loader of the project file does.
func identityOf(body []byte) (*project.Identity, error) {
	var members struct {
		Identity json.RawMessage `json:"identity"`
	}
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, huma.Error400BadRequest("body: " + err.Error())
	}
	id, err := project.ReadIdentity(members.Identity)
	var faults project.Errors
	if errors.As(err, &faults) {
		return nil, faultsOf(faults, func(f *project.Error) string { return "body.identity." + f.Field })
	}
	return id, err
}

func triedView(r server.Tried) TriedIdentity {
	return TriedIdentity{
		Found: r.Verdict == codec.Found, ID: server.Printable(r.ID), IDHex: hex.EncodeToString(r.ID), Known: r.Known,
		Connection: r.Connection, State: string(r.State), Secret: r.HasSecret, Reason: r.Reason.String(), Detail: r.End,
		Quiet: r.Quiet, Taken: r.Taken, RestHex: hex.EncodeToString(r.Payload), RestText: text(r.Payload),
		HeldHex: hex.EncodeToString(r.Held), AnswerHex: hex.EncodeToString(r.Answer), AnswerText: text(r.Answer),
	}
}
