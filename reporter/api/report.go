package api

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"

	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

// Reports answers what is asked of visits, orders and money. A refusal (an
// *admin.Refusal) is the asker's to mend.
type Reports interface {
	// Report makes the report that the parameters of a request ask for, and hands
	// it to deliver; it is good until that returns.
	Report(ctx context.Context, parameters url.Values, deliver func(context.Context, *reports.Table) error) error
	// Explain says who an order is credited to; the parameters are as_of, as a report
	// prints it (none: the newest), and policy, a version (none: the one in force).
	Explain(ctx context.Context, organizer, order string, parameters url.Values) (*reports.Explanation, error)
	// Exceptions hands over the list of what a person should look at; the parameters
	// are organizer, from, to, kind, limit and as_of.
	Exceptions(ctx context.Context, parameters url.Values, deliver func(context.Context, *reports.Table) error) error
	// ContentType refuses a format that the writers below don't know.
	ContentType(format string) (string, error)
	WriteTable(ctx context.Context, w io.Writer, f reports.Format, t *reports.Table) error
	WriteExplanation(w io.Writer, format string, e *reports.Explanation) error
}

func (a *API) registerReports(rs *routes) {
	if a.deps.Reports == nil {
		return
	}
	rs.HandleFunc("GET /v1/report", a.serveReport)
	rs.HandleFunc("GET /v1/exceptions", a.serveExceptions)
	rs.HandleFunc("GET /v1/orders/{organizer}/{id}/explanation", a.serveExplanation)
	// Where there is one organizer only, and over a key, it needn't be named.
	rs.HandleFunc("GET /v1/orders/{id}/explanation", a.serveExplanation)
}

func (a *API) serveReport(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f, media, err := a.format(q)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.serveTable(w, r, "report", f, media, func(ctx context.Context, deliver func(context.Context, *reports.Table) error) error {
		return a.deps.Reports.Report(ctx, q, reportTo(r, deliver))
	})
}

// reportTo leaves an affiliate what is its own: the notes count what is everybody's.
func reportTo(r *http.Request, deliver func(context.Context, *reports.Table) error) func(context.Context, *reports.Table) error {
	if p, _ := admin.PrincipalOf(r.Context()); p.Role != admin.RoleAffiliate {
		return deliver
	}
	return func(ctx context.Context, t *reports.Table) error {
		own := *t
		own.Facts.Notes = nil
		return deliver(ctx, &own)
	}
}

func (a *API) serveExceptions(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f, media, err := a.format(q)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.serveTable(w, r, "exceptions", f, media, func(ctx context.Context, deliver func(context.Context, *reports.Table) error) error {
		return a.deps.Reports.Exceptions(ctx, q, deliver)
	})
}

func (a *API) serveExplanation(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f, media, err := a.format(q)
	if err == nil && f.Name != "json" && f.Name != "table" {
		err = &problemError{status: http.StatusBadRequest, pointer: "/format", detail: "an explanation is no list: want table or json"}
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	p, _ := admin.PrincipalOf(r.Context())
	organizer := cmp.Or(r.PathValue("organizer"), p.Organizer, q.Get("organizer"))
	q.Del("organizer")
	explanation, err := a.deps.Reports.Explain(r.Context(), organizer, r.PathValue("id"), q)
	if err == nil {
		explanation, err = explainedTo(p, explanation)
	}
	if err != nil {
		a.fail(w, r, asked(err))
		return
	}
	w.Header().Set("Content-Type", media)
	a.sent(r, a.deps.Reports.WriteExplanation(w, f.Name, explanation))
}

// explainedTo gives an affiliate the explanation of an order that is credited to
// it, without the other candidates.
func explainedTo(p admin.Principal, e *reports.Explanation) (*reports.Explanation, error) {
	if p.Role != admin.RoleAffiliate {
		return e, nil
	}
	if e.Winner == nil || e.Winner.AffiliateID != int64(p.Affiliate) {
		return nil, notThere("/id", "order")
	}
	own := *e
	own.Candidates = []reports.Candidate{}
	for _, c := range e.Candidates {
		if c.AffiliateID == int64(p.Affiliate) {
			own.Candidates = append(own.Candidates, c)
		}
	}
	return &own, nil
}
