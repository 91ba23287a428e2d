package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"linkd/internal/api"
	"linkd/internal/doors"
)

const tokensPath = "/api/v1/tokens"

// tokenCommand is `linkd token`: who may come in.
func tokenCommand() *cli.Command {
	return &cli.Command{
		Name:      "token",
		Usage:     "make, list and revoke the tokens by which a linkd lets others in",
		ArgsUsage: "add NAME --role ROLE | list | revoke ID | show | reset --data DIR",
		Flags: clientFlags(
			&cli.StringFlag{Name: "role", Usage: "add: viewer (reads), operator (also sends, writes, kicks, adopts, tunnels) " +
				"or admin (also configures)"},
			&cli.StringFlag{Name: "data", EnvVars: []string{"LINKD_DATA"},
				Usage: "reset: data `DIR` of a linkd that does not serve; it gets a new admin.token"},
			outputFlag(),
		),
		Action: func(c *cli.Context) error {
			what, rest := c.Args().First(), c.Args().Tail()
			switch {
			case what == "add" && len(rest) == 1:
				return addToken(c, rest[0])
			case what == "list" && len(rest) == 0:
				return listTokens(c)
			case what == "revoke" && len(rest) == 1:
				return revokeToken(c, rest[0])
			case what == "show" && len(rest) == 0:
				return showToken(c)
			case what == "reset" && len(rest) == 0:
				return resetToken(c)
			}
			return usagef("token %s: give add NAME --role ROLE, list, revoke ID, show, or reset --data DIR", oneLine(what))
		},
	}
}

// addToken prints the token alone, so that it can go into a file.
func addToken(c *cli.Context, name string) error {
	role, err := doors.ParseRole(c.String("role"))
	if err != nil {
		return usagef("--role %q; give viewer, operator or admin", c.String("role"))
	}
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	cl, err := newClient(c)
	if err != nil {
		return err
	}
	var answer json.RawMessage
	request := api.TokenRequest{Name: name, Role: role.String()}
	if err := cl.call(c.Context, http.MethodPost, tokensPath, request, &answer); err != nil {
		return err
	}
	if asJSON {
		_, err := fmt.Fprintf(c.App.Writer, "%s\n", bytes.TrimSpace(answer))
		return err
	}
	var made api.NewToken
	if err := json.Unmarshal(answer, &made); err != nil {
		return fmt.Errorf("the answer of %s cannot be read: %w", cl.base, err)
	}
	fmt.Fprintf(c.App.ErrWriter, "token %s of %s, %s; it is shown this once\n", oneLine(made.ID), oneLine(made.Name),
		oneLine(made.Role))
	_, err = fmt.Fprintln(c.App.Writer, oneLine(made.Secret))
	return err
}

func listTokens(c *cli.Context) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	cl, err := newClient(c)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(c.Context, cl, tokensPath, url.Values{}, c.App.Writer)
	}
	table := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tNAME\tROLE\tCREATED\tBY")
	return each(c.Context, cl, tokensPath, url.Values{}, func(t api.Token) {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", cell(t.ID), cell(t.Name), cell(t.Role),
			t.Created.UTC().Format(time.RFC3339), cell(t.Who))
	}, table.Flush)
}

// showToken prints the token that this command would come in with, for commands of others.
func showToken(c *cli.Context) error {
	cl, err := newClient(c)
	if err != nil {
		return err
	}
	if cl.found.token == "" {
		return cl.found.missing
	}
	_, err = fmt.Fprintln(c.App.Writer, cl.found.token)
	return err
}

func revokeToken(c *cli.Context, id string) error {
	cl, err := newClient(c)
	if err != nil {
		return err
	}
	resp, err := cl.open(c.Context, http.MethodDelete, tokensPath+"/"+url.PathEscape(id), nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return cl.notLinkd(resp)
	}
	_, err = io.WriteString(c.App.Writer, "revoked\n")
	return err
}

// resetToken works on the directory itself, whose lock says that no linkd serves with it.
func resetToken(c *cli.Context) error {
	dir := c.String("data")
	if dir == "" {
		return usagef("token reset: whose? give --data DIR, the data directory of a linkd that does not serve")
	}
	if err := isDir(dir); err != nil {
		return fmt.Errorf("--data %s: %w; give the data directory of a linkd", dir, err)
	}
	log := slog.New(slog.NewTextHandler(c.App.ErrWriter, &slog.HandlerOptions{Level: slog.LevelWarn}))
	own, err := openData(dir, log)
	if err != nil {
		return err
	}
	keeper, err := own.keeper(log)
	if err == nil {
		err = keeper.Reset(own.dir)
	}
	if err := errors.Join(err, own.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s has a new token of an admin\n", doors.AdminFile(own.dir))
	return err
}
