package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"linkd/internal/store"
)

// restoreCommand is `linkd restore`: back to a copy of the configuration, when the store is damaged or gone.
func restoreCommand() *cli.Command {
	return &cli.Command{
		Name:  "restore",
		Usage: "make the store of a data directory anew from one of its generations; linkd must not serve with it",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data", EnvVars: []string{"LINKD_DATA"}, Usage: "data `DIR`", Required: true},
			&cli.Uint64Flag{Name: "generation", Usage: "`NUMBER` of the generation; 0: the newest that is sound"},
			&cli.BoolFlag{Name: "list", Usage: "only list the generations"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("argument %q; this command takes flags only", c.Args().First())
			}
			dir := c.String("data")
			if err := isDir(dir); err != nil {
				return fmt.Errorf("--data %s: %w; give the data directory of a linkd", dir, err)
			}
			abs, err := filepath.Abs(dir)
			if err != nil {
				return err
			}
			if c.Bool("list") {
				return listGenerations(c, abs)
			}
			g, err := store.Restore(abs, c.Uint64("generation"))
			if err != nil {
				return errors.New(strings.TrimPrefix(err.Error(), "store: "))
			}
			_, err = fmt.Fprintf(c.App.Writer, "restored generation %d, of %s; what was there was laid aside\n", g.Number,
				g.Time.UTC().Format(time.RFC3339))
			return err
		},
	}
}

func listGenerations(c *cli.Context, dir string) error {
	list, err := store.Generations(dir)
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "store: "))
	}
	table := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "GENERATION\tTIME\tREVISION\tSOUND")
	for _, g := range list {
		sound := "yes"
		if g.Problem != nil {
			sound = oneLine(g.Problem.Error())
		}
		fmt.Fprintf(table, "%d\t%s\t%d\t%s\n", g.Number, g.Time.UTC().Format(time.RFC3339), g.Revision, sound)
	}
	return table.Flush()
}
