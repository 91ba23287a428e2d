package main

import (
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"linkd/internal/api"
)

func driversCommand() *cli.Command {
	return &cli.Command{
		Name:  "drivers",
		Usage: "list drivers, and which of them a connection may select",
		Flags: clientFlags(
			&cli.StringFlag{Name: "connection", Usage: "as the connection `P/C` sees them"},
			outputFlag(),
		),
		Action: listDrivers,
	}
}

func listDrivers(c *cli.Context) error {
	if c.NArg() > 0 {
		return usagef("%q: drivers takes no argument; choose with --connection", c.Args().First())
	}
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	query := url.Values{}
	if at := c.String("connection"); at != "" {
		p, err := parsePoint(at)
		if err != nil {
			return err
		}
		query.Set("connection", p.String())
	}
	cl, err := newClient(c)
	if err != nil {
		return err
	}
	const path = "/api/v1/drivers"
	if asJSON {
		return writeJSON(c.Context, cl, path, query, c.App.Writer)
	}
	table := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tLINKS\tSELECTABLE\tTITLE\tREASON")
	return each(c.Context, cl, path, query, func(d api.Driver) {
		selectable := "no"
		if d.Selectable {
			selectable = "yes"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", d.Name, cell(strings.Join(d.Links, ",")), selectable,
			cell(d.Title), cell(d.Reason))
	}, table.Flush)
}
