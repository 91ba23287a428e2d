package api

import (
	"encoding/hex"
	"strings"
	"time"

	"linkd/server"
)

// List is a page of items. Next is the cursor of the next page, empty at the end.
type List[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next"`
}

// Provider is a provider as HTTP shows it.
type Provider struct {
	Name         string `json:"name"`
	Title        string `json:"title"`
	Type         string `json:"type" enum:"tcp-server,tcp-client"`
	LocalAddr    string `json:"local_addr" doc:"Listener; empty for tcp-client."`
	ConnIdentity string `json:"conn_identity" enum:"common,fix-ip"`
	Preset       string `json:"preset" doc:"How a link says who it is."`
	State        string `json:"state" doc:"listening, dialling, restarting, failed or stopped."`
	Error        string `json:"error" doc:"Why it is restarting or failed."`
	Connections  int    `json:"connections" doc:"Configured."`
	Online       int    `json:"online"`
	Identifying  int    `json:"identifying" doc:"Links that have not said who they are."`
	Accepted     uint64 `json:"accepted"`
	Refused      uint64 `json:"refused"`
	Disabled     int    `json:"disabled" doc:"Of the configured connections."`
}

// Connection is a connection point as HTTP shows it. Every member is always there: what has not happened is an empty
// string, 0, or null for a time.
type Connection struct {
	Provider        string     `json:"provider"`
	Name            string     `json:"name"`
	Title           string     `json:"title"`
	SocketConnID    string     `json:"socket_conn_id" doc:"Common; empty otherwise."`
	RemoteIP        string     `json:"remote_ip" doc:"Fix IP: the configured address or CIDR; empty otherwise."`
	State           string     `json:"state" enum:"online,offline,disabled"`
	Flapping        bool       `json:"flapping" doc:"Two devices fight over it, or did within the last ten minutes."`
	RemoteAddr      string     `json:"remote_addr" doc:"Of the session that is online."`
	Since           *time.Time `json:"since" doc:"When the state began; null when it always was so."`
	Session         uint64     `json:"session" doc:"Number of the newest session; 0 when there was none."`
	BytesIn         uint64     `json:"bytes_in" doc:"From the device, identity included."`
	BytesOut        uint64     `json:"bytes_out"`
	Reconnects      uint64     `json:"reconnects" doc:"Sessions after the first."`
	LastCloseReason string     `json:"last_close_reason"`
	Channel         string     `json:"channel" doc:"That serves it."`
	Driver          string     `json:"driver" doc:"Of that channel."`
}

// ConnectionDetail is a connection point with its configuration.
type ConnectionDetail struct {
	Connection
	Config    *ConnectionSpec `json:"config" doc:"As a PUT takes it, the secret for an admin; null for one of a fleet."`
	HasSecret bool            `json:"has_secret"`
	Fleet     string          `json:"fleet" doc:"Whose number it is; empty for one that is listed."`
}

// Stranger is a link that could not be bound.
type Stranger struct {
	Key        string    `json:"key"`
	Provider   string    `json:"provider"`
	ID         string    `json:"id" doc:"As sent, quoted where it is not printable."`
	RemoteAddr string    `json:"remote_addr"`
	FirstBytes string    `json:"first_bytes" doc:"Hex."`
	Count      uint64    `json:"count"`
	FirstSeen  time.Time `json:"first_seen"`
	LastSeen   time.Time `json:"last_seen"`
	Reason     string    `json:"reason"`
}

// Driver is a driver as one connection sees it.
type Driver struct {
	Name       string   `json:"name"`
	Title      string   `json:"title"`
	Links      []string `json:"links" nullable:"false"`
	Selectable bool     `json:"selectable"`
	Reason     string   `json:"reason" doc:"Why it is not selectable."`

	Options []OptionView `json:"options" nullable:"false" doc:"That a channel with it may set."`
}

// Event is one thing that happened, on the event stream.
type Event struct {
	Time       time.Time `json:"time"`
	Kind       string    `json:"kind"`
	Provider   string    `json:"provider"`
	Connection string    `json:"connection"`
	ID         string    `json:"id"`
	Session    uint64    `json:"session"`
	RemoteAddr string    `json:"remote_addr"`
	Reason     string    `json:"reason"`
}

func views[S, V any](from []S, view func(S) V) []V {
	to := make([]V, len(from))
	for i, s := range from {
		to[i] = view(s)
	}
	return to
}

func providerView(p server.ProviderView) Provider {
	return Provider{
		Name: p.Name, Title: p.Title, Type: p.Type, LocalAddr: p.LocalAddr, ConnIdentity: p.ConnIdentity,
		Preset: p.Preset, State: p.State, Error: p.Error, Connections: p.Connections, Online: p.Online,
		Identifying: p.Identifying, Accepted: p.Accepted, Refused: p.Refused, Disabled: p.Disabled,
	}
}

func connectionView(c server.ConnView) Connection {
	v := Connection{
		Provider: c.Provider, Name: c.Name, Title: c.Title, SocketConnID: c.SocketConnID, RemoteIP: c.RemoteIP,
		State: string(c.State), Flapping: c.Flapping, RemoteAddr: c.RemoteAddr, Session: c.Session, BytesIn: c.BytesIn,
		BytesOut: c.BytesOut, Reconnects: c.Reconnects, LastCloseReason: c.LastClose, Channel: c.Channel,
		Driver: c.Driver,
	}
	if !c.Since.IsZero() {
		since := c.Since.UTC()
		v.Since = &since
	}
	return v
}

func strangerView(s server.Stranger) Stranger {
	return Stranger{
		Key: s.Key, Provider: s.Provider, ID: s.ID, RemoteAddr: s.RemoteAddr,
		FirstBytes: hex.EncodeToString(s.FirstBytes), Count: s.Count, FirstSeen: s.FirstSeen.UTC(),
		LastSeen: s.LastSeen.UTC(), Reason: s.Reason,
	}
}

func driverView(d server.DriverView) Driver {
	links := append([]string{}, d.Links...)
	return Driver{Name: d.Name, Title: d.Title, Links: links, Selectable: d.Selectable, Reason: d.Reason,
		Options: OptionViews(d.Options)}
}

func eventView(e server.Event) Event {
	return Event{
		Time: e.Time.UTC(), Kind: e.Kind, Provider: e.Provider, Connection: e.Connection, ID: e.ID,
		Session: e.Session, RemoteAddr: e.RemoteAddr, Reason: e.Reason,
	}
}

// text is b as a JSON string can hold it.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }
