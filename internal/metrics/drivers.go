package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"linkd/server"
)

// driverDescs are the metrics of the drivers.
type driverDescs struct{ polls, poll, pollLag, values, writes *prometheus.Desc }

func newDriverDescs() driverDescs {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, append([]string{"driver"}, labels...), nil)
	}
	return driverDescs{
		polls: desc("linkd_polls_total", "Exchanges with devices: ok, refused, timeout; late: answers that came after "+
			"their poll was given up; missed: polls whose time passed unused.", "result"),
		poll:    desc("linkd_poll_seconds", "Time from question to answer."),
		pollLag: desc("linkd_poll_lag_seconds", "How long after its due time a poll was started."),
		values:  desc("linkd_tag_values_total", "Tag values from polls, by quality.", "quality"),
		writes:  desc("linkd_writes_total", "Writes of tags, by result.", "result"),
	}
}

func (d *driverDescs) describe(ch chan<- *prometheus.Desc) {
	for _, x := range []*prometheus.Desc{d.polls, d.poll, d.pollLag, d.values, d.writes} {
		ch <- x
	}
}

func (d *driverDescs) collect(ch chan<- prometheus.Metric, list []server.DriverStats) {
	for i := range list {
		s := &list[i]
		for result, n := range s.Polls {
			counter(ch, d.polls, n, s.Driver, result)
		}
		for quality, n := range s.TagValues {
			counter(ch, d.values, n, s.Driver, quality)
		}
		for result, n := range s.Writes {
			counter(ch, d.writes, n, s.Driver, result)
		}
		histogram(ch, d.poll, server.PollBounds, s.Poll, s.PollSum, s.Driver)
		histogram(ch, d.pollLag, server.LagBounds, s.PollLag, s.PollLagSum, s.Driver)
	}
}
