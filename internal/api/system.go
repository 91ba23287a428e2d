package api

import (
	"context"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"linkd/internal/doors"
	"linkd/internal/limits"
	"linkd/internal/logtail"
	"linkd/project"
	"linkd/server"
)

// System is this linkd, and what its machine lets it have.
type System struct {
	Version     string    `json:"version"`
	Revision    string    `json:"revision" doc:"Commit that was built; empty where the build did not record it."`
	Go          string    `json:"go"`
	Started     time.Time `json:"started"`
	Processors  int       `json:"processors"`
	Goroutines  int       `json:"goroutines"`
	HeapBytes   uint64    `json:"heap_bytes" doc:"In use by linkd itself; sockets are the kernel's."`
	Addresses   []string  `json:"addresses" nullable:"false" doc:"The machine's own, which a provider can listen on."`
	Descriptors int       `json:"descriptors" doc:"Open now."`
	Capacity    int       `json:"capacity" doc:"Links that linkd admits."`
	Sessions    int       `json:"sessions" doc:"Links now."`
	Connections int       `json:"connections" doc:"Configured."`
	Fleet       int       `json:"fleet" doc:"Links that the limits are judged for."`
	Limits      []Limit   `json:"limits" nullable:"false"`
}

// Limit is something of which there is only so much.
type Limit struct {
	Name    string            `json:"name" doc:"As the kernel names it, where it is a setting of the kernel."`
	Value   string            `json:"value"`
	Needed  string            `json:"needed" doc:"By the fleet; empty where there is nothing to compare."`
	Enough  bool              `json:"enough"`
	Why     string            `json:"why" doc:"What it decides."`
	Change  string            `json:"change" doc:"What to write where it is not enough."`
	Figures map[string]string `json:"figures,omitempty" doc:"Numbers in why and change, for who says it in other words."`
}

// LogRecord is one record of the log.
type LogRecord struct {
	Number  uint64    `json:"number"`
	Time    time.Time `json:"time"`
	Level   string    `json:"level" enum:"debug,info,warn,error"`
	Message string    `json:"message"`
	Attrs   string    `json:"attrs" doc:"key=value, with blanks between."`
}

type systemInput struct {
	Connections int `query:"connections" minimum:"0" maximum:"10000000" doc:"Links to judge for; 0: those configured."`
}

type systemOutput struct{ Body System }

type logInput struct {
	Level string `query:"level" enum:"debug,info,warn,error" doc:"This level and above; info unless it is said."`
	Limit int    `query:"limit" minimum:"0" doc:"Most records; 0 means 200, more than 1000 means 1000."`
	After uint64 `query:"after" doc:"Only records with a larger number."`
}

func (a *API) systemRoutes(h huma.API) {
	const path = "/api/v1/system"
	get(h, path, "This linkd, and the limits of its machine", a.system)
	log := operation(doors.Operator, http.MethodGet, path+"/log", "The last records of the log, the oldest first")
	log.Description = "1,000 records and 256 KiB are kept, from level info on, whatever linkd writes elsewhere."
	huma.Register(h, log, a.log)
	a.bundleRoute(h, path+"/bundle")
}

func (a *API) system(_ context.Context, in *systemInput) (*systemOutput, error) {
	return &systemOutput{Body: a.systemView(in.Connections)}, nil
}

// systemView judges the limits for so many links; 0: those configured.
func (a *API) systemView(links int) System {
	v := System{Version: a.cfg.Version, Revision: a.cfg.Revision, Go: runtime.Version(), Started: a.started.UTC(),
		Processors: runtime.NumCPU(), Goroutines: runtime.NumGoroutine(), Capacity: a.core.Capacity(),
		Addresses: addresses()}
	if n, err := limits.OpenDescriptors(); err == nil {
		v.Descriptors = n
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	v.HeapBytes = memory.HeapAlloc
	dialled := 0
	for _, p := range a.core.Providers() {
		v.Connections += p.Connections
		v.Sessions += p.Online + p.Identifying
		if p.Type == string(project.TCPClient) {
			dialled += p.Connections
		}
	}
	v.Fleet = links
	if links == 0 {
		v.Fleet = v.Connections
	} else if v.Connections > 0 { // a larger fleet of the same kind
		dialled = int(math.Ceil(float64(dialled) * float64(links) / float64(v.Connections)))
	}
	v.Limits = views(limits.For(limits.Fleet{Links: uint64(v.Fleet), Dialled: uint64(dialled),
		Reserve: server.ReservedDescriptors, BytesPerLink: server.BytesPerLink, Capacity: uint64(v.Capacity),
		MemoryAtStart: a.core.Limits().Memory, GoLimit: debug.SetMemoryLimit(-1)}), limitView)
	return v
}

// addresses are those of the machine that can be listened on as they are written: not those that need a zone.
func addresses() []string {
	list := []string{}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return list // they are suggestions
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLinkLocalUnicast() {
			list = append(list, p.Addr().String())
		}
	}
	return list
}

func limitView(l limits.Limit) Limit { return Limit(l) }

func (a *API) log(_ context.Context, in *logInput) (*listOutput[LogRecord], error) {
	level := slog.LevelInfo
	if in.Level != "" {
		if err := level.UnmarshalText([]byte(in.Level)); err != nil {
			return nil, huma.Error422UnprocessableEntity("query.level: " + err.Error())
		}
	}
	limit := min(in.Limit, mostItems)
	if limit == 0 {
		limit = 200
	}
	return whole(views(a.tail().Since(in.After, level, limit), recordView)), nil
}

// tail is the log's, or an empty one.
func (a *API) tail() *logtail.Tail {
	if a.cfg.Tail == nil {
		return new(logtail.Tail)
	}
	return a.cfg.Tail
}

func recordView(r logtail.Record) LogRecord {
	return LogRecord{Number: r.Number, Time: r.Time.UTC(), Level: levelName(r.Level), Message: text([]byte(r.Message)),
		Attrs: text([]byte(r.Attrs))}
}

// levelName is the level that a record counts as.
func levelName(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "error"
	case l >= slog.LevelWarn:
		return "warn"
	case l >= slog.LevelInfo:
		return "info"
	}
	return "debug"
}
