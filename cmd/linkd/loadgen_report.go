package main

import (
	"github.com/urfave/cli/v2"

	"linkd/loadgen"
)

// reportFlags say what is written of a run, beside its result.
func reportFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "hgrm", Usage: "write a percentile file (.hgrm, ms) for each kind of time into `DIR`"},
	}
}

// writeReports writes the files that the flags name.
func writeReports(c *cli.Context, r *loadgen.Result) error {
	if dir := c.String("hgrm"); dir != "" {
		return r.WriteHGRM(dir)
	}
	return nil
}
