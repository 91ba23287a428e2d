package bus

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"linkd/drivers/tags"
	"linkd/server"
)

// fleet is a report of each of 10,000 devices: ten tags of int16, scaled by 0.1.
func fleet() []server.Report {
	all := make([]server.Report, 10_000)
	values := make([]server.ReportValue, 10)
	for i := range values {
		values[i] = server.ReportValue{Tag: &tags.Tag{Name: fmt.Sprint("tag_", i)},
			Sample: tags.Sample{Value: tags.Float(float64(200+i) / 10), Quality: tags.Good}}
	}
	for i := range all {
		all[i] = server.Report{Provider: "s1", Connection: fmt.Appendf(nil, "f%d", i), ID: fmt.Appendf(nil, "c%07d", i),
			Channel: fmt.Appendf(nil, "ch_f%d", i), Device: "d1", Values: values}
	}
	return all
}

func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkReport is what a report costs the processor from Take to its acknowledgement: encoded, published, routed and
// stored in a file. cpu-us/op counts all threads.
func BenchmarkReport(b *testing.B) {
	for _, rate := range []int{0, 10_000} {
		name := "blast"
		if rate > 0 {
			name = fmt.Sprint(rate, "-per-s")
		}
		b.Run(name, func(b *testing.B) {
			bus, err := Start(context.Background(), Config{Project: "p", Dir: b.TempDir(), Reserve: 1,
				History: History{MaxBytes: 16 << 30}})
			if err != nil {
				b.Fatal(err)
			}
			all := fleet()
			report(bus, all, len(all), 0) // each subject is there
			start, began := processor(), time.Now()
			b.ResetTimer()
			report(bus, all, b.N, rate)
			b.StopTimer()
			b.ReportMetric(float64(processor()-start)/1e3/float64(b.N), "cpu-us/op")
			b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "reports/s")
			if k := sentOf(bus, KindTags); k.Dropped != 0 || k.Resent != 0 || k.Sent != uint64(b.N+len(all)) {
				b.Errorf("%+v", k)
			}
			if err := bus.Close(context.Background()); err != nil {
				b.Error(err)
			}
		})
	}
}

// report takes n reports in batches of 100 and returns when all are acknowledged. rate is reports a second; 0: as fast
// as they are acknowledged.
func report(bus *Bus, all []server.Report, n, rate int) {
	before := sentOf(bus, KindTags).Sent
	began := time.Now()
	for i := 0; i < n; {
		end := min(i+100, n)
		now := time.Now().UnixNano()
		at := i % len(all)
		batch := all[at:min(at+end-i, len(all))]
		for k := range batch {
			batch[k].Time = now
		}
		bus.Take(batch)
		i += len(batch)
		if rate > 0 {
			time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		}
		for rate == 0 && sentOf(bus, KindTags).Waiting > 8*chunkRecords {
			time.Sleep(100 * time.Microsecond)
		}
	}
	for sentOf(bus, KindTags).Sent < before+uint64(n) {
		time.Sleep(time.Millisecond)
	}
}

// BenchmarkScan is what looking for damage costs at each start.
func BenchmarkScan(b *testing.B) {
	dir := b.TempDir()
	bus, err := Start(context.Background(), Config{Project: "p", Dir: dir, Reserve: 1})
	if err != nil {
		b.Fatal(err)
	}
	report(bus, fleet(), 300_000, 0)
	b.SetBytes(int64(bytesOf(b, bus)))
	if err := bus.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if found, err := scan(bus.own.streams(), dir, time.Now()); len(found) > 0 || err != nil {
			b.Fatal(found, err)
		}
	}
}

func bytesOf(b *testing.B, bus *Bus) uint64 {
	b.Helper()
	s, err := bus.js.Stream(context.Background(), tagStream("p"))
	if err != nil {
		b.Fatal(err)
	}
	return s.CachedInfo().State.Bytes
}

// BenchmarkHistory is a query for a plot over 10,000 reports of a device among 1,000.
func BenchmarkHistory(b *testing.B) {
	bus, err := Start(context.Background(), Config{Project: "p", Dir: b.TempDir(), Reserve: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer bus.Close(context.Background())
	const n = 10_000
	others := fleet()[:1000]
	for i := range n {
		take(bus, "d1", i, i+1)
		if i%50 == 0 {
			report(bus, others, len(others), 0)
		}
	}
	eventuallySent(b, bus, n+n/50*1000)
	q := HistoryQuery{Channel: "ch", Device: "d1", Tag: "n", From: epoch, To: epoch.Add(n * time.Second)}
	for b.Loop() {
		if h, err := bus.History(context.Background(), q); err != nil || len(h) != defaultPoints {
			b.Fatal(len(h), err)
		}
	}
}

func eventuallySent(b *testing.B, bus *Bus, n int) {
	b.Helper()
	for end := time.Now().Add(within); sentOf(bus, KindTags).Sent < uint64(n); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			b.Fatalf("%+v", bus.Stats())
		}
	}
}
