package reporter

import (
	"context"
	"fmt"
	"math"

	"footfall/reporter/catalog"
	"footfall/reporter/lake"
)

// dimensions is the catalog as the lake's reader sees it.
type dimensions struct{ catalog *catalog.Catalog }

func (d dimensions) Answered(ctx context.Context, watermarkUS int64) error {
	return d.catalog.NoteWatermark(ctx, watermarkUS)
}

func (d dimensions) Revision(ctx context.Context, asOfUS int64) (lake.Revision, error) {
	s, err := d.catalog.StateAt(ctx, newestIfZero(asOfUS))
	if err != nil {
		return lake.Revision{}, err
	}
	return lake.Revision{
		Key: fmt.Sprintf("%s %d", s.Revision, s.Names), Text: s.Revision.String(), KnownAtUS: s.KnownAtUS, State: s,
	}, nil
}

func newestIfZero(asOfUS int64) int64 {
	if asOfUS == 0 {
		return math.MaxInt64
	}
	return asOfUS
}

func (d dimensions) Dimensions(ctx context.Context, asOfUS int64) (*lake.Dimensions, error) {
	from, err := d.catalog.Dimensions(ctx, newestIfZero(asOfUS))
	if err != nil {
		return nil, err
	}
	return seen(from), nil
}

func (d dimensions) Changes(ctx context.Context, from, to lake.Revision) (*lake.Dimensions, error) {
	was, known := from.State.(catalog.State)
	is, also := to.State.(catalog.State)
	if !known || !also {
		return nil, nil
	}
	changes, err := d.catalog.Changes(ctx, was, is)
	if err != nil || changes == nil {
		return nil, err
	}
	return seen(changes), nil
}

// seen is the catalog's dimensions in the reader's words.
func seen(from *catalog.Dimensions) *lake.Dimensions {
	to := &lake.Dimensions{}
	for _, o := range from.Organizers {
		to.Organizers = append(to.Organizers, lake.Organizer{ID: int64(o.ID), Slug: o.Slug, Name: o.Name, Zone: o.Zone, Currency: o.Currency})
	}
	for _, e := range from.Events {
		to.Events = append(to.Events, lake.Event{
			ID: int64(e.ID), Organizer: int64(e.Organizer), Slug: e.Slug, Name: e.Name, Zone: e.Zone, Currency: e.Currency, StartMS: e.StartMS, EndMS: e.EndMS,
		})
	}
	for _, a := range from.Affiliates {
		to.Affiliates = append(to.Affiliates, lake.Affiliate{
			ID: int64(a.ID), Organizer: int64(a.Organizer), Name: a.Name, Nickname: a.Nickname, Email: a.Email, Paused: a.Paused,
		})
	}
	for _, c := range from.Codes {
		to.Codes = append(to.Codes, lake.Code{ID: int64(c.ID), Organizer: int64(c.Organizer), Event: int64(c.Event), Text: c.Text, Paused: c.Paused})
	}
	for _, t := range from.CodeTexts {
		to.Texts = append(to.Texts, lake.CodeText{Code: int64(t.Code), Folded: t.Folded, FromMS: t.FromMS})
	}
	for _, o := range from.Owners {
		to.Owners = append(to.Owners, lake.CodeOwner{Code: int64(o.Code), Affiliate: int64(o.Affiliate), FromMS: o.FromMS})
	}
	for _, s := range from.CodeStates {
		to.States = append(to.States, lake.CodeState{Code: int64(s.Code), Paused: s.Paused, FromMS: s.FromMS})
	}
	for _, p := range from.Policies {
		to.Policies = append(to.Policies, lake.Policy{Organizer: int64(p.Organizer), Span: p.Span})
	}
	for _, k := range from.Coupons {
		to.Coupons = append(to.Coupons, lake.Coupon{ID: int64(k.ID), Organizer: int64(k.Organizer), Code: int64(k.Code), Folded: k.Folded, FromMS: k.FromMS, UntilMS: k.UntilMS})
	}
	return to
}
