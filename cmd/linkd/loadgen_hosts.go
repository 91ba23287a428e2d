package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"linkd/loadgen"
)

// hostFlags have several hosts run one fleet.
func hostFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "coordinate", Usage: "lead --hosts that join at `ADDR`, and run no device here"},
		&cli.IntFlag{Name: "hosts", Usage: "how many join, 1 to 256"},
		&cli.StringFlag{Name: "join", Usage: "run devices for the coordinator at `ADDR`, which gives the configuration"},
		&cli.StringFlag{Name: "secret", EnvVars: []string{"LINKD_LOADGEN_SECRET"},
			Usage: "`TEXT` that all hosts know, 16 bytes or more; needed unless ADDR is a loopback address"},
		&cli.StringFlag{Name: "secret-file", Usage: "`FILE` with that text"},
		&cli.DurationFlag{Name: "join-wait", Value: time.Minute, Usage: "longest wait for hosts, or for the coordinator"},
		&cli.DurationFlag{Name: "lease", Value: 10 * time.Second,
			Usage: "with --coordinate: a host that is silent for so long is lost"},
	}
}

// ofJoining are the flags that a host which joins has of its own: it is given all others. A token has no use there, but
// may stand in the environment.
var ofJoining = []string{"join", "secret", "secret-file", "join-wait", "sources", "token"}

// meeting reads the flags. It is nil when there is one host.
func meeting(c *cli.Context) (*loadgen.Meeting, error) {
	coordinate, join := c.String("coordinate"), c.String("join")
	switch {
	case coordinate != "" && join != "":
		return nil, fmt.Errorf("--coordinate and --join; give one of them")
	case coordinate == "" && (c.IsSet("hosts") || c.IsSet("lease")):
		return nil, fmt.Errorf("--hosts or --lease without --coordinate; give the address at which they join")
	case coordinate == "" && join == "":
		return nil, nil //nolint:nilnil // there is no meeting
	}
	if join != "" {
		for _, name := range c.LocalFlagNames() {
			if !slices.Contains(ofJoining, name) {
				return nil, fmt.Errorf("--%s with --join; the coordinator gives that", name)
			}
		}
	}
	secret, err := secretOf(c)
	if err != nil {
		return nil, err
	}
	return &loadgen.Meeting{Addr: coordinate + join, Hosts: c.Int("hosts"), Secret: secret, Wait: c.Duration("join-wait"),
		Lease: c.Duration("lease"), Sources: c.String("sources"),
		Told: func(line string) { fmt.Fprintln(os.Stderr, line) }}, nil
}

func secretOf(c *cli.Context) ([]byte, error) {
	file := c.String("secret-file")
	switch {
	case file == "":
		return []byte(strings.TrimSpace(c.String("secret"))), nil
	case c.String("secret") != "":
		return nil, fmt.Errorf("--secret and --secret-file; give one of them")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--secret-file: %w", err)
	}
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return nil, fmt.Errorf("--secret-file %s: it is empty; give the secret in one line", file)
	}
	return text, nil
}

// joinRun is `linkd loadgen --join`.
func joinRun(c *cli.Context, m *loadgen.Meeting) error {
	if c.NArg() > 0 {
		return usagef("argument %q; this command takes flags only", c.Args().First())
	}
	return loadgenError(loadgen.Join(c.Context, *m))
}
