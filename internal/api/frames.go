package api

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/doors"
	"linkd/internal/pcapng"
	"linkd/server"
)

// Frame is a piece of a link's bytes.
type Frame struct {
	TS   time.Time `json:"ts" doc:"A later frame has a later one, to the nanosecond."`
	Dir  string    `json:"dir" enum:"in,out"`
	Hex  string    `json:"hex"`
	Text string    `json:"text" doc:"The same as text; bytes that are no UTF-8 show as U+FFFD."`
	// Length is told where only the beginning was kept.
	Length   int    `json:"length,omitempty" doc:"Of the whole frame, where hex is only its beginning."`
	Decoded  string `json:"decoded,omitempty" doc:"What the driver makes of them."`
	Identity bool   `json:"identity,omitempty" doc:"How the link said who it is, or what it was answered."`
	Session  uint64 `json:"session"`
	Lost     uint64 `json:"lost" doc:"Frames dropped before this one."`
}

// KeptQuery chooses among the frames that are kept. It is exported because huma fills embedded parameters only of
// exported types.
type KeptQuery struct {
	Last  int       `query:"last" minimum:"0" default:"1000" doc:"The newest so many of those that are kept."`
	After time.Time `query:"after" doc:"Only those after this moment, such as the ts of the newest one that is known."`
}

// of are the frames of list, oldest first, that are asked for.
func (q KeptQuery) of(list []server.Frame) []server.Frame {
	for len(list) > 0 && !list[0].Time.After(q.After) {
		list = list[1:]
	}
	return list[max(len(list)-q.Last, 0):]
}

type framesInput struct {
	ConnectionPath
	KeptQuery
	Format string `query:"format" enum:"json,text,pcapng" default:"json" doc:"The other two are files to keep."`
}

type framesOutput struct {
	ContentType  string `header:"Content-Type"`
	Disposition  string `header:"Content-Disposition"`
	CacheControl string `header:"Cache-Control"`
	Body         []byte
}

type tapInput struct {
	ConnectionPath
	KeptQuery
	Format string `query:"format" enum:"json,pcapng" default:"json" doc:"json: events; pcapng: a capture without an end."`
}

const (
	typeJSON   = "application/json"
	typeText   = "text/plain; charset=utf-8"
	typePcapng = "application/x-pcapng"
)

func (a *API) frameRoutes(h huma.API) {
	const connection = "/api/v1/connections/{provider}/{name}"
	frames := operation(doors.Viewer, http.MethodGet, connection+"/frames", "Its last bytes, both ways, as they are kept")
	frames.Description = "The frames of its newest links, oldest first, also when it is offline: some hundred, or none " +
		"where linkd serves more links than it keeps frames of; whoever asks is kept from then on. format=text has a " +
		"line for each; format=pcapng is for Wireshark, with IP and TCP headers that are made up from addresses and order."
	schema := huma.SchemaFromType(h.OpenAPI().Components.Schemas, typeOf[List[Frame]]())
	binary := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	frames.Responses = map[string]*huma.Response{"200": {
		Description: "OK",
		Content: map[string]*huma.MediaType{typeJSON: {Schema: schema},
			"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}},
			typePcapng:   binary},
	}}
	huma.Register(h, frames, a.frames)

	tap := operation(doors.Viewer, http.MethodGet, connection+"/tap",
		"Its bytes, both ways, as they pass (server-sent events named frame)")
	tap.Description = "It begins with the frames that are kept, and goes on with those that pass, none missing or " +
		"twice. last=0 leaves the first ones out; after=TS goes on where another tap has ended. format=pcapng is for " +
		"Wireshark, which reads it as it comes."
	tap.Responses = streamOf[Frame](h)
	tap.Responses["200"].Content[typePcapng] = binary
	huma.Register(h, tap, a.tap)
}

func (a *API) frames(ctx context.Context, in *framesInput) (*framesOutput, error) {
	list, err := a.core.Frames(ctx, in.Provider, in.Name)
	if err != nil {
		return nil, refusal(in.String(), err)
	}
	list = in.of(list)
	out := &framesOutput{ContentType: typeJSON, CacheControl: "no-store"}
	var b bytes.Buffer
	suffix := ""
	switch in.Format {
	case "text":
		out.ContentType, suffix = typeText, ".txt"
		for _, f := range list {
			b.WriteString(frameLine(frameView(f)))
		}
	case "pcapng":
		out.ContentType, suffix = typePcapng, ".pcapng"
		var c *capture
		c, err = a.capture(&b, in.ConnectionPath)
		for i := 0; err == nil && i < len(list); i++ {
			err = c.write(list[i])
		}
	default:
		err = json.NewEncoder(&b).Encode(List[Frame]{Items: views(list, frameView)})
	}
	if err != nil {
		return nil, refusal(in.String(), err)
	}
	if suffix != "" {
		out.Disposition = mime.FormatMediaType("attachment", map[string]string{
			"filename": in.Provider + "-" + in.Name + "-frames" + suffix})
	}
	out.Body = b.Bytes()
	return out, nil
}

// capture is frames as a file for Wireshark.
type capture struct{ file *pcapng.Writer }

// capture begins a file of a connection.
func (a *API) capture(to io.Writer, of ConnectionPath) (*capture, error) {
	file, err := pcapng.NewWriter(to, "linkd "+a.cfg.Version, of.Provider+"/"+of.Name)
	return &capture{file}, err
}

// write adds a frame. What linkd knows of it beside its bytes is its comment.
func (c *capture) write(f server.Frame) error {
	from, to := f.Remote, f.Local
	if f.Dir == server.Out {
		from, to = to, from
	}
	comment := text([]byte(f.Text))
	if f.Identity {
		comment = "identity, session " + strconv.FormatUint(f.Session, 10)
	}
	if f.Lost > 0 {
		comment = strings.TrimSpace(fmt.Sprintf("%d frames lost before this one. %s", f.Lost, comment))
	}
	return c.file.Write(pcapng.Frame{Time: f.Time, From: from, To: to, Data: f.Data, Length: f.Length, Comment: comment})
}

// frameLine is a frame as a line of text: time, direction, hex, text, and what the driver makes of it.
func frameLine(f Frame) string {
	data, _ := hex.DecodeString(f.Hex) // frameView has made it
	decoded := f.Decoded
	switch {
	case f.Identity:
		decoded = "identity"
	case f.Length > 0:
		decoded = fmt.Sprintf("%d bytes in all", f.Length)
	}
	return fmt.Sprintf("%s\t%s\t% x\t%s\t%s\n", f.TS.Format("2006-01-02T15:04:05.000Z07:00"), f.Dir, data,
		printable(data), strings.Join(strings.Fields(decoded), " "))
}

// printable has a letter for each byte: what is no printable ASCII is a dot.
func printable(b []byte) string {
	out := make([]byte, len(b))
	for i, c := range b {
		if out[i] = c; c < ' ' || c > '~' {
			out[i] = '.'
		}
	}
	return string(out)
}

func (a *API) tap(ctx context.Context, in *tapInput) (*huma.StreamResponse, error) {
	if err := a.enter(); err != nil {
		return nil, err
	}
	kept, live, stop, err := a.core.Tap(ctx, in.Provider, in.Name)
	if err != nil {
		a.leave()
		return nil, refusal(in.String(), err)
	}
	kind := typeEvents
	if in.Format == "pcapng" {
		kind = typePcapng
	}
	return a.stream(kind, func(s *stream) {
		defer stop()
		send := func(f server.Frame) error { return s.send("frame", frameView(f)) }
		if kind == typePcapng {
			c, err := a.capture(s, in.ConnectionPath)
			if err != nil {
				return
			}
			send = c.write
			s.still = func() error { return c.file.Still(time.Now()) }
		}
		for _, f := range in.of(kept) {
			if send(f) != nil || len(s.buf) >= batch && s.flush() != nil {
				return
			}
		}
		if s.flush() == nil {
			pump(s, live, send)
		}
	}), nil
}

func frameView(f server.Frame) Frame {
	v := Frame{
		TS: f.Time.UTC(), Dir: string(f.Dir), Hex: hex.EncodeToString(f.Data), Text: text(f.Data),
		Decoded: text([]byte(f.Text)), Identity: f.Identity, Session: f.Session, Lost: f.Lost,
	}
	if f.Length > len(f.Data) {
		v.Length = f.Length
	}
	return v
}
