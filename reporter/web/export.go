package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"footfall/internal/ops"
	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

// export sends all rows of what a page shows, in its order, its columns, its zone
// and of its as-of.
func (w *Web) export(a *ask) error {
	v := readView(a.URL.Query())
	return w.exportView(a, a.organizer, v, v.question)
}

func (w *Web) exportView(a *ask, o admin.Organizer, v view, question func(string, period) url.Values) error {
	f := reports.Format{Name: a.URL.Query().Get("format")}
	media, err := w.deps.Reports.ContentType(f.Name)
	if err != nil {
		return admin.Refuse(admin.Question, "/format", "%s", err)
	}
	_, p, err := w.placed(a.Context(), o, v)
	if err != nil {
		return err
	}
	began := false
	err = w.deps.Reports.Report(a.Context(), question(o.Slug, p), func(ctx context.Context, t *reports.Table) error {
		h := a.rw.Header()
		h.Set("Content-Type", media)
		h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", fileName(*t, f.Name)))
		began = true
		return w.deps.Reports.WriteTable(ctx, &ops.Patient{ResponseWriter: a.rw, Clock: w.deps.Clock, Stall: stallTimeout}, f, t)
	})
	if err != nil && began {
		w.log.Warn("an export was cut", "error", err)
		panic(http.ErrAbortHandler) // so that nobody takes half for whole
	}
	return err
}

// stallTimeout is how long a file may stand still on its way.
const stallTimeout = time.Minute

// fileName says what a file is about: query, zone, as-of, settled or not.
func fileName(t reports.Table, format string) string {
	f := t.Facts
	zone := zoneOf(f.Zone)
	parts := []string{f.Organizer}
	if f.Event != "" {
		parts = []string{f.Event}
	}
	parts = append(parts, "by-"+strings.ReplaceAll(f.By, ",", "-"))
	if f.FromMS != reports.RangeFrom {
		parts = append(parts, time.UnixMilli(f.FromMS).In(zone).Format(time.DateOnly))
	}
	if f.ToMS != reports.RangeTo {
		parts = append(parts, time.UnixMilli(f.ToMS-1).In(zone).Format(time.DateOnly))
	}
	state := "provisional"
	if t.Freshness.Settled(f.AsOfUS) {
		state = "settled"
	}
	parts = append(parts, strings.ReplaceAll(f.Zone, "/", "-"), "as-of-"+time.UnixMicro(f.AsOfUS).UTC().Format("20060102T150405Z"), state)
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '-'
	}, strings.Join(parts, "_"))
	return safe + "." + format
}
