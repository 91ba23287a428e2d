package project

import (
	"net/netip"
	"strings"
	"testing"
)

// TestPlace: what is wrong with a list only beside what was there is told with the list's lines; what is wrong
// elsewhere stays as it is.
func TestPlace(t *testing.T) {
	ip := netip.MustParsePrefix("10.0.0.1/32")
	was := []*ConnPt{{Name: "old", SocketConnID: "1"}, {Name: "fix", RemoteIP: ip}, {Name: "kept", SocketConnID: "9"}}
	list := ConnList{Lines: []int{7, 5, 9, 12}, Conns: []*ConnPt{
		{Name: "new", SocketConnID: "1"}, {Name: "2x"}, {Name: "net", RemoteIP: ip}, {Name: "new", SocketConnID: "2"}}}
	p := &Provider{Name: "s1", Connections: append(was, list.Conns...)}
	faults := Errors{
		{Field: "providers.s1.connections.old.socket_conn_id", Msg: "of new"},
		{Field: "providers.s1.connections.4.name", Msg: "by index"},
		{Field: "providers.s1.connections.fix.remote_ip", Msg: "of net"},
		{Field: "providers.s1.connections.new.name", Msg: "the last of two"},
		{Field: "providers.s1.connections.kept.socket_conn_id", Msg: "of what was there"},
		{Field: "providers.s1.connections.none.title", Msg: "of none"},
		{Field: "providers.s1.connections.99.title", Msg: "beyond"},
		{Field: "providers.s2.connections.new.name", Msg: "of another provider"},
		{Msg: "of the whole"},
	}
	var got strings.Builder
	for _, f := range list.Place(faults, p) {
		got.WriteString(f.Field + " " + f.Error() + "\n")
	}
	want := `providers.s1.connections.kept.socket_conn_id of what was there
providers.s1.connections.none.title of none
providers.s1.connections.99.title beyond
providers.s2.connections.new.name of another provider
 of the whole
providers.s1.connections.4.name 5:1: by index
providers.s1.connections.new.socket_conn_id 7:1: of new
providers.s1.connections.net.remote_ip 9:1: of net
providers.s1.connections.new.name 12:1: the last of two
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}
