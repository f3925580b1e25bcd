package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"footfall/reporter/export"
	"footfall/reporter/lake"
	"footfall/schemas/lake/lakelog"
	"footfall/schemas/reports"
)

// child is one process: it does one thing and prints what it measured.
func child(ctx context.Context, o options) error {
	var r run
	var err error
	switch o.child {
	case "make":
		err = o.makeRows(ctx)
	case "copy":
		r, err = o.copyTo(ctx)
	default:
		r, err = o.export(ctx)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func (o options) root() string { return filepath.Join(o.dir, "lake") }

func (o options) file() string { return filepath.Join(o.root(), "rows.parquet") }

// statement gives the rows, as many as asked for.
func (o options) statement() string {
	text := fmt.Sprintf("SELECT * FROM read_parquet('%s') WHERE affiliate_id < %d", o.file(), o.rows)
	if o.order {
		text += " ORDER BY total_sales DESC, affiliate_id"
	}
	return text
}

// makeRows writes rows like those of a report by affiliate and day.
func (o options) makeRows(ctx context.Context) error {
	if err := errors.Join(os.MkdirAll(filepath.Join(o.dir, "temp"), 0o700), os.MkdirAll(o.root(), 0o700)); err != nil {
		return fmt.Errorf("making the folders: %w", err)
	}
	return o.duckdb(ctx, fmt.Sprintf(`COPY (
		SELECT range AS affiliate_id,
			'Affiliate Number ' || (range %% 50021) AS affiliate,
			CASE WHEN range %% 3 = 0 THEN NULL ELSE 'nick-' || (range %% 7919) END AS nickname,
			'CODE' || (range %% 99991) AS code,
			strftime(DATE '2026-01-01' + (range %% 365)::INTEGER, '%%Y-%%m-%%d') AS day,
			(hash(range) %% 10000)::BIGINT AS visits,
			(hash(range + 1) %% 9000)::BIGINT AS unique_visitors,
			(hash(range + 2) %% 1000000)::BIGINT AS conversion_rate,
			(hash(range + 3) %% 10000000)::BIGINT AS total_sales,
			['EUR', 'USD', 'JPY', 'KWD'][1 + (range %% 4)] AS currency
		FROM range(%d)) TO '%s' (FORMAT parquet)`, o.rows, o.file()))
}

// duckdb runs a statement with the settings of the reporter's reader.
func (o options) duckdb(ctx context.Context, statement string) (err error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return fmt.Errorf("opening DuckDB: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, text := range []string{
		fmt.Sprintf("SET temp_directory = '%s'", filepath.Join(o.dir, "temp", "duckdb")),
		fmt.Sprintf("SET memory_limit = '%d MiB'", o.memory),
		fmt.Sprintf("SET threads = %d", o.threads),
		"SET preserve_insertion_order = false",
		"SET TimeZone = 'UTC'",
		statement,
	} {
		if _, err := db.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("running DuckDB: %w", err)
		}
	}
	return nil
}

func (o options) copyTo(ctx context.Context) (run, error) {
	path := filepath.Join(o.dir, "copy.csv")
	return timed(path, func(*os.File) error {
		return o.duckdb(ctx, fmt.Sprintf("COPY (%s) TO '%s' (FORMAT csv, HEADER)", o.statement(), path))
	})
}

// noCatalog is one without an organizer: the rows are read as they are.
type noCatalog struct{}

func (noCatalog) Answered(context.Context, int64) error { return nil }

func (noCatalog) Revision(context.Context, int64) (lake.Revision, error) {
	return lake.Revision{Key: "0", Text: "0/0"}, nil
}

func (noCatalog) Dimensions(context.Context, int64) (*lake.Dimensions, error) {
	return &lake.Dimensions{}, nil
}

// columns are the rows' as a report has them.
func columns() []reports.Column {
	column := func(name string, kind reports.Kind) reports.Column {
		return reports.Column{Name: name, Title: name, Kind: kind}
	}
	return []reports.Column{
		column("affiliate_id", reports.KindID), column("affiliate", reports.KindText), column("nickname", reports.KindText),
		column("code", reports.KindText), column("day", reports.KindDay), column("visits", reports.KindCount),
		column("unique_visitors", reports.KindCount), column("conversion_rate", reports.KindRate),
		column("total_sales", reports.KindMoney), column("currency", reports.KindText),
	}
}

// export writes the rows in the child's format.
func (o options) export(ctx context.Context) (r run, err error) {
	dir, err := lakelog.OpenDir(o.root())
	if err != nil {
		return run{}, fmt.Errorf("opening the lake: %w", err)
	}
	config := lake.DefaultConfig()
	config.TempDir, config.Threads, config.MemoryMiB = filepath.Join(o.dir, "temp"), o.threads, o.memory
	const long = 3600
	config.QuerySeconds, config.TakerSeconds = long, long
	reader, err := lake.New(config, lake.Deps{
		Dir: dir, View: lakelog.NewView(dir), Catalog: noCatalog{}, Clock: time.Now,
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		return run{}, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	return timed(filepath.Join(o.dir, "out."+o.child), func(f *os.File) error {
		return reader.Read(ctx, 0, func(ctx context.Context, reading *reports.Reading) error {
			list, batches, err := reading.Query(ctx, reports.Statement{Text: o.statement(), Columns: columns(), Currency: "currency", Large: true})
			if err != nil {
				return err
			}
			return export.Write(ctx, f, o.child, export.Options{}, &reports.Table{
				Facts:   reports.Facts{By: "affiliate", Zone: "UTC", Basis: "order date"},
				Columns: list, Batches: batches, AllRows: int64(o.rows),
			})
		})
	})
}
