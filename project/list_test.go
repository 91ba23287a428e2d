package project

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// listFormats are the two ways to write and read connections.
var listFormats = map[string]struct {
	write func(io.Writer, *Provider) error
	read  func(io.Reader, LinkKind) (ConnList, error)
}{
	"CSV":    {WriteConnectionsCSV, ReadConnectionsCSV},
	"NDJSON": {WriteConnectionsNDJSON, ReadConnectionsNDJSON},
}

func TestListsRoundTrip(t *testing.T) {
	odd := &Provider{Name: "s", Type: TCPServer, ConnIdentity: Common}
	for i := range 256 {
		b := string([]byte{byte(i)})
		for _, id := range []string{b, "a" + b + "z", b + b, "\"" + b} {
			odd.Connections = append(odd.Connections, &ConnPt{Name: "c", SocketConnID: id, Secret: id, Disabled: i%2 == 0})
		}
	}
	for _, text := range []string{"", "a,b", "a;b", `a"b`, `"`, " a ", "é", "hex:41", "hex:", "#", "=1+1",
		`\.`, "null", "0012", "true"} {
		odd.Connections = append(odd.Connections, &ConnPt{Name: "c", Title: text, SocketConnID: text})
	}
	greenhouse := mustParse(t, greenhouse).Providers
	for name, f := range listFormats {
		for _, p := range append([]*Provider{odd, {Type: TCPServer}}, greenhouse...) {
			var b bytes.Buffer
			if err := f.write(&b, p); err != nil {
				t.Fatal(err)
			}
			got, err := f.read(iotest.OneByteReader(bytes.NewReader(b.Bytes())), p.Type)
			if err != nil || len(got.Conns) != len(p.Connections) {
				t.Fatalf("%s of %s: %d connections, %v\n%s", name, p.Name, len(got.Conns), err, b.Bytes())
			}
			for i, c := range got.Conns {
				if *c != *p.Connections[i] {
					t.Errorf("%s of %s: got %+v, want %+v", name, p.Name, c, p.Connections[i])
				}
			}
		}
	}
}

func TestListTexts(t *testing.T) {
	p := mustParse(t, greenhouse)
	for i, want := range []string{
		"name,title,socket_conn_id,enabled\nc1,1# dev,c0001,true\nc2,2# dev,0002,false\n",
		"name,title,remote_ip,enabled\nboiler,,10.1.2.3,true\nothers,,fd00::/64,true\n",
		"name,title,host,port,enabled\npump,,pump.example.org,502,true\n",
	} {
		var b strings.Builder
		if err := WriteConnectionsCSV(&b, p.Providers[i]); err != nil || b.String() != want {
			t.Errorf("got %v\n%s", err, b.String())
		}
	}
	var b strings.Builder
	want := `{"name":"boiler","remote_ip":"10.1.2.3"}` + "\n" + `{"name":"others","remote_ip":"fd00::/64"}` + "\n"
	if err := WriteConnectionsNDJSON(&b, p.Providers[1]); err != nil || b.String() != want {
		t.Errorf("got %v\n%s", err, b.String())
	}
}

func TestReadsLists(t *testing.T) {
	want := []*ConnPt{{Name: "a", SocketConnID: "1", Title: "x; \"y\", z"},
		{Name: "b", SocketConnID: "\x00\xff", Disabled: true}}
	for name, text := range map[string]string{
		"commas": "name,socket_conn_id,title,enabled\na,1,\"x; \"\"y\"\", z\",true\nb,hex:00 FF,,false\n",
		"semicolons, a mark and CR LF": "\ufeffenabled;title; name ;socket_conn_id\r\nTRUE;\"x; \"\"y\"\", z\";a;1\r\n\r\n" +
			"FALSE;;b;hex:00ff",
		"tabs": "name\ttitle\tsocket_conn_id\tenabled\na\t\"x; \"\"y\"\", z\"\t1\t\nb\t\thex:00FF\tfalse\n",
	} {
		got, err := ReadConnectionsCSV(strings.NewReader(text), TCPServer)
		if err != nil || !reflect.DeepEqual(got.Conns, want) {
			t.Errorf("%s: %v, %+v", name, err, got)
		}
	}
	text := "\ufeff{\"name\":\"a\",\"socket_conn_id\":1,\"title\":\"x; \\\"y\\\", z\"}\r\n\r\n" +
		"  {\"enabled\": false, \"name\": \"b\", \"socket_conn_id\": \"hex:00FF\"}"
	got, err := ReadConnectionsNDJSON(strings.NewReader(text), TCPServer)
	if err != nil || !reflect.DeepEqual(got.Conns, want) {
		t.Errorf("NDJSON: %v, %+v", err, got)
	}
	for name, f := range listFormats {
		header := "name\n"
		if name == "NDJSON" {
			header = ""
		}
		if got, err := f.read(strings.NewReader(header), TCPServer); err != nil || len(got.Conns) != 0 {
			t.Errorf("%s without connections: %v, %v", name, got, err)
		}
	}
}

const serverColumns = "name, title, socket_conn_id, secret, remote_ip, enabled"

func TestRefusesCSV(t *testing.T) {
	for _, c := range []struct{ name, text, want, fields string }{
		{"empty", "", "1:1: the table is empty; write the names of the columns in its first line: " + serverColumns, "-"},
		{"columns", "id,name,name,host\na,b,c,d\n", `1:1: unknown column "id"; write some of ` + serverColumns + "\n" +
			"1:9: column name is there already; keep one of the two\n" +
			`1:14: unknown column "host"; write some of ` + serverColumns, "- - -"},
		{"no name", "title\nx\n", "1:1: there is no column name; each connection needs one", "-"},
		{"every line", "name,remote_ip,enabled\na,10.0.0.256,no\n\nb,10.0.0.1/8,true\nc\nd,\xff,true\n\"e\",f\",true\n",
			`2:3: remote_ip is 10.0.0.256; write an IP address or a CIDR such as 10.1.2.0/24` + "\n" +
				`2:14: enabled is "no"; write true or false` + "\n" +
				"4:3: remote_ip is 10.0.0.1/8, which has host bits set; write 10.0.0.0/8\n" +
				"5:1: 1 cells for 3 columns; write one for each, empty or not\n" +
				"6:3: remote_ip is not UTF-8; save the table as UTF-8, and write other bytes in hex after hex:\n" +
				`7:6: CSV: bare " in non-quoted-field; put text with quotes between quotes, each of its own doubled`,
			"connections.a.remote_ip connections.a.enabled connections.b.remote_ip - connections.d.remote_ip -"},
		{"open quote", "name,title\na,\"b\nc,d\n", `3:5: CSV: extraneous or missing " in quoted-field; ` +
			"put text with quotes between quotes, each of its own doubled", "-"},
		{"two lines in a cell", "name,title\na,\"b\nc\"\n",
			"2:3: title holds the control character U+000A; write plain text in one line", "connections.a.title"},
		{"long line", "name,title\na,b\nc," + strings.Repeat("d", MaxListLine) + "\ne,f\n",
			"3:1: the line is longer than 65536 bytes; write one connection a line, and close its quotes", "-"},
		{"endless cell", "name,title\na,\"" + strings.Repeat("d\n", MaxListLine*3),
			"2:1: the line is longer than 65536 bytes; write one connection a line, and close its quotes", "-"},
	} {
		got, err := ReadConnectionsCSV(strings.NewReader(c.text), TCPServer)
		if got.Conns != nil || err == nil || err.Error() != c.want || fieldsOf(err) != c.fields {
			t.Errorf("%s: got\n%v\nof %s\nwant\n%s", c.name, err, fieldsOf(err), c.want)
		}
	}
}

func TestRefusesNDJSON(t *testing.T) {
	for _, c := range []struct{ name, text, want, fields string }{
		{"every line", "{\"name\": \"a\", \"port\": 0}\n{\"name\"}\n\n[]\n{\"name\": \"b\", \"socket_conn_id\": \"x\"}\n",
			"1:23: port is 0; write a whole number from 1 to 65535\n" +
				"2:8: JSON: invalid character '}' after object key; check quotes, commas and brackets here\n" +
				"4:1: a connection is a list; write its keys as key: value\n" +
				`5:15: unknown key "socket_conn_id" in a connection; write one of name, title, host, port, enabled`,
			"connections.a.port - connections.1 connections.b.socket_conn_id"},
		{"long line", "{}\n{\"title\": \"" + strings.Repeat("d", MaxListLine) + "\"}\n",
			"2:1: the line is longer than 65536 bytes; write one connection a line", "-"},
	} {
		got, err := ReadConnectionsNDJSON(strings.NewReader(c.text), TCPClient)
		if got.Conns != nil || err == nil || err.Error() != c.want || fieldsOf(err) != c.fields {
			t.Errorf("%s: got\n%v\nof %s\nwant\n%s", c.name, err, fieldsOf(err), c.want)
		}
	}
}

// repeated yields a line again and again, without holding all of them.
type repeated struct {
	line string
	left int
	rest string
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.rest == "" {
		if r.left == 0 {
			return 0, io.EOF
		}
		r.left--
		r.rest = r.line
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// TestListsAreBounded has smaller bounds than MaxListLines and MaxListSize, which are in force unless told otherwise.
func TestListsAreBounded(t *testing.T) {
	if l := newListReader(TCPServer); l.most != 1_000_000 || l.size != 512<<20 {
		t.Errorf("%d lines, %d bytes", l.most, l.size)
	}
	for name, c := range map[string]struct {
		read             func(*listReader, io.Reader) (ConnList, error)
		head, line, want string
		count            int
	}{
		"CSV lines":    {(*listReader).csv, "name\n", "a\n", "1002:1: more than 1000 connections", 1001},
		"NDJSON lines": {(*listReader).ndjson, "", "{}\n", "1001:1: more than 1000 connections", 1001},
		"CSV bytes": {(*listReader).csv, "secret,name\n", strings.Repeat("a", 4095) + ",\n", "more than 2 MiB",
			MaxListSize},
		"NDJSON bytes": {(*listReader).ndjson, "", strings.Repeat(" ", 65000) + "\n", "33:1: more than 2 MiB", MaxListSize},
		"endless line": {(*listReader).ndjson, "", " ", "1:1: the line is longer than 65536 bytes", MaxListSize},
	} {
		l := newListReader(TCPServer)
		l.most, l.size = 1000, 2<<20
		got, err := c.read(l, io.MultiReader(strings.NewReader(c.head), &repeated{line: c.line, left: c.count}))
		if got.Conns != nil || err == nil || !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d, %.300v", name, len(got.Conns), err)
		}
	}
}

// TestListErrors: what the reader or writer says comes through.
func TestListErrors(t *testing.T) {
	broken := errors.New("broken")
	for name, f := range listFormats {
		for _, after := range []string{"", "name\n"} {
			_, err := f.read(io.MultiReader(strings.NewReader(after), iotest.ErrReader(broken)), TCPServer)
			if !errors.Is(err, broken) || errors.Is(err, ErrInvalid) {
				t.Errorf("%s after %q: %v", name, after, err)
			}
		}
		r, w := io.Pipe()
		if err := r.CloseWithError(broken); err != nil {
			t.Fatal(err)
		}
		p := &Provider{Connections: []*ConnPt{{Name: strings.Repeat("c", 10000)}}}
		if err := f.write(w, p); !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzReadConnections: what is read from a table or from lines is the same after it is written and read again.
func FuzzReadConnections(f *testing.F) {
	f.Add([]byte("name;socket_conn_id;enabled\na;\"1\";FALSE\n"))
	f.Add([]byte("{\"name\":\"a\",\"remote_ip\":\"::1\",\"secret\":\"hex:00\"}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for name, format := range listFormats {
			list, err := format.read(bytes.NewReader(text), "")
			if err != nil {
				continue
			}
			for again, format := range listFormats {
				var b bytes.Buffer
				if err := format.write(&b, &Provider{Connections: list.Conns}); err != nil {
					t.Fatal(err)
				}
				got, err := format.read(&b, "")
				if err != nil || !slices.EqualFunc(got.Conns, list.Conns, func(a, b *ConnPt) bool { return *a == *b }) {
					t.Fatalf("%s, then %s: %v\ngot  %+v\nwant %+v", name, again, err, got, list)
				}
			}
		}
	})
}

func BenchmarkReadConnections(b *testing.B) {
	p := &Provider{Type: TCPServer}
	for i := range 1_000_000 {
		p.Connections = append(p.Connections, &ConnPt{Name: fmt.Sprintf("c%d", i), Title: fmt.Sprintf("Pump %d", i),
			SocketConnID: fmt.Sprintf("%015d", i), RemoteIP: netip.Prefix{}})
	}
	for name, f := range listFormats {
		var text bytes.Buffer
		if err := f.write(&text, p); err != nil {
			b.Fatal(err)
		}
		b.Run(name+"/write", func(b *testing.B) {
			for b.Loop() {
				if err := f.write(io.Discard, p); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/read", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if list, err := f.read(bytes.NewReader(text.Bytes()), TCPServer); err != nil || len(list.Conns) != 1_000_000 {
					b.Fatal(len(list.Conns), err)
				}
			}
		})
	}
}
