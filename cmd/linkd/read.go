package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"linkd/internal/api"
)

func readCommand() *cli.Command {
	return &cli.Command{
		Name:      "read",
		Usage:     "show the value of a tag, or of all tags of a device or a channel",
		ArgsUsage: "CH[/DEV[/TAG]]",
		Flags:     clientFlags(outputFlag()),
		Action:    read,
	}
}

// tagPlace is a tag by its names, or with less of them a device or a channel.
type tagPlace struct{ channel, device, tag string }

// parseTagPlace reads CH/DEV/TAG, or the beginning of it that has at least this many names.
func parseTagPlace(s string, least int) (tagPlace, error) {
	names := strings.Split(s, "/")
	ok := len(names) >= least && len(names) <= 3
	for _, n := range names {
		ok = ok && n != ""
	}
	if !ok {
		want := [...]string{1: "CH, CH/DEV or CH/DEV/TAG", 2: "CH/DEV/TAG or CH/DEV"}[least]
		return tagPlace{}, usagef("%q: not a tag; write %s, such as ch_dev1/d1/temperature", s, want)
	}
	names = append(names, "", "")
	return tagPlace{names[0], names[1], names[2]}, nil
}

// path is where the API has the tag or the device.
func (p tagPlace) path() string {
	path := "/api/v1/tags/" + url.PathEscape(p.channel) + "/" + url.PathEscape(p.device)
	if p.tag != "" {
		path += "/" + url.PathEscape(p.tag)
	}
	return path
}

func (p tagPlace) String() string {
	return strings.TrimRight(p.channel+"/"+p.device+"/"+p.tag, "/")
}

func read(c *cli.Context) error {
	if c.NArg() != 1 {
		return usagef("%d arguments; give one tag, device or channel as CH/DEV/TAG, CH/DEV or CH", c.NArg())
	}
	at, err := parseTagPlace(c.Args().First(), 1)
	if err != nil {
		return err
	}
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	cl, err := newClient(c)
	if err != nil {
		return err
	}
	if at.tag != "" {
		return readOne(c, cl, at, asJSON)
	}
	query := url.Values{"limit": {"1000"}, "channel": {at.channel}}
	if at.device != "" {
		query.Set("device", at.device)
	}
	if asJSON {
		return writeJSON(c.Context, cl, "/api/v1/tags", query, c.App.Writer)
	}
	return readMany(c, cl, at, query)
}

// readOne prints one tag. A bad one is an error, after its last value if there is one.
func readOne(c *cli.Context, cl *client, at tagPlace, asJSON bool) error {
	ctx, cancel := context.WithTimeout(c.Context, callTimeout)
	defer cancel()
	var raw json.RawMessage
	if err := cl.call(ctx, http.MethodGet, at.path(), nil, &raw); err != nil {
		return err
	}
	var v api.TagValue
	if err := decodeNumbers(raw, &v); err != nil {
		return fmt.Errorf("the answer of %s cannot be read: %w", cl.base, err)
	}
	w := c.App.Writer
	switch {
	case asJSON:
		fmt.Fprintf(w, "%s\n", bytes.TrimSpace(raw))
	case v.Value != nil:
		line := showValue(v.Value)
		if v.Unit != "" {
			line += " " + oneLine(v.Unit)
		}
		fmt.Fprintf(w, "%s  %s  %s\n", line, quality(&v), ago(v.TS))
	}
	if v.Quality == "bad" {
		return fmt.Errorf("%s is %s", at, quality(&v))
	}
	return nil
}

func readMany(c *cli.Context, cl *client, at tagPlace, query url.Values) error {
	table := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
	none := true
	err := each(c.Context, cl, "/api/v1/tags", query, func(item json.RawMessage) {
		if none {
			fmt.Fprintln(table, "TAG\tVALUE\tUNIT\tQUALITY\tAGE\tREASON")
			none = false
		}
		var v api.TagValue
		if err := decodeNumbers(item, &v); err != nil {
			v = api.TagValue{Tag: "?", Reason: err.Error()}
		}
		name := v.Tag
		if at.device == "" {
			name = v.Device + "/" + v.Tag
		}
		age := ""
		if v.TS != nil {
			age = showAge(time.Since(*v.TS))
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", cell(name), showValue(v.Value), cell(oneLine(v.Unit)),
			cell(v.Quality), cell(age), cell(v.Reason))
	}, table.Flush)
	if err == nil && none {
		err = fmt.Errorf("%s: no tags there; linkd read %s shows what the channel has", at, at.channel)
		if at.device == "" {
			err = fmt.Errorf("channel %s has no tags", at)
		}
	}
	return err
}

// decodeNumbers is json.Unmarshal, but a number keeps all its digits.
func decodeNumbers(b []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode(to)
}

// showValue is the value of a tag on one line; "-" for none.
func showValue(v any) string {
	switch x := v.(type) {
	case nil:
		return "-"
	case string:
		if x == "" {
			return `""`
		}
		return cell(x)
	}
	return oneLine(fmt.Sprint(v))
}

// quality is how a tag is, and why.
func quality(v *api.TagValue) string {
	if v.Reason == "" {
		return oneLine(v.Quality)
	}
	return oneLine(v.Quality + ": " + v.Reason)
}

func ago(ts *time.Time) string {
	if ts == nil {
		return "at no known time"
	}
	return showAge(time.Since(*ts)) + " ago"
}

// showAge is d with two digits or so. The server's clock may be ahead: there is no age below zero.
func showAge(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(d, 0); {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Truncate(100*time.Millisecond).Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 2*day:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd", d/day)
}
