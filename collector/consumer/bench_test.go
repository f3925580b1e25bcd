package consumer

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"footfall/collector/consumer/bots"
	"footfall/schemas/ids"
	"footfall/schemas/lake"
	"footfall/schemas/visit"
)

// benchVisits are records as a day of an installation has them: few events and
// codes with most of the visits, user agents and referrers that repeat.
func benchVisits(n int) []Record {
	random := rand.New(rand.NewPCG(1, 2))
	agents := make([]string, 2000)
	for i := range agents {
		agents[i] = fmt.Sprintf("Mozilla/5.0 (iPhone; CPU iPhone OS %d_%d like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/%d.%d Mobile/15E148 Safari/604.1", 10+i%9, i%7, 10+i%10, i)
	}
	codes := rand.NewZipf(random, 1.2, 8, 20_000)
	at := noon().UnixMilli()
	records := make([]Record, n)
	for i := range records {
		at += random.Int64N(2)
		code := codes.Uint64()
		v := visit.Visit{
			Organizer: ids.OrganizerID(1 + code%100), Event: ids.EventID(1 + code%1000), Code: ids.CodeID(1 + code),
			CodeState: visit.CodeResolved, CodeText: fmt.Appendf(nil, "code-%d", code),
			Revision:   ids.Revision{Incarnation: 77, Number: 12},
			VisitorKey: random.Uint64(), VisitorSource: visit.VisitorAddress,
			UserAgent: []byte(agents[random.IntN(len(agents))]),
			Referrer:  fmt.Appendf(nil, "https://www.example.com/page/%d", random.IntN(500)),
		}
		v.UTM[0] = []byte("newsletter")
		if i%5 == 0 {
			v.Sub[0] = fmt.Appendf(nil, "banner-%d", random.IntN(50))
		}
		records[i] = Record{Kind: KindVisit, Version: visit.Version, Sequence: uint64(i + 1), TimeMS: at, Segment: 1, Body: v.Append(nil)}
	}
	return records
}

// BenchmarkJournalToLake is a backlog on its way into committed files, decoding,
// classification, checks and commits included; fsync is left out.
func BenchmarkJournalToLake(b *testing.B) {
	const n = 10 * 32_768
	records := benchVisits(n)
	classifier, err := bots.New()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var cpu time.Duration
	for b.Loop() {
		b.StopTimer()
		bench := newBench(b)
		bench.journal.epoch(0xa, 1, testLog, 1)
		bench.journal.add(0xa, 0, records...)
		config := bench.config()
		config.spawn = func(func()) {} // merges are another figure
		c := bench.consumer(config)
		c.classify.bots = classifier
		before := cpuTime(b)
		b.StartTimer()
		bench.turn(c)
		b.StopTimer()
		cpu += cpuTime(b) - before
		var bytes int64
		for _, f := range bench.snapshot().Files {
			bytes += f.Bytes
		}
		b.ReportMetric(float64(bytes)/n, "B/row")
		b.StartTimer()
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(n)*float64(b.N)/cpu.Seconds(), "rows/cpu-s")
}

// cpuTime is what this process has used, which a busy machine does not change much.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkSmallCommit is the commit of a quiet second: one visit.
func BenchmarkSmallCommit(b *testing.B) {
	bench := newBench(b)
	bench.journal.epoch(0xa, 1, testLog, 1)
	config := bench.config()
	config.spawn = func(func()) {}
	c := bench.consumer(config)
	n := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		n++
		bench.journal.add(0xa, 0, visitRecord(n, noon().UnixMilli(), 1))
		bench.turn(c)
	}
}

// BenchmarkMerge joins ten files of 32,768 visits.
func BenchmarkMerge(b *testing.B) {
	const n = 10 * 32_768
	bench := newBench(b)
	bench.journal.epoch(0xa, 1, testLog, 1)
	bench.journal.add(0xa, 0, benchVisits(n)...)
	config := bench.config()
	config.spawn = func(func()) {}
	c := bench.consumer(config)
	bench.turn(c)
	inputs := c.log.Live(lake.TableVisits)
	name := lake.FileName{Table: lake.TableVisits, Date: "2026-11-22", Log: testLog, Commit: 99}
	b.ReportAllocs()
	for b.Loop() {
		name.Random++
		if _, err := c.classify.visits.merge(b0(), c.dir, inputs, name, c.config.lake.Step); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
