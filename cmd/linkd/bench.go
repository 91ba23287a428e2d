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
			&cli.StringFlag{Name: "peers", Usage: "servers to measure in turn: " + strings.Join(bench.Peers(), ",") +
				"; empty: all"},
			&cli.IntFlag{Name: "rounds", Usage: "how often each is measured; 0: 5, or 1 with --quick"},
			&cli.BoolFlag{Name: "quick", Usage: "few devices, one round: to see that it works"},
			&cli.StringFlag{Name: "devices", Usage: "fleets of so many devices in turn, or the largest; " +
				"empty: 5000,10000,19000"},
			&cli.IntFlag{Name: "loops", Usage: "event loops of each server", Value: 1},
			&cli.BoolFlag{Name: "pin", Usage: "server and load have cores of their own", Value: true},
			&cli.IntFlag{Name: "total", Usage: "million: devices in all"},
			&cli.StringFlag{Name: "nodes", Usage: "scale: processes to share the largest fleet, in turn; million: the first; " +
				"empty: 1,2,4, or as many as descriptors demand"},
			&cli.BoolFlag{Name: "max-rate", Usage: "poll: search for the highest rate too, which takes minutes"},
			&cli.StringFlag{Name: "external", Usage: "measure the server that runs at `ADDR` too, from the load's side"},
			&cli.StringFlag{Name: "external-args", Usage: "arguments of loadgen for it, as in '--preset line --id d{n:05}'"},
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
		if _, err := fmt.Fprintf(w, "%-8s %s\n", s.Name, s.Title); err != nil {
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
	for name, to := range map[string]*[]int{"devices": &cfg.Devices, "nodes": &cfg.Nodes} {
		if list := c.String(name); list != "" {
			n, err := numbers(list)
			if err != nil {
				return usagef("--%s %q; give numbers, as in 1,2,4", name, list)
			}
			*to = n
		}
	}
	if n := c.Int("total"); n != 0 {
		cfg.Total = n
	}
	cfg.Scenarios, cfg.Peers = c.Args().Tail(), strings.FieldsFunc(c.String("peers"), isComma)
	cfg.Loops, cfg.Pin, cfg.MaxRate = c.Int("loops"), c.Bool("pin"), c.Bool("max-rate")
	cfg.PeersDir = c.String("peers-dir")
	cfg.Address, cfg.LoadArgs = c.String("external"), strings.Fields(c.String("external-args"))
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
	if report == nil || len(report.Samples) == 0 {
		return err
	}
	return errors.Join(err, writeBench(c, report)) // a run that was ended has its figures, too
}

// writeBench writes what was measured to the folder that --out names, and prints it.
func writeBench(c *cli.Context, report *bench.Report) error {
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

func numbers(list string) (all []int, err error) {
	for _, text := range strings.FieldsFunc(list, isComma) {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

func isComma(r rune) bool { return r == ',' || r == ' ' }
