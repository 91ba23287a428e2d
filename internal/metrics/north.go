package metrics

import "github.com/prometheus/client_golang/prometheus"

// North is how that which goes north does: the bus, and the outputs.
type North struct {
	Up      bool         // the bus
	Kinds   []NorthKind  // of the bus
	Outputs []NorthGiven // of the outputs
}

// NorthKind are the messages of one kind, tags, conn or rx, since start.
type NorthKind struct {
	Kind          string
	Sent, Dropped uint64
	SpooledBytes  int64
}

// NorthGiven are the messages that one output was given, since it was made.
type NorthGiven struct {
	Output, Type string
	Fine         bool
	NorthKind
}

// northDescs are the metrics of North.
type northDescs struct {
	up, sent, dropped, spooled, outputUp, outputSent, outputDropped, outputSpooled *prometheus.Desc
}

func newNorthDescs() northDescs {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return northDescs{
		up:   desc("linkd_bus_up", "1 while the bus takes messages, 0 while they wait for it."),
		sent: desc("linkd_bus_sent_total", "Messages that the bus has acknowledged (rx: was given), by kind.", "kind"),
		dropped: desc("linkd_bus_dropped_total",
			"Messages lost for want of room while the bus was away or slow, by kind.", "kind"),
		spooled: desc("linkd_bus_spooled_bytes", "Memory that messages take which the bus has not acknowledged.", "kind"),
		outputUp: desc("linkd_output_up", "1 while an output delivers, 0 when its last try failed.",
			"output", "type"),
		outputSent: desc("linkd_output_sent_total", "Messages that an output has delivered, by kind.",
			"output", "type", "kind"),
		outputDropped: desc("linkd_output_dropped_total", "Messages that an output has lost, by kind.",
			"output", "type", "kind"),
		outputSpooled: desc("linkd_output_spooled_bytes", "Bytes that wait in an output.", "output", "type"),
	}
}

func (d *northDescs) describe(ch chan<- *prometheus.Desc) {
	for _, one := range []*prometheus.Desc{d.up, d.sent, d.dropped, d.spooled, d.outputUp, d.outputSent, d.outputDropped,
		d.outputSpooled} {
		ch <- one
	}
}

func (d *northDescs) collect(ch chan<- prometheus.Metric, n North) {
	gauge(ch, d.up, truth(n.Up))
	for _, k := range n.Kinds {
		counter(ch, d.sent, k.Sent, k.Kind)
		counter(ch, d.dropped, k.Dropped, k.Kind)
		gauge(ch, d.spooled, int(k.SpooledBytes), k.Kind)
	}
	seen := map[string]bool{}
	for _, o := range n.Outputs {
		if !seen[o.Output] {
			seen[o.Output] = true
			gauge(ch, d.outputUp, truth(o.Fine), o.Output, o.Type)
			gauge(ch, d.outputSpooled, int(o.SpooledBytes), o.Output, o.Type)
		}
		counter(ch, d.outputSent, o.Sent, o.Output, o.Type, o.Kind)
		counter(ch, d.outputDropped, o.Dropped, o.Output, o.Type, o.Kind)
	}
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}
