package orders

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// exhausted is a listener without file descriptors for a while.
type exhausted struct {
	net.Listener
	left int
}

func (e *exhausted) Accept() (net.Conn, error) {
	if e.left--; e.left >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return e.Listener.Accept()
}

func TestLackOfFileDescriptorsEndsNoListener(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	failed := prometheus.NewCounter(prometheus.CounterOpts{Name: "failed_total", Help: "Failures."})
	p := newPatient(&exhausted{Listener: ln, left: 3}, failed)
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := p.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	registry := prometheus.NewRegistry()
	registry.MustRegister(failed)
	if families, err := registry.Gather(); err != nil || families[0].GetMetric()[0].GetCounter().GetValue() != 3 {
		t.Errorf("counted %v, %v", families, err)
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	}
	if _, err := p.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accepting after the end: %v", err)
	}
}
