package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"linkd/internal/api"
)

const mostEvent = 1 << 20 // bytes of one line of an event stream; a frame needs a fifth of it

func tapCommand() *cli.Command {
	return &cli.Command{
		Name:      "tap",
		Usage:     "show a connection's bytes as they pass, until Ctrl-C",
		ArgsUsage: "P/C",
		Flags: clientFlags(
			&cli.BoolFlag{Name: "hex", Usage: "hex only, a line for each frame"},
			&cli.IntFlag{Name: "last", Usage: "begin with the last `N` frames that linkd has kept; 0: with what passes now"},
			&cli.DurationFlag{Name: "since", Usage: "begin with the frames that it has kept of so `LONG` ago, such as 10m"},
			&cli.StringFlag{Name: "o", Usage: "output `FORMAT`: json, an object a line; a dump otherwise"},
		),
		Action: tap,
	}
}

func tap(c *cli.Context) error {
	at, err := onePoint(c)
	if err != nil {
		return err
	}
	show, err := frameFormat(c)
	if err != nil {
		return err
	}
	earlier, err := earlierFrames(c)
	if err != nil {
		return err
	}
	cl, err := newClient(c)
	if err != nil {
		return err
	}
	resp, err := cl.open(c.Context, http.MethodGet, at.path("/tap")+"?"+earlier.Encode(), nil, nil)
	if err != nil {
		return unlessCancelled(c, err)
	}
	defer resp.Body.Close()
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return cl.notLinkd(resp)
	}
	err = readEvents(resp.Body, func(event, data string) error {
		if event != "frame" {
			return nil
		}
		return show(c.App.Writer, data)
	})
	if err == nil {
		err = fmt.Errorf("%s ended the tap", cl.base)
	}
	return unlessCancelled(c, err)
}

// frameFormat is how the flags have a frame printed, which is given as JSON.
func frameFormat(c *cli.Context) (func(w io.Writer, data string) error, error) {
	switch o := c.String("o"); {
	case o != "" && o != "json":
		return nil, usagef("-o %q: no such format; use json, or leave it out", o)
	case o != "" && c.Bool("hex"):
		return nil, usagef("-o and --hex: give one of them")
	case o != "":
		return printJSON, nil
	}
	return func(w io.Writer, data string) error { return printFrame(w, data, c.Bool("hex")) }, nil
}

// earlierFrames is which of the kept frames the flags ask for.
func earlierFrames(c *cli.Context) (url.Values, error) {
	last, since := c.Int("last"), c.Duration("since")
	if last < 0 {
		return nil, usagef("--last %d: out of range; give 0 or more", last)
	}
	if since < 0 {
		return nil, usagef("--since %v: give how long ago, such as 10m", since)
	}
	query := url.Values{}
	if since > 0 {
		query.Set("after", time.Now().Add(-since).UTC().Format(time.RFC3339Nano))
	}
	if since == 0 || c.IsSet("last") {
		query.Set("last", strconv.Itoa(last))
	}
	return query, nil
}

// printJSON prints a frame as the API has it, on one line.
func printJSON(w io.Writer, data string) error {
	if !json.Valid([]byte(data)) {
		return errors.New("a frame cannot be read: it is no JSON")
	}
	_, err := fmt.Fprintln(w, strings.ReplaceAll(data, "\n", " ")) // line ends of JSON stand between its parts alone
	return err
}

// unlessCancelled is err, or nil when Ctrl-C ended the command: that is how it ends.
func unlessCancelled(c *cli.Context, err error) error {
	if c.Context.Err() == nil {
		return err
	}
	return nil
}

// readEvents hands on each server-sent event of r until r ends; comments and empty events are left out.
func readEvents(r io.Reader, on func(event, data string) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), mostEvent)
	var event, data string
	for lines.Scan() {
		line := lines.Text()
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if data != "" {
				if err := on(event, data); err != nil {
					return err
				}
			}
			event, data = "", ""
		case field == "event":
			event = value
		case field == "data" && data == "":
			data = value
		case field == "data":
			if len(data)+len(value) > mostEvent {
				return bufio.ErrTooLong
			}
			data += "\n" + value
		}
	}
	return lines.Err()
}

func printFrame(w io.Writer, data string, hexOnly bool) error {
	var f api.Frame
	if err := json.Unmarshal([]byte(data), &f); err != nil {
		return fmt.Errorf("a frame cannot be read: %w", err)
	}
	b, err := hex.DecodeString(f.Hex)
	if err != nil {
		return fmt.Errorf("a frame cannot be read: %w", err)
	}
	if f.Lost > 0 {
		if _, err := fmt.Fprintf(w, "-- %d frames lost here\n", f.Lost); err != nil {
			return err
		}
	}
	arrow := "<-"
	if f.Dir == "out" {
		arrow = "->"
	}
	head := f.TS.Local().Format("15:04:05.000") + " " + arrow + " "
	if hexOnly {
		_, err = fmt.Fprintf(w, "%s% x\n", head, b)
		return err
	}
	meaning := f.Decoded
	switch {
	case f.Identity:
		meaning = "identity"
	case f.Length > 0:
		meaning = fmt.Sprintf("the first %d of %d bytes", len(b), f.Length)
	}
	return dump(w, head, b, meaning)
}

// dump writes b sixteen bytes a line, as hex and as text, after head and then its width in blanks. What a
// driver makes of b stands beside the first line.
func dump(w io.Writer, head string, b []byte, meaning string) error {
	if len(b) == 0 {
		return errors.New("a frame has no bytes")
	}
	const width = 16
	for len(b) > 0 {
		row := b[:min(width, len(b))]
		b = b[len(row):]
		text := strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return '.'
			}
			return r
		}, latin1(row))
		if meaning != "" {
			meaning = "  " + strings.Repeat(" ", width-len(text)) + oneLine(meaning)
		}
		_, err := fmt.Fprintf(w, "%s%-*s  |%s|%s\n", head, width*3-1, fmt.Sprintf("% x", row), text, meaning)
		if err != nil {
			return err
		}
		meaning = ""
		head = strings.Repeat(" ", len(head))
	}
	return nil
}

// latin1 has a rune for each byte of b.
func latin1(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}
