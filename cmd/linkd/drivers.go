package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"linkd/internal/api"
)

const driversPath = "/api/v1/drivers"

func driversCommand() *cli.Command {
	return &cli.Command{
		Name:      "drivers",
		Usage:     "list drivers, and which of them a connection may select; with a name, the options of that driver",
		ArgsUsage: "[DRIVER]",
		Flags: clientFlags(
			&cli.StringFlag{Name: "connection", Usage: "as the connection `P/C` sees them"},
			outputFlag(),
		),
		Action: listDrivers,
	}
}

func listDrivers(c *cli.Context) error {
	if c.NArg() > 1 {
		return usagef("%d arguments; give one driver, or none for all", c.NArg())
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
	if name := c.Args().First(); name != "" {
		return showDriver(c, cl, query, name, asJSON)
	}
	if asJSON {
		return writeJSON(c.Context, cl, driversPath, query, c.App.Writer)
	}
	table := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tLINKS\tSELECTABLE\tTITLE\tREASON")
	return each(c.Context, cl, driversPath, query, func(d api.Driver) {
		selectable := "no"
		if d.Selectable {
			selectable = "yes"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", d.Name, cell(strings.Join(d.Links, ",")), selectable,
			cell(d.Title), cell(d.Reason))
	}, table.Flush)
}

// showDriver prints one driver with its options.
func showDriver(c *cli.Context, cl *client, query url.Values, name string, asJSON bool) error {
	var found *api.Driver
	var names []string
	err := each(c.Context, cl, driversPath, query, func(d api.Driver) {
		names = append(names, d.Name)
		if d.Name == name {
			found = &d
		}
	}, func() error { return nil })
	if err != nil {
		return err
	}
	if found == nil {
		return fmt.Errorf("driver %q is not known; choose one of: %s", name, strings.Join(names, ", "))
	}
	if asJSON {
		return json.NewEncoder(c.App.Writer).Encode(found)
	}
	fmt.Fprintf(c.App.Writer, "%s: %s\nlinks: %s\n", found.Name, cell(found.Title), strings.Join(found.Links, ", "))
	if !found.Selectable {
		fmt.Fprintf(c.App.Writer, "not selectable: %s\n", cell(found.Reason))
	}
	if len(found.Options) == 0 {
		_, err := fmt.Fprintln(c.App.Writer, "It has no options.")
		return err
	}
	table := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "OPTION\tKIND\tDEFAULT\tCHOICES\tFOR")
	for _, o := range found.Options {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", o.Key, o.Kind, cell(o.Default), cell(strings.Join(o.Choices, ",")),
			cell(o.About))
	}
	return table.Flush()
}
