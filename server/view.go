package server

import (
	"errors"
	"net/netip"
	"time"

	"linkd/project/options"
)

// Errors that callers (HTTP, commands) tell apart.
var (
	ErrNotFound = errors.New("server: not found")
	ErrOffline  = errors.New("server: the connection is offline")
	ErrConflict = errors.New("server: conflict")
	ErrInvalid  = errors.New("server: invalid")
	ErrSlow     = errors.New("server: the device takes its bytes too slowly")
	ErrClosed   = errors.New("server: closed")
	ErrBusy     = errors.New("server: too many requests wait for this loop")
)

// State of a connection point as people see it.
type State string

const (
	Online   State = "online"
	Offline  State = "offline"
	Disabled State = "disabled"
)

// ConnView is one connection point at one moment. Times are zero when they have not happened.
type ConnView struct {
	Provider     string
	Name         string
	Title        string
	SocketConnID string // Common; empty otherwise
	RemoteIP     string // Fix IP: the configured address or CIDR; empty otherwise
	State        State
	Flapping     bool      // two devices fight over it, or did within the last ten minutes
	RemoteAddr   string    // of the session that is online; empty otherwise
	Since        time.Time // when the state began
	Session      uint64    // number of the newest session; 0 when there was none
	BytesIn      uint64    // since linkd started, identity included
	BytesOut     uint64
	Reconnects   uint64 // sessions after the first
	LastClose    string // reason of the newest close; empty when there was none
	Channel      string // name of the channel that serves it; empty when none does
	Driver       string // of that channel
}

// ConnQuery selects connection points. The zero query selects all.
type ConnQuery struct {
	Provider string
	State    State
	Search   string // case-insensitive substring of name, title or id
	Sort     Sort
	Limit    int    // at most this many; values outside 1..1000 mean 100
	Cursor   string // from the page before; empty: the first page
}

// Sort is the order of connection points.
type Sort string

const (
	// ByPlace is the order of the project.
	ByPlace Sort = ""
	// ByTrouble has those first that flap, then the offline ones, those that were never seen, the online ones and the
	// disabled ones; of each, first what became so last.
	ByTrouble Sort = "trouble"
)

// ProviderView is one provider at one moment.
type ProviderView struct {
	Name         string
	Title        string
	Type         string
	LocalAddr    string // listener; empty for tcp-client
	ConnIdentity string
	Preset       string
	State        string // listening, dialling, restarting, failed, stopped
	Error        string // why it is restarting or failed
	Connections  int    // configured
	Online       int
	Disabled     int
	Identifying  int
	Accepted     uint64
	Refused      uint64
}

// Stranger is a link that could not be bound.
type Stranger struct {
	Key        string
	Provider   string
	ID         string // as sent, quoted where it is not printable; empty when it never said one
	RemoteAddr string
	FirstBytes []byte // at most 64
	Count      uint64
	FirstSeen  time.Time
	LastSeen   time.Time
	Reason     string // unknown_id, bad_secret, disabled, rubbish, identity_timeout, address
}

// SendResult is what came of a Send.
type SendResult struct {
	Sent     int    // bytes queued for the device
	Received []byte // what the device sent within the wait; empty when nothing came
}

// Event is one thing that happened to a connection point or provider, in order per connection point.
type Event struct {
	Kind       string // online, offline, stranger, flapping, provider
	Time       time.Time
	Provider   string
	Connection string
	ID         string
	Session    uint64
	RemoteAddr string
	Reason     string
}

// Direction of tapped bytes.
type Direction string

const (
	In  Direction = "in"  // from the device
	Out Direction = "out" // to the device
)

// Frame is a piece of a link's bytes: what the driver receives and sends, and how the device said who it is.
type Frame struct {
	Time     time.Time // no two frames of an event loop have the same: later ones have later ones
	Dir      Direction
	Data     []byte // owned by the receiver
	Length   int    // of the frame; more than Data has where only its beginning was kept
	Text     string // what the driver makes of it; may be empty
	Identity bool   // how the link said who it is, or what it was answered: nothing that a driver sees
	Session  uint64 // its number
	Lost     uint64 // frames dropped before this one because the reader was too slow
	// Remote and Local are the link's ends; one that is not known is the zero AddrPort.
	Remote, Local netip.AddrPort
}

// DriverView is a driver as a connection sees it.
type DriverView struct {
	Name       string
	Title      string
	Links      []string
	Selectable bool
	Reason     string // why not, when it is not
	Options    []options.Option
}

// ProviderStats are a provider's counters since start, for metrics. Maps have a fixed, small set of keys.
type ProviderStats struct {
	Provider    string
	Online      int
	Offline     int
	Disabled    int
	Identifying int
	Sessions    map[string]uint64 // by result: identified, stranger, refused, timeout, closed
	Closes      map[string]uint64 // by reason
	Strangers   map[string]uint64 // by reason
	BytesIn     uint64
	BytesOut    uint64
	// Identify is the time from accept to identity: cumulative counts per bound of IdentifyBounds (seconds),
	// one more for +Inf.
	Identify    []uint64
	IdentifySum float64 // seconds
}

// Stats are the server's counters since start.
type Stats struct {
	Providers []ProviderStats
	Drivers   []DriverStats // in the order of the table
	// LoopLag is how late the loops ran their timers: cumulative counts per bound of LagBounds (seconds), then +Inf.
	LoopLag    []uint64
	LoopLagSum float64 // seconds
	Flaps      uint64
	Panics     uint64
	Restarts   uint64
	EventsLost uint64
	Capacity   int // sessions that this process can hold
	Sessions   int // sessions now
}

// IdentifyBounds and LagBounds are the upper bounds, in seconds, of the histograms in Stats.
var (
	IdentifyBounds = []float64{0.001, 0.005, 0.02, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}
	LagBounds      = []float64{0.00025, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.006, 0.01, 0.02, 0.05, 0.1, 0.2,
		0.5, 1}
)
