package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// patience bounds each wait for the product.
const patience = 30 * time.Second

// product is the started binary.
type product struct {
	cmd       *exec.Cmd
	api       *http.Client
	complaint bytes.Buffer  // what it wrote to its standard error; to be read once it ended
	ended     chan struct{} // closed once it ended, with err
	err       error
}

// start starts the product and waits until its socket answers.
func start(ctx context.Context, wait time.Duration, binary, data string, args ...string) (*product, error) {
	p := &product{cmd: exec.CommandContext(ctx, binary, append(args, "--data", data)...), ended: make(chan struct{})}
	p.cmd.Stderr = &p.complaint
	p.cmd.Env = append(os.Environ(), "FOOTFALL_COLLECTOR_EDGE_LISTEN=127.0.0.1:0", "FOOTFALL_COLLECTOR_ORDERS_LISTEN=127.0.0.1:0",
		"FOOTFALL_ADMIN_LISTEN=127.0.0.1:0", "FOOTFALL_REPORTER_API_LISTEN=127.0.0.1:0", "FOOTFALL_REPORTER_WEB_LISTEN=127.0.0.1:0")
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", binary, err)
	}
	go func() {
		defer close(p.ended)
		if p.err = p.cmd.Wait(); p.err != nil {
			p.err = fmt.Errorf("%w: %s", p.err, lastLine(p.complaint.String()))
		}
	}()
	socket := filepath.Join(data, "footfall.sock")
	p.api = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	return p, p.answers(ctx, wait, filepath.Join(data, "demo-unfinished"))
}

// answers waits until a request is answered, and the demo's past is written: while
// that is going on requests are answered too.
func (p *product) answers(ctx context.Context, wait time.Duration, unfinished string) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		_, err := p.ask(ctx, "/v1/organizers")
		if _, missing := os.Stat(unfinished); err == nil && errors.Is(missing, fs.ErrNotExist) {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("waiting for the product: it ended: %w", p.err)
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("waiting for the product: %w", err), p.stop())
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

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// writeDemo writes the demo's past, and stops it once it serves.
func writeDemo(ctx context.Context, o options) error {
	const past = 10 * time.Minute
	shop, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	p, err := start(ctx, past, o.binary, o.data, "demo", "--shop-listen", shop)
	if err != nil {
		return fmt.Errorf("writing the demo's data: %w", err)
	}
	return p.stop()
}

// freeAddress is one that nobody listens on. The shop's is in the links of the
// demo's events, so it can't be chosen as late as the others.
func freeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	if err := listener.Close(); err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	return listener.Addr().String(), nil
}
