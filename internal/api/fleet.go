package api

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/doors"
	"linkd/internal/trend"
)

// What the fleet was like lately: lines over time, and which connections deserve a look.

// Line is the values of a line, one for each time; null where there is none, such as a latency while nothing was asked.
type Line []float64

// MarshalJSON implements json.Marshaler.
func (l Line) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 8*len(l)+2), '[')
	for i, v := range l {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			b = append(b, "null"...)
			continue
		}
		b = strconv.AppendFloat(b, v, 'g', 6, 64)
	}
	return append(b, ']'), nil
}

// Schema implements huma.SchemaProvider.
func (Line) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeNumber, Nullable: true},
		Description: "One for each time; null where there is none."}
}

// Series is what the fleet was like over a time.
type Series struct {
	Since  time.Time       `json:"since" doc:"When recording began: at the start of linkd."`
	Step   int             `json:"step_s" doc:"Seconds between two points."`
	Times  []int64         `json:"times" nullable:"false" doc:"Seconds since the Unix epoch, oldest first."`
	Lines  map[string]Line `json:"lines" doc:"By name."`
	Closes map[string]Line `json:"closes" doc:"Closes a second by reason."`
}

// Comer is a connection that came often.
type Comer struct {
	Connection
	Comes  int    `json:"comes" doc:"Times that it came online since worst_since."`
	Reason string `json:"reason" doc:"Why it went the last time."`
}

// Quiet is an online connection from which nothing comes.
type Quiet struct {
	Connection
	Quiet float64 `json:"quiet_s" doc:"Seconds since its last byte."`
}

// Trouble is the connections that deserve a look.
type Trouble struct {
	Worst      []Comer   `json:"worst" nullable:"false" doc:"That came thrice or more, most often first; ten at most."`
	WorstSince time.Time `json:"worst_since" doc:"Half an hour to an hour ago, or the start of linkd."`
	Quietest   []Quiet   `json:"quietest" nullable:"false" doc:"Online, and silent for longest; ten at most."`
	QuietestAt time.Time `json:"quietest_at" doc:"When that was so: ten seconds ago at most."`
}

type seriesInput struct {
	Span string `query:"span" enum:"15m,1h,24h" default:"1h"`
}

type seriesOutput struct{ Body Series }

type troubleOutput struct{ Body Trouble }

func (a *API) fleetRoutes(h huma.API) {
	if a.cfg.Trends == nil {
		return
	}
	series := operation(doors.Viewer, http.MethodGet, "/api/v1/fleet/series", "What the fleet was like lately")
	series.Description = "The lines: online (the fewest since the point before), offline (the most), disabled, " +
		"identifying; a second: opened, closed, strangers, polls_ok, polls_failed, polls_missed, values; and in seconds, " +
		"with _p50 and _p99 behind its name: poll, from question to answer, lateness, of polls, loop_lag."
	huma.Register(h, series,
		func(_ context.Context, in *seriesInput) (*seriesOutput, error) {
			return &seriesOutput{Body: seriesView(a.cfg.Trends.Series(trend.Span(in.Span)))}, nil
		})
	get(h, "/api/v1/fleet/trouble", "Connections that come and go most, and those that are silent", a.trouble)
}

func seriesView(s trend.Series) Series {
	v := Series{Since: s.Since.UTC(), Step: int(s.Step / time.Second), Times: make([]int64, len(s.Times)),
		Lines: linesView(s.Lines), Closes: linesView(s.Closes)}
	for i, t := range s.Times {
		v.Times[i] = t.Unix()
	}
	return v
}

func linesView(lines map[string][]float64) map[string]Line {
	v := make(map[string]Line, len(lines))
	for name, line := range lines {
		v[name] = line
	}
	return v
}

func (a *API) trouble(ctx context.Context, _ *struct{}) (*troubleOutput, error) {
	worst, since := a.cfg.Trends.Worst()
	quiet, at, err := a.cfg.Trends.Quietest(ctx)
	if err != nil {
		return nil, refusal("fleet", err)
	}
	out := &troubleOutput{Body: Trouble{Worst: []Comer{}, WorstSince: since.UTC(), Quietest: []Quiet{},
		QuietestAt: at.UTC()}}
	for _, c := range worst {
		if v, err := a.core.Connection(c.Provider, c.Connection); err == nil { // else it has been removed since
			out.Body.Worst = append(out.Body.Worst, Comer{connectionView(v), c.Comes, c.Reason})
		}
	}
	for _, q := range quiet {
		out.Body.Quietest = append(out.Body.Quietest, Quiet{connectionView(q.ConnView), q.Quiet.Seconds()})
	}
	return out, nil
}
