package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"linkd/drivers"
	"linkd/internal/api"
	"linkd/internal/bus"
	"linkd/internal/doors"
	"linkd/internal/metrics"
	"linkd/outputs"
	outputcatalog "linkd/outputs/catalog"
	"linkd/project"
	"linkd/server"
)

// catalogue is the drivers and the outputs that a project may name.
type catalogue struct {
	drivers drivers.Table
	outputs outputs.Table
}

func newCatalogue(d drivers.Table) catalogue { return catalogue{d, outputcatalog.New()} }

// Check implements project.Catalog.
func (c catalogue) Check(ch *project.Channel, models []*project.Model, kind project.LinkKind) []error {
	return c.drivers.Check(ch, models, kind)
}

// CheckOutput implements project.OutputCatalog.
func (c catalogue) CheckOutput(o *project.Output) []error { return c.outputs.CheckOutput(o) }

// outputTypes is what a form needs to know of the outputs that there are.
func outputTypes() (list []api.OutputType) {
	for _, k := range outputcatalog.New() {
		t := api.OutputType{Type: k.Type, Title: k.Title}
		for _, format := range k.Formats {
			t.Formats = append(t.Formats, api.OutputFormat{Format: format, Options: api.OptionViews(k.Options(format))})
		}
		list = append(list, t)
	}
	return list
}

// north is what goes north: the bus, and the outputs.
type north struct {
	srv      *server.Server
	bus      atomic.Pointer[bus.Bus] // nil: there is none
	hub      *outputs.Hub
	external bool
	unfollow []func()
	log      *slog.Logger
}

// northConfig is what startNorth needs.
type northConfig struct {
	opt    serving
	own    *data
	name   string // of the project
	srv    *server.Server
	keeper *doors.Keeper
	log    *slog.Logger
}

// startNorth starts the bus, which follows the server, and a hub, which does while there are outputs.
func startNorth(ctx context.Context, c northConfig) (*north, error) {
	n := &north{srv: c.srv, external: c.opt.bus.URL != "", log: c.log}
	n.hub = outputs.NewHub(outputcatalog.New(), outputs.Env{Dir: filepath.Join(c.own.dir, "outputs"),
		Log: c.log, Write: c.srv.Write, Tags: n.tagsOf}, c.srv)
	if c.opt.noBus {
		return n, nil
	}
	cfg := c.opt.bus
	cfg.Project, cfg.Dir, cfg.Log = c.name, filepath.Join(c.own.dir, "bus"), c.log
	cfg.Access = func(token string) (doors.Role, bool) {
		who, err := c.keeper.Check(token, netip.Addr{})
		if err != nil {
			return doors.None, false
		}
		who.OnRevoked(n.recheck)
		return who.Role, true
	}
	b, err := c.startBus(ctx, cfg)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "bus: ")), n.close(ctx))
	}
	n.bus.Store(b)
	n.unfollow = []func(){c.srv.FollowReports(b.Take), c.srv.FollowEvents(b.Event), c.srv.FollowReceived(b.TakeReceived)}
	if err := b.Serve(c.srv); err != nil {
		return nil, errors.Join(err, n.close(ctx))
	}
	c.log.Info("the bus listens", "nats", b.Addr(), "mqtt", b.MQTTAddr())
	return n, nil
}

// startBus starts the bus; without those of its listeners that may be missing, where another has the address.
func (c *northConfig) startBus(ctx context.Context, cfg bus.Config) (*bus.Bus, error) {
	b, err := bus.Start(ctx, c.yielding(cfg))
	if errors.Is(err, bus.ErrInUse) && (c.opt.anyBus || c.opt.anyMQTT) { // it was free a moment ago
		b, err = bus.Start(ctx, c.yielding(cfg))
	}
	return b, err
}

// yielding is cfg without the listeners that may be missing and whose address is taken.
func (c *northConfig) yielding(cfg bus.Config) bus.Config {
	yield := func(may bool, addr *string, whose, flag string) {
		if may && taken(*addr) {
			c.log.Warn("the bus takes no "+whose+" clients: another has the address; give "+flag, "addr", *addr)
			*addr = ""
		}
	}
	yield(c.opt.anyBus, &cfg.Listen, "NATS", "--bus-listen")
	yield(c.opt.anyMQTT, &cfg.MQTT, "MQTT", "--mqtt-listen")
	return cfg
}

// taken reports whether somebody listens on addr.
func taken(addr string) bool {
	if addr == "" {
		return false
	}
	l, err := net.Listen("tcp", addr)
	if err == nil {
		_ = l.Close()
	}
	return errors.Is(err, syscall.EADDRINUSE)
}

// apply has the bus and the outputs follow the project. That an output cannot be made is told by its state and the log,
// not refused: the links run.
func (n *north) apply(p *project.Project) {
	if b := n.bus.Load(); b != nil {
		if err := b.Rename(p.Name); err != nil {
			n.log.Error("the bus keeps the project's former name", "error", err)
		}
	}
	if err := n.hub.Apply(p); err != nil {
		n.log.Error("an output does not run", "error", err)
	}
}

func (n *north) recheck() {
	if b := n.bus.Load(); b != nil {
		b.Recheck()
	}
}

// close delivers what there is, after the server has stopped. Outputs have half of the time for it: the far end of one
// may be away, which is no error, and others are to stop in time too.
func (n *north) close(ctx context.Context) error {
	for _, stop := range n.unfollow {
		stop()
	}
	some, cancel := ctx, func() {}
	if end, ok := ctx.Deadline(); ok {
		some, cancel = context.WithTimeout(ctx, time.Until(end)/2)
	}
	defer cancel()
	if err := n.hub.Close(some); err != nil {
		n.log.Warn("an output ended before all was delivered", "error", err)
	}
	if b := n.bus.Load(); b != nil {
		return b.Close(ctx)
	}
	return nil
}

// tagsOf returns all tags of a device.
func (n *north) tagsOf(channel, device string) ([]server.TagView, error) {
	list, _, err := n.srv.Tags(server.TagQuery{Channel: channel, Limit: 1000})
	return slices.DeleteFunc(list, func(v server.TagView) bool { return v.Device != device }), err
}

// kinds are the counters of the bus, with what it was too slow for to be handed at all.
func (n *north) kinds(b *bus.Bus) []bus.KindStats {
	list := b.Stats().Kinds
	reports, received := n.srv.Lost()
	for i := range list {
		switch list[i].Kind {
		case bus.KindTags:
			list[i].Dropped += reports
		case bus.KindRx:
			list[i].Dropped += received
		}
	}
	return list
}

// stats are the counters for metrics.
func (n *north) stats() (out metrics.North) {
	if b := n.bus.Load(); b != nil {
		out.Up = b.State().Condition == bus.Up
		for _, k := range n.kinds(b) {
			out.Kinds = append(out.Kinds, metrics.NorthKind{Kind: k.Kind, Sent: k.Sent, Dropped: k.Dropped,
				SpooledBytes: k.Spooled})
		}
	}
	for _, o := range n.hub.Status() {
		for class, c := range map[outputs.Class]outputs.Counts{outputs.Tags: o.Tags, outputs.Conn: o.Conn} {
			out.Outputs = append(out.Outputs, metrics.NorthGiven{Output: o.Name, Type: o.Type, Fine: o.State != outputs.Failing,
				NorthKind: metrics.NorthKind{Kind: class.String(), Sent: c.Sent, Dropped: c.Dropped, SpooledBytes: o.QueuedBytes}})
		}
	}
	return out
}

// history is the bus as the API reads it.
type history struct{ *north }

// History implements what api asks of a bus.
func (h history) History(ctx context.Context, channel, device, tag string, from, to time.Time, points int,
) ([]api.Bucket, error) {
	if _, err := h.srv.Tag(channel, device, tag); err != nil {
		return nil, err
	}
	list, err := h.bus.Load().History(ctx, bus.HistoryQuery{Channel: channel, Device: device, Tag: tag,
		From: from, To: to, Points: points})
	if err != nil {
		return nil, unread(err)
	}
	out := make([]api.Bucket, len(list))
	for i, b := range list {
		out[i] = api.NewBucket(b.From, b.Min, b.Max, b.Mean, b.Count, b.Last)
	}
	return out, nil
}

// Lives implements what api asks of a bus.
func (h history) Lives(ctx context.Context, provider, name string, before time.Time, limit int) ([]api.Life, error) {
	list, err := h.bus.Load().Lives(ctx, provider, name, before, limit)
	if err != nil {
		return nil, unread(err)
	}
	out := make([]api.Life, len(list))
	for i, l := range list {
		out[i] = api.Life{TS: l.Time.UTC(), Event: l.Event, ID: l.ID, Session: l.Session,
			RemoteAddr: l.RemoteAddr, Reason: l.Reason}
		if l.Event == "offline" && l.Duration >= 0 {
			ms := l.Duration.Milliseconds()
			out[i].DurationMS = &ms
		}
	}
	return out, nil
}

// unread is an error of the bus as the API knows it.
func unread(err error) error {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "bus: "), "query: ")
	switch {
	case errors.Is(err, bus.ErrQuery), errors.Is(err, bus.ErrTooMuch):
		return fmt.Errorf("%w: %s", server.ErrInvalid, text)
	case errors.Is(err, bus.ErrAway):
		return fmt.Errorf("%w: %s", server.ErrBusy, text)
	}
	return err
}

// State implements what api asks of a bus.
func (h history) State() api.BusState {
	b := h.bus.Load()
	s := b.State()
	out := api.BusState{State: string(s.Condition), Since: s.Since.UTC(), Reason: s.Reason, External: h.external,
		Format: b.Format(), Listen: b.Addr(), MQTT: b.MQTTAddr(), Kinds: []api.BusKind{}}
	for _, k := range h.kinds(b) {
		out.Kinds = append(out.Kinds, api.BusKind{Kind: k.Kind, Sent: k.Sent, Dropped: k.Dropped, Waiting: k.Waiting})
	}
	return out
}

// Outputs implements what api asks of a bus.
func (h history) Outputs() []api.OutputState {
	list := h.hub.Status()
	out := make([]api.OutputState, len(list))
	for i, o := range list {
		out[i] = api.OutputState{Name: o.Name, Type: o.Type, State: o.State, Error: o.Error, Since: o.Since.UTC(),
			Sent: o.Tags.Sent + o.Conn.Sent, Dropped: o.Tags.Dropped + o.Conn.Dropped,
			Queued: o.Queued, QueuedBytes: o.QueuedBytes}
	}
	return out
}
