package main

import (
	"errors"
	"net/http"

	"github.com/spf13/cobra"

	"footfall/schemas/admin"
	"footfall/schemas/imports"
)

// importCatalog has the reporter import affiliates or codes, in one change of the
// catalog.
func (e *env) importCatalog(c *cobra.Command, kind, name string, o importOptions) (err error) {
	file, err := e.openImport(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	body, err := file.pass("importing")
	if err != nil {
		return err
	}
	dryRun := ""
	if o.dryRun {
		dryRun = "true"
	}
	var result admin.ImportResult
	path := address([]string{"imports", kind}, "organizer", o.organizer, "dry_run", dryRun)
	err = exchange(e.roundTrip).send(c.Context(), http.MethodPost, path, "text/csv", body, &result)
	file.shows.end()
	if p, ok := errors.AsType[*problem](err); ok && len(p.Faults) > 0 {
		faults := imports.Faults{More: len(p.Faults) == imports.MaxFaults}
		for _, f := range p.Faults {
			faults.List = append(faults.List, &imports.Fault{Line: f.Line, Column: f.Column, Name: f.Name, Detail: f.Detail})
		}
		return e.refuseImport(o.format, admin.ImportResult{Kind: kind, DryRun: o.dryRun}, &faults)
	}
	if err != nil {
		return err
	}
	return e.showImport(o.format, result)
}
