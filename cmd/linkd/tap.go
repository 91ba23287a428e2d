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
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

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
			&cli.StringFlag{Name: "o", Usage: "output `FORMAT`: json, an object a line; pcapng, a capture for Wireshark to " +
				"read from a pipe (| wireshark -k -i -); a dump otherwise"},
		),
		Action: tap,
	}
}

func tap(c *cli.Context) error {
	at, err := onePoint(c)
	if err != nil {
		return err
	}
	format, err := tapFormatOf(c, at)
	if err != nil {
		return err
	}
	query, err := earlierFrames(c)
	if err != nil {
		return err
	}
	query.Set("format", format.name)
	cl, err := newClient(c)
	if err != nil {
		return err
	}
	resp, err := cl.open(c.Context, http.MethodGet, at.path("/tap")+"?"+query.Encode(), nil, nil)
	if err != nil {
		return unlessCancelled(c, err)
	}
	defer resp.Body.Close()
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), format.contentType) {
		return cl.notLinkd(resp)
	}
	if err = format.print(c.App.Writer, resp.Body); err == nil {
		err = fmt.Errorf("%s ended the tap", cl.base)
	}
	return unlessCancelled(c, err)
}

// tapFormat is in which format linkd is asked for frames, and how its answer is printed, as it comes.
type tapFormat struct {
	name, contentType string
	print             func(w io.Writer, answer io.Reader) error
}

func tapFormatOf(c *cli.Context, at point) (tapFormat, error) {
	events := func(show func(w io.Writer, frame string) error) tapFormat {
		return tapFormat{"json", "text/event-stream", func(w io.Writer, answer io.Reader) error {
			return readEvents(answer, func(event, data string) error {
				if event != "frame" {
					return nil
				}
				return show(w, data)
			})
		}}
	}
	o, hexOnly := c.String("o"), c.Bool("hex")
	if o != "" && hexOnly {
		return tapFormat{}, usagef("-o and --hex: give one of them")
	}
	switch o {
	case "":
		return events(func(w io.Writer, frame string) error { return printFrame(w, frame, hexOnly) }), nil
	case "json":
		return events(printJSON), nil
	case "pcapng":
		if isTerminal(c.App.Writer) {
			return tapFormat{}, usagef("-o pcapng: a capture is no text for a terminal; give it to a program or a file: "+
				"linkd tap %s -o pcapng | wireshark -k -i -", at)
		}
		return tapFormat{"pcapng", "application/x-pcapng", func(w io.Writer, answer io.Reader) error {
			_, err := io.Copy(w, answer)
			return err
		}}, nil
	}
	return tapFormat{}, usagef("-o %q: no such format; use json or pcapng, or leave it out", o)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
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
