package catalog

import (
	"cmp"
	"context"
	"database/sql"
	"math"
	"slices"

	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

// Dimensions is the catalog at one revision, as reports need it. Shared between
// callers: nobody changes it. Slices are sorted by id; names and emails are
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
	Paused    bool        // by itself or because its affiliate was
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

// CodeState is a code's state from FromMS to its next entry; the first entry's
// FromMS is 0.
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
	c.mu.Lock()
	kept, names := c.dimensions, c.names
	c.mu.Unlock()
	if kept != nil && kept.Revision == revision {
		return kept, nil
	}
	d := &Dimensions{Revision: revision}
	if revision.Number > 0 {
		if err := c.read(ctx, func(q querier) error { return d.read(ctx, q) }); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.names == names {
		c.dimensions = d
	}
	return d, nil
}

func (d *Dimensions) read(ctx context.Context, q querier) error {
	at := int64(min(d.Revision.Number, math.MaxInt64))
	for _, part := range []func(context.Context, querier, int64) error{
		d.readOrganizers, d.readEvents, d.readAffiliates, d.readCodes, d.readOwners, d.readTexts,
	} {
		if err := part(ctx, q, at); err != nil {
			return err
		}
	}
	return nil
}

func (d *Dimensions) readOrganizers(ctx context.Context, q querier, at int64) error {
	rows, err := q.QueryContext(ctx, `SELECT o.id, o.slug, n.name, o.zone, o.currency, o.cookies FROM organizers o JOIN organizer_names n ON n.id = o.id
	  WHERE o.revision = (SELECT max(revision) FROM organizers WHERE id = o.id AND revision <= ?) ORDER BY o.id`, at)
	d.Organizers, err = collect(rows, err, func(r *sql.Rows) (o DimOrganizer, err error) {
		err = r.Scan(&o.ID, &o.Slug, &o.Name, &o.Zone, &o.Currency, &o.Cookies)
		return o, err
	})
	return err
}

func (d *Dimensions) readEvents(ctx context.Context, q querier, at int64) error {
	rows, err := q.QueryContext(ctx, `SELECT id, organizer, slug, name, zone, currency, start_ms, end_ms FROM events e
	  WHERE revision = (SELECT max(revision) FROM events WHERE id = e.id AND revision <= ?) ORDER BY id`, at)
	d.Events, err = collect(rows, err, func(r *sql.Rows) (e DimEvent, err error) {
		err = r.Scan(&e.ID, &e.Organizer, &e.Slug, &e.Name, &e.Zone, &e.Currency, &e.StartMS, &e.EndMS)
		return e, err
	})
	return err
}

func (d *Dimensions) readAffiliates(ctx context.Context, q querier, at int64) error {
	rows, err := q.QueryContext(ctx, `SELECT a.id, a.organizer, n.name, n.nickname, n.email, a.paused FROM affiliates a JOIN affiliate_names n ON n.id = a.id
	  WHERE a.revision = (SELECT max(revision) FROM affiliates WHERE id = a.id AND revision <= ?) ORDER BY a.id`, at)
	d.Affiliates, err = collect(rows, err, func(r *sql.Rows) (a DimAffiliate, err error) {
		err = r.Scan(&a.ID, &a.Organizer, &a.Name, &a.Nickname, &a.Email, &a.Paused)
		return a, err
	})
	return err
}

// readCodes reads all versions in order: the last one is the code, each change
// of state a CodeState.
func (d *Dimensions) readCodes(ctx context.Context, q querier, at int64) error {
	type version struct {
		code    DimCode
		knownUS int64
	}
	rows, err := q.QueryContext(ctx, `SELECT c.id, c.organizer, c.event, c.text, c.paused OR c.owner_paused, r.known_at_us FROM codes c JOIN revisions r ON r.number = c.revision
	  WHERE c.revision <= ? ORDER BY c.id, c.revision`, at)
	versions, err := collect(rows, err, func(r *sql.Rows) (v version, err error) {
		err = r.Scan(&v.code.ID, &v.code.Organizer, &v.code.Event, &v.code.Text, &v.code.Paused, &v.knownUS)
		return v, err
	})
	for _, v := range versions {
		last := len(d.Codes) - 1
		fresh := last < 0 || d.Codes[last].ID != v.code.ID
		if fresh || d.Codes[last].Paused != v.code.Paused {
			state := CodeState{Code: v.code.ID, Paused: v.code.Paused}
			if !fresh {
				state.FromMS = v.knownUS / 1000
			}
			d.CodeStates = append(d.CodeStates, state)
		}
		if fresh {
			d.Codes = append(d.Codes, v.code)
		} else {
			d.Codes[last] = v.code
		}
	}
	return err
}

func (d *Dimensions) readOwners(ctx context.Context, q querier, at int64) error {
	rows, err := q.QueryContext(ctx, `SELECT code, affiliate, from_ms FROM code_owners WHERE revision <= ? ORDER BY code, revision`, at)
	all, err := collect(rows, err, scanOwner)
	for begin := 0; begin < len(all); {
		end := begin
		var history []CodeOwner
		for ; end < len(all) && all[end].Code == all[begin].Code; end++ {
			history = appendOwner(history, all[end])
		}
		d.Owners = append(d.Owners, history...)
		begin = end
	}
	return err
}

func (d *Dimensions) readTexts(ctx context.Context, q querier, at int64) error {
	rows, err := q.QueryContext(ctx, `SELECT t.organizer, t.event, t.folded, t.code,
	    min(t.from_ms, coalesce((SELECT min(from_ms) FROM code_claims k WHERE k.code = t.code AND k.folded = t.folded AND k.revision <= ?1), t.from_ms))
	  FROM code_texts t WHERE t.revision <= ?1 ORDER BY t.organizer, t.folded, t.event`, at)
	d.CodeTexts, err = collect(rows, err, func(r *sql.Rows) (t CodeText, err error) {
		err = r.Scan(&t.Organizer, &t.Event, &t.Folded, &t.Code, &t.FromMS)
		return t, err
	})
	return err
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
