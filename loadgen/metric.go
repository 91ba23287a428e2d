package loadgen

// metric is a number of a result that a threshold can be set on.
type metric struct {
	name  string
	unit  string                               // ms, % (a share by itself), or empty
	value func(r *Result) (v float64, ok bool) // false when there is nothing to measure
	whole func(r *Result) float64              // what it is a share of; nil: of nothing
	needs need
}

// need says in which runs a metric is measured. The zero value is in all.
type need struct {
	met  func(c *Config) bool
	text string // "is measured …"
}

// metrics are all there are, in the order in which they are listed.
func metrics() []metric {
	list := timeMetrics()
	polled := need{(*Config).answers, "where devices answer polls"}
	verified := need{func(c *Config) bool { return c.Verify != "" }, "with verify"}
	count := func(name string, whole func(*Result) float64, needs need, n func(r *Result) int64) {
		list = append(list, metric{name: name, whole: whole, needs: needs,
			value: func(r *Result) (float64, bool) { return float64(n(r)), true }})
	}
	devices := func(r *Result) float64 { return float64(r.Devices) }
	sent := func(r *Result) float64 { return float64(r.Sent.Messages) }
	due := func(r *Result) float64 { return float64(r.Sent.Messages + r.Unsent) }
	cycles := func(r *Result) float64 {
		return float64(r.Polls.Interval.Count + r.Polls.Interval.First + r.Polls.Interval.Missed)
	}
	judged := func(r *Result) float64 { return float64(r.Verify.Verified + r.Verify.Wrong + r.Verify.Old) }
	count("poll_missed", cycles, polled, func(r *Result) int64 { return r.Polls.Interval.Missed })
	count("failed", devices, need{}, func(r *Result) int64 { return int64(r.Devices) - r.Up })
	count("dropped", devices, need{}, func(r *Result) int64 { return total(r.Dropped) })
	count("lost", sent, need{}, func(r *Result) int64 { return r.Lost })
	count("corrupt", sent, need{}, func(r *Result) int64 { return r.Corrupt })
	count("stale", sent, need{}, func(r *Result) int64 { return r.Stale })
	count("unsent", due, need{}, func(r *Result) int64 { return r.Unsent })
	count("wrong", judged, verified, func(r *Result) int64 { return r.Verify.Wrong })
	count("old", judged, verified, func(r *Result) int64 { return r.Verify.Old })
	count("verified", nil, verified, func(r *Result) int64 { return r.Verify.Verified })
	entered := func(r *Result) float64 { return float64(r.Ledger.Sent) }
	booked := need{func(c *Config) bool { return c.Ledger != "" }, "with a ledger"}
	count("ledger_lost", entered, booked, func(r *Result) int64 { return r.Ledger.Lost })
	count("ledger_doubled", entered, booked, func(r *Result) int64 { return r.Ledger.Doubled })
	count("ledger_reordered", entered, booked, func(r *Result) int64 { return r.Ledger.Reordered })
	count("ledger_stale", entered, booked, func(r *Result) int64 { return r.Ledger.Stale })
	count("ledger_unknown", entered, booked, func(r *Result) int64 { return r.Ledger.Unknown })
	count("ledger_unread", entered, booked, func(r *Result) int64 { return r.Ledger.Unread })
	return append(list,
		metric{name: "rate", value: func(r *Result) (float64, bool) { return r.RateAchieved, r.Duration > 0 }},
		metric{name: "time_to_all_up", unit: "ms",
			value: func(r *Result) (float64, bool) { return 1000 * r.TimeToAllUp, true }},
		metric{name: "cpu", unit: "%", value: func(r *Result) (float64, bool) { return r.Generator.CPU, r.Duration > 0 }})
}

// timeMetrics are the percentiles of the times, NAME_p50 to NAME_max, and those of the distance of polls from their
// period.
func timeMetrics() (list []metric) {
	echoes := need{func(c *Config) bool { return c.Mode == Echo }, "with mode echo"}
	confirmed := need{func(c *Config) bool { return c.Confirm == ConfirmEcho }, "with confirm echo"}
	polled := need{(*Config).answers, "where devices answer polls"}
	for _, of := range []struct {
		name  string
		needs need
		times func(*Result) Latency
	}{
		{"rtt", echoes, func(r *Result) Latency { return r.RTT }},
		{"connect", need{}, func(r *Result) Latency { return r.Connect }},
		{"ack", need{}, func(r *Result) Latency { return r.Ack }},
		{"confirm", confirmed, func(r *Result) Latency { return r.Confirm }},
		{"lag", need{}, func(r *Result) Latency { return r.Lag }},
		{"poll_lag", polled, func(r *Result) Latency {
			i := &r.Polls.Interval
			return Latency{Count: i.Count, P50: i.P50, P99: i.P99, Max: i.Max}
		}},
	} {
		for _, p := range []struct {
			name string
			at   func(l *Latency) float64
		}{
			{"p50", func(l *Latency) float64 { return l.P50 }}, {"p90", func(l *Latency) float64 { return l.P90 }},
			{"p99", func(l *Latency) float64 { return l.P99 }}, {"p999", func(l *Latency) float64 { return l.P999 }},
			{"max", func(l *Latency) float64 { return l.Max }},
		} {
			if of.name == "poll_lag" && (p.name == "p90" || p.name == "p999") {
				continue // not among its figures
			}
			list = append(list, metric{name: of.name + "_" + p.name, unit: "ms", needs: of.needs,
				value: func(r *Result) (float64, bool) {
					l := of.times(r)
					return p.at(&l), l.Count > 0
				}})
		}
	}
	return list
}

func total(counts map[string]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}
