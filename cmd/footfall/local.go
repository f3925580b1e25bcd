package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/reporter"
)

// local answers a request in this process, for as long as it takes: no server
// runs on this data. The catalog's lock keeps a server from starting meanwhile.
func (e *env) local(request *http.Request) (*http.Response, error) {
	s, err := e.settings()
	if err != nil {
		return nil, err
	}
	// What a server would log about a refusal, the command says itself.
	rep, err := reporter.New(s.reporterConfig(), reporter.Deps{
		Clock: e.Now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		return nil, usageError{err}
	}
	if err := rep.Open(request.Context()); err != nil {
		return nil, err
	}
	return streamHandler(rep.Handler(), rep.Close)(request)
}

// streamHandler asks a handler in this process, whose answer is read while it is
// made; end is called after it, before the answer's last byte is read.
func streamHandler(h http.Handler, end func() error) exchange {
	return func(request *http.Request) (*http.Response, error) {
		from, to := io.Pipe()
		w := &streamed{header: http.Header{}, status: http.StatusOK, began: make(chan struct{}), to: to}
		done := make(chan struct{})
		go func() {
			defer close(done)
			err := serve(h, w, request)
			err = errors.Join(err, end())
			w.failed = err
			w.begin()
			_ = to.CloseWithError(err) // it never fails; nil is the end of the answer
		}()
		<-w.began
		if !w.answered && w.failed != nil {
			return nil, w.failed
		}
		return &http.Response{
			StatusCode: w.status, Status: http.StatusText(w.status), Header: w.header, Body: &streamedBody{PipeReader: from, done: done}, Request: request,
		}, nil
	}
}

// serve gives the error of an answer that was cut.
func serve(h http.Handler, w http.ResponseWriter, request *http.Request) (err error) {
	defer func() {
		if cut := recover(); cut == http.ErrAbortHandler { //nolint:errorlint // a panic's value, as net/http has it
			err = errCut
		} else if cut != nil {
			panic(cut)
		}
	}()
	h.ServeHTTP(w, request)
	return nil
}

// streamed passes an answer on.
type streamed struct {
	header   http.Header
	status   int
	began    chan struct{}
	answered bool  // the handler has answered; known once began is closed
	failed   error // known once began is closed, where it hasn't
	to       io.Writer
	closed   bool
}

func (w *streamed) Header() http.Header { return w.header }

func (w *streamed) WriteHeader(status int) {
	if !w.closed {
		w.status = status
		w.answered = true
		w.begin()
	}
}

func (w *streamed) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.to.Write(p)
}

func (w *streamed) begin() {
	if !w.closed {
		w.closed = true
		close(w.began)
	}
}

// streamedBody ends the handler when it is closed.
type streamedBody struct {
	*io.PipeReader
	done chan struct{}
}

// Close waits until the handler has ended and given back what it took.
func (b *streamedBody) Close() error {
	err := b.PipeReader.Close()
	<-b.done
	return err
}

// askHandler asks a handler in this process.
func askHandler(h http.Handler) exchange {
	return func(request *http.Request) (answer *http.Response, err error) {
		w := &recorder{header: http.Header{}, status: http.StatusOK}
		defer func() {
			if cut := recover(); cut == http.ErrAbortHandler { //nolint:errorlint // a panic's value, as net/http has it
				answer, err = nil, errCut
			} else if cut != nil {
				panic(cut)
			}
		}()
		h.ServeHTTP(w, request)
		return &http.Response{
			StatusCode: w.status, Status: http.StatusText(w.status), Header: w.header, Body: io.NopCloser(&w.body), Request: request,
		}, nil
	}
}

// errCut is an answer that failed underway.
var errCut = errors.New("the answer failed before its end: ask again, or see the server's log")

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(status int)      { w.status = status }
func (w *recorder) Write(p []byte) (int, error) { return w.body.Write(p) }
