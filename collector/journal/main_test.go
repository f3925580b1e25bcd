package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The test binary is also the process that tests kill, refuse and trace: the
// variable says which part it plays.
const childVariable = "FOOTFALL_JOURNAL_CHILD"

func runMain(m *testing.M) {
	part := os.Getenv(childVariable)
	if part == "" {
		// Each check of the model syncs a dozen times; -rapid.checks asks for more.
		if err := flag.Set("rapid.checks", "25"); err != nil {
			panic(err)
		}
		os.Exit(m.Run())
	}
	parts := map[string]func(string) error{"load": childLoad, "hold": childHold, "orders": childOrders, "calls": childCalls}
	if err := parts[part](os.Getenv("FOOTFALL_JOURNAL_DIR")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child prepares this binary to play a part; wrap is a program to run it under.
func child(t testing.TB, part, dir string, wrap ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append(wrap, self, "-test.run=^$")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), childVariable+"="+part, "FOOTFALL_JOURNAL_DIR="+dir)
	return cmd
}

func childConfig(dir string) Config {
	return Config{
		Dir: dir, Collector: 7, Log: "c7-visits", Shards: 2, SegmentBytes: 1 << 20, Spares: 1,
		SyncIntervalMS: 20, RollSeconds: 3600,
	}
}

func childJournal(config Config) (*Journal, error) {
	j, err := New(config, Deps{Clock: time.Now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err != nil {
		return nil, err
	}
	return j, j.Open()
}

// ack is what a child writes down, outside the journal, for a record that was
// acknowledged.
type ack struct {
	epoch, shard, sequence, value uint64
}

const ackBytes = 32

func (a ack) encode(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, a.epoch)
	b = binary.LittleEndian.AppendUint64(b, a.shard)
	b = binary.LittleEndian.AppendUint64(b, a.sequence)
	return binary.LittleEndian.AppendUint64(b, a.value)
}

func decodeAcks(b []byte) []ack {
	var acks []ack
	for ; len(b) >= ackBytes; b = b[ackBytes:] {
		acks = append(acks, ack{
			binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]),
			binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:]),
		})
	}
	return acks
}

// bodyOf makes a body of some 20 to 400 bytes that its first 8 bytes determine.
func bodyOf(b []byte, value uint64) []byte {
	b = binary.LittleEndian.AppendUint64(b[:0], value)
	for range 12 + value*2654435761%380 {
		b = append(b, byte(value+uint64(len(b))))
	}
	return b
}

func valueOf(body []byte) (uint64, bool) {
	if len(body) < 8 {
		return 0, false
	}
	value := binary.LittleEndian.Uint64(body)
	return value, bytes.Equal(body, bodyOf(nil, value))
}

// childLoad appends from 16 goroutines as fast as it can, and writes down each
// acknowledged record, until it is killed or, with FOOTFALL_JOURNAL_RECORDS,
// until each goroutine has appended as many.
func childLoad(dir string) error {
	config := childConfig(dir)
	config.test.unlocked = os.Getenv("FOOTFALL_JOURNAL_UNLOCKED") != ""
	records := 1 << 40
	if text := os.Getenv("FOOTFALL_JOURNAL_RECORDS"); text != "" {
		if _, err := fmt.Sscan(text, &records); err != nil {
			return err
		}
	}
	j, err := childJournal(config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	var group sync.WaitGroup
	for w := range 16 {
		group.Go(func() { childWrite(j, w, records) })
	}
	group.Wait()
	cancel()
	return <-done
}

func childWrite(j *Journal, writer, records int) {
	var body, acks []byte
	for i := 0; i < records; {
		value := uint64(writer)<<40 | uint64(i)
		body = bodyOf(body, value)
		p, err := j.Append(writer%2, KindVisit, 1, body)
		if errors.Is(err, ErrFull) {
			runtime.Gosched() // the next segment is being made
			continue
		}
		if err != nil {
			return
		}
		acks = ack{p.Epoch, uint64(p.Shard), p.Sequence, value}.encode(acks)
		i++
		if i%16 == 0 || i == records {
			if _, err := os.Stdout.Write(acks); err != nil {
				return
			}
			acks = acks[:0]
		}
	}
}

// childHold has the journal until its input ends.
func childHold(dir string) error {
	j, err := childJournal(childConfig(dir))
	if err != nil {
		return err
	}
	fmt.Println("open")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return j.Close()
}

// childOrders appends and syncs one record after the other, and writes down each
// only then; it ends at the first error.
func childOrders(dir string) error {
	config := childConfig(dir)
	config.Shards = 1
	j, err := childJournal(config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	var body []byte
	for i := range uint64(60) {
		body = bodyOf(body, i)
		p, err := j.Append(0, KindOrder, 1, body)
		if err == nil {
			err = j.Sync(ctx, p)
		}
		if err != nil {
			break
		}
		if _, err := os.Stdout.Write(ack{p.Epoch, 0, p.Sequence, i}.encode(nil)); err != nil {
			return err
		}
	}
	suspect := j.suspect.Load() != nil
	cancel()
	err = <-done
	fmt.Fprintln(os.Stderr, "suspect:", suspect)
	return err
}

// childCalls appends on one thread between two system calls that a tracer can
// recognise, over a roll.
func childCalls(dir string) error {
	runtime.LockOSThread()
	config := childConfig(dir)
	config.SegmentBytes = 128 << 10
	j, err := childJournal(config)
	if err != nil {
		return err
	}
	j.makeReady()
	body := make([]byte, 200)
	if _, err := os.Stdout.WriteString("appends begin\n"); err != nil {
		return err
	}
	for range 1000 { // 224 KiB: one roll
		if _, err := j.Append(0, KindVisit, 1, body); err != nil {
			return err
		}
	}
	if _, err := os.Stdout.WriteString("appends end\n"); err != nil {
		return err
	}
	return j.Close()
}
