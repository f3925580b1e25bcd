package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"footfall/internal/ops"
)

// addExportFormat gives a command whose answer may be long its --format.
func addExportFormat(c *cobra.Command, format *string) {
	*format = "table"
	c.Flags().Var(&choice{format, []string{"table", "csv", "json", "ndjson", "xlsx", "parquet"}}, "format", "table, csv, json, ndjson, xlsx or parquet")
}

// export copies an answer of any length to standard output, or to a file that is
// there whole or not at all, and gives its headers.
func (e *env) export(ctx context.Context, path, format, file string) (http.Header, error) {
	if err := e.checkOut(format, file); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://footfall"+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("making the request %s: %w", path, err)
	}
	answer, err := e.roundTrip(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= http.StatusMultipleChoices {
		return nil, readProblem(answer)
	}
	return answer.Header, e.copyCounted(answer.Body, format, file)
}

// copyCounted is copyOut with progress on a terminal.
func (e *env) copyCounted(from io.Reader, format, file string) error {
	count := &rowCount{from: from, now: e.Now, lines: format == "csv" || format == "ndjson", quotes: format == "csv"}
	if file != "" && ops.IsTerminal(e.Err) {
		count.to = e.Err
	}
	defer count.end()
	return e.copyOut(count, file)
}

// checkOut refuses to write to a terminal what is no text.
func (e *env) checkOut(format, file string) error {
	if file == "" && (format == "xlsx" || format == "parquet") && ops.IsTerminal(e.Out) {
		return usagef("--format %s is no text for a terminal: give --out FILE", format)
	}
	return nil
}

// rowCount counts what is read of an answer and shows it as one line on a
// terminal: rows, where a row is a line, and bytes.
type rowCount struct {
	from   io.Reader
	to     io.Writer // nil: no terminal, or nobody waits for a file
	now    func() time.Time
	lines  bool // the format has a row a line
	quotes bool // a line's end between quotes ends no row, and the first row is the header

	rows, bytes int64
	quoted      bool
	last        time.Time
}

// Read gives the next bytes and counts them.
func (c *rowCount) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	if c.to == nil {
		return n, err
	}
	c.count(b[:n])
	if c.now().Sub(c.last) >= progressPause {
		c.last = c.now()
		// A terminal that can't be written to keeps no export from its work.
		_, _ = fmt.Fprintf(c.to, "\r\x1b[K%s", c)
	}
	return n, err
}

func (c *rowCount) count(b []byte) {
	c.bytes += int64(len(b))
	if !c.lines {
		return
	}
	for _, char := range b {
		switch {
		case char == '"' && c.quotes:
			c.quoted = !c.quoted
		case char == '\n' && !c.quoted:
			c.rows++
		}
	}
}

// String is what there is so far.
func (c *rowCount) String() string {
	const megabyte = 1e6
	size := fmt.Sprintf("%.1f MB", float64(c.bytes)/megabyte)
	if !c.lines {
		return size
	}
	rows := c.rows
	if c.quotes {
		rows = max(0, rows-1)
	}
	return fmt.Sprintf("%d rows, %s", rows, size)
}

// end takes the line away.
func (c *rowCount) end() {
	if c.to != nil {
		_, _ = fmt.Fprint(c.to, "\r\x1b[K")
	}
}
