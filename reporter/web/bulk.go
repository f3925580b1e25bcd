package web

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"rsc.io/qr"

	"footfall/schemas/admin"
)

// bulk is one code for each of some affiliates, before it is made.
type bulk struct {
	Pattern string
	Picked  []string // ids of affiliates
	Rows    []bulkRow
	Result  *admin.ImportResult // of the dry run; faults by line
}

type bulkRow struct{ Affiliate, Code, Problem string }

// patternWord is what a pattern has for the affiliate's nickname.
const patternWord = "{nickname}"

// codeOf fills a pattern in: the nickname, else the name, in the letters that codes
// are of.
func codeOf(pattern string, x admin.Affiliate) string {
	name := x.Nickname
	if name == "" {
		name = x.Name
	}
	word := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return -1
	}, name)
	return strings.ReplaceAll(pattern, patternWord, word)
}

// bulkAffiliates pauses or resumes those that were picked, or makes a code for each:
// shown first, then all or none.
func (w *Web) bulkAffiliates(a *ask) error {
	f, err := readForm(a)
	if err != nil {
		return err
	}
	picked := f.Values["Pick"]
	if len(picked) == 0 {
		return w.affiliatesAgain(a, f, admin.Refuse(admin.Invalid, "", "choose at least one affiliate first"), nil)
	}
	switch f.Get("Do") {
	case "pause", "resume":
		for _, id := range picked {
			if _, err := w.deps.Catalog.PauseAffiliate(a.Context(), a.actor(), a.organizer.Slug, id, f.Get("Do") == "pause"); err != nil {
				return err
			}
		}
		return a.redirect(a.at("affiliates"))
	case "preview", "make":
		return w.bulkCodes(a, f, picked)
	}
	return errNotThere
}

func (w *Web) bulkCodes(a *ask, f form, picked []string) error {
	b := bulk{Pattern: f.Get("Pattern"), Picked: picked}
	if !strings.Contains(b.Pattern, patternWord) {
		return w.affiliatesAgain(a, f, admin.Refuse(admin.Invalid, "", "the pattern %q has no %s: each code must be another one, as in %s2026", b.Pattern, patternWord, patternWord), nil)
	}
	list, err := w.deps.Catalog.Affiliates(a.Context(), a.organizer.Slug)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	out := csv.NewWriter(&file)
	rows := [][]string{{"code", "affiliate"}}
	for _, x := range list {
		if id := formatInt(int64(x.ID)); slices.Contains(picked, id) {
			code := codeOf(b.Pattern, x)
			rows = append(rows, []string{code, id})
			b.Rows = append(b.Rows, bulkRow{Affiliate: x.Name, Code: code})
		}
	}
	if err := out.WriteAll(rows); err != nil {
		return fmt.Errorf("writing codes: %w", err)
	}
	result, err := w.deps.Catalog.Import(a.Context(), a.actor(), "codes", a.organizer.Slug, f.Get("Do") == "preview", &file)
	if err != nil {
		return w.affiliatesAgain(a, f, err, nil)
	}
	if !result.DryRun && result.Refused == 0 {
		return a.redirect(a.at("codes"))
	}
	b.Result = &result
	for _, fault := range result.Faults {
		if at := int(fault.Line) - 2; at >= 0 && at < len(b.Rows) { // behind the header
			b.Rows[at].Problem = fault.Detail
		}
	}
	status := http.StatusOK
	if result.Refused > 0 {
		status = http.StatusConflict
	}
	return w.pageAs(a, status, "bulk", frame{Title: "One code for each", Body: b})
}

// bulkCodesState pauses or resumes the codes that were picked.
func (w *Web) bulkCodesState(a *ask) error {
	f, err := readForm(a)
	if err != nil {
		return err
	}
	if do := f.Get("Do"); do != "pause" && do != "resume" {
		return errNotThere
	}
	for _, pick := range f.Values["Pick"] {
		text, event, _ := strings.Cut(pick, "|")
		if _, err := w.deps.Catalog.PauseCode(a.Context(), a.actor(), admin.CodeRef{Organizer: a.organizer.Slug, Event: event, Text: text}, f.Get("Do") == "pause"); err != nil {
			return err
		}
	}
	return a.redirect(a.at("codes"))
}

// qrZIP is the QR code of every link, as SVG.
func (w *Web) qrZIP(a *ask) error {
	list, err := w.links(a)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, l := range list {
		if l.Link == "" {
			continue // there is no event yet
		}
		code, err := qr.Encode(l.Link, qr.M)
		if err != nil {
			return fmt.Errorf("making a QR code: %w", err)
		}
		entry, err := z.Create(l.Text + "_" + l.LeadsTo + ".svg")
		if err == nil {
			_, err = entry.Write(qrDrawing(code))
		}
		if err != nil {
			return fmt.Errorf("packing QR codes: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("packing QR codes: %w", err)
	}
	return w.send(a, "application/zip", a.organizer.Slug+"_qr.zip", b.Bytes())
}
