package project

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestTextTable(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var list []string
	for range 5000 {
		list = append(list, fmt.Sprint(rng.IntN(3000)))
	}
	table := newTextTable(len(list), func(i int) string { return list[i] })
	first := make(map[string]int)
	for i, s := range list {
		want, known := first[s]
		if !known {
			first[s] = i
		}
		if got, taken := table.take([]byte(s), i); taken != known || taken && got != want {
			t.Fatalf("%s: item %d, %v; want %d, %v", s, got, taken, want, known)
		}
	}
	for i := range 3001 {
		want, known := first[fmt.Sprint(i)]
		if got, ok := table.find([]byte(fmt.Sprint(i))); ok != known || ok && got != want {
			t.Fatalf("%d: item %d, %v; want %d, %v", i, got, ok, want, known)
		}
	}
}

// TestStarting compares the ways of finding names by prefix: few globs look at each, many sort first.
func TestStarting(t *testing.T) {
	p := &Provider{Type: TCPServer}
	for _, name := range strings.Fields("b a1 a2 b a c10 a10 c a1 ab") { // two are there twice
		p.Connections = append(p.Connections, &ConnPt{Name: name})
	}
	people := newPopulation(p)
	for i, c := range p.Connections {
		if _, taken := people.names.take([]byte(c.Name), i); taken {
			people.doubtful = true
		}
	}
	for range 3 * fewGlobs {
		for prefix, want := range map[string]string{"": "[a a1 a10 a2 ab b c c10]", "a": "[a a1 a10 a2 ab]", "a1": "[a1 a10]",
			"c": "[c c10]", "d": "[]", "A": "[]"} {
			var got []string
			for i := range people.starting(prefix) {
				got = append(got, p.Connections[i].Name)
			}
			slices.Sort(got)
			if fmt.Sprint(got) != want || people.matches(prefix) != (want != "[]") {
				t.Fatalf("%q after %d globs: %v, want %s", prefix, people.asked, got, want)
			}
		}
	}
	if !people.has("a10") || people.has("a100") {
		t.Error("has")
	}
}

// TestManyChannelNames has more globs than are looked for one by one, and names that meet in each way.
func TestManyChannelNames(t *testing.T) {
	var conns, list strings.Builder
	for i := range 26 {
		fmt.Fprintf(&conns, "{name: c%c, socket_conn_id: x%d}, ", 'A'+i, i)
		fmt.Fprintf(&list, "- {name: \"n_{connection}\", connection: \"s/c%c*\", driver: d}\n", 'A'+i)
	}
	src := "project: p\n" + server(", connections: ["+conns.String()+
		"{name: n, socket_conn_id: y}, {name: D, socket_conn_id: z}]") + "channels:\n"
	mustParse(t, src+list.String())
	const both = "this channel and n_{connection} (line %d) both get the name %s; give each its own"
	for more, want := range map[string]string{
		"- {name: n_cB, connection: s/n, driver: d}\n":                fmt.Sprintf(both, 6, "n_cB"),
		"- {name: \"n_c{connection}\", connection: s/D, driver: d}\n": fmt.Sprintf(both, 8, "n_cD"),
	} {
		_, err := Parse("f", []byte(src+list.String()+more), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", more, err)
		}
	}
}
