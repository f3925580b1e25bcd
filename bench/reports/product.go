package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// patience bounds each wait for the product.
const patience = 30 * time.Second

// product is the started binary.
type product struct {
	cmd *exec.Cmd
	api *http.Client
}

// start starts the product and waits until its socket answers.
func start(ctx context.Context, wait time.Duration, binary, data string, args ...string) (*product, error) {
	p := &product{cmd: exec.CommandContext(ctx, binary, append(args, "--data", data)...)}
	p.cmd.Env = append(os.Environ(), "FOOTFALL_COLLECTOR_EDGE_LISTEN=127.0.0.1:0", "FOOTFALL_COLLECTOR_ORDERS_LISTEN=127.0.0.1:0",
		"FOOTFALL_ADMIN_LISTEN=127.0.0.1:0", "FOOTFALL_REPORTER_API_LISTEN=127.0.0.1:0")
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", binary, err)
	}
	socket := filepath.Join(data, "footfall.sock")
	p.api = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	return p, p.answers(ctx, wait)
}

// answers waits until a request is answered.
func (p *product) answers(ctx context.Context, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		_, err := p.ask(ctx, "/v1/organizers")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("waiting for the product: %w", err), p.stop())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (p *product) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping the product: %w", err)
	}
	return p.cmd.Wait()
}

// writeDemo writes the demo's past, and stops it once it serves.
func writeDemo(ctx context.Context, o options) error {
	const past = 10 * time.Minute
	p, err := start(ctx, past, o.binary, o.data, "demo", "--shop-listen", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("writing the demo's data: %w", err)
	}
	return p.stop()
}
