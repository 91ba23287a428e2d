package loadgen

import (
	"fmt"
	"net"
	"strings"
	"time"
)

// Three addresses in each of two tables, too far apart to be read together: six requests to each unit, three of one
// shape, so that an answer can be taken for another's.
const (
	askedAddresses = 3
	askedApart     = 400
)

// mostMeters bounds the devices of a project for meters: each has an address, and so a channel, of its own.
const mostMeters = 10_000

// ProjectFile returns a project file for linkd that expects the fleet of cfg at cfg.Target and polls it: six
// self-describing values of each unit, or three of a meter, once a Period (default 1 s). Connections and devices end in
// their number, as Verify wants it. With a Ledger it reads the lines that the fleet pushes instead.
func ProjectFile(cfg Config) (string, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return "", err
	}
	host, port, err := net.SplitHostPort(cfg.Target)
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: target %q; give host:port", ErrConfig, cfg.Target)
	case !cfg.answers() && cfg.Ledger == "":
		return "", fmt.Errorf("%w: a project for mode %s; give %s, %s, %s, or %s with a ledger", ErrConfig, cfg.Mode,
			ModbusRTU, ModbusTCP, DLT645, Push)
	case cfg.Mode == DLT645 && cfg.Devices > mostMeters:
		return "", fmt.Errorf("%w: a project for %d devices with meters; give at most %d", ErrConfig, cfg.Devices, mostMeters)
	case cfg.answers() && cfg.Slave.Registers != SelfDescribing:
		return "", fmt.Errorf("%w: a project for registers %s; give %s", ErrConfig, cfg.Slave.Registers, SelfDescribing)
	case cfg.Preset == "none":
		return "", fmt.Errorf("%w: a project for preset none; give one with an id", ErrConfig)
	}
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("project: loadgen")
	say("providers:")
	say("  - name: s1")
	say("    type: tcp-server")
	say("    local_ip: %q", host)
	say("    local_port: %s", port)
	say("    identity: {%s}", identityKeys(&cfg))
	say("    fleets:")
	say("      - {name: \"f{n}\", socket_conn_id: %q, from: %d, to: %d}", cfg.ID, cfg.From, cfg.From+cfg.Devices-1)
	if cfg.Ledger != "" {
		b.WriteString(ledgerChannel)
		return b.String(), nil
	}
	cfg.polledChannels(say)
	return b.String(), nil
}

// polledChannels says how the devices are polled.
func (c *Config) polledChannels(say func(format string, args ...any)) {
	say("models:")
	say("  - name: self_describing")
	say("    tags:")
	if c.Mode == DLT645 {
		for i := range askedAddresses {
			say("      - {name: i%d, address: \"%08X\", type: uint64}", i, selfIdentifier+i)
		}
		say("channels:")
		for n := c.From; n < c.From+c.Devices; n++ {
			c.channel(say, fmt.Sprintf("ch_f%d", n), fmt.Sprintf("f%d", n),
				func(unit int) string { return fmt.Sprintf("address: \"%012d\"", meterNumber(n, unit)) })
		}
		return
	}
	for _, table := range []string{"holding", "input"} {
		for i := range askedAddresses {
			say("      - {name: %s%d, address: \"%s:%d\", type: uint64}", table[:1], i, table, i*askedApart)
		}
	}
	say("channels:")
	c.channel(say, "ch_{connection}", "f*", func(unit int) string { return fmt.Sprintf("unit: %d", unit) })
}

// channel says how the devices of a connection, or of several, are polled; which says how a unit is found among them.
func (c *Config) channel(say func(format string, args ...any), name, connection string, which func(unit int) string) {
	say("  - name: %q", name)
	say("    connection: \"s1/%s\"", connection)
	say("    driver: %s", c.Mode)
	say("    poll: %v", or(c.Slave.Period, time.Second))
	say("    devices:")
	for u := c.Slave.UnitFrom; u <= c.Slave.UnitTo; u++ {
		say("      - {name: d%d, %s, model: self_describing}", u, which(u))
	}
}

// ledgerChannel reads the lines of a ledger.
const ledgerChannel = `channels:
  - name: "ch_{connection}"
    connection: "s1/f*"
    driver: text
    options:
      max_line: 8192
      patterns: {ledger: '^LG (?P<line>\d+\.\d+\.\d+) [a-z]*$'}
    devices:
      - name: d1
        tags:
          - {name: line, address: line, type: string}
`

// identityKeys says in the words of a project file how the devices say who they are.
func identityKeys(c *Config) string {
	keys := []string{"preset: " + c.Preset}
	add := func(given bool, key string, value any) {
		if given {
			keys = append(keys, fmt.Sprintf("%s: %v", key, value))
		}
	}
	bytes := func(b []byte) string { return fmt.Sprintf("\"hex:%X\"", b) }
	add(c.Length != 0, "length", c.Length)
	add(c.Preset == "length-prefixed", "endian", c.Endian)
	add(c.Prefix != nil, "prefix", bytes(c.Prefix))
	add(c.Suffix != nil, "suffix", bytes(c.Suffix))
	add(c.Ack != nil, "ack", bytes(c.Ack))
	add(c.PacketPrefix, "mode", "both")
	add(c.HeartbeatSend != nil, "heartbeat", bytes(c.HeartbeatSend))
	return strings.Join(keys, ", ")
}
