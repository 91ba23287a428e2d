package main

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"linkd/internal/api"
)

func psCommand() *cli.Command {
	return &cli.Command{
		Name:  "ps",
		Usage: "list connection points and how they are",
		Flags: clientFlags(
			&cli.StringFlag{Name: "state", Usage: "only those in this `STATE`: online, offline or disabled"},
			outputFlag(),
		),
		Action: ps,
	}
}

func ps(c *cli.Context) error {
	if c.NArg() > 0 {
		return usagef("%q: ps takes no argument; choose with --state", c.Args().First())
	}
	state := c.String("state")
	if !slices.Contains([]string{"", "online", "offline", "disabled"}, state) {
		return usagef("--state %q: no such state; use online, offline or disabled", state)
	}
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	cl, err := newClient(c)
	if err != nil {
		return err
	}
	query := url.Values{"limit": {"1000"}}
	if state != "" {
		query.Set("state", state)
	}
	const path = "/api/v1/connections"
	if asJSON {
		return writeJSON(c.Context, cl, path, query, c.App.Writer)
	}
	// Flushed page by page: a table of a million rows is never held.
	table := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PROVIDER/NAME\tSTATE\tID\tREMOTE\tSINCE\tSESSION\tIN\tOUT\tCHANNEL")
	return each(c.Context, cl, path, query, func(p api.Connection) {
		id := p.SocketConnID
		if id == "" {
			id = p.RemoteIP
		}
		since := ""
		if p.Since != nil {
			since = p.Since.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s/%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", p.Provider, p.Name, p.State, cell(id),
			cell(p.RemoteAddr), cell(since), p.Session, p.BytesIn, p.BytesOut, cell(p.Channel))
	}, table.Flush)
}

// cell is s as a table can hold it: one line, no control characters, "-" for nothing.
func cell(s string) string {
	if s == "" {
		return "-"
	}
	q := strconv.Quote(s)
	if q == `"`+s+`"` {
		return s
	}
	return q
}
