package tags

import (
	"time"

	"linkd/project"
)

// Type is a tag's type on the wire.
type Type uint8

// The types, as the project file names them in lower case.
const (
	TypeBool Type = iota
	TypeInt8
	TypeUint8
	TypeInt16
	TypeUint16
	TypeInt32
	TypeUint32
	TypeInt64
	TypeUint64
	TypeFloat32
	TypeFloat64
	TypeString
	TypeBytes
	TypeBCD
	TypeDate
	typeCount
)

var typeNames = [typeCount]string{"bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
	"float32", "float64", "string", "bytes", "bcd", "date"}

// typeSizes are bytes on the wire; 0: as the tag's length says.
var typeSizes = [typeCount]int{1, 1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 0, 0, 4, 6}

func (t Type) String() string { return typeNames[t] }

// Order is how the bytes of a number of two or more registers stand on the wire, A the most significant.
type Order uint8

// The orders: the first letter says whether words are swapped, the second whether bytes within words are.
const (
	ABCD Order = iota // big-endian
	BADC              // bytes swapped in each word
	CDAB              // words swapped
	DCBA              // little-endian
)

var orderNames = [...]string{"ABCD", "BADC", "CDAB", "DCBA"}

// Set is the tags of one channel, compiled: immutable, shared by all its links.
type Set struct {
	Devices []Device
	Tags    []Tag // those of Devices[0] first
}

// Device is one device of a channel.
type Device struct {
	Name, Title, Address string
	Unit                 int
	Poll                 time.Duration
	First, End           int // its tags
}

// Tag is one tag of a device, compiled. Its address is the driver's to understand.
type Tag struct {
	Name, Title, Unit, Address string
	Device                     int
	Type                       Type
	Order                      Order
	Size                       int           // bytes on the wire
	Poll                       time.Duration // how often: the tag's own, its device's or the channel's; 0: never
	Writable, Readback         bool
	OnChange                   bool
	Field                      string // where the project file has it, for errors
	conversion
}

// Bytes of a tag with a length: more than one Modbus answer holds is not one tag.
const maxSize = 240

// Join puts sets one after the other: devices and tags are numbered on.
func Join(sets []*Set) *Set {
	all := &Set{}
	for _, s := range sets {
		device, tag := len(all.Devices), len(all.Tags)
		for _, d := range s.Devices {
			d.First, d.End = d.First+tag, d.End+tag
			all.Devices = append(all.Devices, d)
		}
		for _, t := range s.Tags {
			t.Device += device
			all.Tags = append(all.Tags, t)
		}
	}
	return all
}

// Compile compiles the devices of a channel. The error joins one project.FieldError for each fault.
func Compile(ch *project.Channel, models []*project.Model) (*Set, error) {
	return compile(ch, models, false)
}

func compile(ch *project.Channel, models []*project.Model, text bool) (*Set, error) {
	c := compiler{set: &Set{}, channel: ch, text: text}
	for _, d := range ch.Devices {
		dev := Device{Name: d.Name, Title: d.Title, Address: d.Address, Unit: d.Unit, Poll: d.Poll,
			First: len(c.set.Tags)}
		if dev.Poll == 0 {
			dev.Poll = ch.Poll
		}
		c.device = dev
		for _, m := range models {
			if m.Name == d.Model {
				c.add(m.Tags, "devices."+d.Name+".model")
			}
		}
		c.add(d.Tags, "")
		dev.End = len(c.set.Tags)
		c.set.Devices = append(c.set.Devices, dev)
	}
	return c.set, c.err()
}
