package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"linkd/loadgen"
)

// faultFlags are what goes wrong with devices and links, in every mode.
func faultFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "half-open",
			Usage: "`SHARE` of the devices that vanish without a word and dial again later, such as 1%/min"},
		&cli.StringFlag{Name: "half-open-for", Value: "uniform(1s,10s)", Usage: "until they dial again"},
		&cli.StringFlag{Name: "move",
			Usage: "`SHARE` that dial from another of the --sources while their old link stands, such as 1%/min"},
		&cli.StringFlag{Name: "cut", Usage: "`SHARE` whose link is reset within a frame or an answer, such as 1%/min"},
		&cli.StringFlag{Name: "slow-reader", Usage: "`SHARE` of the devices that read eight bytes a second, such as 1%"},
		&cli.StringFlag{Name: "clone", Usage: "`SHARE` of the devices that say the id of another, such as 1%"},
		&cli.StringFlag{Name: "backoff", Value: "jitter",
			Usage: "with --reconnect: jitter (doubling), or fixed:5s from every drop to the next dial"},
	}
}

func faultConfig(c *cli.Context) (f loadgen.Faults, err error) {
	for name, to := range map[string]*float64{"half-open": &f.HalfOpen, "move": &f.Move, "cut": &f.Cut} {
		if *to, err = loadgen.ParseChurn(c.String(name)); err != nil {
			return f, fmt.Errorf("--%s: %w", name, err)
		}
	}
	for name, to := range map[string]*float64{"slow-reader": &f.SlowReader, "clone": &f.Clone} {
		if *to, err = loadgen.ParseShare(c.String(name)); err != nil {
			return f, fmt.Errorf("--%s: %w", name, err)
		}
	}
	if f.HalfOpenFor, err = loadgen.ParseSpread(c.String("half-open-for")); err != nil {
		return f, fmt.Errorf("--half-open-for: %w", err)
	}
	if f.Backoff, err = loadgen.ParseBackoff(c.String("backoff")); err != nil {
		return f, fmt.Errorf("--backoff: %w", err)
	}
	return f, nil
}
