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
func (e *env) local(request *http.Request) (answer *http.Response, err error) {
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
	defer func() { err = errors.Join(err, rep.Close()) }()
	return askHandler(rep.Handler())(request)
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
