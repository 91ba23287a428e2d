package poll

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"linkd/project"
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

// ParseOptions reads the options that every driver that polls has. own names those of the driver itself, which it
// reads. The error is a project.FieldError.
func ParseOptions(m map[string]any, own ...string) (Options, error) {
	o := Options{Retries: defaultRetries}
	times := map[string]*time.Duration{"timeout_min": &o.TimeoutMin, "timeout_max": &o.TimeoutMax,
		"late_window": &o.LateWindow, "backoff_max": &o.BackoffMax, "gap": &o.Gap}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		v := m[name]
		fault := func(format string, args ...any) (Options, error) {
			return o, &project.FieldError{Field: "options." + name, Err: fmt.Errorf(name+" "+format, args...)}
		}
		switch {
		case times[name] != nil:
			text, _ := v.(string)
			d, err := time.ParseDuration(text)
			if err != nil || d < 0 || d > maxOption || d < time.Millisecond && name != "gap" {
				return fault("is %v; write a duration such as 500ms, to %s", v, maxOption)
			}
			*times[name] = d
		case name == "retries":
			n, whole := v.(int)
			if !whole || n < 0 || n > maxRetries {
				return fault("is %v; write a whole number from 0 to %d", v, maxRetries)
			}
			o.Retries = n
		case !slices.Contains(own, name):
			known := append(slices.Sorted(maps.Keys(times)), "retries")
			return fault("is no option of this driver; it has %s", strings.Join(append(known, own...), ", "))
		}
	}
	if o.TimeoutMin > 0 && o.TimeoutMax > 0 && o.TimeoutMin > o.TimeoutMax {
		return o, &project.FieldError{Field: "options.timeout_min",
			Err: fmt.Errorf("timeout_min is %s, more than timeout_max %s", o.TimeoutMin, o.TimeoutMax)}
	}
	return o, nil
}
