package catalog

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

// modelCode is what a person would write on paper about a code.
type modelCode struct {
	id    ids.CodeID
	org   string
	event string // empty: common
	texts []string
	plan  []CodeOwner // every reassignment ever, in the order it was asked for
}

// modelLinks says who owns the link of every event with every text; a second
// owner is a failure of the rules.
func modelLinks(codes []*modelCode, events map[string]string) (map[string]*modelCode, error) {
	links := map[string]*modelCode{}
	for _, c := range codes {
		for event, org := range events {
			if org != c.org || c.event != "" && c.event != event {
				continue
			}
			for _, text := range c.texts {
				key := event + " " + routes.FoldString(text)
				if other := links[key]; other != nil && other != c {
					return nil, fmt.Errorf("the link %s has two owners: %d and %d", key, other.id, c.id)
				}
				links[key] = c
			}
		}
	}
	return links, nil
}

// owner asks the plan from its end: the last entry asked for that has begun and
// that no later entry has taken the place of.
func (c *modelCode) owner(atMS int64) ids.AffiliateID {
	until := newestUS
	for _, p := range slices.Backward(c.plan) {
		if p.FromMS >= until {
			continue
		}
		if atMS >= p.FromMS {
			return p.Affiliate
		}
		until = p.FromMS
	}
	return 0
}

func TestModelOfCodesAndOwners(t *testing.T) {
	events := map[string]string{"a1": "acme", "a2": "acme", "b1": "beta"}
	rapid.Check(t, func(rt *rapid.T) {
		k := newClock()
		c, err := open(t, t.TempDir(), k, nil)
		must(t, err)
		defer func() { must(t, c.Close()) }()
		f := &fixture{Catalog: c, t: t, clock: k, ctx: t.Context()}
		f.organizer("acme", "Europe/Vienna")
		f.organizer("beta", "America/New_York")
		for _, event := range []string{"a1", "a2", "b1"} {
			f.event(events[event], event)
		}
		affiliates := map[string][]ids.AffiliateID{}
		for _, name := range []string{"Ann", "Bob"} {
			for _, org := range []string{"acme", "beta"} {
				affiliates[org] = append(affiliates[org], f.affiliate(org, name).ID)
			}
		}
		var codes []*modelCode
		text := rapid.SampledFrom([]string{"x", "X", "y", "Y", "z"})
		pick := func(rt *rapid.T) *modelCode {
			if len(codes) == 0 {
				rt.Skip()
			}
			return rapid.SampledFrom(codes).Draw(rt, "code")
		}
		// free says whether the rules allow the text, by adding it on paper.
		free := func(m *modelCode, text string) bool {
			m.texts = append(m.texts, text)
			all := codes
			if !slices.Contains(all, m) {
				all = append(slices.Clone(all), m)
			}
			_, err := modelLinks(all, events)
			// Two codes of one scope clash also where no event shows it yet.
			for _, o := range codes {
				if o != m && o.org == m.org && (o.event == "" || m.event == "" || o.event == m.event) && slices.ContainsFunc(o.texts, func(t string) bool { return strings.EqualFold(t, text) }) {
					err = fmt.Errorf("taken")
				}
			}
			m.texts = m.texts[:len(m.texts)-1]
			return err == nil
		}
		rt.Repeat(map[string]func(*rapid.T){
			"add": func(rt *rapid.T) {
				org := rapid.SampledFrom([]string{"acme", "beta"}).Draw(rt, "organizer")
				event := rapid.SampledFrom(map[string][]string{"acme": {"", "a1", "a2"}, "beta": {"", "b1"}}[org]).Draw(rt, "event")
				m := &modelCode{org: org, event: event}
				word := text.Draw(rt, "text")
				affiliate := rapid.SampledFrom(affiliates[org]).Draw(rt, "affiliate")
				added, err := f.AddCode(f.ctx, "test", admin.CodeAdd{Organizer: org, Event: event, Text: word, Affiliate: fmt.Sprint(affiliate)})
				if want := free(m, word); want != (err == nil) {
					rt.Fatalf("adding %s for %s/%s: %v, the rules say free %v", word, org, event, err, want)
				}
				if err == nil {
					m.id, m.texts, m.plan = added.ID, []string{word}, []CodeOwner{{Affiliate: affiliate}}
					codes = append(codes, m)
				}
			},
			"rename": func(rt *rapid.T) {
				m, word := pick(rt), text.Draw(rt, "text")
				_, err := f.RenameCode(f.ctx, "test", admin.CodeRef{Organizer: m.org, Event: m.event, Text: m.texts[0]}, admin.CodeRename{Text: word})
				if want := free(m, word); want != (err == nil) && !ambiguous(err) {
					rt.Fatalf("renaming %d to %s: %v, the rules say free %v", m.id, word, err, want)
				}
				if err == nil {
					m.texts = append(m.texts, word)
				}
			},
			"reassign": func(rt *rapid.T) {
				m := pick(rt)
				affiliate := rapid.SampledFrom(affiliates[m.org]).Draw(rt, "affiliate")
				day := k.Now().AddDate(0, 0, rapid.IntRange(1, 4).Draw(rt, "days")).Format(time.DateOnly)
				code, err := f.ReassignCode(f.ctx, "test", admin.CodeRef{Organizer: m.org, Event: m.event, Text: m.texts[0]}, admin.CodeReassign{Affiliate: fmt.Sprint(affiliate), From: day})
				if err != nil {
					return // it is its already
				}
				i := slices.IndexFunc(code.Owners, func(o admin.CodeOwner) bool { return o.From.Format(time.DateOnly) == day })
				if i < 0 {
					rt.Fatalf("reassigned from %s, but the owners are %+v", day, code.Owners)
				}
				m.plan = append(m.plan, CodeOwner{Affiliate: affiliate, FromMS: code.Owners[i].From.UnixMilli()})
			},
			"wait": func(rt *rapid.T) {
				k.Advance(time.Duration(rapid.IntRange(1, 60).Draw(rt, "hours")) * time.Hour)
			},
			"": func(rt *rapid.T) { checkModel(rt, f, codes, events) },
		})
	})
}

// ambiguous: the text meant several codes, so nothing was asked of the rules.
func ambiguous(err error) bool { return err != nil && strings.Contains(err.Error(), "several events") }

func checkModel(rt *rapid.T, f *fixture, codes []*modelCode, events map[string]string) {
	links, err := modelLinks(codes, events)
	if err != nil {
		rt.Fatal(err)
	}
	d, err := f.Dimensions(f.ctx, newestUS)
	if err != nil {
		rt.Fatal(err)
	}
	now := f.clock.Now().UnixMilli()
	for _, e := range d.Events {
		for _, text := range []string{"x", "y", "z"} {
			var want ids.CodeID
			if m := links[e.Slug+" "+text]; m != nil {
				want = m.id
			}
			// A revision may be known a few microseconds after the clock.
			if got := d.Resolve(e.Organizer, e.ID, text, now+1); got != want {
				rt.Fatalf("%s?affiliate=%s resolves to %d, want %d", e.Slug, text, got, want)
			}
		}
	}
	for _, m := range codes {
		for hours := range 150 {
			at := now + int64(hours-20)*3600_000
			if got, want := d.OwnerAt(m.id, at), m.owner(max(at, 0)); got != want {
				rt.Fatalf("code %d at %d is owned by %d, want %d; plan %+v", m.id, at, got, want, m.plan)
			}
		}
	}
}
