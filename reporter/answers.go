package reporter

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strconv"

	"footfall/reporter/attribution"
	"footfall/reporter/export"
	"footfall/reporter/lake"
	"footfall/reporter/query"
	"footfall/reporter/report"
	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

// answers is reports, explanations and their formats as the API serves them.
type answers struct {
	lake    *lake.Lake
	engine  *report.Engine
	credits *attribution.Attribution

	statements *query.Engine
}

func (a answers) Report(ctx context.Context, parameters url.Values, deliver func(context.Context, *reports.Table) error) error {
	query, err := report.ParseQuery(parameters)
	if err != nil {
		return err
	}
	return refusedAtLimit(a.engine.Run(ctx, query, deliver))
}

// Together makes several reports of one reading, each as Report does of the same
// as-of, and hands them to deliver in their order; a *reports.AskError says which
// of them can't be made.
func (a answers) Together(ctx context.Context, asks []url.Values, deliver func(ctx context.Context, n int, t *reports.Table) error) error {
	queries := make([]report.Query, len(asks))
	for n, parameters := range asks {
		var err error
		if queries[n], err = report.ParseQuery(parameters); err != nil {
			return &reports.AskError{Ask: n, Err: err}
		}
	}
	return refusedAtLimit(a.engine.Together(ctx, queries, deliver))
}

// Bounds says from when to when there is anything to report on of an organizer or
// an event, and how many orders ever arrived.
func (a answers) Bounds(ctx context.Context, organizer, event string, asOfUS int64) (reports.Bounds, error) {
	b, err := a.engine.Bounds(ctx, organizer, event, asOfUS)
	return b, refusedAtLimit(err)
}

// Newest is the as-of that a report of the newest has.
func (a answers) Newest(ctx context.Context) (int64, error) { return a.lake.Newest(ctx) }

// refusedAtLimit is a question that reached a limit of memory, disk or time, or
// under which DuckDB failed: the server goes on, and the asker is told what it was.
func refusedAtLimit(err error) error {
	if errors.Is(err, lake.ErrLimit) || errors.Is(err, lake.ErrBroken) {
		return admin.Refuse(admin.Busy, "", "%v", err)
	}
	return err
}

func (a answers) SQL(ctx context.Context, ask admin.SQL, deliver func(context.Context, *reports.Table) error) error {
	asOfUS, err := report.ParseAsOf(ask.AsOf)
	if err != nil {
		return err
	}
	return refusedAtLimit(a.statements.Run(ctx, query.Question{Organizer: ask.Organizer, Text: ask.Query, AsOfUS: asOfUS}, deliver))
}

func (a answers) Explain(ctx context.Context, organizer, order string, parameters url.Values) (*reports.Explanation, error) {
	question := attribution.Question{Organizer: organizer, OrderID: order}
	for name, given := range parameters {
		var err error
		switch name {
		case "as_of":
			question.AsOfUS, err = report.ParseAsOf(given[0])
		case "policy":
			question.Policy, err = strconv.Atoi(given[0])
			if err != nil || question.Policy < 1 {
				err = admin.Refuse(admin.Invalid, "/policy", "policy is %q: want the number of a version", given[0])
			}
		default:
			err = admin.Refuse(admin.Invalid, "/"+name, "unknown parameter %q: want as_of, policy or format", name)
		}
		if err != nil {
			return nil, err
		}
	}
	explanation, err := a.credits.Explain(ctx, a.lake, question)
	return explanation, refusedAtLimit(err)
}

func (answers) ContentType(format string) (string, error) { return export.ContentType(format) }

func (answers) WriteTable(ctx context.Context, w io.Writer, f reports.Format, t *reports.Table) error {
	err := export.Write(ctx, w, f.Name, export.Options{BOM: f.BOM, Raw: f.Raw}, t)
	if errors.Is(err, export.ErrColumns) { // the question's, and nothing is written yet
		return admin.Refuse(admin.Invalid, "/format", "%s: %v", f.Name, err)
	}
	return err
}

func (answers) WriteExplanation(w io.Writer, format string, e *reports.Explanation) error {
	return export.WriteExplanation(w, format, e)
}
