package export

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"footfall/schemas/reports"
)

// document is the head of a report in JSON; rows, totals and rest come behind it.
// Fields are only added, never changed.
type document struct {
	Format          string           `json:"format"`
	By              string           `json:"by"`
	Organizer       string           `json:"organizer"`
	Event           *string          `json:"event"`
	Affiliate       *string          `json:"affiliate"`
	Code            *string          `json:"code"`
	Basis           string           `json:"basis"`
	Sort            string           `json:"sort"`
	Zone            string           `json:"zone"`
	From            *string          `json:"from"` // null: no bound
	To              *string          `json:"to"`
	AsOf            string           `json:"as_of"`
	AsOfUS          int64            `json:"as_of_us"`
	PolicyVersion   int              `json:"policy_version"`
	CatalogRevision string           `json:"catalog_revision"`
	BotRules        []string         `json:"bot_rules"`
	Notes           []string         `json:"notes"`
	Columns         []documentColumn `json:"columns"`
	AllRows         *int64           `json:"all_rows"` // null: not counted
	Where           *string          `json:"where"`
	Compare         *string          `json:"compare"`
	BeforeFrom      *string          `json:"before_from"` // of the range that is compared with; null: none is
	BeforeTo        *string          `json:"before_to"`
	PolicyVersions  []int            `json:"policy_versions"`
	WhatIf          bool             `json:"what_if"`
	Settled         *bool            `json:"settled"` // true: asked for only if it is; null: not stated
}

type documentColumn struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

// documentFormat names the shape of the document.
const documentFormat = "footfall.report.v1"

func documentOf(t *reports.Table) document {
	f, zone := t.Facts, zoneOf(t.Facts.Zone)
	d := document{
		Format: documentFormat, By: f.By, Organizer: f.Organizer, Event: given(f.Event), Affiliate: given(f.Affiliate), Code: given(f.Code),
		Basis: f.Basis, Sort: f.Sort, Zone: f.Zone, AsOf: asOfText(f.AsOfUS), AsOfUS: f.AsOfUS, PolicyVersion: f.PolicyVersion,
		CatalogRevision: f.CatalogRevision, BotRules: filled(f.BotRules), Notes: filled(f.Notes),
		Columns: []documentColumn{}, Where: given(f.Where), Compare: given(f.Compare), PolicyVersions: f.PolicyVersions, WhatIf: f.WhatIf,
	}
	if t.AllRows >= 0 {
		d.AllRows = &t.AllRows
	}
	if d.PolicyVersions == nil {
		d.PolicyVersions = []int{}
	}
	if f.Settled {
		d.Settled = &f.Settled
	}
	if f.Compare != "" {
		d.BeforeFrom, d.BeforeTo = given(timeIn(f.BeforeFromMS, zone)), given(timeIn(f.BeforeToMS, zone))
	}
	if f.FromMS != reports.RangeFrom {
		d.From = given(timeIn(f.FromMS, zone))
	}
	if f.ToMS != reports.RangeTo {
		d.To = given(timeIn(f.ToMS, zone))
	}
	for _, c := range t.Columns {
		d.Columns = append(d.Columns, documentColumn{Name: c.Name, Kind: string(c.Kind)})
	}
	return d
}

// writeJSON writes one document, as encoding/json indents it; its rows are
// written as they come.
func writeJSON(ctx context.Context, w io.Writer, o Options, t *reports.Table) error {
	objects, err := indented(t.Columns)
	if err != nil {
		return err
	}
	var head bytes.Buffer
	if err := encode(&head, documentOf(t)); err != nil {
		return err
	}
	out := listWriter{w: w}
	out.put(bytes.TrimSuffix(head.Bytes(), []byte("\n}\n")))
	out.begin("rows")
	if _, err := stream(ctx, t, streamed{format: objects.format, write: out.list, progress: o.Progress}); err != nil {
		return err
	}
	out.end()
	for _, few := range []struct {
		name string
		rows []reports.Row
	}{{"totals", t.Totals}, {"rest", t.Rest}} {
		b, err := blockOf(ctx, t.Columns, few.rows)
		if err != nil {
			return err
		}
		objects.format(b)
		out.begin(few.name)
		_ = out.list(b) // out.err is returned below
		out.end()
	}
	out.put([]byte("\n}\n"))
	return out.err
}

// listWriter writes lists of objects, each of which is formatted with a comma
// before it.
type listWriter struct {
	w    io.Writer
	some bool // the list has an object
	err  error
}

func (l *listWriter) put(text []byte) {
	if l.err != nil || len(text) == 0 {
		return
	}
	if _, err := l.w.Write(text); err != nil {
		l.err = fmt.Errorf("writing JSON: %w", err)
	}
}

func (l *listWriter) begin(name string) {
	l.some = false
	l.put([]byte(",\n  \"" + name + "\": ["))
}

func (l *listWriter) list(b *block) error {
	text := b.out
	if !l.some && len(text) > 0 {
		l.some, text = true, text[1:]
	}
	l.put(text)
	return l.err
}

func (l *listWriter) end() {
	if l.some {
		l.put([]byte("\n  "))
	}
	l.put([]byte("]"))
}

func encode(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	if err := out.Encode(v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}

func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func filled(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
