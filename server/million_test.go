package server

import (
	"fmt"
	"log/slog"
	"testing"

	"linkd/drivers"
	"linkd/drivers/raw"
	"linkd/project"
)

// BenchmarkApplyMillion gives a server a project of a million listed connections, and then one that differs in a title.
func BenchmarkApplyMillion(b *testing.B) {
	conns := make([]*project.ConnPt, 1_000_000)
	for i := range conns {
		conns[i] = &project.ConnPt{Name: fmt.Sprintf("c%d", i), Title: fmt.Sprintf("Station %d", i),
			SocketConnID: fmt.Sprintf("d%07d", i)}
	}
	of := func(conns []*project.ConnPt) *project.Project {
		p := &project.Provider{Name: "s1", Type: project.TCPServer, Connections: conns}
		p.Defaults()
		return &project.Project{Name: "p", Providers: []*project.Provider{p}}
	}
	renamed := append([]*project.ConnPt{{Name: "c0", Title: "new", SocketConnID: "d0000000"}}, conns[1:]...)
	for b.Loop() {
		s := New(Config{Log: slog.New(slog.DiscardHandler), Capacity: 1000, Drivers: drivers.Table{raw.Driver()}})
		if err := s.Apply(of(conns)); err != nil {
			b.Fatal(err)
		}
		first := b.Elapsed()
		if err := s.Apply(of(renamed)); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric((b.Elapsed() - first).Seconds(), "s/change")
		if err := s.Drain(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
