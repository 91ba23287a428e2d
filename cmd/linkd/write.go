package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"linkd/internal/api"
)

const (
	longestTTL   = 24 * time.Hour  // the server's bound
	longestWrite = 2 * time.Minute // several tags of a slow device, one after another
)

func writeCommand() *cli.Command {
	return &cli.Command{
		Name:      "write",
		Usage:     "write tags of a device and say what came of it",
		ArgsUsage: "CH/DEV/TAG VALUE, or CH/DEV TAG=VALUE…",
		Flags: clientFlags(
			&cli.BoolFlag{Name: "readback", Usage: "ask the device afterwards what it has"},
			&cli.DurationFlag{Name: "ttl", Usage: "keep it this long for a device that is away"},
			outputFlag(),
		),
		Action: write,
	}
}

func write(c *cli.Context) error {
	at, values, err := writeArguments(c.Args().Slice())
	if err != nil {
		return err
	}
	ttl := c.Duration("ttl")
	if ttl < 0 || ttl > longestTTL {
		return usagef("--ttl %v: out of range; give 0s to %v", ttl, longestTTL)
	}
	how := api.WriteOptions{Readback: c.Bool("readback")}
	if ttl > 0 {
		how.TTL = ttl.String()
	}
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	cl, err := newClient(c)
	if err != nil {
		return err
	}
	var request any = api.WriteValues{WriteOptions: how, Values: values}
	if at.tag != "" {
		request = api.WriteValue{WriteOptions: how, Value: values[0].Value}
	}
	ctx, cancel := context.WithTimeout(c.Context, longestWrite)
	defer cancel()
	raw, answer, err := cl.write(ctx, at.path(), request)
	if err != nil {
		return err
	}
	if asJSON {
		fmt.Fprintf(c.App.Writer, "%s\n", raw)
	}
	if answer.Result != "confirmed" {
		return notConfirmed(answer)
	}
	if !asJSON {
		line := "confirmed"
		if answer.Readback != nil {
			line += ", read back " + showReadback(answer.Readback)
		}
		fmt.Fprintln(c.App.Writer, line)
	}
	return nil
}

// writeArguments reads a tag and its value, or a device and TAG=VALUE for each of its tags. Values go as text: the
// server knows the tag's type.
func writeArguments(args []string) (at tagPlace, values api.Values, err error) {
	if len(args) < 2 {
		return at, nil, usagef("%d arguments; give CH/DEV/TAG VALUE, or CH/DEV TAG=VALUE", len(args))
	}
	if at, err = parseTagPlace(args[0], 2); err != nil {
		return at, nil, err
	}
	if at.tag != "" {
		if len(args) != 2 {
			return at, nil, usagef("%d values for the tag %s; give one, or CH/DEV TAG=VALUE for several tags",
				len(args)-1, at)
		}
		return at, api.Values{{Tag: at.tag, Value: args[1]}}, nil
	}
	for _, arg := range args[1:] {
		tag, value, ok := strings.Cut(arg, "=")
		if !ok || tag == "" {
			return at, nil, usagef("%q: no tag and value; write TAG=VALUE, such as setpoint=21.5", arg)
		}
		if slices.ContainsFunc(values, func(v api.NamedValue) bool { return v.Tag == tag }) {
			return at, nil, usagef("tag %q is there twice; write it once", tag)
		}
		values = append(values, api.NamedValue{Tag: tag, Value: value})
	}
	return at, values, nil
}

// write sends a write. An answer of the API is no error, whatever its status.
func (c *client) write(ctx context.Context, path string, request any) (raw []byte, a api.WriteAnswer, err error) {
	resp, err := c.ask(ctx, http.MethodPut, path, nil, request)
	if err != nil {
		return nil, a, err
	}
	defer resp.Body.Close()
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		return nil, a, c.refused(resp)
	}
	if raw, err = io.ReadAll(io.LimitReader(resp.Body, mostAnswer)); err == nil {
		err = decodeNumbers(raw, &a)
	}
	if err == nil && a.Result == "" {
		err = errors.New("it has no result")
	}
	if err != nil {
		err = fmt.Errorf("the answer of %s cannot be read: %w", c.base, err)
	}
	return bytes.TrimSpace(raw), a, err
}

// notConfirmed is what came of a write, as an error.
func notConfirmed(a api.WriteAnswer) error {
	text := a.Result
	if a.Reason != "" {
		text += ": " + a.Reason
	}
	if a.Readback != nil {
		text += "; the device has " + showReadback(a.Readback)
	}
	return errors.New(text)
}

// showReadback is one value, or several as TAG=VALUE in the order of their names.
func showReadback(v any) string {
	several, ok := v.(map[string]any)
	if !ok {
		return showValue(v)
	}
	parts := make([]string, 0, len(several))
	for tag, value := range several {
		parts = append(parts, oneLine(tag)+"="+showValue(value))
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// isNumber reports whether an argument that begins with a minus is a number and no flag.
func isNumber(arg string) bool {
	var n json.Number
	return len(arg) > 1 && (arg[1] == '.' || json.Unmarshal([]byte(arg), &n) == nil)
}
