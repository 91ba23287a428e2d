package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/doors"
	"linkd/internal/payload"
	"linkd/server"
)

const mostWriteBody = 64 << 10 // 64 values of some hundred bytes each, and some room

// WriteOptions are how to write.
type WriteOptions struct {
	Readback bool   `json:"readback,omitempty" doc:"Ask the device afterwards what it has."`
	TTL      string `json:"ttl,omitempty" maxLength:"64" doc:"Keep it so long for a device that is away, such as 30s."`
}

// WriteValue is a value for one tag.
type WriteValue struct {
	WriteOptions
	Value any `json:"value" doc:"A boolean, a number, or a string."`
}

// WriteValues are values for several tags of one device.
type WriteValues struct {
	WriteOptions
	Values Values `json:"values"`
}

// WriteAnswer is what came of a write.
type WriteAnswer struct {
	Result   string `json:"result" enum:"confirmed,rejected,timeout,offline,queued"`
	Reason   string `json:"reason" doc:"Why it is not confirmed."`
	Readback any    `json:"readback" doc:"What the device had afterwards: a value, or an object of them; or null."`
}

// Values are values by name of their tag. In JSON they are an object, whose order is kept.
type Values []NamedValue

// NamedValue is one of Values.
type NamedValue struct {
	Tag   string
	Value any // bool, string, json.Number; anything else cannot be written
}

// MarshalJSON implements json.Marshaler.
func (v Values) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, n := range v {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(n.Tag)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(n.Value)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, name...), ':'), value...)
	}
	return append(out, '}'), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *Values) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("api: values: not an object of tags and values")
	}
	*v = nil
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		n := NamedValue{Tag: fmt.Sprint(name)}
		if err := d.Decode(&n.Value); err != nil {
			return err
		}
		*v = append(*v, n)
	}
	return nil
}

// Schema implements huma.SchemaProvider.
func (Values) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: &huma.Schema{},
		Description: "Tag to value: a boolean, a number, or a string.",
	}
}

// UnmarshalJSON implements json.Unmarshaler: a number keeps all its digits.
func (v *WriteValue) UnmarshalJSON(b []byte) error {
	type plain WriteValue
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode((*plain)(v))
}

type writeOneInput struct {
	TagPath
	Body WriteValue
}

type writeManyInput struct {
	DevicePath
	Body WriteValues
}

type writeOutput struct {
	Status int
	Body   WriteAnswer
}

func (a *API) writeRoutes(h huma.API) {
	register := func(path, summary, id string, add func(huma.Operation)) {
		op := operation(doors.Operator, http.MethodPut, path, summary)
		op.OperationID, op.MaxBodyBytes = id, mostWriteBody
		op.Description = "Answers when the device has. The status goes with the result: " +
			"200 confirmed, 202 queued, 409 offline, 422 rejected, 504 timeout."
		op.Responses = writeResponses(h)
		add(op)
	}
	register("/api/v1/tags/{channel}/{device}/{tag}", "Write one tag", "put-tag",
		func(op huma.Operation) { huma.Register(h, op, a.writeOne) })
	register("/api/v1/tags/{channel}/{device}", "Write several tags of a device", "put-tags",
		func(op huma.Operation) { huma.Register(h, op, a.writeMany) })
}

// writeResponses describes what a write is answered with when it is not confirmed.
func writeResponses(h huma.API) map[string]*huma.Response {
	schema := huma.SchemaFromType(h.OpenAPI().Components.Schemas, typeOf[WriteAnswer]())
	to := map[string]*huma.Response{}
	for result, status := range payload.WriteStatuses() {
		to[strconv.Itoa(status)] = &huma.Response{
			Description: result, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}},
		}
	}
	return to
}

func (a *API) writeOne(ctx context.Context, in *writeOneInput) (*writeOutput, error) {
	values := Values{{Tag: in.Tag, Value: in.Body.Value}}
	return a.write(ctx, in.TagPath.String(), in.DevicePath, values, in.Body.WriteOptions, "body.value")
}

func (a *API) writeMany(ctx context.Context, in *writeManyInput) (*writeOutput, error) {
	return a.write(ctx, in.DevicePath.String(), in.DevicePath, in.Body.Values, in.Body.WriteOptions, "")
}

// write asks the core. what names what is written; field is where the value is in the body, empty for body.values.
func (a *API) write(
	ctx context.Context, what string, at DevicePath, values Values, how WriteOptions, field string,
) (*writeOutput, error) {
	req := server.WriteRequest{Channel: at.Channel, Device: at.Device, Readback: how.Readback, Who: caller(ctx).Name}
	if how.TTL != "" {
		var err error
		if req.TTL, err = time.ParseDuration(how.TTL); err != nil {
			return nil, huma.Error422UnprocessableEntity(
				"body.ttl: " + quote(how.TTL) + ": not a duration; write one such as 30s")
		}
	}
	for _, v := range values {
		switch v.Value.(type) {
		case bool, json.Number, string:
			req.Values = append(req.Values, server.TagValue{Tag: v.Tag, Value: v.Value})
		default:
			if field == "" {
				field = "body.values." + v.Tag
			}
			return nil, huma.Error422UnprocessableEntity(field + ": write a boolean, a number or a string")
		}
	}
	r, err := a.core.Write(ctx, req)
	if err != nil {
		return nil, refusal(what, err)
	}
	status, ok := payload.WriteStatuses()[r.Result]
	if !ok {
		return nil, huma.Error500InternalServerError(what + ": result " + quote(r.Result) + " is not known")
	}
	return &writeOutput{Status: status, Body: WriteAnswer{
		Result: r.Result, Reason: r.Reason, Readback: payload.Plain(r.Readback),
	}}, nil
}
