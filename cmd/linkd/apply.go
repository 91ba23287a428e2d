package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"linkd/drivers/catalog"
	"linkd/internal/api"
	"linkd/project"
)

// The commands that change the configuration of a running linkd, and read it.

const configureTime = 5 * time.Minute // of one change: a million connections take a while

func applyCommand() *cli.Command {
	return &cli.Command{
		Name:  "apply",
		Usage: "apply a project file to a running linkd: add and change what it has",
		Flags: clientFlags(
			&cli.StringFlag{Name: "file", Aliases: []string{"f"}, Usage: "project `FILE`", Required: true},
			&cli.BoolFlag{Name: "dry-run", Usage: "do nothing; print what would be done (+ added, ~ changed, - removed)"},
			&cli.BoolFlag{Name: "prune", Usage: "remove what the file lacks"},
		),
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("argument %q; give the project file with -f", c.Args().First())
			}
			text, err := os.ReadFile(c.String("file"))
			if err != nil {
				return err
			}
			if _, err := project.Parse(c.String("file"), text, newCatalogue(catalog.New())); err != nil {
				return err // with the file's name, before anybody is asked
			}
			query := url.Values{}
			for flag, name := range map[string]string{"dry-run": "dry_run", "prune": "prune"} {
				if c.Bool(flag) {
					query.Set(name, "true")
				}
			}
			return change(c, http.MethodPut, "/api/v1/project?"+query.Encode(), "application/yaml", text)
		},
	}
}

func undoCommand() *cli.Command {
	return &cli.Command{
		Name:      "undo",
		Usage:     "take the last change of the configuration back, or go back to a revision",
		ArgsUsage: "[REVISION]",
		Flags:     clientFlags(&cli.BoolFlag{Name: "dry-run", Usage: "do nothing; print what would be done"}),
		Action: func(c *cli.Context) error {
			to, err := undone(c)
			if err != nil {
				return err
			}
			path := fmt.Sprintf("/api/v1/revisions/%d/undo?dry_run=%t", to, c.Bool("dry-run"))
			return change(c, http.MethodPost, path, "", nil)
		},
	}
}

// undone is the revision to go back to: the argument, or the one before the newest.
func undone(c *cli.Context) (uint64, error) {
	switch c.NArg() {
	case 0:
	case 1:
		n, err := strconv.ParseUint(c.Args().First(), 10, 64)
		if err != nil || n == 0 {
			return 0, usagef("%q: not a revision; linkd revisions lists them", c.Args().First())
		}
		return n, nil
	default:
		return 0, usagef("%d arguments; give one revision, or none for the last change", c.NArg())
	}
	cl, err := newClient(c)
	if err != nil {
		return 0, err
	}
	var list api.List[api.Revision]
	ctx, cancel := context.WithTimeout(c.Context, callTimeout)
	defer cancel()
	if err := cl.call(ctx, http.MethodGet, "/api/v1/revisions?limit=2", nil, &list); err != nil {
		return 0, err
	}
	if len(list.Items) < 2 {
		return 0, errors.New("there is no change to take back")
	}
	return list.Items[1].Revision, nil
}

func revisionsCommand() *cli.Command {
	return &cli.Command{
		Name:  "revisions",
		Usage: "list the changes of the configuration, newest first",
		Flags: clientFlags(outputFlag(), &cli.IntFlag{Name: "n", Value: 20, Usage: "at most so many, 1 to 1000"}),
		Action: func(c *cli.Context) error {
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			if n := c.Int("n"); n < 1 || n > 1000 {
				return usagef("-n %d; give 1 to 1000", n)
			}
			cl, err := newClient(c)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context, callTimeout)
			defer cancel()
			var list api.List[api.Revision]
			path := fmt.Sprintf("/api/v1/revisions?limit=%d", c.Int("n"))
			if err := cl.call(ctx, http.MethodGet, path, nil, &list); err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.App.Writer).Encode(list)
			}
			for _, r := range list.Items {
				fmt.Fprintf(c.App.Writer, "%d  %s  %s  %s\n", r.Revision, r.Time.Format(time.RFC3339), oneLine(r.Who),
					oneLine(r.What))
				for _, line := range r.Changes {
					fmt.Fprintln(c.App.Writer, "    "+oneLine(line))
				}
			}
			return nil
		},
	}
}

func exportCommand() *cli.Command {
	return &cli.Command{
		Name:  "export",
		Usage: "print the configuration as a project file, or one provider's connections as a list",
		Flags: clientFlags(
			&cli.StringFlag{Name: "connections", Usage: "the listed connections of `PROVIDER` instead"},
			&cli.StringFlag{Name: "format", Value: "csv", Usage: "of connections: csv or ndjson"},
		),
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("argument %q; export writes to the standard output", c.Args().First())
			}
			path := "/api/v1/project"
			if p := c.String("connections"); p != "" {
				if f := c.String("format"); f != "csv" && f != "ndjson" {
					return usagef("--format %q; use csv or ndjson", f)
				}
				path = "/api/v1/providers/" + url.PathEscape(p) + "/connections?format=" + c.String("format")
			}
			cl, err := newClient(c)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context, configureTime)
			defer cancel()
			resp, err := cl.open(ctx, http.MethodGet, path, nil, nil)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.Copy(c.App.Writer, resp.Body)
			return err
		},
	}
}

func importCommand() *cli.Command {
	return &cli.Command{
		Name:      "import",
		Usage:     "put connections into a provider, all or none: CSV with a header line, or NDJSON",
		ArgsUsage: "PROVIDER FILE",
		Flags:     clientFlags(),
		Action: func(c *cli.Context) error {
			if c.NArg() != 2 {
				return usagef("%d arguments; give a provider and a file", c.NArg())
			}
			provider, file := c.Args().Get(0), c.Args().Get(1)
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			kind := "text/csv"
			if ext := filepath.Ext(file); ext == ".ndjson" || ext == ".jsonl" {
				kind = "application/x-ndjson"
			}
			path := "/api/v1/providers/" + url.PathEscape(provider) + "/connections"
			return inFile(file, change(c, http.MethodPost, path, kind, text))
		},
	}
}

// change asks for a change of the configuration and prints what it does.
func change(c *cli.Context, method, path, contentType string, body []byte) error {
	cl, err := newClient(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, configureTime)
	defer cancel()
	resp, err := cl.succeeded(cl.askWith(ctx, method, path, http.Header{"Content-Type": {contentType}}, body))
	if err != nil {
		return err
	}
	var plan api.Plan
	if err := cl.decode(resp, &plan); err != nil {
		return err
	}
	for _, line := range plan.Changes {
		fmt.Fprintln(c.App.Writer, oneLine(line))
	}
	if more := plan.Total - len(plan.Changes); more > 0 {
		fmt.Fprintf(c.App.Writer, "and %d more\n", more)
	}
	switch { // not on the standard output, which has the plan alone
	case len(plan.Changes) == 0:
		fmt.Fprintf(c.App.ErrWriter, "nothing to do: revision %d\n", plan.Revision)
	case !c.Bool("dry-run"):
		fmt.Fprintf(c.App.ErrWriter, "done: revision %d\n", plan.Revision)
	}
	return nil
}
