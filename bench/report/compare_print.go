package report

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"

	"linkd/bench"
)

// Print writes a table for each unit, then the geometric mean of its changes.
func (c *Comparison) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "old: %s\t%s\nnew: %s\t%s\n", c.old.path, c.old.configOf(), c.new.path, c.new.configOf())
	few := 0
	for _, u := range c.Units {
		direction := "less is better"
		if u.Better > 0 {
			direction = "more is better"
		}
		fmt.Fprintf(w, "\n%s, %s\told\tnew\tchange\t\n", u.Unit, direction)
		for _, r := range u.Rows {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Name, bench.Digits(r.Old), bench.Digits(r.New), r.delta(), r.Comparison)
		}
		fmt.Fprintf(w, "geomean\t\t\t%s\t\n", percent(100*(u.Geomean-1)))
		few += u.Few
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	fmt.Fprint(out, "\nmedians; ~ is no significant difference (Mann-Whitney U test, p < 0.05)\n")
	if few > 0 {
		fmt.Fprintf(out, "warning: %d comparisons have too few samples to find any difference: measure 4 rounds or more, "+
			"better 10\n", few)
	}
	for _, words := range c.Warnings {
		fmt.Fprintf(out, "warning: %s\n", words)
	}
	return nil
}

// delta words a change: ~ where it may be chance.
func (r CompareRow) delta() string {
	if !r.Significant() {
		return "~"
	}
	return percent(r.Change())
}

func percent(v float64) string {
	switch {
	case math.IsNaN(v):
		return "?"
	case math.IsInf(v, 0):
		return "from 0"
	}
	return fmt.Sprintf("%+.1f%%", v)
}
