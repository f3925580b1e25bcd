package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"footfall/schemas/admin"
	"footfall/schemas/imports"
)

// importing is one import: a change that stands as a whole, with one revision
// and one entry of the audit log, or not at all.
type importing struct {
	*change
	organizer admin.Organizer
	reader    *imports.Reader
	result    admin.ImportResult
	faults    imports.Faults
	prepared  map[string]*sql.Stmt
	minted    map[string]*idRange
	refs      bool                    // the table of references to affiliates is there
	owners    map[string]affiliateRow // by reference, some of them
}

// Kinds of what can be imported.
const (
	importAffiliates = "affiliates"
	importCodes      = "codes"
)

// Import imports the organizer's affiliates or codes from a CSV file, which is
// read within the change: it must not be one that is slow to come. Where a row
// can't be taken nothing is imported, and the result's faults say why; a dry run
// does all of it and takes it back.
func (c *Catalog) Import(ctx context.Context, actor, kind, organizer string, dryRun bool, file io.Reader) (admin.ImportResult, error) {
	im := &importing{
		result: admin.ImportResult{Kind: kind, DryRun: dryRun}, prepared: map[string]*sql.Stmt{}, minted: map[string]*idRange{},
		owners: map[string]affiliateRow{},
	}
	columns, take := imports.CodeColumns(), im.takeCode
	switch kind {
	case importCodes:
	case importAffiliates:
		columns, take = imports.AffiliateColumns(), im.takeAffiliate
	default:
		return im.result, admin.Refuse(admin.NotFound, "/kind", "there is nothing to import as %s: affiliates or codes", kind)
	}
	err := c.change(ctx, actor, func(ch *change) (err error) {
		im.change = ch
		if im.organizer, err = organizerBySlug(ctx, ch, organizer); err != nil {
			return err
		}
		return im.all(ctx, file, columns, take)
	})
	return im.result, err
}

// all takes the rows behind a savepoint, to which everything goes back where the
// import is not to stand.
func (im *importing) all(ctx context.Context, file io.Reader, columns []imports.Column, take func(context.Context, *imports.Row) error) (err error) {
	if err := im.exec(ctx, `SAVEPOINT import`); err != nil {
		return err
	}
	defer func() {
		for _, s := range im.prepared {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := im.exec(ctx, `CREATE TEMP TABLE import_rows (id INTEGER PRIMARY KEY, line INTEGER NOT NULL) STRICT`); err != nil {
		return err
	}
	if err := im.rows(ctx, file, columns, take); err != nil {
		return err
	}
	if len(im.faults.List) > 0 {
		r := admin.ImportResult{Kind: im.result.Kind, DryRun: im.result.DryRun, Rows: im.result.Rows, Refused: int64(len(im.faults.List))}
		for _, f := range im.faults.List {
			r.Faults = append(r.Faults, admin.ImportFault{Line: f.Line, Column: f.Column, Name: f.Name, Detail: f.Detail})
		}
		im.result = r
		return im.back(ctx)
	}
	if im.result.DryRun {
		return im.back(ctx)
	}
	return im.stand(ctx)
}

// back takes everything back.
func (im *importing) back(ctx context.Context) error {
	im.versioned, im.names, im.wake = false, renamed{}, false
	return im.exec(ctx, `ROLLBACK TO import; RELEASE import`)
}

// stand notes the import in the audit log.
func (im *importing) stand(ctx context.Context) error {
	for kind, ids := range im.minted {
		if err := im.exec(ctx, `UPDATE id_counters SET last = ? WHERE kind = ?`, ids.last, kind); err != nil {
			return err
		}
	}
	if err := im.exec(ctx, `DROP TABLE temp.import_rows; DROP TABLE IF EXISTS temp.import_refs`); err != nil {
		return err
	}
	if r := im.result; r.Added+r.Changed > 0 {
		err := im.audit(ctx, r.Kind+" import", "organizer "+im.organizer.Slug, nil, fields{"added": r.Added, "changed": r.Changed, "unchanged": r.Unchanged})
		if err != nil {
			return err
		}
	}
	return im.exec(ctx, `RELEASE import`)
}

// rows takes each row of the file, and goes on after one that is refused.
func (im *importing) rows(ctx context.Context, file io.Reader, columns []imports.Column, take func(context.Context, *imports.Row) error) (err error) {
	if im.reader, err = imports.NewReader(file, columns); err != nil {
		_, err = im.refused(err)
		return err
	}
	for {
		row, err := im.reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			im.result.Rows++
			err = take(ctx, row)
		}
		if err == nil {
			continue
		}
		if goOn, err := im.refused(err); err != nil || !goOn {
			return err
		}
	}
}

// refused keeps a fault of the file; other errors are given back.
func (im *importing) refused(err error) (goOn bool, failure error) {
	fault, ok := errors.AsType[*imports.Fault](err)
	if !ok {
		return false, fmt.Errorf("importing %s: %w", im.result.Kind, err)
	}
	return im.faults.Add(fault), nil
}

// fault makes a refusal of the catalog's one of the row.
func fault(row *imports.Row, column int, err error) error {
	if r, ok := admin.AsRefusal(err); ok {
		return row.Fault(column, "%s", r.Detail)
	}
	return err
}

// statement is prepared once: an import runs it for every row.
func (im *importing) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if s := im.prepared[query]; s != nil {
		return s, nil
	}
	s, err := im.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("preparing an import: %w", err)
	}
	im.prepared[query] = s
	return s, nil
}

// write runs a statement that is prepared once.
func (im *importing) write(ctx context.Context, query string, args ...any) error {
	s, err := im.statement(ctx, query) //nolint:sqlclosecheck // closed with the import
	if err != nil {
		return err
	}
	if _, err := s.ExecContext(ctx, args...); err != nil {
		return fmt.Errorf("writing an import: %w", err)
	}
	return nil
}

// read gives the rows of a statement that is prepared once.
func read[T any](ctx context.Context, im *importing, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	s, err := im.statement(ctx, query) //nolint:sqlclosecheck // closed with the import
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(ctx, args...)
	return collect(rows, err, scan)
}

// idRange is ids that are given out one by one and noted once.
type idRange struct{ last uint64 }

// next gives the next id of the kind.
func (im *importing) next(ctx context.Context, kind string) (uint32, error) {
	r := im.minted[kind]
	if r == nil {
		r = &idRange{}
		if err := im.QueryRowContext(ctx, `SELECT last FROM id_counters WHERE kind = ?`, kind).Scan(&r.last); err != nil {
			return 0, fmt.Errorf("minting an id of %s: %w", kind, err)
		}
		im.minted[kind] = r
	}
	if r.last++; r.last > maxID(kind) {
		return 0, fmt.Errorf("%w for a new %s: the last is %d", ErrIDsExhausted, kind, maxID(kind))
	}
	return uint32(r.last), nil
}

// first notes the line that an id was first in, and gives the earlier one, 0
// where there is none.
func (im *importing) first(ctx context.Context, id uint32, line int64) (int64, error) {
	was, err := read(ctx, im, scanLine,
		`SELECT line FROM temp.import_rows WHERE id = ?`, id)
	if err != nil {
		return 0, err
	}
	if len(was) > 0 {
		return was[0], nil
	}
	return 0, im.write(ctx, `INSERT INTO temp.import_rows (id, line) VALUES (?, ?)`, id, line)
}

func scanLine(r *sql.Rows) (line int64, err error) {
	err = r.Scan(&line)
	return line, err
}
