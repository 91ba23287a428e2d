// Package sparkplug owns an edge node of Sparkplug B: which messages its reports and events become, in which order, and
// what commands to it mean. It is a machine without I/O, clock or goroutine; an MQTT client carries what it emits.
//
// The rules are those of the Eclipse Sparkplug Specification 3.0.0; numbers of fields and data types are those of its
// chapter on payloads and of sparkplug_b.proto of Eclipse Tahu.
package sparkplug

import (
	"strings"

	"linkd/drivers/tags"
	"linkd/internal/payload"
	"linkd/server"
)

const (
	namespace = "spBv1.0/"
	bdSeqName = "bdSeq"
	rebirth   = "Node Control/Rebirth"
)

// Emit takes a message: all are sent with QoS 0 and not retained. The payload belongs to it. After an error nothing is
// emitted until the next Birth.
type Emit func(topic string, payload []byte) error

// Node is an edge node with the devices that it has seen: one for each device of each channel. It keeps the newest
// value of each tag, as births need them. Times are nanoseconds since the Unix epoch.
type Node struct {
	group, edge string
	describe    func(channel, device string) ([]server.TagView, error) // may be nil

	bdSeq   uint8
	seq     uint8
	since   int64 // of the session: what was put before is historical
	devices map[string]*device
	order   []*device // as they came
	links   map[string][]*device
	aliases []aliased // of all metrics; alias n is aliases[n-1]
	behind  map[*device]bool
	entry   payload.Entry
}

type aliased struct {
	device *device
	metric *metric
}

// device is one device of a channel.
type device struct {
	channel, name string
	id            string // as topics have it
	link          string // PROVIDER/CONNECTION that it was last heard of; empty: none
	born          bool   // in this session of MQTT, and not dead
	alive         bool   // its link is up
	metrics       []*metric
}

// metric is one tag with its newest value.
type metric struct {
	name, unit string
	alias      uint64
	kind       tags.Kind // of its data type; None: not known yet
	value      tags.Value
	quality    tags.Quality
	at         int64
	told       tags.Quality // the quality in the last message
	behind     bool         // the newest value went out as historical alone
}

// New makes a node. describe says which tags a device has, so that its first birth has them all; when it is nil or
// fails, a device is born again whenever a tag is new.
func New(group, edge string, describe func(channel, device string) ([]server.TagView, error)) *Node {
	return &Node{group: group, edge: edge, describe: describe, devices: map[string]*device{},
		links: map[string][]*device{}, behind: map[*device]bool{}}
}

// Valid says why s cannot be a group or an edge node; empty when it can.
func Valid(s string) string {
	if s == "" || strings.ContainsAny(s, "+/#") {
		return "write a name without +, / and #"
	}
	return ""
}

// id makes a name that topics can hold.
func id(channel, name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || strings.ContainsRune("+/#", r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(channel+"."+name, "_"))
}

func (n *Node) topic(verb string, d *device) string {
	t := namespace + n.group + "/" + verb + "/" + n.edge
	if d != nil {
		t += "/" + d.id
	}
	return t
}

// Will begins a session of MQTT with the number bdSeq, and returns the message that the broker sends when it breaks
// off. A node that ends in peace sends it itself. It has QoS 1.
func (n *Node) Will(bdSeq uint8) (topic string, payload []byte) {
	n.bdSeq = bdSeq
	return n.topic("NDEATH", nil), n.appendBdSeq(nil, 0)
}

// Topics are those of the commands that the node subscribes to.
func (n *Node) Topics() []string { return []string{n.topic("NCMD", nil), n.topic("DCMD", nil) + "/+"} }

// Birth begins to emit in a session of MQTT: the node, and the devices that were alive before.
func (n *Node) Birth(now int64, emit Emit) error {
	n.since = now
	clear(n.behind)
	return n.Rebirth(now, emit)
}

// Rebirth tells all that is known again, as a host application has asked for.
func (n *Node) Rebirth(now int64, emit Emit) error {
	for _, d := range n.order {
		d.born = false
	}
	n.seq = 0
	if err := emit(n.topic("NBIRTH", nil), n.appendNodeBirth(nil, now)); err != nil {
		return err
	}
	for _, d := range n.order {
		if d.alive {
			if err := n.birth(d, now, emit); err != nil {
				return err
			}
		}
	}
	return nil
}

// next is the sequence number of the next message.
func (n *Node) next() uint64 {
	n.seq++
	return uint64(n.seq)
}

func (n *Node) birth(d *device, now int64, emit Emit) error {
	d.born = true
	for _, m := range d.metrics {
		m.told, m.behind = m.quality, false
	}
	delete(n.behind, d)
	return emit(n.topic("DBIRTH", d), n.appendDeviceBirth(nil, d, now))
}

func (n *Node) death(d *device, now int64, emit Emit) error {
	d.alive = false
	if !d.born {
		return nil
	}
	d.born = false
	delete(n.behind, d)
	return emit(n.topic("DDEATH", d), n.appendHead(nil, now))
}

// Entry emits what an Entry of report.proto becomes, which was put at the time at.
func (n *Node) Entry(b []byte, at, now int64, emit Emit) error {
	if err := n.entry.Parse(b); err != nil {
		return err
	}
	if n.entry.IsEvent {
		return n.event(&n.entry.Event, now, emit)
	}
	historical := at < n.since
	if !historical {
		if err := n.Settle(now, emit); err != nil {
			return err
		}
	}
	return n.report(&n.entry, historical, now, emit)
}

// event: with its link a device goes.
func (n *Node) event(e *server.Event, now int64, emit Emit) error {
	if e.Kind != "offline" {
		return nil
	}
	for _, d := range n.links[e.Provider+"/"+e.Connection] {
		if err := n.death(d, now, emit); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) report(e *payload.Entry, historical bool, now int64, emit Emit) error {
	r := &e.Report
	d := n.device(r)
	changed, gone := false, true
	touched := make([]*metric, 0, len(r.Values))
	for i := range r.Values {
		v := &r.Values[i]
		m := d.metric(v.Tag)
		if m == nil {
			m, changed = n.add(d, v.Tag, ""), true
		}
		changed = m.take(v, e.Time) || changed
		gone = gone && v.Quality == tags.Bad && v.Reason == tags.Offline.String()
		touched = append(touched, m)
	}
	if gone {
		return n.death(d, now, emit)
	}
	d.alive = true
	if !d.born || changed {
		return n.birth(d, now, emit)
	}
	for _, m := range touched {
		m.behind = historical
	}
	if historical {
		n.behind[d] = true
	}
	return emit(n.topic("DDATA", d), n.appendData(nil, d, touched, historical, now))
}

// Settle emits what only historical messages have told: a host does not take those for the present. It is to be called
// when no more of them follow.
func (n *Node) Settle(now int64, emit Emit) error {
	if len(n.behind) == 0 {
		return nil
	}
	for _, d := range n.order {
		if !n.behind[d] {
			continue
		}
		delete(n.behind, d)
		var late []*metric
		for _, m := range d.metrics {
			if m.behind {
				m.behind = false
				late = append(late, m)
			}
		}
		if !d.born || len(late) == 0 {
			continue
		}
		if err := emit(n.topic("DDATA", d), n.appendData(nil, d, late, false, now)); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) device(r *payload.Report) *device {
	key := id(r.Channel, r.Device)
	d := n.devices[key]
	if d == nil {
		d = &device{channel: r.Channel, name: r.Device, id: key}
		n.devices[key] = d
		n.order = append(n.order, d)
		n.introduce(d)
	}
	if link := r.Provider + "/" + r.Connection; r.Connection != "" && link != d.link {
		n.unlink(d)
		d.link = link
		n.links[link] = append(n.links[link], d)
	}
	return d
}

func (n *Node) unlink(d *device) {
	list := n.links[d.link]
	for i, other := range list {
		if other == d {
			n.links[d.link] = append(list[:i], list[i+1:]...)
		}
	}
}

// introduce gives a device the metrics that it is known to have.
func (n *Node) introduce(d *device) {
	if n.describe == nil {
		return
	}
	views, err := n.describe(d.channel, d.name)
	if err != nil {
		return // it is not configured any more, or the server ends: the metrics come with their values
	}
	for _, v := range views {
		if d.metric(v.Tag) == nil {
			n.add(d, v.Tag, v.Unit)
		}
	}
}

func (n *Node) add(d *device, name, unit string) *metric {
	m := &metric{name: name, unit: unit, alias: uint64(len(n.aliases) + 1)}
	d.metrics = append(d.metrics, m)
	n.aliases = append(n.aliases, aliased{d, m})
	return m
}

func (d *device) metric(name string) *metric {
	for _, m := range d.metrics {
		if m.name == name {
			return m
		}
	}
	return nil
}

// take keeps the newest value. It reports whether the data type has changed, of which a birth must tell: one that
// numbers of several kinds need is a double, and one that numbers and texts need is a text.
func (m *metric) take(v *payload.Value, now int64) (changed bool) {
	m.quality, m.at = v.Quality, v.TS
	if m.at == 0 || v.Quality != tags.Good {
		m.at = now
	}
	if v.Value.Kind == tags.None {
		return false // never read, or a mark that says nothing of the value
	}
	m.value = v.Value
	was := m.kind
	switch k := v.Value.Kind; {
	case was == tags.None || was == k:
		m.kind = k
	case was == tags.KindText || k == tags.KindText:
		m.kind = tags.KindText
	default:
		m.kind = tags.KindFloat
	}
	return m.kind != was
}
