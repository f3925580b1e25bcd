package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"footfall/schemas/admin"
	"footfall/schemas/imports"
)

// importOptions are the flags of an import.
type importOptions struct {
	organizer, format, zone string
	dryRun                  bool
}

func newImportCommand(e *env) *cobra.Command {
	return group("import", "Take orders, refunds, affiliates or codes from a CSV file",
		`Imports a CSV file, as a spreadsheet or another system writes it: UTF-8 or UTF-16,
with commas, semicolons or tabs. The first line names the columns, in any order.
All of it is imported or nothing: the file is checked first, and every mistake is
named with its line and column. The same file again changes nothing. FILE may be
- for standard input. docs/imports.md describes the columns.`,
		importCommand("orders", "Orders, a row for each line of an order", e.importOrders),
		importCommand("refunds", "Refunds, whole or a row for each refunded line", e.importOrders),
		importCommand("affiliates", "Affiliates, known again by their email", e.importCatalog),
		importCommand("codes", "Tracking codes and whose they are", e.importCatalog))
}

func importCommand(kind, short string, do func(c *cobra.Command, kind, file string, o importOptions) error) *cobra.Command {
	var o importOptions
	timed := kind == "orders" || kind == "refunds"
	long := `Goes to the server that runs on the data directory, or into the catalog itself
where none runs.`
	example := "  footfall import " + kind + " " + kind + ".csv --organizer acme --dry-run"
	if timed {
		long = `Goes to the collector that runs on the data directory ("footfall all" or
"footfall collector"), the way of signed requests. Times have a zone of their own,
or are in --zone.`
		example += "\n  footfall import " + kind + " - --zone Europe/Berlin"
	}
	c := &cobra.Command{
		Use: kind + " FILE [--organizer SLUG] [--dry-run]", Short: short, Long: long, Args: takes("file"), Example: example,
		RunE: func(c *cobra.Command, args []string) error { return do(c, kind, args[0], o) },
	}
	addOrganizerFlag(c, &o.organizer)
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "check the file and say what would change, and change nothing")
	if timed {
		c.Flags().StringVar(&o.zone, "zone", "", "IANA zone of times that have none, such as Europe/Berlin")
	}
	o.format = "table"
	c.Flags().Var(&choice{&o.format, []string{"table", "json"}}, "format", "table or json")
	return c
}

// location is the zone of times that have none; nil: there is none.
func (o importOptions) location() (*time.Location, error) {
	if o.zone == "" {
		return nil, nil //nolint:nilnil // such times are refused
	}
	zone, err := time.LoadLocation(o.zone)
	if err != nil || o.zone == "Local" {
		return nil, usagef("--zone %s is no IANA zone, such as Europe/Berlin", o.zone)
	}
	return zone, nil
}

// showImport prints what an import did.
func (e *env) showImport(format string, r admin.ImportResult) error {
	if format == "json" {
		encoder := json.NewEncoder(e.Out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	title := "Imported"
	if r.DryRun {
		title = "Would import"
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	return e.renderTable([]string{title, "Rows", "Added", "Changed", "Unchanged"},
		[][]string{{r.Kind, number(r.Rows), number(r.Added), number(r.Changed), number(r.Unchanged)}})
}

// refuseImport prints why nothing was imported.
func (e *env) refuseImport(format string, r admin.ImportResult, faults *imports.Faults) error {
	more := ""
	if faults.More {
		more = "at least "
	}
	slices.SortStableFunc(faults.List, func(a, b *imports.Fault) int { return cmp.Compare(a.Line, b.Line) })
	r.Added, r.Changed, r.Unchanged = 0, 0, 0
	r.Refused = int64(len(faults.List))
	for _, f := range faults.List {
		r.Faults = append(r.Faults, admin.ImportFault{Line: f.Line, Column: f.Column, Name: f.Name, Detail: f.Detail})
	}
	if format == "json" {
		if err := e.showImport(format, r); err != nil {
			return err
		}
	}
	return usagef("nothing was imported: the file has %s%s:\n%w", more, count(len(faults.List), "mistake"), faults)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// asFault gives the fault that an error is.
func asFault(err error) (*imports.Fault, bool) { return errors.AsType[*imports.Fault](err) }
