package ops

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Serve serves until ctx ends, then lets answers under way finish for at most
// drain. With a certificate it speaks TLS. what names the listener in errors.
func Serve(ctx context.Context, what string, server *http.Server, l net.Listener, cert, key string, drain time.Duration) error {
	done := make(chan error, 1)
	go func() {
		if cert != "" {
			done <- server.ServeTLS(l, cert, key)
			return
		}
		done <- server.Serve(l)
	}()
	select {
	case err := <-done:
		return fmt.Errorf("serving %s: %w", what, err)
	case <-ctx.Done():
	}
	// The drain must outlive ctx, which has ended.
	rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := server.Shutdown(rest); err != nil {
		return errors.Join(fmt.Errorf("draining %s: %w", what, err), server.Close())
	}
	return nil
}

// Patient is an answer whose connection gets new time whenever a piece of it moves.
type Patient struct {
	http.ResponseWriter

	Clock func() time.Time
	Stall time.Duration // how long a piece may stand still
}

// Write sends a piece.
func (p *Patient) Write(piece []byte) (int, error) {
	// A writer without deadlines is a test's or a command's own.
	err := http.NewResponseController(p.ResponseWriter).SetWriteDeadline(p.Clock().Add(p.Stall))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, fmt.Errorf("renewing the answer's time: %w", err)
	}
	return p.ResponseWriter.Write(piece)
}

// Unwrap is for http.ResponseController.
func (p *Patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }
