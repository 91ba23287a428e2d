package store

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"linkd/project"
)

// million is a project of n connections with titles of their own.
func million(n int) *project.Project {
	pr := &project.Provider{Name: "s1", Type: project.TCPServer, LocalPort: 30000}
	list := make([]project.ConnPt, n)
	for i := range list {
		list[i] = project.ConnPt{Name: fmt.Sprintf("c%07d", i), Title: fmt.Sprintf("Greenhouse %d", i),
			SocketConnID: fmt.Sprintf("id%07d", i)}
		pr.Connections = append(pr.Connections, &list[i])
	}
	return &project.Project{Name: "p", Providers: []*project.Provider{pr}}
}

// BenchmarkMillion measures the start with a million connections, and what they cost on disk and in memory.
func BenchmarkMillion(b *testing.B) {
	n := 1_000_000
	if testing.Short() {
		n = 10_000
	}
	dir := b.TempDir()
	p := million(n)
	if err := project.Validate(p, nil); err != nil {
		b.Fatal(err)
	}
	s := open(b, dir, quiet())
	commit(b, s, p)
	b.Run("first-commit", func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			s := open(b, b.TempDir(), quiet())
			b.StartTimer()
			commit(b, s, p)
		}
	})
	b.Run("one-more", func(b *testing.B) {
		for i := range b.N {
			next, pr := *p, *p.Providers[0]
			pr.Connections = append([]*project.ConnPt{{Name: "x", Title: fmt.Sprint(i), SocketConnID: "x"}}, pr.Connections...)
			next.Providers = []*project.Provider{&pr}
			commit(b, s, &next)
		}
	})
	closed(b, s)
	path := filepath.Join(dir, mainName)
	b.Run("check", func(b *testing.B) {
		for range b.N {
			if err := checkBook(path, mainKinds()); err != nil {
				b.Fatal(err)
			}
		}
		used := int64(0)
		if info, err := os.Stat(path); err == nil {
			used = info.Size()
		}
		b.ReportMetric(float64(used)/float64(n), "file-B/conn")
	})
	book, err := openBook(path, mainKinds())
	if err != nil {
		b.Fatal(err)
	}
	b.Run("bbolt-check", func(b *testing.B) {
		for range b.N {
			if err := book.inspect(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) { benchmarkDecode(b, book, n) })
	loaded := load(b, book)
	b.Run("validate", func(b *testing.B) {
		for range b.N {
			if err := project.Validate(loaded, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	if err := book.close(); err != nil {
		b.Fatal(err)
	}
	b.Run("open", func(b *testing.B) {
		for range b.N {
			s, err := Open(dir, quiet())
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			closed(b, s)
			b.StartTimer()
		}
	})
}

func load(b *testing.B, book *book) (p *project.Project) {
	err := book.read(func(v view) (err error) {
		p, err = loadProject(v)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func benchmarkDecode(b *testing.B, book *book, n int) {
	var held []*project.Project
	before := heap()
	for range b.N {
		held = append(held[:0], load(b, book))
	}
	b.StopTimer()
	b.ReportMetric(float64(heap()-before)/float64(n), "memory-B/conn")
	runtime.KeepAlive(held)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkSeen stores what was seen of ten thousand connections of a million, anywhere among them.
func BenchmarkSeen(b *testing.B) {
	n := 1_000_000
	if testing.Short() {
		n = 10_000
	}
	s := open(b, b.TempDir(), quiet())
	all := make([]Seen, n)
	for i := range all {
		all[i] = Seen{Provider: "s1", Connection: fmt.Sprintf("c%07d", i), Session: 1, Online: true, Since: time.Unix(1e9, 1),
			Addr: "100.64.1.2:50000"}
	}
	began := time.Now()
	if err := s.PutSeen(all); err != nil {
		b.Fatal(err)
	}
	b.Logf("all %d at once: %s", n, time.Since(began))
	some := make([]Seen, 0, n/100)
	for b.Loop() {
		some = some[:0]
		for i := range n / 100 {
			e := all[(i*7919)%n]
			e.Reconnects = uint64(b.N + i)
			some = append(some, e)
		}
		if err := s.PutSeen(some); err != nil {
			b.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(s.dir.path, seenName))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/float64(n), "file-B/conn")
}
