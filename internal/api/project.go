package api

import (
	"cmp"
	"strings"

	"linkd/internal/doors"
	"linkd/project"
)

// ProviderDetail is a provider with its configuration.
type ProviderDetail struct {
	Provider
	Config ProviderSpec `json:"config" doc:"As a PUT takes it."`
}

// Fleet is many connection points by pattern.
type Fleet struct {
	Provider     string `json:"provider"`
	Name         string `json:"name"`
	Title        string `json:"title"`
	SocketConnID string `json:"socket_conn_id"`
	From         int    `json:"from"`
	To           int    `json:"to"`
}

func fleetView(p *project.Provider, f *project.Fleet) Fleet {
	return Fleet{Provider: p.Name, Name: f.Name.String(), Title: f.Title.String(),
		SocketConnID: f.SocketConnID.String(), From: f.From, To: f.To}
}

// Output is where values go beside the bus.
type Output struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	Type   string `json:"type"`
	Format string `json:"format"`
}

// OutputDetail is an output with its options, in which there may be secrets.
type OutputDetail struct {
	Output
	Options map[string]any `json:"options" doc:"The type's own."`
}

func outputView(o *project.Output) Output {
	return Output{Name: o.Name, Title: o.Title, Type: o.Type, Format: o.Format}
}

// Channel associates connections with a driver.
type Channel struct {
	Name       string         `json:"name" doc:"May hold {connection}."`
	Title      string         `json:"title"`
	Connection string         `json:"connection" doc:"PROVIDER/NAME; NAME may end in *."`
	Driver     string         `json:"driver"`
	Poll       string         `json:"poll" doc:"Duration, such as 10s; 0s: the driver's own."`
	Devices    []Device       `json:"devices" nullable:"false"`
	Options    map[string]any `json:"options" doc:"The driver's own."`
}

// Device is one unit behind a link.
type Device struct {
	Name    string         `json:"name"`
	Title   string         `json:"title"`
	Unit    int            `json:"unit"`
	Address string         `json:"address" doc:"Where a unit cannot say it; empty otherwise."`
	Model   string         `json:"model"`
	Driver  string         `json:"driver" doc:"Empty: the channel's."`
	Options map[string]any `json:"options" nullable:"false" doc:"Of its own driver."`
	Poll    string         `json:"poll" doc:"Duration, such as 10s; 0s: the channel's."`
	Tags    []Tag          `json:"tags" nullable:"false" doc:"Its own, besides its model's."`
}

// Model is a list of tags that many devices share.
type Model struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Tags  []Tag  `json:"tags" nullable:"false"`
}

// Tag is one value of a device, as configured: every key that the project file has for it. Every member is always
// there; what was not configured has its default.
type Tag struct {
	Name     string      `json:"name"`
	Title    string      `json:"title"`
	Address  string      `json:"address" doc:"As the driver has it."`
	Type     string      `json:"type" doc:"Empty: the driver's own, uint16 or float64."`
	Order    string      `json:"order" enum:"ABCD,BADC,CDAB,DCBA" doc:"Bytes of a number, A the most significant."`
	Length   int         `json:"length" doc:"Bytes of a string, of bytes or of bcd; 0: the type's own."`
	Scale    float64     `json:"scale" doc:"value = raw * scale + offset."`
	Offset   float64     `json:"offset"`
	Clamp    *[2]float64 `json:"clamp" doc:"Lowest and highest value; null: none."`
	Decimals *int        `json:"decimals" doc:"Digits after the point; null: as they come."`
	Unit     string      `json:"unit"`
	Poll     string      `json:"poll" doc:"Duration, such as 10s; 0s: the device's."`
	Deadband float64     `json:"deadband" doc:"A smaller move is no change."`
	Expr     string      `json:"expr" doc:"Computes the value from value; empty: scale and offset do."`
	Writable bool        `json:"writable"`
	Readback bool        `json:"readback" doc:"A write is followed by a question for what the device has."`
	OnChange bool        `json:"on_change" doc:"Who follows values is told of changes alone."`
}

func channelView(c *project.Channel) Channel {
	return Channel{
		Name: c.Name, Title: c.Title, Connection: c.Connection, Driver: c.Driver, Poll: c.Poll.String(),
		Devices: views(c.Devices, deviceView), Options: optionsView(c.Options),
	}
}

// hide takes the secrets that options hold out of what is not shown to an admin.
func (c *Channel) hide(from doors.Role) {
	if from.May(doors.Admin) {
		return
	}
	c.Options = project.RedactedOptions(c.Options)
	for i := range c.Devices {
		c.Devices[i].Options = project.RedactedOptions(c.Devices[i].Options)
	}
}

// optionsView is options as an object, also when there are none.
func optionsView(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

func deviceView(d *project.Device) Device {
	return Device{
		Name: d.Name, Title: d.Title, Unit: d.Unit, Address: d.Address, Model: d.Model, Driver: d.Driver,
		Options: optionsView(d.Options), Poll: d.Poll.String(), Tags: views(d.Tags, tagView),
	}
}

func modelView(m *project.Model) Model {
	return Model{Name: m.Name, Title: m.Title, Tags: views(m.Tags, tagView)}
}

func tagView(t *project.Tag) Tag {
	return Tag{
		Name: t.Name, Title: t.Title, Address: t.Address, Type: t.Type,
		Order: cmp.Or(strings.ToUpper(t.Order), "ABCD"), Length: t.Length, Scale: cmp.Or(t.Scale, 1), Offset: t.Offset,
		Clamp: t.Clamp, Decimals: t.Decimals, Unit: t.Unit, Poll: t.Poll.String(), Deadband: t.Deadband, Expr: t.Expr,
		Writable: t.Writable, Readback: t.Readback, OnChange: t.OnChange,
	}
}
