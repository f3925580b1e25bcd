package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"footfall/schemas/admin"
)

// mostSQL is what is read of a statement on standard input; the server takes less.
const mostSQL = 1 << 20

func newSQLCommand(e *env) *cobra.Command {
	var ask admin.SQL
	var out string
	c := &cobra.Command{
		Use:   "sql STATEMENT",
		Short: "Any SELECT over visits, orders, credits and the catalog of one organizer",
		Long: `Runs one SELECT of DuckDB's dialect over the views of docs/sql.md: visits, orders,
order_lines, refunds, credits, affiliates, codes, events and others, which hold
one organizer's rows at one as-of. - reads the statement from standard input.

Only a SELECT is run, it reads only those views, and its memory, time and disk
are limited. Times are UTC, money is in minor units of its currency.`,
		Example: `  footfall sql "SELECT event, count(*) AS visits FROM visits WHERE verdict = 'valid' GROUP BY event"
  footfall sql --organizer nordlicht --format parquet --out visits.parquet "FROM visits"
  footfall sql --organizer nordlicht - < monthly.sql`,
		Args: takes("STATEMENT"),
		RunE: func(c *cobra.Command, args []string) error {
			ask.Query = args[0]
			if args[0] == "-" {
				text, err := io.ReadAll(io.LimitReader(c.InOrStdin(), mostSQL))
				if err != nil {
					return fmt.Errorf("reading the statement: %w", err)
				}
				ask.Query = string(text)
			}
			return e.sql(c.Context(), ask, out)
		},
	}
	c.Flags().StringVar(&ask.Organizer, "organizer", "", "organizer's slug; needed where there are several")
	c.Flags().StringVar(&ask.AsOf, "as-of", "", "what was known at this instant, as a report prints it (default: the newest there is)")
	c.Flags().StringVar(&out, "out", "", "file to write, whole or not at all")
	addExportFormat(c, &ask.Format)
	c.Flags().BoolVar(&ask.BOM, "bom", false, "with --format csv: a byte order mark first, for spreadsheets that need it")
	c.Flags().BoolVar(&ask.Raw, "raw", false, "with --format csv: texts as they are, not safe from formulas")
	return c
}

func (e *env) sql(ctx context.Context, ask admin.SQL, out string) error {
	if err := e.checkOut(ask.Format, out); err != nil {
		return err
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return fmt.Errorf("writing the request: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://footfall/v1/sql", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("making the request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := e.roundTrip(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= http.StatusMultipleChoices {
		return readProblem(answer)
	}
	if err := e.copyCounted(answer.Body, ask.Format, out); err != nil {
		return err
	}
	return e.sayStanding(answer.Header)
}

// copyOut copies an answer of any length to standard output, or to a file that is
// there whole or not at all.
func (e *env) copyOut(from io.Reader, file string) (err error) {
	if file == "" {
		if _, err := io.Copy(e.Out, from); err != nil {
			return fmt.Errorf("copying the answer: %w", err)
		}
		return nil
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	pending, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644))
	if err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	defer func() {
		if clean := pending.Cleanup(); clean != nil && !errors.Is(clean, os.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("writing %s: %w", file, clean))
		}
	}()
	if _, err := io.Copy(pending, from); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	if err := pending.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}
