package loadgen

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ErrThreshold is wrapped by Result.Err when a threshold has failed.
var ErrThreshold = errors.New("loadgen: a threshold has failed")

const (
	mostThresholds = 64
	mostExpression = 128 // bytes
	thresholdForm  = "give NAME OP VALUE, such as 'rtt_p99 > 50ms', with one of > >= < <="
)

// Threshold is what came of an expression of Config.Fail.
type Threshold struct {
	Expr     string  `json:"expr"`
	Value    float64 `json:"value"`    // of the metric, in Unit
	Unit     string  `json:"unit"`     // ms, %, or empty
	Measured bool    `json:"measured"` // false: there was nothing to measure, and so the threshold has failed
	Failed   bool    `json:"failed"`   // the expression holds
}

// Verdict says whether the threshold is met, and by what value.
func (t *Threshold) Verdict() string {
	verdict := "met"
	if t.Failed {
		verdict = "FAILED"
	}
	if !t.Measured {
		return verdict + ": nothing was measured"
	}
	return verdict + ": it is " + strings.TrimSpace(strconv.FormatFloat(t.Value, 'g', 6, 64)+" "+t.Unit)
}

// condition is a compiled threshold.
type condition struct {
	expr    string
	metric  *metric
	op      string
	limit   float64
	percent bool
}

func expressionOf(s string) []string {
	return regexp.MustCompile(`^\s*([A-Za-z0-9_]+)\s*(>=|<=|>|<)\s*(\S+)\s*$`).FindStringSubmatch(s)
}

// parseCondition reads NAME OP VALUE.
func parseCondition(s string) (condition, error) {
	parts := expressionOf(s)
	if parts == nil || len(s) > mostExpression {
		return condition{}, fmt.Errorf("fail %.*q; %s", mostExpression, s, thresholdForm)
	}
	c := condition{expr: parts[1] + " " + parts[2] + " " + parts[3], op: parts[2]}
	var names []string
	for _, m := range metrics() {
		names = append(names, m.name)
		if m.name == parts[1] {
			c.metric = &m
		}
	}
	if c.metric == nil {
		return c, fmt.Errorf("fail %q: no metric %s; there are %s", s, parts[1], strings.Join(names, ", "))
	}
	if err := c.setLimit(parts[3]); err != nil {
		return c, fmt.Errorf("fail %q: %w", s, err)
	}
	return c, nil
}

// setLimit reads the value in the unit of the metric.
func (c *condition) setLimit(text string) (err error) {
	form := "a number, such as 10"
	digits := text
	switch c.metric.unit {
	case "ms":
		form = "a time, such as 50ms"
		var d time.Duration
		d, err = time.ParseDuration(text)
		c.limit = ms(int64(d))
	case "%":
		form = "a share, such as 95%"
		digits, c.percent = strings.CutSuffix(text, "%")
		if !c.percent {
			err = strconv.ErrSyntax
			break
		}
		c.limit, err = strconv.ParseFloat(digits, 64)
	default:
		if c.metric.whole != nil {
			form = "a number or a share, such as 10 or 1%"
			digits, c.percent = strings.CutSuffix(text, "%")
		}
		c.limit, err = strconv.ParseFloat(digits, 64)
	}
	if err != nil || !(c.limit >= 0 && c.limit <= math.MaxInt64) {
		return fmt.Errorf("%q is no value of %s; give %s", text, c.metric.name, form)
	}
	return nil
}

// judge evaluates the condition over a result.
func (c *condition) judge(r *Result) Threshold {
	t := Threshold{Expr: c.expr, Unit: c.metric.unit}
	t.Value, t.Measured = c.metric.value(r)
	if c.percent && c.metric.whole != nil {
		whole := c.metric.whole(r)
		t.Unit, t.Measured = "%", t.Measured && whole > 0
		t.Value = 100 * t.Value / max(whole, 1)
	}
	switch {
	case !t.Measured:
		t.Value, t.Failed = 0, true
	case c.op == ">":
		t.Failed = t.Value > c.limit
	case c.op == ">=":
		t.Failed = t.Value >= c.limit
	case c.op == "<":
		t.Failed = t.Value < c.limit
	case c.op == "<=":
		t.Failed = t.Value <= c.limit
	}
	return t
}

// conditions compiles Fail. The error says what is wrong with the first that is.
func (c *Config) conditions() ([]condition, error) {
	if len(c.Fail) > mostThresholds {
		return nil, fmt.Errorf("%d thresholds; give at most %d", len(c.Fail), mostThresholds)
	}
	var list []condition
	for _, s := range c.Fail {
		one, err := parseCondition(s)
		if err != nil {
			return nil, err
		}
		if needs := one.metric.needs; needs.met != nil && !needs.met(c) {
			return nil, fmt.Errorf("fail %q: %s is measured %s", s, one.metric.name, needs.text)
		}
		list = append(list, one)
	}
	return list, nil
}

// thresholds judges a result by Fail, which was validated.
func (c *Config) thresholds(r *Result) (list []Threshold) {
	conditions, err := c.conditions()
	if err != nil {
		return nil
	}
	for i := range conditions {
		list = append(list, conditions[i].judge(r))
	}
	return list
}

// thresholdErr is nil when no threshold has failed.
func (r *Result) thresholdErr() error {
	var failed []string
	for i := range r.Thresholds {
		if t := &r.Thresholds[i]; t.Failed {
			failed = append(failed, fmt.Sprintf("%s (%s)", t.Expr, strings.TrimPrefix(t.Verdict(), "FAILED: ")))
		}
	}
	if failed == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrThreshold, strings.Join(failed, ", "))
}
