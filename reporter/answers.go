package reporter

import (
	"context"
	"io"
	"net/url"

	"footfall/reporter/attribution"
	"footfall/reporter/export"
	"footfall/reporter/lake"
	"footfall/reporter/report"
	"footfall/schemas/reports"
)

// answers is reports, explanations and their formats as the API serves them.
type answers struct {
	lake    *lake.Lake
	engine  *report.Engine
	credits *attribution.Attribution
}

func (a answers) Report(ctx context.Context, parameters url.Values, deliver func(context.Context, *reports.Table) error) error {
	query, err := report.ParseQuery(parameters)
	if err != nil {
		return err
	}
	return a.engine.Run(ctx, query, deliver)
}

func (a answers) Explain(ctx context.Context, organizer, order, asOf string) (*reports.Explanation, error) {
	asOfUS, err := report.ParseAsOf(asOf)
	if err != nil {
		return nil, err
	}
	return a.credits.Explain(ctx, a.lake, attribution.Question{Organizer: organizer, OrderID: order, AsOfUS: asOfUS})
}

func (answers) ContentType(format string) (string, error) { return export.ContentType(format) }

func (answers) WriteReport(ctx context.Context, w io.Writer, format string, t *reports.Table) error {
	return export.Write(ctx, w, format, export.Options{}, t)
}

func (answers) WriteExplanation(w io.Writer, format string, e *reports.Explanation) error {
	return export.WriteExplanation(w, format, e)
}
