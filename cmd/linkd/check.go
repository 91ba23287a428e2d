package main

import (
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"linkd/drivers/catalog"
	"linkd/project"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "say all that is wrong with a project file",
		ArgsUsage: "FILE",
		Action:    check,
	}
}

func check(c *cli.Context) error {
	if c.NArg() != 1 {
		return usagef("%d arguments; give one project file", c.NArg())
	}
	file := c.Args().First()
	p, err := project.Load(file, newCatalogue(catalog.New()))
	if err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "%s: good: project %s, %s\n", file, p.Name, summary(p))
	return nil
}

// summary counts what a project holds.
func summary(p *project.Project) string {
	points := 0
	for _, prov := range p.Providers {
		points += len(prov.Connections)
		for _, f := range prov.Fleets {
			points += f.To - f.From + 1
		}
	}
	return count(len(p.Providers), "provider") + ", " + count(points, "connection") + ", " +
		count(len(p.Models), "model") + ", " + count(len(p.Channels), "channel")
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}
