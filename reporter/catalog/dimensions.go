package catalog

import (
	"cmp"
	"context"
	"slices"

	"footfall/schemas/ids"
	"footfall/schemas/policy"
	"footfall/schemas/routes"
)

// Dimensions is the catalog at one revision, as reports need it. Slices are sorted by id; names and emails are
// those of today, as they are not versioned.
type Dimensions struct {
	Revision   ids.Revision // zero: the as-of is before the catalog
	Organizers []DimOrganizer
	Events     []DimEvent
	Affiliates []DimAffiliate
	Codes      []DimCode
	Owners     []CodeOwner // by code, then FromMS
	CodeTexts  []CodeText  // by organizer, folded text, event
	CodeStates []CodeState // by code, then FromMS
	Policies   []DimPolicy // by organizer, then version; the built-in one is there too
	Coupons    []DimCoupon
}

// DimOrganizer is a tenant at the revision.
type DimOrganizer struct {
	ID                         ids.OrganizerID
	Slug, Name, Zone, Currency string
	Cookies                    bool
}

// DimEvent is an event at the revision.
type DimEvent struct {
	ID                         ids.EventID
	Organizer                  ids.OrganizerID
	Slug, Name, Zone, Currency string
	StartMS, EndMS             int64
}

// DimPolicy is one version of an organizer's attribution policy, with the dates
// of the orders that it credits.
type DimPolicy struct {
	Organizer ids.OrganizerID
	policy.Span
}

// DimCoupon is a coupon at the revision: orders that carry its text, from FromMS
// to before UntilMS, are credited to the code. Folded is in lower case. Of one
// text and organizer no two hold at the same time.
type DimCoupon struct {
	ID              uint32
	Organizer       ids.OrganizerID
	Code            ids.CodeID
	Folded          string
	FromMS, UntilMS int64 // equal: it never held; math.MaxInt64: no end
}

// DimAffiliate is an affiliate at the revision.
type DimAffiliate struct {
	ID                    ids.AffiliateID
	Organizer             ids.OrganizerID
	Name, Nickname, Email string
	Paused                bool
}

// DimCode is a code at the revision; its owner is in Owners.
type DimCode struct {
	ID        ids.CodeID
	Organizer ids.OrganizerID
	Event     ids.EventID // 0: common
	Text      string      // of the revision, as typed
	Paused    bool        // when the revision was made: by itself or because its affiliate was
}

// CodeText resolves a text, alias or not, to a code: Folded is in lower case. A
// visit or order at or after FromMS that came with it is the code's; one before
// it came with an unknown code. A claim sets FromMS back.
type CodeText struct {
	Organizer ids.OrganizerID
	Event     ids.EventID // 0: common
	Folded    string
	Code      ids.CodeID
	FromMS    int64
}

// CodeState is a code's state from FromMS to its next entry, by itself or with
// who owns it then; the first entry's FromMS is 0. Coming midnights at which it
// changes hands have theirs already.
type CodeState struct {
	Code   ids.CodeID
	Paused bool
	FromMS int64
}

// Dimensions reads the catalog of the last revision known at asOfUS;
// math.MaxInt64 is the newest.
func (c *Catalog) Dimensions(ctx context.Context, asOfUS int64) (*Dimensions, error) {
	revision, err := c.RevisionAt(ctx, asOfUS)
	if err != nil {
		c.metrics.failure(stepRead)
		return nil, c.explain(err)
	}
	d := &Dimensions{Revision: revision}
	if revision.Number == 0 {
		return d, nil
	}
	if err := c.read(ctx, func(q querier) error { return readDimensions(ctx, q, d, nil) }); err != nil {
		return nil, err
	}
	return d, nil
}

// Resolve finds the code that a text led to at an instant: the event's first,
// then the organizer's common one; zero: unknown.
func (d *Dimensions) Resolve(organizer ids.OrganizerID, event ids.EventID, text string, atMS int64) ids.CodeID {
	folded := routes.FoldString(text)
	for _, scope := range []ids.EventID{event, 0} {
		i, found := slices.BinarySearchFunc(d.CodeTexts, CodeText{Organizer: organizer, Folded: folded, Event: scope}, func(a, b CodeText) int {
			return cmp.Or(cmp.Compare(a.Organizer, b.Organizer), cmp.Compare(a.Folded, b.Folded), cmp.Compare(a.Event, b.Event))
		})
		if found && d.CodeTexts[i].FromMS <= atMS {
			return d.CodeTexts[i].Code
		}
	}
	return 0
}

// OwnerAt is the affiliate that owned the code at an instant; zero for a code
// that the revision doesn't know.
func (d *Dimensions) OwnerAt(code ids.CodeID, atMS int64) ids.AffiliateID {
	begin, found := slices.BinarySearchFunc(d.Owners, code, func(o CodeOwner, c ids.CodeID) int { return cmp.Compare(o.Code, c) })
	if !found {
		return 0
	}
	end := begin
	for end < len(d.Owners) && d.Owners[end].Code == code {
		end++
	}
	return ownerAt(d.Owners[begin:end], atMS)
}
