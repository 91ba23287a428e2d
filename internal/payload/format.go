package payload

import (
	"slices"

	"linkd/server"
)

// Format is how reports and events are written. Both append to dst and return the extended slice.
type Format struct {
	Name   string
	Report func(dst []byte, r *server.Report) []byte // nothing where the format has no place for what r says
	Event  func(dst []byte, e *server.Event) []byte
}

var formats = [...]Format{
	{"json", AppendJSON, AppendEvent},
	{"influx", AppendInflux, AppendInfluxEvent},
	{"protobuf", AppendProto, AppendProtoEvent},
}

// FormatOf returns the format of a name; false where there is none.
func FormatOf(name string) (Format, bool) {
	i := slices.IndexFunc(formats[:], func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, false
	}
	return formats[i], true
}

// FormatNames are the names of all formats, json first.
func FormatNames() (names []string) {
	for i := range formats {
		names = append(names, formats[i].Name)
	}
	return names
}
