package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"linkd/loadgen"
)

// reportFlags say what fails a run, and what is written of it beside its result.
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
		&cli.StringFlag{Name: "junit", Usage: "write what the run was judged by to `FILE`, as JUnit test cases"},
		&cli.StringFlag{Name: "bench-out", Usage: "write the figures to `FILE` in Go benchmark format, for benchstat"},
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

// reports are the files that a run is written to. They are made before it, so that no run is in vain.
type reports struct {
	junit, bench *os.File // nil: not asked for
	hgrm         string   // folder; empty: not asked for
}

// openReports makes the files that the flags name. The caller writes them, which closes them.
func openReports(c *cli.Context) (r *reports, err error) {
	r = &reports{hgrm: c.String("hgrm")}
	for name, to := range map[string]**os.File{"junit": &r.junit, "bench-out": &r.bench} {
		if path := c.String(name); path != "" && err == nil {
			*to, err = os.Create(path)
		}
	}
	if r.hgrm != "" && err == nil {
		err = os.MkdirAll(r.hgrm, 0o777)
	}
	if err != nil {
		r.close()
		return nil, fmt.Errorf("loadgen: %w", err)
	}
	return r, nil
}

func (r *reports) close() {
	for _, f := range []*os.File{r.junit, r.bench} {
		if f != nil {
			f.Close()
		}
	}
}

// write writes all of them.
func (r *reports) write(of *loadgen.Result) error {
	into := func(f *os.File, write func(io.Writer) error) error {
		if f == nil {
			return nil
		}
		if err := errors.Join(write(f), f.Close()); err != nil {
			return fmt.Errorf("loadgen: writing %s: %w", f.Name(), err)
		}
		return nil
	}
	err := errors.Join(into(r.junit, of.WriteJUnit), into(r.bench, of.WriteBenchmark))
	if r.hgrm != "" {
		err = errors.Join(err, of.WriteHGRM(r.hgrm))
	}
	return err
}
