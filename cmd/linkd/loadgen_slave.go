package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"linkd/loadgen"
)

// slaveFlags are those of the modes in which devices answer.
func slaveFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "units", Value: "1", Usage: "`UNITS` behind each link, such as 1 or 1-3"},
		&cli.StringFlag{Name: "registers", Value: loadgen.SelfDescribing,
			Usage: "what they hold: self (where and when they were read) or greenhouse"},
		&cli.StringFlag{Name: "latency", Usage: "from request to answer: 20ms, uniform(5ms,50ms), lognormal(150ms,0.5)"},
		&cli.StringFlag{Name: "drop", Usage: "`SHARE` of the requests that are not answered, such as 1%"},
		&cli.StringFlag{Name: "dead", Usage: "`SHARE` of the devices that never answer"},
		&cli.StringFlag{Name: "late", Usage: "`SHARE` of the answers that come --late-by after their request"},
		&cli.StringFlag{Name: "late-by", Value: "uniform(1s,4s)", Usage: "how late these are"},
		&cli.BoolFlag{Name: "fragment", Usage: "send answers in pieces"},
		&cli.StringFlag{Name: "garbage", Usage: "`SHARE` of the answers with rubbish before and after them"},
		&cli.StringFlag{Name: "heartbeat-inside", Usage: "`SHARE` of the answers with a heartbeat in the middle"},
		&cli.StringFlag{Name: "churn", Usage: "`SHARE` of the devices that hang up and dial again, such as 1%/min"},
		&cli.BoolFlag{Name: "print-project", Usage: "print a project file for linkd and this fleet, and do no more"},
		&cli.StringFlag{Name: "verify", Usage: "`URL` of linkd's HTTP: follow its values, and check each"},
		&cli.StringFlag{Name: "ledger", Usage: "`URL` of linkd's HTTP: reconcile what it shows with every line pushed"},
		&cli.StringFlag{Name: "token", EnvVars: []string{"LINKD_TOKEN"},
			Usage: "`TOKEN` that it asks for (default: that of your own linkd on this machine)"},
		&cli.DurationFlag{Name: "max-age", Value: 11 * time.Second, Usage: "of a value that is no older than allowed"},
		&cli.DurationFlag{Name: "period", Usage: "of the server's polls, for the jitter; 0: the median of what comes"},
	}
}

func slaveConfig(c *cli.Context) (s loadgen.Slave, err error) {
	if s.UnitFrom, s.UnitTo, err = units(c.String("units")); err != nil {
		return s, err
	}
	s.Registers, s.Fragment, s.Period = c.String("registers"), c.Bool("fragment"), c.Duration("period")
	for name, to := range map[string]*float64{"drop": &s.Drop, "dead": &s.Dead, "late": &s.Late, "garbage": &s.Garbage,
		"heartbeat-inside": &s.BeatInside} {
		if *to, err = loadgen.ParseShare(c.String(name)); err != nil {
			return s, fmt.Errorf("--%s: %w", name, err)
		}
	}
	for name, to := range map[string]*loadgen.Spread{"latency": &s.Latency, "late-by": &s.LateBy} {
		if *to, err = loadgen.ParseSpread(c.String(name)); err != nil {
			return s, fmt.Errorf("--%s: %w", name, err)
		}
	}
	if s.Churn, err = loadgen.ParseChurn(c.String("churn")); err != nil {
		return s, fmt.Errorf("--churn: %w", err)
	}
	return s, nil
}

// units reads 1 or 1-3.
func units(s string) (from, to int, err error) {
	low, high, isRange := strings.Cut(s, "-")
	from, err = strconv.Atoi(low)
	to = from
	if err == nil && isRange {
		to, err = strconv.Atoi(high)
	}
	if err != nil || from < 1 || to < from {
		return 0, 0, fmt.Errorf("--units %q; give one, such as 1, or a range, such as 1-3", s)
	}
	return from, to, nil
}
