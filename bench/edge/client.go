package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
)

// load asks for links over kept connections as fast as they are answered, for a
// run, and prints a sample as JSON.
func load(ctx context.Context, o options) error {
	var all sample
	var mu sync.Mutex
	var group sync.WaitGroup
	var failed error
	began := time.Now()
	end := began.Add(time.Duration(o.Seconds * float64(time.Second)))
	for n := range o.Connections {
		group.Go(func() {
			s, err := click(ctx, o, uint64(n), end)
			mu.Lock()
			defer mu.Unlock()
			all.add(&s)
			if err != nil {
				failed = err
			}
		})
	}
	group.Wait()
	if failed != nil {
		return fmt.Errorf("asking %s: %w", o.address, failed)
	}
	all.Seconds = time.Since(began).Seconds()
	return json.NewEncoder(os.Stdout).Encode(all)
}

// click uses one connection until end.
func click(ctx context.Context, o options, seed uint64, end time.Time) (s sample, err error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", o.address)
	if err != nil {
		return s, fmt.Errorf("dialling: %w", err)
	}
	defer c.Close() //nolint:errcheck // the run is over
	requests := draw(o, seed)
	answer := make([]byte, 4096)
	for n := 0; ; n++ {
		began := time.Now()
		if began.After(end) {
			return s, nil
		}
		if _, err := c.Write(requests[n%len(requests)]); err != nil {
			return s, fmt.Errorf("writing: %w", err)
		}
		for got := 0; !bytes.HasSuffix(answer[:got], []byte("\r\n\r\n")); {
			more, err := c.Read(answer[got:])
			if err != nil {
				return s, fmt.Errorf("reading: %w", err)
			}
			got += more
		}
		if !bytes.HasPrefix(answer, []byte("HTTP/1.1 302 ")) {
			return s, fmt.Errorf("answered %.40q", answer)
		}
		s.take(time.Since(began))
	}
}

const (
	// drawn is how many different clicks a connection repeats.
	drawn = 256
	// skew is the exponent of Zipf's law: a little above 1, as popularity on the
	// web is. Of 200,000 codes the first has every eighth click, and the last
	// 190,000 together every seventh.
	skew = 1.1
)

// draw makes a connection's clicks: events and codes by Zipf's law, since few of
// them have most of the clicks.
func draw(o options, seed uint64) [][]byte {
	random := rand.New(rand.NewPCG(seed, 0))
	events := rand.NewZipf(random, skew, 1, uint64(o.Events-1))
	codes := rand.NewZipf(random, skew, 1, uint64(o.Codes-1))
	requests := make([][]byte, drawn)
	for i := range requests {
		requests[i] = request(slug(int(events.Uint64())), codeText(int(codes.Uint64())))
	}
	return requests
}

// request is a click as a browser sends it.
func request(event, code string) []byte {
	return []byte("GET /e/" + event + "/?affiliate=" + code + " HTTP/1.1\r\nHost: go.example\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: de-DE,de;q=0.9,en;q=0.8\r\n" +
		"Accept-Encoding: gzip, deflate, br\r\nReferer: https://blog.example/what-to-do-in-spring\r\n\r\n")
}

// sample is what a run of the client saw.
type sample struct {
	Requests int     `json:"requests"`
	Seconds  float64 `json:"seconds"`
	// Slots counts answers by latency, ten microseconds a slot; the last slot
	// holds the rest.
	Slots [slots]int `json:"slots"`
}

const (
	slots    = 10_000 // a tenth of a second
	slotTime = 10 * time.Microsecond
)

func (s *sample) take(latency time.Duration) {
	s.Requests++
	s.Slots[min(int(latency/slotTime), slots-1)]++
}

func (s *sample) add(other *sample) {
	s.Requests += other.Requests
	for i, n := range other.Slots {
		s.Slots[i] += n
	}
}

// p99 is the latency that 99 % of the answers were within, in milliseconds.
func (s *sample) p99() float64 {
	rest := s.Requests / 100
	for i := slots - 1; i >= 0; i-- {
		if rest -= s.Slots[i]; rest < 0 {
			return float64(i+1) * float64(slotTime) / float64(time.Millisecond)
		}
	}
	return 0
}
