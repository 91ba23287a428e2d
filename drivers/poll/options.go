package poll

import (
	"strings"
	"time"

	"linkd/project/options"
)

// defaults fills in what is zero.
func (o Options) defaults() Options {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&o.TimeoutMin, 300*time.Millisecond)
	set(&o.TimeoutMax, 3*time.Second)
	set(&o.LateWindow, 10*time.Second)
	set(&o.BackoffMax, 5*time.Minute)
	o.TimeoutMin = min(o.TimeoutMin, o.TimeoutMax)
	return o
}

const (
	maxOption  = time.Hour
	maxRetries = 10
	// defaultRetries is the one default that 0 cannot stand for.
	defaultRetries = 1
)

// ReadOptions reads the options that every driver that polls has.
func ReadOptions(o *options.Options) (read Options) {
	usual := Options{}.defaults()
	read.TimeoutMin = readTime(o, "timeout_min", usual.TimeoutMin, time.Millisecond)
	read.TimeoutMax = readTime(o, "timeout_max", usual.TimeoutMax, time.Millisecond)
	read.Retries = o.Count("retries", defaultRetries, 0, maxRetries)
	read.LateWindow = readTime(o, "late_window", usual.LateWindow, time.Millisecond)
	read.BackoffMax = readTime(o, "backoff_max", usual.BackoffMax, time.Millisecond)
	read.Gap = readTime(o, "gap", usual.Gap, 0)
	if read.TimeoutMin > 0 && read.TimeoutMax > 0 && read.TimeoutMin > read.TimeoutMax {
		o.Fault("timeout_min", "is %s, more than timeout_max %s", read.TimeoutMin, read.TimeoutMax)
	}
	return read
}

// readTime reads a time from low on; 0 when there is none, for usual.
func readTime(o *options.Options, key string, usual, low time.Duration) time.Duration {
	text := o.Ask(options.Option{Key: key, Kind: options.Duration, Default: options.FormatDuration(usual)})
	if o.Value(key) == nil {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < low || d > maxOption {
		o.Fault(key, "is %s; write a duration such as 500ms, to %s", text, maxOption)
		return 0
	}
	return d
}

// Done faults what is no option of the driver, and returns all that is wrong.
func Done(o *options.Options) error {
	for _, key := range o.Unknown() {
		o.Fault(key, "is no option of this driver; it has %s", strings.Join(o.Known(), ", "))
	}
	return o.Err()
}
