package publish

import (
	"bytes"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"

	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

// The files beside the tables, relative to the lake's root.
const (
	// ViewsFile is a DuckDB script: the live set, and views over it.
	ViewsFile = "lake.sql"
	// DictionaryFile says what each table and column means.
	DictionaryFile = "DICTIONARY.md"
)

// SchemaFile is a Parquet file without rows that has all columns of a table: what
// a reader of no file yet, or of files older than a column, begins with.
func SchemaFile(table string) string { return "_schema/" + table + ".parquet" }

//go:embed lake.sql
var views embed.FS

// stagePrefix begins the names of staged files that are none of a log's.
const stagePrefix = "beside-"

// besides writes the files that differ, each whole or not at all.
func besides(d *lakelog.Dir) error {
	left, err := filepath.Glob(d.Abs("_staging/" + stagePrefix + "*"))
	if err != nil {
		return fmt.Errorf("looking for staged files: %w", err)
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a staged file: %w", err)
		}
	}
	script, err := views.ReadFile(ViewsFile)
	if err != nil {
		return fmt.Errorf("reading the script of views: %w", err)
	}
	files := map[string][]byte{
		ViewsFile:      bytes.ReplaceAll(script, []byte("/*VERDICT*/"), []byte(strings.TrimSpace(lake.VerdictSQL))),
		DictionaryFile: []byte(lake.Dictionary),
	}
	for table, of := range map[string]func() ([]byte, error){
		lake.TableVisits: empty[lake.VisitRow], lake.TableOrders: empty[lake.OrderRow], lake.TableRefunds: empty[lake.RefundRow],
		lake.TableCatalog: empty[lake.CatalogRow], lake.TableQuarantine: empty[lake.QuarantineRow],
	} {
		data, err := of()
		if err != nil {
			return fmt.Errorf("making the schema of %s: %w", table, err)
		}
		files[SchemaFile(table)] = data
	}
	for path, data := range files {
		if err := writeWhole(d, path, data); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
	}
	return nil
}

// empty is a Parquet file of a table's columns, without rows; always the same bytes.
func empty[T any]() ([]byte, error) {
	var out bytes.Buffer
	w := parquet.NewGenericWriter[T](&out, parquet.CreatedBy("footfall", "1", ""))
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// writeWhole puts a file in its place unless it is there with the same content.
func writeWhole(d *lakelog.Dir, path string, data []byte) error {
	found, err := os.ReadFile(d.Abs(path))
	if err == nil && bytes.Equal(found, data) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := d.Stage(stagePrefix + rand.Text())
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = d.SyncFile(f)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.Place(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
