package catalog

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/lake"
	"footfall/schemas/policy"
)

// rows are the history after a revision.
func (f *fixture) rows(after uint64) (rows []lake.CatalogRow) {
	f.t.Helper()
	_, err := f.History(f.ctx, after, func(r *lake.CatalogRow) error {
		rows = append(rows, *r)
		return nil
	})
	must(f.t, err)
	return rows
}

// fold reads rows as docs/format/lake.md says, one line for each fact.
func fold(rows []lake.CatalogRow) (facts []string) {
	slices.SortStableFunc(rows, func(a, b lake.CatalogRow) int { return int(a.Revision - b.Revision) })
	things, texts, owners := map[string]string{}, map[string]int64{}, map[int64][]CodeOwner{}
	for _, r := range rows {
		switch r.Kind {
		case lake.KindOrganizer:
			things[fmt.Sprint("organizer ", r.ID)] = fmt.Sprint(*r.Slug, *r.Zone, *r.Currency, *r.Cookies)
		case lake.KindEvent:
			things[fmt.Sprint("event ", r.ID)] = fmt.Sprint(*r.Slug, *r.Name, *r.Zone, *r.Currency, *r.StartsAtMS, *r.EndsAtMS, *r.OrganizerID)
		case lake.KindAffiliate:
			things[fmt.Sprint("affiliate ", r.ID)] = fmt.Sprint(*r.Paused, *r.OrganizerID)
		case lake.KindCode:
			things[fmt.Sprint("code ", r.ID)] = fmt.Sprint(*r.Text, *r.OrganizerID, orZero(r.EventID))
		case lake.KindCoupon:
			things[fmt.Sprint("coupon ", r.ID)] = fmt.Sprint(*r.Folded, *r.CodeID, r.ValidFromMS, orZero(r.ValidUntilMS))
		case lake.KindPolicy:
			things[fmt.Sprint("policy ", *r.PolicyVersion, " of ", r.ID)] = fmt.Sprint(r.ValidFromMS, *r.WindowDays, *r.CutAtEventEnd, *r.Pick, *r.Rules)
		case lake.KindCodeText:
			key := fmt.Sprint("text ", *r.Folded, " ", *r.OrganizerID, " ", orZero(r.EventID), " of ", r.ID)
			if from, known := texts[key]; !known || r.ValidFromMS < from {
				texts[key] = r.ValidFromMS
			}
		case lake.KindCodeOwner:
			owners[r.ID] = slices.DeleteFunc(owners[r.ID], func(o CodeOwner) bool { return o.FromMS >= r.ValidFromMS })
			owners[r.ID] = append(owners[r.ID], CodeOwner{FromMS: r.ValidFromMS, Affiliate: ids.AffiliateID(*r.AffiliateID)})
		}
	}
	for key, thing := range things {
		facts = append(facts, key+": "+thing)
	}
	for key, from := range texts {
		facts = append(facts, fmt.Sprint(key, " from ", from))
	}
	for code, history := range owners {
		for _, o := range history {
			facts = append(facts, fmt.Sprint("owner of ", code, " from ", o.FromMS, ": ", o.Affiliate))
		}
	}
	slices.Sort(facts)
	return facts
}

func orZero(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// known gives the same lines of what reports stand on.
func known(d *Dimensions) (facts []string) {
	add := func(parts ...any) { facts = append(facts, fmt.Sprint(parts...)) }
	for _, o := range d.Organizers {
		facts = append(facts, fmt.Sprint("organizer ", o.ID)+": "+fmt.Sprint(o.Slug, o.Zone, o.Currency, o.Cookies))
	}
	for _, e := range d.Events {
		facts = append(facts, fmt.Sprint("event ", e.ID)+": "+fmt.Sprint(e.Slug, e.Name, e.Zone, e.Currency, e.StartMS, e.EndMS, e.Organizer))
	}
	for _, a := range d.Affiliates {
		facts = append(facts, fmt.Sprint("affiliate ", a.ID)+": "+fmt.Sprint(a.Paused, a.Organizer))
	}
	for _, c := range d.Codes {
		facts = append(facts, fmt.Sprint("code ", c.ID)+": "+fmt.Sprint(c.Text, c.Organizer, c.Event))
	}
	for _, k := range d.Coupons {
		until := k.UntilMS
		if until == 1<<63-1 {
			until = 0
		}
		facts = append(facts, fmt.Sprint("coupon ", k.ID)+": "+fmt.Sprint(k.Folded, k.Code, k.FromMS, until))
	}
	for _, p := range d.Policies {
		if v := p.Span.Policy; v.Version > 1 {
			facts = append(facts, fmt.Sprint("policy ", v.Version, " of ", p.Organizer)+": "+
				fmt.Sprint(v.FromMS, v.WindowDays, v.CutAtEventEnd, v.Pick, strings.Join(v.Rules, ",")))
		}
	}
	for _, t := range d.CodeTexts {
		add("text ", t.Folded, " ", t.Organizer, " ", t.Event, " of ", t.Code, " from ", t.FromMS)
	}
	for _, o := range d.Owners {
		add("owner of ", o.Code, " from ", o.FromMS, ": ", o.Affiliate)
	}
	slices.Sort(facts)
	return facts
}

// What is published, in whatever pieces, says what reports stand on.
func TestPublishedHistorySaysWhatReportsStandOn(t *testing.T) {
	f := newFixture(t)
	f.organizer("north", "Europe/Berlin")
	f.event("north", "fair")
	anna, bob := f.affiliate("north", "anna"), f.affiliate("north", "bob")
	f.code("north", "", "Foodie", fmt.Sprint(anna.ID))
	f.code("north", "fair", "radio", fmt.Sprint(bob.ID))
	foodie := admin.CodeRef{Organizer: "north", Text: "foodie"}
	days := 7
	var pieces []lake.CatalogRow
	after := uint64(0)
	for name, change := range []func() error{
		func() error { return nil },
		func() error { _, err := f.PauseAffiliate(f.ctx, "test", "north", fmt.Sprint(bob.ID), true); return err },
		func() error {
			_, err := f.ReassignCode(f.ctx, "test", foodie, admin.CodeReassign{Affiliate: fmt.Sprint(bob.ID)})
			return err
		},
		func() error {
			_, err := f.ReassignCode(f.ctx, "test", foodie, admin.CodeReassign{Affiliate: fmt.Sprint(anna.ID)})
			return err
		},
		func() error {
			_, err := f.RenameCode(f.ctx, "test", foodie, admin.CodeRename{Text: "Gourmet"})
			return err
		},
		func() error {
			_, err := f.AddCoupon(f.ctx, "test", admin.CouponAdd{Organizer: "north", Text: "Spring", Code: "gourmet", From: "2026-11-01"})
			return err
		},
		func() error {
			_, err := f.SetPolicy(f.ctx, "test", policy.Set{Organizer: "north", WindowDays: &days, Rules: []string{"coupon", "click_id"}})
			return err
		},
		func() error {
			_, err := f.AddCode(f.ctx, "test", admin.CodeAdd{Organizer: "north", Text: "late", Affiliate: fmt.Sprint(anna.ID), ClaimFrom: "2026-11-20"})
			return err
		},
	} {
		must(t, change())
		more := f.rows(after)
		last := more[len(more)-1]
		if last.Kind != lake.KindRevision {
			t.Fatalf("change %d: the last row is of kind %s", name, last.Kind)
		}
		pieces, after = append(pieces, more...), uint64(last.Revision)
		d, err := f.Dimensions(f.ctx, newestUS)
		must(t, err)
		if got, want := fold(slices.Clone(pieces)), known(d); !reflect.DeepEqual(got, want) {
			t.Fatalf("change %d: published\n%s\nreports stand on\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	whole := fold(f.rows(0))
	if !reflect.DeepEqual(whole, fold(pieces)) {
		t.Errorf("the whole says something else than its pieces")
	}
	if again := f.rows(after); len(again) != 1 {
		t.Errorf("%d rows after the newest revision", len(again))
	}
}

// Names of affiliates and organizers and emails can be erased here, and in no file.
func TestNoNameOfAPersonIsPublished(t *testing.T) {
	f := newFixture(t)
	f.organizer("north", "Europe/Berlin")
	f.affiliate("north", "Zebediah")
	if text := fmt.Sprintf("%+v", f.texts(f.rows(0))); strings.Contains(text, "Zebediah") || strings.Contains(text, "example.com") || strings.Contains(text, "Org north") {
		t.Errorf("published: %s", text)
	}
}

// texts are all texts of rows.
func (f *fixture) texts(rows []lake.CatalogRow) (texts []string) {
	f.t.Helper()
	for _, r := range rows {
		for _, v := range reflect.ValueOf(r).Fields() {
			switch field := v.Interface().(type) {
			case string:
				texts = append(texts, field)
			case *string:
				if field != nil {
					texts = append(texts, *field)
				}
			}
		}
	}
	return texts
}
