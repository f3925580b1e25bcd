package lake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
)

// verifier checks that files are as they were committed: the size each time,
// the SHA-256 once for each path, size and time of last change.
type verifier struct {
	dir     *lakelog.Dir
	root    string // the lake's root, absolute and resolved
	metrics *metrics

	mu   sync.Mutex
	seen map[string]fileStamp // by path relative to the root
}

type fileStamp struct {
	bytes    int64
	modified time.Time
	sha256   string
}

// absolute is a file's place on disk.
func absolute(root, path string) string { return filepath.Join(root, filepath.FromSlash(path)) }

// verify checks files. The error is a *FileError where one is not as it was
// committed.
func (v *verifier) verify(ctx context.Context, files []lakelog.File) error {
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := v.one(f); err != nil {
			if _, bad := errors.AsType[*FileError](err); bad {
				v.metrics.refused.Inc()
			}
			return err
		}
	}
	return nil
}

func (v *verifier) one(f lakelog.File) error {
	v.mu.Lock()
	before, known := v.seen[f.Path]
	v.mu.Unlock()
	if !known {
		if _, err := lake.ParseFileName(f.Path); err != nil {
			return &FileError{Path: f.Path, Reason: "has no name that a lake file has"}
		}
	}
	info, err := os.Lstat(v.dir.Abs(f.Path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &FileError{Path: f.Path, Reason: "is missing"}
	case err != nil:
		return fmt.Errorf("looking at lake file %s: %w", f.Path, err)
	case !info.Mode().IsRegular():
		return &FileError{Path: f.Path, Reason: "is no regular file"}
	case info.Size() != f.Bytes:
		return &FileError{Path: f.Path, Reason: fmt.Sprintf("has %d bytes, committed were %d", info.Size(), f.Bytes)}
	}
	stamp := fileStamp{bytes: info.Size(), modified: info.ModTime(), sha256: f.SHA256}
	if known && before == stamp {
		return nil
	}
	err = v.dir.Verify(f)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &FileError{Path: f.Path, Reason: "is missing"}
	case errors.Is(err, lakelog.ErrMismatch):
		return &FileError{Path: f.Path, Reason: "has other content than was committed (SHA-256 differs)"}
	case err != nil:
		return fmt.Errorf("checking lake file %s: %w", f.Path, err)
	}
	v.metrics.verified.Add(float64(f.Bytes))
	v.mu.Lock()
	v.seen[f.Path] = stamp
	v.mu.Unlock()
	return nil
}

// forget drops what is known of files that are no longer live, so that the
// memory is bounded by the live set.
func (v *verifier) forget(live []lakelog.File) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.seen) <= 2*len(live)+1024 {
		return
	}
	keep := make(map[string]fileStamp, len(live))
	for _, f := range live {
		if stamp, ok := v.seen[f.Path]; ok {
			keep[f.Path] = stamp
		}
	}
	v.seen = keep
}
