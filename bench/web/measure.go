package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// measured are milliseconds, sorted.
type measured []float64

// at is a percentile, by the nearest rank.
func (m measured) at(share float64) float64 {
	return m[min(len(m)-1, int(share*float64(len(m))))]
}

func milliseconds(since time.Time) float64 {
	return float64(time.Since(since).Microseconds()) / 1000
}

// pages asks for a page, by each of some readers some times, after twice to warm up.
func (p *product) pages(ctx context.Context, path string, readers, runs int) (measured, error) {
	for range 2 {
		if _, err := p.timed(ctx, path); err != nil {
			return nil, err
		}
	}
	var wg sync.WaitGroup
	lists, errs := make([]measured, readers), make([]error, readers)
	for i := range readers {
		wg.Go(func() {
			for range runs {
				ms, err := p.timed(ctx, path)
				if err != nil {
					errs[i] = err
					return
				}
				lists[i] = append(lists[i], ms)
			}
		})
	}
	wg.Wait()
	all := slices.Concat(lists...)
	slices.Sort(all)
	return all, errors.Join(errs...)
}

// timed asks for a page and gives the milliseconds to its last byte.
func (p *product) timed(ctx context.Context, path string) (float64, error) {
	started := time.Now()
	status, body, err := p.get(ctx, path)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("asking for %s: %w: %d %.300s", path, errNone, status, body)
	}
	return milliseconds(started), err
}

// mark is in the links of the clicks that are waited for, and in no other.
const mark = "bench"

// moves opens the stream of a page, sends clicks one after the other, and gives for
// each how long it took until the page was told of one visit more.
func (p *product) moves(ctx context.Context, clicks int) (measured, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.web+"/o/"+organizer+"/live?range=today&where=sub1%3D"+mark, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	w, err := p.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("opening the stream: %w", err)
	}
	defer func() { _ = w.Body.Close() }() // it has no end
	if w.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("opening the stream: %w: %s", errNone, w.Status)
	}
	const longest = 16 << 20
	lines := bufio.NewScanner(w.Body)
	lines.Buffer(nil, longest)
	var all measured
	if err := told(lines, 0); err != nil {
		return nil, err
	}
	for i := range clicks {
		started := time.Now()
		if err := p.click(ctx, i); err != nil {
			return nil, err
		}
		if err := told(lines, i+1); err != nil {
			return nil, err
		}
		all = append(all, milliseconds(started))
	}
	slices.Sort(all)
	return all, nil
}

// told reads a stream until its page shows so many visits.
func told(lines *bufio.Scanner, visits int) error {
	for lines.Scan() {
		text, isNews := strings.CutPrefix(lines.Text(), "data: ")
		if !isNews {
			continue
		}
		var news struct {
			Strip map[string][]string `json:"strip"`
		}
		if err := json.Unmarshal([]byte(text), &news); err != nil {
			return fmt.Errorf("reading the stream: %w", err)
		}
		if v := news.Strip["visits"]; len(v) > 0 && v[0] == strconv.Itoa(visits) {
			return nil
		}
	}
	return fmt.Errorf("waiting for visit %d: %w", visits, errors.Join(errNone, lines.Err()))
}

// click follows a link as a new visitor's browser does.
func (p *product) click(ctx context.Context, i int) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.clicks+"/e/"+event+"/?affiliate="+code+"&sub1="+mark, http.NoBody)
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	r.Header.Set("User-Agent", fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%d.0", 100+i, 100+i))
	client := &http.Client{CheckRedirect: p.client.CheckRedirect}
	w, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("clicking: %w", err)
	}
	if err := w.Body.Close(); err != nil {
		return fmt.Errorf("clicking: %w", err)
	}
	if w.StatusCode != http.StatusFound {
		return fmt.Errorf("clicking: %w: %s", errNone, w.Status)
	}
	return nil
}
