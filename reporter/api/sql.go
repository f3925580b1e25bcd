package api

import (
	"context"
	"net/http"
	"net/url"

	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

// SQL runs one SELECT over an organizer's views. A refusal is the asker's to mend.
type SQL interface {
	SQL(ctx context.Context, ask admin.SQL, deliver func(context.Context, *reports.Table) error) error
}

func (a *API) registerSQL(rs *routes) {
	if a.deps.SQL != nil && a.deps.Reports != nil {
		rs.HandleFunc("POST /v1/sql", a.serveSQL)
	}
}

func (a *API) serveSQL(w http.ResponseWriter, r *http.Request) {
	var ask admin.SQL
	err := decode(r, &ask)
	if err == nil {
		err = scopeBody(r, &ask)
	}
	var f reports.Format
	var media string
	if err == nil {
		f, media, err = a.format(formatOf(ask))
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.serveTable(w, r, "sql", f, media, func(ctx context.Context, deliver func(context.Context, *reports.Table) error) error {
		return a.deps.SQL.SQL(ctx, ask, deliver)
	})
}

// formatOf gives the format as a report's parameters would.
func formatOf(ask admin.SQL) url.Values {
	q := url.Values{"format": {ask.Format}}
	if ask.BOM {
		q.Set("bom", "1")
	}
	if ask.Raw {
		q.Set("raw", "1")
	}
	return q
}
