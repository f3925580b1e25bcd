package export

import "errors"

// ErrFormat is returned for a format that is none of those there are.
var ErrFormat = errors.New("format is not known: want table, csv, json, ndjson, xlsx or parquet")

// ErrColumns is returned, before anything is written, for columns that a format
// can't hold.
var ErrColumns = errors.New("columns do not fit the format")
