package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"linkd/bench/report"
)

// reportBench is `linkd bench report`: pages from what bench run has written.
func reportBench(c *cli.Context) error {
	dirs := c.Args().Tail()
	out, into := c.String("out"), c.String("into")
	switch {
	case len(dirs) == 0:
		return usagef("bench report: no folder; give one or more that linkd bench run --out wrote")
	case out == "" && into == "" && len(dirs) > 1:
		return usagef("bench report: %d folders; say with --out where the report of all of them goes", len(dirs))
	case out == "" && into == "":
		out = dirs[0]
	}
	results, err := report.Read(dirs)
	if err != nil {
		return err
	}
	if into != "" {
		if err := results.WriteInto(into); err != nil {
			return err
		}
		fmt.Fprintln(c.App.Writer, into)
	}
	if out != "" {
		if err := results.Write(out); err != nil {
			return err
		}
		fmt.Fprintf(c.App.Writer, "%s/report.html\n%s/report.md\n", out, out)
	}
	return nil
}

// compareBench is `linkd bench compare`: what changed from one run to another.
func compareBench(c *cli.Context) error {
	if c.NArg() != 3 {
		return usagef("bench compare: give two folders or bench.txt files, OLD NEW")
	}
	most := -1.0
	if text := c.String("fail-above"); text != "" {
		var err error
		if most, err = report.ParsePercent(text); err != nil {
			return usagef("--fail-above: %v", err)
		}
	}
	found, err := report.Compare(c.Args().Get(1), c.Args().Get(2))
	if err != nil {
		return err
	}
	if err := found.Print(c.App.Writer); err != nil {
		return err
	}
	if most < 0 {
		return nil
	}
	if worse := found.Worse(most); len(worse) > 0 {
		for _, line := range worse {
			fmt.Fprintln(c.App.ErrWriter, line)
		}
		return fmt.Errorf("bench compare: %d costs got worse by more than %g %%", len(worse), most)
	}
	return nil
}
