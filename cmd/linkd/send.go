package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"linkd/internal/api"
)

const longestWait = time.Minute // the API's bound

func sendCommand() *cli.Command {
	return &cli.Command{
		Name:      "send",
		Usage:     "send bytes to a connection's device and show what comes back",
		ArgsUsage: "P/C",
		Flags: clientFlags(
			&cli.StringFlag{Name: "hex", Usage: "`BYTES` as hex, such as \"01 03\""},
			&cli.StringFlag{Name: "text", Usage: `bytes as ` + "`TEXT`" + `; \r \n \t \0 \\ and \xNN stand for bytes`},
			&cli.DurationFlag{Name: "wait", Value: 2 * time.Second, Usage: "how long to wait for an answer; 0: do not"},
		),
		Action: send,
	}
}

func send(c *cli.Context) error {
	at, err := onePoint(c)
	if err != nil {
		return err
	}
	data, err := sendData(c)
	if err != nil {
		return err
	}
	wait := c.Duration("wait")
	if wait < 0 || wait > longestWait {
		return usagef("--wait %v: out of range; give 0 to %v", wait, longestWait)
	}
	cl, err := newClient(c)
	if err != nil {
		return err
	}
	asHex := hex.EncodeToString(data)
	ctx, cancel := context.WithTimeout(c.Context, wait+callTimeout)
	defer cancel()
	var answer api.SendAnswer
	request := api.SendRequest{Hex: &asHex, WaitMS: int(wait.Milliseconds())}
	if err := cl.call(ctx, http.MethodPost, at.path("/send"), request, &answer); err != nil {
		return err
	}
	received, err := hex.DecodeString(answer.ReceivedHex)
	if err != nil {
		return fmt.Errorf("the answer of %s cannot be read: %w", cl.base, err)
	}
	w := c.App.Writer
	fmt.Fprintf(w, "sent %s\n", byteCount(answer.Sent))
	switch {
	case len(received) > 0:
		fmt.Fprintf(w, "received %s\n", byteCount(len(received)))
		return dump(w, "<- ", received, "")
	case wait > 0:
		fmt.Fprintf(w, "received nothing within %v\n", wait)
	}
	return nil
}

// sendData is what the flags say to send.
func sendData(c *cli.Context) ([]byte, error) {
	if c.IsSet("hex") == c.IsSet("text") {
		return nil, usagef(`give exactly one of --hex "01 03" and --text "…"`)
	}
	flag, parse := "hex", api.ParseHex
	if c.IsSet("text") {
		flag, parse = "text", unescape
	}
	data, err := parse(c.String(flag))
	if err != nil {
		return nil, usagef("--%s: %s", flag, strings.TrimPrefix(err.Error(), "api: "))
	}
	if len(data) == 0 {
		return nil, usagef("--%s: nothing to send; give at least one byte", flag)
	}
	return data, nil
}

// unescape turns \r, \n, \t, \0, \\ and \xNN into the bytes that they stand for.
func unescape(s string) ([]byte, error) {
	out := make([]byte, 0, len(s))
	for {
		before, after, found := strings.Cut(s, `\`)
		out = append(out, before...)
		if !found {
			return out, nil
		}
		const letters, values = `rnt0\`, "\r\n\t\x00\\"
		i := -1
		if after != "" {
			i = strings.IndexByte(letters, after[0])
		}
		switch {
		case i >= 0:
			out = append(out, values[i])
			s = after[1:]
		case len(after) >= 3 && after[0] == 'x':
			b, err := strconv.ParseUint(after[1:3], 16, 8)
			if err != nil {
				return nil, fmt.Errorf(`\%s: not a byte; write \x and two hex digits`, after[:3])
			}
			out = append(out, byte(b))
			s = after[3:]
		default:
			return nil, fmt.Errorf(`\%.3s: no such escape; use \r \n \t \0 \\ or \xNN`, after)
		}
	}
}

func byteCount(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return strconv.Itoa(n) + " bytes"
}
