package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"footfall/schemas/reports"
)

// document is a report in JSON. Fields are only added, never changed.
type document struct {
	Format          string            `json:"format"`
	By              string            `json:"by"`
	Organizer       string            `json:"organizer"`
	Event           *string           `json:"event"`
	Affiliate       *string           `json:"affiliate"`
	Code            *string           `json:"code"`
	Basis           string            `json:"basis"`
	Sort            string            `json:"sort"`
	Zone            string            `json:"zone"`
	From            *string           `json:"from"` // null: no bound
	To              *string           `json:"to"`
	AsOf            string            `json:"as_of"`
	AsOfUS          int64             `json:"as_of_us"`
	PolicyVersion   int               `json:"policy_version"`
	CatalogRevision string            `json:"catalog_revision"`
	BotRules        []string          `json:"bot_rules"`
	Notes           []string          `json:"notes"`
	Columns         []documentColumn  `json:"columns"`
	AllRows         int64             `json:"all_rows"`
	Rows            []json.RawMessage `json:"rows"`
	Totals          []json.RawMessage `json:"totals"`
}

type documentColumn struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

// documentFormat names the shape of the document.
const documentFormat = "footfall.report.v1"

func writeJSON(w io.Writer, t *reports.Table, rows []reports.Row) error {
	f, zone := t.Facts, zoneOf(t.Facts.Zone)
	d := document{
		Format: documentFormat, By: f.By, Organizer: f.Organizer, Event: given(f.Event), Affiliate: given(f.Affiliate), Code: given(f.Code),
		Basis: f.Basis, Sort: f.Sort, Zone: f.Zone, AsOf: asOfText(f.AsOfUS), AsOfUS: f.AsOfUS, PolicyVersion: f.PolicyVersion,
		CatalogRevision: f.CatalogRevision, BotRules: filled(f.BotRules), Notes: filled(f.Notes), AllRows: t.AllRows,
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
	var err error
	if d.Rows, err = objects(t.Columns, rows); err != nil {
		return err
	}
	if d.Totals, err = objects(t.Columns, t.Totals); err != nil {
		return err
	}
	return encode(w, d)
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

// objects writes rows as objects whose fields stand in the order of the columns.
// Money is in minor units, of which `decimals` says how many make one.
func objects(columns []reports.Column, rows []reports.Row) ([]json.RawMessage, error) {
	out := make([]json.RawMessage, 0, len(rows))
	for _, row := range rows {
		var b bytes.Buffer
		b.WriteByte('{')
		for i, cell := range row.Cells {
			fmt.Fprintf(&b, "%q:", columns[i].Name)
			value, err := jsonCell(cell, columns[i].Kind)
			if err != nil {
				return nil, err
			}
			b.Write(value)
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%d}", "decimals", row.Decimals)
		out = append(out, b.Bytes())
	}
	return out, nil
}

func jsonCell(c reports.Cell, kind reports.Kind) ([]byte, error) {
	switch {
	case c.Empty:
		return []byte("null"), nil
	case kind == reports.KindText || kind == reports.KindDay:
		var b bytes.Buffer
		out := json.NewEncoder(&b)
		out.SetEscapeHTML(false)
		if err := out.Encode(c.Text); err != nil {
			return nil, fmt.Errorf("writing JSON: %w", err)
		}
		return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
	case kind == reports.KindRate:
		return []byte(decimal(c.Number, rateDecimals, "")), nil
	default:
		return strconv.AppendInt(nil, c.Number, 10), nil
	}
}
