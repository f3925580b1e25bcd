package catalog

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"footfall/schemas/admin"
)

// Each of these says what is broken; with its defence taken away it must.

func settledReportChanges(f *fixture) string {
	ahead := f.clock.Now().Add(time.Hour).UnixMicro()
	must(f.t, f.NoteWatermark(f.ctx, ahead))
	before, err := f.Dimensions(f.ctx, ahead)
	must(f.t, err)
	f.organizer("late", "UTC")
	after, err := f.Dimensions(f.ctx, ahead)
	must(f.t, err)
	if len(before.Organizers) != len(after.Organizers) {
		return "a report that was settled changed"
	}
	return ""
}

func linkHasTwoOwners(f *fixture) string {
	f.organizer("acme", "UTC")
	f.event("acme", "gala")
	f.affiliate("acme", "Ann")
	f.affiliate("acme", "Bob")
	f.code("acme", "", "SPRING", "Ann")
	if _, err := f.AddCode(f.ctx, "test", admin.CodeAdd{Organizer: "acme", Event: "gala", Text: "spring", Affiliate: "Bob"}); err != nil {
		return ""
	}
	return "gala?affiliate=spring is Ann's and Bob's"
}

func bytesOfADayKeyStay(f *fixture) string {
	path := filepath.Join(f.dayKeyDir(), "2026-11-22.key")
	kept := filepath.Join(f.t.TempDir(), "kept")
	key, err := os.ReadFile(path)
	must(f.t, err)
	must(f.t, os.Link(path, kept))
	f.clock.Advance(72 * time.Hour)
	must(f.t, f.upkeep(f.ctx))
	if raw, err := os.ReadFile(kept); err != nil || bytes.Equal(raw, key) {
		return fmt.Sprintf("the bytes of a destroyed day key are still there (%v)", err)
	}
	return ""
}

func TestEachDefenceIsNeeded(t *testing.T) {
	for name, c := range map[string]struct {
		breaks  func(*fixture) string
		without without
	}{
		"watermark":  {settledReportChanges, without{watermark: true}},
		"scope rule": {linkHasTwoOwners, without{scopeRule: true}},
		"overwrite":  {bytesOfADayKeyStay, without{overwrite: true}},
	} {
		t.Run(name, func(t *testing.T) {
			if broken := c.breaks(newFixture(t)); broken != "" {
				t.Error(broken)
			}
			f := newFixture(t)
			f.without = c.without
			if c.breaks(f) == "" {
				t.Error("without its defence the test sees nothing")
			}
		})
	}
}

func TestAuditLogHoldsNoNameThatErasureMustBlank(t *testing.T) {
	f := newFixture(t)
	f.organizer("acme", "UTC")
	_, err := f.AddAffiliate(f.ctx, "test", admin.AffiliateAdd{Name: "Xaver Unmistakable", Nickname: "xaverl", Email: "xaver@unmistakable.example"})
	must(t, err)
	email := "new@unmistakable.example"
	_, err = f.EditAffiliate(f.ctx, "test", "", "xaverl", admin.AffiliateEdit{Email: &email})
	must(t, err)
	f.code("", "", "X1", "xaverl")
	_, err = f.ReassignCode(f.ctx, "test", admin.CodeRef{Text: "X1"}, admin.CodeReassign{Affiliate: "nobody"})
	if err == nil {
		t.Fatal("reassigned to nobody")
	}
	_, err = f.PauseAffiliate(f.ctx, "test", "", "xaverl", true)
	must(t, err)
	rows, err := f.reader.Query(`SELECT action || subject || before || after FROM audit`)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var text string
		must(t, rows.Scan(&text))
		for _, personal := range []string{"xaver", "Xaver", "Unmistakable", "unmistakable"} {
			if strings.Contains(text, personal) {
				t.Errorf("the audit log has %q in %s", personal, text)
			}
		}
	}
	must(t, rows.Err())
	entries, err := f.Audit(f.ctx, 0, 0)
	must(t, err)
	if entries[0].Action != "affiliate pause" || entries[0].Actor != "test" || entries[0].Before["state"] != "active" || entries[0].Revision == "" {
		t.Errorf("newest entry %+v", entries[0])
	}
}

func TestRefusedChangeLeavesNoTrace(t *testing.T) {
	f := newFixture(t)
	f.organizer("acme", "UTC")
	before, err := f.Revision(f.ctx)
	must(t, err)
	for _, add := range []admin.EventAdd{
		{Slug: "Gala"},
		{Slug: "gala", Name: "G", Destination: "http://tickets.example.com"},
		{Slug: "gala", Name: "G", Destination: "https://tickets.example.com", Start: "2026-12-24", End: "2026-12-24"},
		{Slug: "gala", Name: "G", Destination: "https://tickets.example.com", Start: "2026-12-24", End: "2026-12-23"},
		{Slug: "gala", Name: "", Destination: "https://tickets.example.com", Start: "2026-12-24", End: "2026-12-25"},
		{Slug: "gala", Name: "G", Destination: "https://tickets.example.com", Start: "2026-12-24", End: "2026-12-25", Zone: "Local"},
		{Slug: "gala", Name: "G", Destination: "https://tickets.example.com", Start: "2026-12-24", End: "2026-12-25", Currency: "EURO"},
		{Organizer: "nobody", Slug: "gala"},
	} {
		if e, err := f.AddEvent(f.ctx, "test", add); err == nil {
			t.Errorf("added %+v", e)
		} else if _, refused := admin.AsRefusal(err); !refused {
			t.Errorf("%+v: %v", add, err)
		}
	}
	after, err := f.Revision(f.ctx)
	must(t, err)
	entries, err := f.Audit(f.ctx, 0, 0)
	must(t, err)
	if before != after || len(entries) != 2 {
		t.Errorf("revision %v became %v, %d audit entries", before, after, len(entries))
	}
	if e := f.event("acme", "gala"); e.ID != 1 {
		t.Errorf("a refused event took an id: the next is %d", e.ID)
	}
	if n := counted(t, f, "footfall_catalog_refusals_total", string(admin.Invalid)); n != 7 {
		t.Errorf("counted %v refusals", n)
	}
}
