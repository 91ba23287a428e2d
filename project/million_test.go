package project

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// million is a project with a million listed connections, and channels for all of them.
func million() *Project {
	p := &Project{Name: "p", Providers: []*Provider{{Name: "s", Type: TCPServer, LocalPort: 1}},
		Channels: []*Channel{{Name: "ch_{connection}", Connection: "s/*", Driver: "d"}}}
	list := make([]ConnPt, 1_000_000)
	for i := range list {
		list[i] = ConnPt{Name: fmt.Sprintf("c%d", i), Title: fmt.Sprintf("Pump %d", i), SocketConnID: fmt.Sprintf("%015d", i)}
		p.Providers[0].Connections = append(p.Providers[0].Connections, &list[i])
	}
	return p
}

// BenchmarkValidateMillion states the memory that a validation takes for a moment, beside what stays after it.
func BenchmarkValidateMillion(b *testing.B) {
	p := million()
	for name, channel := range map[string]string{"all": "s/*", "prefix": "s/c*", "none": ""} {
		p := *p
		p.Channels = []*Channel{{Name: "ch_{connection}", Connection: channel, Driver: "d"}}
		if channel == "" {
			p.Channels = nil
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := Validate(&p, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDiffMillion(b *testing.B) {
	old := million()
	list := old.Providers[0].Connections
	with := func(list []*ConnPt) *Project {
		pr := *old.Providers[0]
		pr.Connections = list
		return &Project{Name: "p", Providers: []*Provider{&pr}, Channels: old.Channels}
	}
	changed := slices.Clone(list)
	for i := 0; i < len(changed); i += 1000 {
		c := *changed[i]
		c.Title = "new"
		changed[i] = &c
	}
	scattered := slices.DeleteFunc(slices.Clone(list), func(c *ConnPt) bool { return strings.HasSuffix(c.Name, "555") })
	for name, next := range map[string]*Project{
		"same provider": {Name: "p", Providers: old.Providers, Channels: old.Channels},
		"same list":     with(list),
		"one added":     with(append(slices.Clone(list), &ConnPt{Name: "new"})),
		"one removed":   with(slices.Delete(slices.Clone(list), 500_000, 500_001)),
		"1000 changed":  with(changed),
		"1000 removed":  with(scattered),
		"other copies":  million(),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				runtime.KeepAlive(Diff(old, next))
			}
		})
	}
}
