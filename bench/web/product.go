package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience bounds the writing of the demo's past, and each wait after it.
const patience = 10 * time.Minute

// product is the started binary, with a signed-in client of its dashboard.
type product struct {
	binary, data string
	clicks, web  string // addresses
	cmd          *exec.Cmd
	complaint    bytes.Buffer  // what it wrote; to be read once it ended
	ended        chan struct{} // closed once it ended, with err
	err          error
	client       *http.Client
}

// start starts the demo on an empty folder, and waits until its past is written.
func start(ctx context.Context, o options, data string) (*product, error) {
	var addresses [6]string
	for i := range addresses {
		address, err := freeAddress(ctx)
		if err != nil {
			return nil, err
		}
		addresses[i] = address
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("making a cookie jar: %w", err)
	}
	p := &product{binary: o.binary, data: data, clicks: addresses[0], web: addresses[4], ended: make(chan struct{})}
	p.client = &http.Client{Jar: jar, Transport: &http.Transport{MaxIdleConnsPerHost: o.readers}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	p.cmd = exec.CommandContext(ctx, o.binary, "demo", "--data", data, "--shop-listen", addresses[5], "--seed", "1",
		"--days", strconv.Itoa(o.days), "--rate", strconv.FormatFloat(o.rate, 'g', -1, 64))
	p.cmd.Stdout, p.cmd.Stderr = &p.complaint, &p.complaint
	p.cmd.Env = append(os.Environ(), "FOOTFALL_COLLECTOR_EDGE_LISTEN="+addresses[0], "FOOTFALL_COLLECTOR_ORDERS_LISTEN="+addresses[1],
		"FOOTFALL_ADMIN_LISTEN="+addresses[2], "FOOTFALL_REPORTER_API_LISTEN="+addresses[3], "FOOTFALL_REPORTER_WEB_LISTEN="+addresses[4])
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", o.binary, err)
	}
	go func() {
		defer close(p.ended)
		if p.err = p.cmd.Wait(); p.err != nil {
			p.err = fmt.Errorf("%w: %s", p.err, p.complaint.String())
		}
	}()
	if err := p.ready(ctx); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// ready waits until the past is written and the dashboard answers.
func (p *product) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		_, missing := os.Stat(filepath.Join(p.data, "demo-unfinished"))
		status, _, err := p.get(ctx, "/sign-in")
		if err == nil && status == http.StatusOK && errors.Is(missing, os.ErrNotExist) {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("waiting for the product: it ended: %w", p.err)
		case <-ctx.Done():
			return fmt.Errorf("waiting for the product: %w", errors.Join(ctx.Err(), err))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (p *product) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping the product: %w", err)
	}
	<-p.ended
	return p.err
}

// signIn becomes the first person. The product prints a set-up link of its own once it
// has started, which takes the place of one that was asked for just before: so the
// second try is the last.
func (p *product) signIn(ctx context.Context) error {
	err := p.setUp(ctx)
	if errors.Is(err, errNone) {
		err = p.setUp(ctx)
	}
	return err
}

// setUp asks for the set-up link and uses it.
func (p *product) setUp(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, p.binary, "--data", p.data, "setup-link").Output()
	if err != nil {
		return fmt.Errorf("asking for the set-up link: %w", err)
	}
	at := strings.Index(string(out), "/setup/")
	if at < 0 {
		return fmt.Errorf("asking for the set-up link: %w in %s", errNone, out)
	}
	form := url.Values{"Name": {"Owner"}, "Email": {"owner@nordlicht.example"}, "Password": {"three unrelated words"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.web+strings.Fields(string(out)[at:])[0], strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("making a request: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w, err := p.client.Do(r)
	if err != nil {
		return fmt.Errorf("setting up: %w", err)
	}
	defer func() { _ = w.Body.Close() }() // what is left of it is of no use
	if w.StatusCode != http.StatusSeeOther {
		text, err := io.ReadAll(w.Body)
		return fmt.Errorf("setting up: %w: %s %.2000s", errors.Join(errNone, err), w.Status, text)
	}
	return nil
}

// errNone is returned where the product doesn't give what is measured.
var errNone = errors.New("there is none")

// get asks for a page, whole.
func (p *product) get(ctx context.Context, path string) (status int, body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.web+path, http.NoBody)
	if err != nil {
		return 0, nil, fmt.Errorf("making a request: %w", err)
	}
	w, err := p.client.Do(r)
	if err != nil {
		return 0, nil, fmt.Errorf("asking for %s: %w", path, err)
	}
	defer func() { _ = w.Body.Close() }() // it was read to its end
	if body, err = io.ReadAll(w.Body); err != nil {
		return 0, nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return w.StatusCode, body, nil
}

// freeAddress is one that nobody listens on, and that no connection is given: Linux
// takes those from 32768 on.
func freeAddress(ctx context.Context) (string, error) {
	const first, ports, tries = 10_000, 20_000, 100
	var config net.ListenConfig
	for range tries {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(first+rand.IntN(ports))) //nolint:gosec // any will do
		listener, err := config.Listen(ctx, "tcp", address)
		if err != nil {
			continue // taken
		}
		if err := listener.Close(); err != nil {
			return "", fmt.Errorf("finding a free port: %w", err)
		}
		return address, nil
	}
	return "", fmt.Errorf("finding a free port: %w", errNone)
}
