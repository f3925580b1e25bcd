package api

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"slices"

	"footfall/schemas/admin"
)

// maxImportBytes is far above any catalog: a million rows of 100 bytes fit. It
// keeps a request from filling the disk.
const maxImportBytes = 256 << 20

// importsPath begins the routes that take files.
const importsPath = "/v1/imports/"

func (a *API) registerImports(rs *routes) {
	for _, kind := range []string{"affiliates", "codes"} {
		a.handle(rs, "POST "+importsPath+kind, http.StatusOK, func(r *http.Request) (any, error) { return a.importFile(r, kind) })
	}
}

// importFile takes the whole file before the catalog's writers wait for it: whoever
// sends it may be slow.
func (a *API) importFile(r *http.Request, kind string) (_ any, err error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "text/csv" {
		return nil, &problemError{status: http.StatusUnsupportedMediaType, detail: "send the file as Content-Type: text/csv"}
	}
	dryRun := r.URL.Query().Get("dry_run")
	if !slices.Contains([]string{"", "0", "1", "false", "true"}, dryRun) {
		return nil, admin.Refuse(admin.Question, "/dry_run", "dry_run is %q: want 1 or 0", dryRun)
	}
	file, err := a.spool(r.Body)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	result, err := a.deps.Catalog.Import(r.Context(), actor(r), kind, r.URL.Query().Get("organizer"), dryRun == "1" || dryRun == "true", file)
	if err != nil {
		return nil, err
	}
	if len(result.Faults) > 0 {
		first := result.Faults[0]
		return nil, &problemError{
			status: http.StatusUnprocessableEntity, faults: result.Faults,
			detail: fmt.Sprintf("nothing was imported: %d faults, the first in line %d, column %d: %s", len(result.Faults), first.Line, first.Column, first.Detail),
		}
	}
	return result, nil
}

// spool keeps a body in a file that has no name and goes with its last reader.
func (a *API) spool(body io.Reader) (file *os.File, err error) {
	if err := os.MkdirAll(a.config.TempDir, 0o750); err != nil {
		return nil, fmt.Errorf("making a place for the file: %w", err)
	}
	file, err = os.CreateTemp(a.config.TempDir, "import-*.csv")
	if err != nil {
		return nil, fmt.Errorf("keeping the file: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	if err := os.Remove(file.Name()); err != nil {
		return nil, fmt.Errorf("keeping the file: %w", err)
	}
	n, err := io.Copy(file, io.LimitReader(body, maxImportBytes+1))
	if _, ours := errors.AsType[*fs.PathError](err); ours {
		return nil, fmt.Errorf("keeping the file: %w", err)
	}
	if err != nil {
		return nil, &problemError{status: http.StatusBadRequest, detail: "the file did not come to its end: " + err.Error()}
	}
	if n > maxImportBytes {
		return nil, &problemError{status: http.StatusRequestEntityTooLarge, detail: fmt.Sprintf("the file is longer than %d bytes: import it in parts", int64(maxImportBytes))}
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("reading the file again: %w", err)
	}
	return file, nil
}
