package main

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"linkd/internal/bus"
	"linkd/server"
)

// defaultBus is where the embedded bus takes clients unless it is told otherwise.
const defaultBus = "127.0.0.1:4222"

// busFlags are the flags of `linkd serve` about what goes north.
func busFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "nats", Usage: "`URL` of a NATS server or cluster of your own; empty: the embedded one"},
		&cli.StringFlag{Name: "nats-creds", Usage: "credentials `FILE` for --nats"},
		&cli.StringFlag{Name: "nats-ca", Usage: "`FILE` of the certificates that sign that of --nats"},
		&cli.StringFlag{Name: "nats-cert", Usage: "`FILE` of linkd's own certificate for --nats"},
		&cli.StringFlag{Name: "nats-key", Usage: "`FILE` of its key"},
		&cli.StringFlag{Name: "bus-listen", Value: defaultBus,
			Usage: "`ADDR` on which the embedded bus takes NATS clients; empty: none"},
		&cli.StringFlag{Name: "mqtt-listen",
			Usage: "`ADDR` on which it takes MQTT clients, such as 127.0.0.1:1883; empty: none"},
		busFormatFlag(),
		&cli.StringSliceFlag{Name: "bus-rx", Usage: "`PROVIDER/CONNECTION` whose devices' bytes go out on --nats, with " +
			"commas between; * is any. The embedded bus sees who subscribes to which"},
		&cli.DurationFlag{Name: "history-age", Value: 30 * 24 * time.Hour, Usage: "how long values are kept"},
		&cli.Int64Flag{Name: "history-bytes", Value: 1 << 30, Usage: "how many bytes of values are kept at most"},
		&cli.BoolFlag{Name: "no-bus", Usage: "no bus: no history, no commands but over HTTP"},
		&cli.BoolFlag{Name: "new-history", Usage: "begin the history anew where what was kept is lost"},
	}
}

func busFormatFlag() cli.Flag {
	return &cli.StringFlag{Name: "bus-format", Value: bus.Formats()[0],
		Usage: "`FORMAT` of live reports on the bus: " + strings.Join(bus.Formats(), ", ")}
}

// checkFormat says what is wrong with --bus-format.
func checkFormat(c *cli.Context) error {
	if f := c.String("bus-format"); !slices.Contains(bus.Formats(), f) {
		return usagef("--bus-format %q; give one of: %s", f, strings.Join(bus.Formats(), ", "))
	}
	return nil
}

// busOptions reads the flags.
func busOptions(c *cli.Context) (cfg bus.Config, err error) {
	if err := checkFormat(c); err != nil {
		return cfg, err
	}
	cfg = bus.Config{URL: c.String("nats"), Creds: c.String("nats-creds"), Listen: c.String("bus-listen"),
		TLS:  bus.TLS{CA: c.String("nats-ca"), Cert: c.String("nats-cert"), Key: c.String("nats-key")},
		MQTT: c.String("mqtt-listen"), Format: c.String("bus-format"),
		History:  bus.History{MaxAge: c.Duration("history-age"), MaxBytes: c.Int64("history-bytes")},
		Recreate: c.Bool("new-history")}
	if cfg.URL != "" && !c.IsSet("bus-listen") {
		cfg.Listen = ""
	}
	cfg.Received, err = bytesOf(c.StringSlice("bus-rx"), cfg.URL)
	return cfg, err
}

var connections = regexp.MustCompile(`^([A-Za-z]\w*|\*)/([A-Za-z]\w*|\*)$`)

// bytesOf reads --bus-rx.
func bytesOf(texts []string, url string) (list []server.BytesOf, err error) {
	for _, text := range texts {
		m := connections.FindStringSubmatch(text)
		if m == nil {
			return nil, usagef("--bus-rx %q; give PROVIDER/CONNECTION, * for any: s1/c1, s1/* or */*", text)
		}
		list = append(list, server.BytesOf{Provider: m[1], Connection: m[2]})
	}
	if len(list) > 0 && url == "" {
		return nil, usagef("--bus-rx is for a NATS server of your own (--nats); the embedded bus sees who subscribes")
	}
	return list, nil
}
