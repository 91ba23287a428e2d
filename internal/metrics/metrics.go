// Package metrics owns what linkd shows to Prometheus: names, help texts and labels. It reads the server's counters
// when it is scraped and keeps none of its own. It is the only package that knows Prometheus.
//
// It must never have a label whose values grow with the number of devices.
package metrics

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"linkd/server"
)

// source is what is read at a scrape. It is called by several goroutines at once when several scrape.
type source interface{ Stats() server.Stats }

// Build says which linkd this is.
type Build struct {
	Version  string
	Revision string // commit; empty when it is not known
}

// NewHandler returns the handler of GET /metrics: linkd's own metrics, those of the Go runtime and of the process.
// A scrape reads src.Stats and north once; north may be nil.
func NewHandler(src source, north func() North, build Build) http.Handler {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		newCollector(src, north, build),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	// Not OpenMetrics: there the counter linkd_sessions_total and the gauge linkd_sessions would be one family.
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// collector turns server.Stats into metrics. It holds descriptions only.
type collector struct {
	src   source
	north func() North
	build prometheus.Metric

	connections, sessionsTotal, identify, closes, strangers, bytes *prometheus.Desc

	loopLag, flaps, panics, restarts, eventsLost, capacity, sessions *prometheus.Desc

	drivers   driverDescs
	northward northDescs
}

func newCollector(src source, north func() North, build Build) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	info := desc("linkd_build_info", "Which linkd this is; always 1.", "version", "revision", "goversion")
	return &collector{
		src: src, north: north,
		build: prometheus.MustNewConstMetric(info, prometheus.GaugeValue, 1,
			build.Version, build.Revision, runtime.Version()),

		connections: desc("linkd_connections",
			"Connection points by state; identifying are links that have not said who they are.", "provider", "state"),
		sessionsTotal: desc("linkd_sessions_total", "Links that ended their identification, by result.",
			"provider", "result"),
		identify: desc("linkd_identify_seconds", "Time from accept to identity.", "provider"),
		closes:   desc("linkd_closes_total", "Sessions closed, by reason.", "provider", "reason"),
		strangers: desc("linkd_strangers_total", "Links that could not be bound to a connection point, by reason.",
			"provider", "reason"),
		bytes: desc("linkd_bytes_total", "Bytes from devices (in) and to devices (out).", "provider", "direction"),

		loopLag: desc("linkd_loop_lag_seconds", "How late the event loops ran their timers."),
		flaps:   desc("linkd_flaps_total", "Times that two devices were seen to fight over one connection point."),
		panics:  desc("linkd_panics_total", "Panics caught in a link's code; each closed its link."),
		restarts: desc("linkd_provider_restarts_total",
			"Times that a provider was started again after its listener failed."),
		eventsLost: desc("linkd_events_lost_total", "Events that a slow reader of the event stream missed."),
		capacity:   desc("linkd_capacity", "Sessions that this process can hold."),
		sessions:   desc("linkd_sessions", "Sessions now."),
		drivers:    newDriverDescs(),
		northward:  newNorthDescs(),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.build.Desc(), c.connections, c.sessionsTotal, c.identify, c.closes, c.strangers, c.bytes, c.loopLag,
		c.flaps, c.panics, c.restarts, c.eventsLost, c.capacity, c.sessions,
	} {
		ch <- d
	}
	c.drivers.describe(ch)
	c.northward.describe(ch)
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	st := c.src.Stats()
	ch <- c.build
	for i := range st.Providers {
		c.collectProvider(ch, &st.Providers[i])
	}
	histogram(ch, c.loopLag, server.LagBounds, st.LoopLag, st.LoopLagSum)
	counter(ch, c.flaps, st.Flaps)
	counter(ch, c.panics, st.Panics)
	counter(ch, c.restarts, st.Restarts)
	counter(ch, c.eventsLost, st.EventsLost)
	gauge(ch, c.capacity, st.Capacity)
	gauge(ch, c.sessions, st.Sessions)
	c.drivers.collect(ch, st.Drivers)
	if c.north != nil {
		c.northward.collect(ch, c.north())
	}
}

func (c *collector) collectProvider(ch chan<- prometheus.Metric, p *server.ProviderStats) {
	gauge(ch, c.connections, p.Online, p.Provider, "online")
	gauge(ch, c.connections, p.Offline, p.Provider, "offline")
	gauge(ch, c.connections, p.Disabled, p.Provider, "disabled")
	gauge(ch, c.connections, p.Identifying, p.Provider, "identifying")
	for result, n := range p.Sessions {
		counter(ch, c.sessionsTotal, n, p.Provider, result)
	}
	for reason, n := range p.Closes {
		counter(ch, c.closes, n, p.Provider, reason)
	}
	for reason, n := range p.Strangers {
		counter(ch, c.strangers, n, p.Provider, reason)
	}
	counter(ch, c.bytes, p.BytesIn, p.Provider, "in")
	counter(ch, c.bytes, p.BytesOut, p.Provider, "out")
	histogram(ch, c.identify, server.IdentifyBounds, p.Identify, p.IdentifySum, p.Provider)
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, v int, labels ...string) {
	send(ch, d)(prometheus.NewConstMetric(d, prometheus.GaugeValue, float64(v), labels...))
}

func counter(ch chan<- prometheus.Metric, d *prometheus.Desc, v uint64, labels ...string) {
	send(ch, d)(prometheus.NewConstMetric(d, prometheus.CounterValue, float64(v), labels...))
}

// histogram sends cumulative counts, one for each bound and one more for +Inf. What has no counts at all, such as the
// time to identity where linkd dials, is left out.
func histogram(
	ch chan<- prometheus.Metric, d *prometheus.Desc, bounds []float64, counts []uint64, sum float64, labels ...string,
) {
	if len(counts) != len(bounds)+1 {
		return
	}
	buckets := make(map[float64]uint64, len(bounds))
	for i, b := range bounds {
		buckets[b] = counts[i]
	}
	send(ch, d)(prometheus.NewConstHistogram(d, counts[len(bounds)], sum, buckets, labels...))
}

// send passes a metric on; one that cannot be made, such as a label that is no UTF-8, becomes the scrape's error
// instead of a panic.
func send(ch chan<- prometheus.Metric, d *prometheus.Desc) func(prometheus.Metric, error) {
	return func(m prometheus.Metric, err error) {
		if err != nil {
			m = prometheus.NewInvalidMetric(d, err)
		}
		ch <- m
	}
}
