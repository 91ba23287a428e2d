package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"linkd/bench"
)

// benchCommand is `linkd bench`: what linkd costs, beside bare servers that do the same job.
func benchCommand() *cli.Command {
	return &cli.Command{
		Name:      "bench",
		Usage:     "measure what linkd costs, beside bare servers that do the same job",
		ArgsUsage: "list | run [SCENARIO…] | report DIR… | compare OLD NEW",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "peers", Usage: "servers to measure in turn", Value: strings.Join(bench.Peers(), ",")},
			&cli.IntFlag{Name: "rounds", Usage: "how often each is measured; 0: 5, or 1 with --quick"},
			&cli.BoolFlag{Name: "quick", Usage: "few devices, one round: to see that it works"},
			&cli.StringFlag{Name: "devices", Usage: "idle: fleets of so many devices in turn; storm: the largest; " +
				"empty: 5000,10000,19000"},
			&cli.IntFlag{Name: "loops", Usage: "event loops of each server; 0: one a core"},
			&cli.BoolFlag{Name: "max-rate", Usage: "poll: search for the highest rate too, which takes minutes"},
			&cli.StringFlag{Name: "peers-dir", Usage: "source of the other servers", Value: "bench/peers"},
			&cli.StringFlag{Name: "out", Usage: "run: write report.txt, report.json and bench.txt to `DIR`; " +
				"report: write report.html, report.md and plots there"},
			&cli.StringFlag{Name: "into", Usage: "report: renew the tables of the Markdown file `FILE`"},
			&cli.StringFlag{Name: "fail-above", Usage: "compare: status 1 when a cost got worse by more than `N%`"},
		},
		Action: func(c *cli.Context) error {
			switch c.Args().First() {
			case "list":
				return listScenarios(c.App.Writer)
			case "run":
				return runBench(c)
			case "report":
				return reportBench(c)
			case "compare":
				return compareBench(c)
			case "":
				return usagef("bench: nothing to do; give list, run, report or compare")
			}
			return usagef("bench %q; give list, run, report or compare", c.Args().First())
		},
	}
}

func listScenarios(w io.Writer) error {
	for _, s := range bench.Scenarios() {
		if _, err := fmt.Fprintf(w, "%-6s %s\n", s.Name, s.Title); err != nil {
			return err
		}
	}
	return nil
}

func runBench(c *cli.Context) error {
	cfg := bench.Config{}
	if c.Bool("quick") {
		cfg = bench.Quick()
	}
	if n := c.Int("rounds"); n != 0 {
		cfg.Rounds = n
	}
	if list := c.String("devices"); list != "" {
		cfg.Devices = nil
		for _, n := range strings.FieldsFunc(list, isComma) {
			v, err := strconv.Atoi(n)
			if err != nil {
				return usagef("--devices %q; give numbers, as in 5000,10000", list)
			}
			cfg.Devices = append(cfg.Devices, v)
		}
	}
	cfg.Scenarios, cfg.Peers = c.Args().Tail(), strings.FieldsFunc(c.String("peers"), isComma)
	cfg.Loops, cfg.PeersDir, cfg.MaxRate = c.Int("loops"), c.String("peers-dir"), c.Bool("max-rate")
	cfg.Progress = func(line string) { fmt.Fprintln(c.App.ErrWriter, line) }
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	cfg.Linkd = self
	report, err := bench.Run(c.Context, cfg)
	if errors.Is(err, bench.ErrConfig) {
		return usagef("%v", err)
	}
	if err != nil {
		return err
	}
	if dir := c.String("out"); dir != "" {
		if err := report.Write(dir); err != nil {
			return err
		}
	}
	if err := report.Print(c.App.Writer); err != nil {
		return err
	}
	fmt.Fprintln(c.App.Writer)
	return report.WriteBenchmark(c.App.Writer)
}

func isComma(r rune) bool { return r == ',' || r == ' ' }
