// Package project owns the nouns of linkd: the project, its providers, connection points, fleets, models,
// channels, devices and tags; how they are read from a YAML file, validated, and compared.
//
// It never touches a socket, and it imports no other package of linkd.
package project

import (
	"net/netip"
	"time"
)

// Project is one project file, validated. It is immutable once loaded: a change is a new Project.
type Project struct {
	Name      string
	Providers []*Provider
	Models    []*Model
	Channels  []*Channel
	Outputs   []*Output

	index *index // of Channels, for ChannelFor; may be nil
}

// LinkKind says what kind of link a provider yields; drivers declare which kinds they run on.
type LinkKind string

const (
	TCPServer LinkKind = "tcp-server" // devices dial in
	TCPClient LinkKind = "tcp-client" // linkd dials out
	NoLink    LinkKind = "none"       // a channel without a connection
)

// ConnIdentity says how a provider learns which connection point a link belongs to.
type ConnIdentity string

const (
	Common ConnIdentity = "common" // the device sends its Socket Conn Id first
	FixIP  ConnIdentity = "fix-ip" // its source address says it
)

// OnDuplicate says which session keeps a connection point when a second one identifies as it.
type OnDuplicate string

const (
	Newest OnDuplicate = "newest" // the older session closes
	Oldest OnDuplicate = "oldest" // the newer session is refused
)

// Never is the IdleTimeout of a provider whose silent links are left alone: idle_timeout: 0s in the file.
const Never time.Duration = -1

// Provider is a ConnProvider: a listener (tcp-server), or a set of addresses to dial (tcp-client).
// In a file, durations and counts of zero take the values of Defaults where it has one; a negative value is refused.
type Provider struct {
	Name         string
	Title        string
	Type         LinkKind
	LocalIP      netip.Addr // to listen on, or dial from; the zero Addr: all (IPv4 and IPv6)
	LocalPort    uint16
	ConnIdentity ConnIdentity
	Identity     Identity
	OnDuplicate  OnDuplicate

	MaxConnections int            // sessions at once; 0: as many as the process can hold
	AcceptRate     float64        // links accepted a second; 0: no limit
	IdleTimeout    time.Duration  // close after this long without a byte from the device; Never: do not
	Keepalive      time.Duration  // TCP keepalive; first probe after this long idle
	UserTimeout    time.Duration  // TCP_USER_TIMEOUT: unacknowledged data closes the link
	ProxyFrom      []netip.Prefix // balancers whose PROXY header (v1, v2) is required and trusted

	Downlink *Downlink // optional keepalive towards devices that redial when the server is silent

	ConnectTimeout time.Duration // tcp-client: how long one dial may take
	RedialMin      time.Duration // tcp-client: first pause after a failed dial or a lost link
	RedialMax      time.Duration // tcp-client: longest pause; pauses double, with jitter

	Connections []*ConnPt
	Fleets      []*Fleet
}

// Downlink is the bytes sent to a device when linkd has sent nothing for Every.
type Downlink struct {
	Every time.Duration
	Data  []byte
}

// Identity says how a link states its Socket Conn Id; see codec for what each preset does.
// Byte strings are written in the file as text, or as hex with a leading "hex:" ("hex:00 01 02 03").
type Identity struct {
	Preset   string        // auto, usr, template, four-faith, ddp, inhand, imei, line, fixed, length-prefixed, hex, regex
	Timeout  time.Duration // from accept to identity, absolute
	Quiet    time.Duration // silence after which what has arrived is taken as it is
	MaxBytes int           // identity longer than this closes the link

	Length     int    // fixed, hex, template: bytes of the id; length-prefixed: bytes of the length field (1, 2, 4)
	Endian     string // length-prefixed: big (default) or little
	Pattern    string // regex: RE2 with a group named id, and optionally one named secret; anchored at the start
	Prefix     []byte // fixed bytes before the id
	Suffix     []byte // fixed bytes after the id (template)
	Heartbeats [][]byte
	Mode       string // usr: connect (default), packet (id before every packet), both
	Ack        []byte // sent when the id is accepted, where the preset has no acknowledgement of its own
	Nack       []byte // sent before a stranger is closed, likewise
}

// ConnPt is a configured connection point.
type ConnPt struct {
	Name         string
	Title        string
	SocketConnID string       // Common
	Secret       string       // Common with a preset that carries one; empty: none asked
	RemoteIP     netip.Prefix // Fix IP: an address (a full-length prefix) or a CIDR
	Host         string       // tcp-client
	Port         uint16       // tcp-client
	Disabled     bool
}

// Fleet is many connection points by pattern: number n has the name and the id that the patterns give for n.
type Fleet struct {
	Name         Pattern
	Title        Pattern // may be the zero Pattern
	SocketConnID Pattern
	From, To     int // inclusive
}

// Model is a list of tags that many devices share.
type Model struct {
	Name  string
	Title string
	Tags  []*Tag
}

// Channel associates a connection, or all connections that a pattern matches, with a driver.
type Channel struct {
	Name       string // may hold {connection}
	Title      string
	Connection string // "PROVIDER/NAME", NAME may end in *
	Driver     string
	Poll       time.Duration
	Devices    []*Device
	Options    map[string]any // the driver's own; checked by the driver
}

// Device is one unit behind a link.
type Device struct {
	Name    string
	Title   string
	Unit    int
	Address string // where a unit number cannot say it: a meter's
	Model   string
	Driver  string         // empty: the channel's
	Options map[string]any // of Driver, where it is not the channel's
	Poll    time.Duration  // 0: the channel's
	Tags    []*Tag
}

// Output is a place that values go to, beside linkd's own bus.
type Output struct {
	Name    string
	Title   string
	Type    string         // the protocol: mqtt
	Format  string         // of what is sent; empty: the type's own
	Options map[string]any // the type's own; checked by it
}

// Tag is one value of a device.
type Tag struct {
	Name     string
	Title    string
	Address  string  // as the driver has it
	Type     string  // empty: uint16
	Order    string  // of the bytes of a number: ABCD (default), BADC, CDAB, DCBA
	Length   int     // bytes of a string, of bytes or of bcd; 0: the type's own
	Scale    float64 // value = raw * scale + offset
	Offset   float64
	Clamp    *[2]float64 // limits of what is read, and of what may be written; nil: none
	Unit     string
	Decimals *int          // digits after the point; nil: as they come
	Poll     time.Duration // 0: the device's
	Deadband float64       // a smaller change is none
	Expr     string        // computes the value from value, where scale and offset cannot
	Writable bool
	Readback bool // ask the device after a write what it has
	OnChange bool // tell those who follow values of changes alone
}
