package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

// Reports answers what is asked of visits, orders and money. A refusal (an
// *admin.Refusal) is the asker's to mend.
type Reports interface {
	// Report makes the report that the parameters of a request ask for, and hands
	// it to deliver; it is good until that returns.
	Report(ctx context.Context, parameters url.Values, deliver func(context.Context, *reports.Table) error) error
	// Explain says who an order is credited to; asOf is as a report prints it, empty the newest.
	Explain(ctx context.Context, organizer, order, asOf string) (*reports.Explanation, error)
	// ContentType refuses a format that the writers below don't know.
	ContentType(format string) (string, error)
	WriteReport(ctx context.Context, w io.Writer, format string, t *reports.Table) error
	WriteExplanation(w io.Writer, format string, e *reports.Explanation) error
}

// The headers that say how the lake stood when a report was made. They are no
// part of the report: asked again for its as-of, it has the same bytes beside
// other headers.
const (
	headerAsOf       = "Footfall-As-Of"       // microseconds since 1970
	headerSettled    = "Footfall-Settled"     // true: at or below the watermark, so it never changes
	headerCompleteTo = "Footfall-Complete-To" // RFC 3339, or unknown
)

func (a *API) registerReports(mux *routes) {
	if a.deps.Reports == nil {
		return
	}
	mux.HandleFunc("GET /v1/report", a.serveReport)
	mux.HandleFunc("GET /v1/orders/{organizer}/{id}/explanation", a.serveExplanation)
	// Where there is one organizer only, it needn't be named.
	mux.HandleFunc("GET /v1/orders/{id}/explanation", a.serveExplanation)
}

func (a *API) serveReport(w http.ResponseWriter, r *http.Request) {
	parameters, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		a.fail(w, r, &problemError{status: http.StatusBadRequest, detail: "the query is no list of name=value: " + err.Error()})
		return
	}
	format, media, err := a.format(parameters)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	began := false
	err = a.deps.Reports.Report(r.Context(), parameters, func(ctx context.Context, table *reports.Table) error {
		reportHead(w.Header(), media, table)
		began = true
		return a.deps.Reports.WriteReport(ctx, w, format, table)
	})
	switch {
	case !began:
		a.fail(w, r, asked(err))
	case err != nil:
		a.sent(r, err)
		panic(http.ErrAbortHandler) // the connection is cut: nobody takes half a report for a whole one
	default:
		a.sent(r, nil)
	}
}

// reportHead says in the headers how the lake stood.
func reportHead(h http.Header, media string, table *reports.Table) {
	complete := "unknown"
	if ms := table.Freshness.CompleteMS; ms > 0 {
		complete = time.UnixMilli(ms).UTC().Format(time.RFC3339Nano)
	}
	h.Set(headerAsOf, strconv.FormatInt(table.Facts.AsOfUS, 10))
	h.Set(headerSettled, strconv.FormatBool(table.Freshness.Settled(table.Facts.AsOfUS)))
	h.Set(headerCompleteTo, complete)
	h.Set("Content-Type", media)
}

// format reads the parameter of that name; JSON where it is not given.
func (a *API) format(parameters url.Values) (format, media string, err error) {
	format = parameters.Get("format")
	if format == "" {
		format = "json"
	}
	media, err = a.deps.Reports.ContentType(format)
	if err != nil {
		return "", "", &problemError{status: http.StatusBadRequest, pointer: "/format", detail: err.Error()}
	}
	return format, media, nil
}

// asked gives what is wrong with a question the status 400: nothing was sent
// that could be unprocessable.
func asked(err error) error {
	if refusal, ok := admin.AsRefusal(err); ok && refusal.Reason == admin.Invalid {
		return &problemError{status: http.StatusBadRequest, pointer: refusal.Pointer, detail: refusal.Detail}
	}
	return err
}

// sent counts an answer, and one that was cut because the asker went away.
func (a *API) sent(r *http.Request, err error) {
	a.metrics.answers.Inc()
	if err != nil {
		a.metrics.cut.Inc()
		a.deps.Log.Debug("answering", "pattern", r.Pattern, "error", fmt.Errorf("writing the answer: %w", err))
	}
}
