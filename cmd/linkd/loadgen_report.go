package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"linkd/loadgen"
)

// reportFlags say what is written of a run, beside its result.
func reportFlags() []cli.Flag {
	return []cli.Flag{
		&cli.DurationFlag{Name: "own-lag-limit", Value: 20 * time.Millisecond,
			Usage: "the run is invalid when the generator itself is later than this at p99"},
		&cli.StringFlag{Name: "own-cpu-limit", Value: "95%",
			Usage: "the run is invalid when the generator uses more than this `SHARE` of its cores; 100%: never"},
		&cli.StringSliceFlag{Name: "fail",
			Usage: "fail the run if `EXPR` holds at its end, such as 'rtt_p99 > 50ms' or 'lost > 1%'; repeatable"},
		&cli.DurationFlag{Name: "stall-self",
			Usage: "stop the generator for so long once a second, to see that it finds itself invalid"},
		&cli.StringFlag{Name: "hgrm", Usage: "write a percentile file (.hgrm, ms) for each kind of time into `DIR`"},
	}
}

// readLimits reads what fails a run: the limits of the generator itself, and thresholds.
func readLimits(c *cli.Context, cfg *loadgen.Config) (err error) {
	cfg.OwnLagLimit, cfg.StallSelf = c.Duration("own-lag-limit"), c.Duration("stall-self")
	cfg.Fail = c.StringSlice("fail")
	if cfg.OwnCPULimit, err = loadgen.ParseShare(c.String("own-cpu-limit")); err != nil {
		return fmt.Errorf("--own-cpu-limit: %w", err)
	}
	if cfg.OwnLagLimit <= 0 || cfg.OwnCPULimit <= 0 {
		return fmt.Errorf("--own-lag-limit %v, --own-cpu-limit %s; give more than 0", cfg.OwnLagLimit,
			c.String("own-cpu-limit"))
	}
	return nil
}

// writeReports writes the files that the flags name.
func writeReports(c *cli.Context, r *loadgen.Result) error {
	if dir := c.String("hgrm"); dir != "" {
		return r.WriteHGRM(dir)
	}
	return nil
}
