package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"footfall/internal/ops"
	"footfall/reporter"
	"footfall/schemas/admin"
)

// exchange gives the reporter's answer to a request.
type exchange func(*http.Request) (*http.Response, error)

// call sends in as JSON and reads the answer into out; both may be nil. A
// refusal comes back as the *problem that the server sent.
func (ask exchange) call(ctx context.Context, method, path string, in, out any) error {
	if in == nil {
		return ask.send(ctx, method, path, "", http.NoBody, out)
	}
	text, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("writing the request %s %s: %w", method, path, err)
	}
	return ask.send(ctx, method, path, "application/json", bytes.NewReader(text), out)
}

// send is call with a body of any kind.
func (ask exchange) send(ctx context.Context, method, path, kind string, body io.Reader, out any) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://footfall"+path, body)
	if err != nil {
		return fmt.Errorf("making the request %s %s: %w", method, path, err)
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	answer, err := ask(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= http.StatusMultipleChoices {
		return readProblem(answer)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(answer.Body).Decode(out); err != nil {
		return fmt.Errorf("reading the answer to %s %s: %w", method, path, err)
	}
	return nil
}

// call asks the running server where there is one, else this process for as
// long as it takes.
func (e *env) call(ctx context.Context, method, path string, in, out any) error {
	return exchange(e.roundTrip).call(ctx, method, path, in, out)
}

// listAll asks for every page of a list.
func listAll[T any](ctx context.Context, ask asker, path string) (all []T, err error) {
	at, err := url.Parse(path)
	if err != nil {
		return nil, fmt.Errorf("making the request %s: %w", path, err)
	}
	for {
		var page admin.Page[T]
		if err := ask(ctx, http.MethodGet, at.String(), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all, nil
		}
		query := at.Query()
		query.Set("after", page.Next)
		at.RawQuery = query.Encode()
	}
}

// serverRuns says whether a server answers on this data.
func (e *env) serverRuns(ctx context.Context) bool {
	ctx, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	conn, err := ops.DialSocket(ctx, reporter.SocketPath(e.Data))
	if err != nil {
		return false
	}
	_ = conn.Close() // only its opening mattered
	return true
}

// roundTrip asks the running server, or opens the data in this process.
func (e *env) roundTrip(request *http.Request) (*http.Response, error) {
	socket := reporter.SocketPath(e.Data)
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return ops.DialSocket(ctx, socket)
		},
	}
	answer, err := transport.RoundTrip(request)
	if err == nil {
		return answer, nil
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("asking the running footfall on %s: %w", socket, err)
	}
	return e.local(request)
}

// problem is the server's refusal, problem+json (RFC 9457).
type problem struct {
	Status  int    `json:"status"`
	Title   string `json:"title"`
	Detail  string `json:"detail"`
	Pointer string `json:"pointer"`
	// Faults are those of a file that was refused.
	Faults []admin.ImportFault `json:"faults"`
}

// Error gives the sentence for a person; the pointer names the field only
// where the sentence doesn't.
func (p *problem) Error() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	if field := strings.TrimPrefix(p.Pointer, "/"); field != "" && !strings.Contains(text, field) && !strings.Contains(text, strings.ReplaceAll(field, "_", "-")) {
		return field + ": " + text
	}
	return text
}

// readProblem turns an answer of 300 and above, as nothing is elsewhere, into an error: what the asker
// got wrong is a usage error.
func readProblem(answer *http.Response) error {
	const most = 1 << 20 // a refusal is a few lines; the limit is against a wrong peer
	text, err := io.ReadAll(io.LimitReader(answer.Body, most))
	if err != nil {
		return fmt.Errorf("reading a refusal: %w", err)
	}
	p := &problem{Status: answer.StatusCode}
	if json.Unmarshal(text, p) != nil || p.Title == "" && p.Detail == "" {
		p.Detail = fmt.Sprintf("the server answered %s: %s", answer.Status, bytes.TrimSpace(text))
	}
	if answer.StatusCode == http.StatusBadRequest || answer.StatusCode == http.StatusUnprocessableEntity {
		return usageError{p}
	}
	return p
}
