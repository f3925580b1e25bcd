package web

import (
	"errors"
	"net/http"

	"footfall/schemas/admin"
)

// imported is the page of CSV imports.
type imported struct {
	Result *admin.ImportResult
}

func (w *Web) showImport(a *ask) error {
	return w.form(a, "import", "Import", newForm("Kind", "affiliates"), imported{})
}

// doImport reads a file; without the word to import it, it says what it would do.
func (w *Web) doImport(a *ask) error {
	a.Body = http.MaxBytesReader(a.rw, a.Body, maxFileBytes)
	if err := a.ParseMultipartForm(maxFileBytes); err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return &pageError{http.StatusRequestEntityTooLarge, "The file is larger than 8 MiB. Import it with the command footfall import, which takes any size."}
		}
		return &pageError{http.StatusBadRequest, "The form could not be read. Go back and send it again."}
	}
	defer func() { _ = a.MultipartForm.RemoveAll() }() // of memory, mostly
	f := form{Values: a.PostForm}
	kind := f.Get("Kind")
	if kind != "affiliates" && kind != "codes" {
		return errNotThere
	}
	file, _, err := a.FormFile("File")
	if err != nil {
		return w.again(a, "import", "Import", f, admin.Refuse(admin.Invalid, "", "choose a CSV file"), imported{})
	}
	defer func() { _ = file.Close() }() // only read
	result, err := w.deps.Catalog.Import(a.Context(), a.actor(), kind, a.organizer.Slug, f.Get("Import") == "", file)
	if err != nil {
		return w.again(a, "import", "Import", f, err, imported{})
	}
	return w.form(a, "import", "Import", f, imported{&result})
}
