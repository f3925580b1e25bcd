package lake

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/duckdb/duckdb-go/v2"
)

// database is DuckDB in memory, locked down: it reads below the lake's root and
// nothing else, loads no extension, and its settings can't be changed again.
type database struct {
	db        *sql.DB
	connector *duckdb.Connector
	temp      string // its own: one that failed may still hold files when the next is opened
	catalogs  *catalogs
	warm      *warm
	kept      *kept
	users     int // readings; guarded by the lake's mutex
}

// tempDir is where DuckDB puts what doesn't fit in memory.
func tempDir(c Config) (string, error) {
	dir, err := filepath.Abs(filepath.Join(c.TempDir, "duckdb"))
	if err != nil {
		return "", fmt.Errorf("finding temp_dir: %w", err)
	}
	return dir, nil
}

// emptyTemp removes what a killed reporter left behind. One reporter runs at a time.
func emptyTemp(c Config) error {
	dir, err := tempDir(c)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("emptying %s: %w", dir, err)
	}
	return nil
}

func openDatabase(ctx context.Context, c Config, root string) (*database, error) {
	dir, err := tempDir(c)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making %s: %w", dir, err)
	}
	temp, err := os.MkdirTemp(dir, "database-")
	if err != nil {
		return nil, fmt.Errorf("making a directory in %s: %w", dir, err)
	}
	// The settings are the whole database's: the first connection sets and
	// locks them, later ones find them so.
	var once sync.Once
	boot := func(execer driver.ExecerContext) error {
		var err error
		once.Do(func() {
			for _, statement := range bootStatements(c, root, temp) {
				if _, err = execer.ExecContext(ctx, statement, nil); err != nil {
					err = fmt.Errorf("setting up DuckDB: %w", err)
					return
				}
			}
		})
		return err
	}
	connector, err := duckdb.NewConnector("", boot)
	if err != nil {
		return nil, fmt.Errorf("opening DuckDB: %w", err)
	}
	d := &database{db: sql.OpenDB(connector), connector: connector, temp: temp}
	// A connection's temporary views and tables belong to one reading: no
	// connection is used twice.
	d.db.SetMaxIdleConns(0)
	if err := d.db.PingContext(ctx); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func bootStatements(c Config, root, temp string) []string {
	return []string{
		"SET temp_directory = " + quote(temp),
		fmt.Sprintf("SET max_temp_directory_size = '%d MiB'", c.TempMiB),
		fmt.Sprintf("SET memory_limit = '%d MiB'", c.MemoryMiB),
		fmt.Sprintf("SET threads = %d", c.Threads),
		"SET TimeZone = 'UTC'",
		"SET preserve_insertion_order = false", // every statement orders what it gives
		"SET parquet_metadata_cache = true",    // files never change
		"SET autoinstall_known_extensions = false",
		"SET autoload_known_extensions = false",
		"SET allow_community_extensions = false",
		"SET allowed_directories = [" + quote(root) + "]",
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	}
}

func (d *database) close() error {
	err := errors.Join(d.db.Close(), d.connector.Close(), os.RemoveAll(d.temp))
	_ = os.Remove(filepath.Dir(d.temp)) // stays where another database still has its own in it
	return err
}

// quote gives a SQL string.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
