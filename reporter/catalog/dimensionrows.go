package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"

	"footfall/schemas/ids"
	"footfall/schemas/policy"
)

// dimensionReader reads the catalog as it was at one revision. Everything is a
// function of the rows up to it, so a later change never changes what it gives.
type dimensionReader struct {
	querier
	ctx  context.Context
	at   int64  // number of the revision
	only *touch // nil: everything
	to   *Dimensions
}

// touch names what changed between two revisions: JSON lists of ids.
type touch struct {
	organizers, events, affiliates, codes, coupons string
}

func readDimensions(ctx context.Context, q querier, d *Dimensions, only *touch) error {
	r := &dimensionReader{querier: q, ctx: ctx, at: int64(min(d.Revision.Number, math.MaxInt64)), only: only, to: d}
	for _, part := range []func() error{
		r.organizers, r.events, r.affiliates, r.owners, r.codes, r.texts, r.policies, r.coupons,
	} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// rows asks a query in which ?1 is the revision; {only} stands for the condition
// that the column's id is one of list, where not everything is read.
func (r *dimensionReader) rows(query, column, list string) (*sql.Rows, error) {
	if r.only == nil {
		return r.QueryContext(r.ctx, fmt.Sprintf(query, ""), r.at)
	}
	return r.QueryContext(r.ctx, fmt.Sprintf(query, " AND "+column+" IN (SELECT value FROM json_each(?2))"), r.at, list)
}

// touched is what of the only is read; empty when everything is.
func (r *dimensionReader) touched() touch {
	if r.only == nil {
		return touch{}
	}
	return *r.only
}

func (r *dimensionReader) organizers() error {
	rows, err := r.rows(`SELECT o.id, o.slug, n.name, o.zone, o.currency, o.cookies FROM organizers o JOIN organizer_names n ON n.id = o.id
	  WHERE o.revision = (SELECT max(revision) FROM organizers WHERE id = o.id AND revision <= ?1)%s ORDER BY o.id`, "o.id", r.touched().organizers)
	r.to.Organizers, err = collect(rows, err, func(r *sql.Rows) (o DimOrganizer, err error) {
		err = r.Scan(&o.ID, &o.Slug, &o.Name, &o.Zone, &o.Currency, &o.Cookies)
		return o, err
	})
	return err
}

func (r *dimensionReader) events() error {
	rows, err := r.rows(`SELECT e.id, e.organizer, e.slug, e.name, e.zone, e.currency, e.start_ms, e.end_ms FROM events e
	  WHERE e.revision = (SELECT max(revision) FROM events WHERE id = e.id AND revision <= ?1)%s ORDER BY e.id`, "e.id", r.touched().events)
	r.to.Events, err = collect(rows, err, func(r *sql.Rows) (e DimEvent, err error) {
		err = r.Scan(&e.ID, &e.Organizer, &e.Slug, &e.Name, &e.Zone, &e.Currency, &e.StartMS, &e.EndMS)
		return e, err
	})
	return err
}

func (r *dimensionReader) affiliates() error {
	rows, err := r.rows(`SELECT a.id, a.organizer, n.name, n.nickname, n.email, a.paused FROM affiliates a JOIN affiliate_names n ON n.id = a.id
	  WHERE a.revision = (SELECT max(revision) FROM affiliates WHERE id = a.id AND revision <= ?1)%s ORDER BY a.id`, "a.id", r.touched().affiliates)
	r.to.Affiliates, err = collect(rows, err, func(r *sql.Rows) (a DimAffiliate, err error) {
		err = r.Scan(&a.ID, &a.Organizer, &a.Name, &a.Nickname, &a.Email, &a.Paused)
		return a, err
	})
	return err
}

func (r *dimensionReader) owners() error {
	rows, err := r.rows(`SELECT o.code, o.affiliate, o.from_ms FROM code_owners o WHERE o.revision <= ?1%s ORDER BY o.code, o.revision`, "o.code", r.touched().codes)
	all, err := collect(rows, err, scanOwner)
	r.to.Owners = ownerHistories(all)
	return err
}

// codes reads all versions in order: the last one is the code. Its states come of
// its own and of those of its owners.
func (r *dimensionReader) codes() error {
	pauses, err := r.ownerPauses()
	if err != nil {
		return err
	}
	type version struct {
		code    DimCode
		knownMS int64
	}
	rows, err := r.rows(`SELECT c.id, c.organizer, c.event, c.text, c.paused, r.known_at_us / 1000 FROM codes c JOIN revisions r ON r.number = c.revision
	  WHERE c.revision <= ?1%s ORDER BY c.id, c.revision`, "c.id", r.touched().codes)
	versions, err := collect(rows, err, func(r *sql.Rows) (v version, err error) {
		err = r.Scan(&v.code.ID, &v.code.Organizer, &v.code.Event, &v.code.Text, &v.code.Paused, &v.knownMS)
		return v, err
	})
	if err != nil {
		return err
	}
	var atMS int64
	if err := r.QueryRowContext(r.ctx, `SELECT known_at_us / 1000 FROM revisions WHERE number = ?`, r.at).Scan(&atMS); err != nil {
		return fmt.Errorf("reading the time of revision %d: %w", r.at, err)
	}
	owners, begin := r.to.Owners, 0
	for first := 0; first < len(versions); {
		var own pauseHistory
		last := first
		for ; last < len(versions) && versions[last].code.ID == versions[first].code.ID; last++ {
			own = own.then(versions[last].code.Paused, versions[last].knownMS)
		}
		code := versions[last-1].code
		end := begin
		for ; end < len(owners) && owners[end].Code == code.ID; end++ {
		}
		states := statesOf(code.ID, own, owners[begin:end], pauses)
		for _, s := range states {
			if s.FromMS <= atMS {
				code.Paused = s.Paused
			}
		}
		r.to.Codes, r.to.CodeStates = append(r.to.Codes, code), append(r.to.CodeStates, states...)
		first, begin = last, end
	}
	return nil
}

// ownerPauses are the histories of the affiliates that were ever paused.
func (r *dimensionReader) ownerPauses() (map[ids.AffiliateID]pauseHistory, error) {
	type version struct {
		id      ids.AffiliateID
		paused  bool
		knownMS int64
	}
	rows, err := r.QueryContext(r.ctx, `SELECT a.id, a.paused, r.known_at_us / 1000 FROM affiliates a JOIN revisions r ON r.number = a.revision
	  WHERE a.revision <= ?1 AND a.id IN (SELECT id FROM affiliates WHERE paused) ORDER BY a.id, a.revision`, r.at)
	all, err := collect(rows, err, func(r *sql.Rows) (v version, err error) {
		err = r.Scan(&v.id, &v.paused, &v.knownMS)
		return v, err
	})
	pauses := map[ids.AffiliateID]pauseHistory{}
	for _, v := range all {
		pauses[v.id] = pauses[v.id].then(v.paused, v.knownMS)
	}
	return pauses, err
}

func (r *dimensionReader) texts() error {
	rows, err := r.rows(`SELECT t.organizer, t.event, t.folded, t.code,
	    min(t.from_ms, coalesce((SELECT min(from_ms) FROM code_claims k WHERE k.code = t.code AND k.folded = t.folded AND k.revision <= ?1), t.from_ms))
	  FROM code_texts t WHERE t.revision <= ?1%s ORDER BY t.organizer, t.folded, t.event`, "t.code", r.touched().codes)
	r.to.CodeTexts, err = collect(rows, err, func(r *sql.Rows) (t CodeText, err error) {
		err = r.Scan(&t.Organizer, &t.Event, &t.Folded, &t.Code, &t.FromMS)
		return t, err
	})
	return err
}

// policies are few, and read whole each time.
func (r *dimensionReader) policies() error {
	type row struct {
		organizer ids.OrganizerID
		policy    []byte
	}
	rows, err := r.QueryContext(r.ctx, `SELECT o.id, p.policy FROM (SELECT DISTINCT id FROM organizers WHERE revision <= ?1) o
	  LEFT JOIN policies p ON p.organizer = o.id AND p.revision <= ?1 ORDER BY o.id, p.version`, r.at)
	all, err := collect(rows, err, func(r *sql.Rows) (p row, err error) {
		err = r.Scan(&p.organizer, &p.policy)
		return p, err
	})
	if err != nil {
		return err
	}
	for begin := 0; begin < len(all); {
		var versions []policy.Policy
		end := begin
		for ; end < len(all) && all[end].organizer == all[begin].organizer; end++ {
			if all[end].policy == nil {
				continue
			}
			version, err := policy.Parse(all[end].policy)
			if err != nil {
				return fmt.Errorf("reading a policy of organizer %d: %w", all[end].organizer, err)
			}
			versions = append(versions, version)
		}
		for _, span := range policy.Spans(versions) {
			r.to.Policies = append(r.to.Policies, DimPolicy{Organizer: all[begin].organizer, Span: span})
		}
		begin = end
	}
	return nil
}

func (r *dimensionReader) coupons() error {
	rows, err := r.rows(`SELECT k.id, k.organizer, k.folded, k.code, k.from_ms, coalesce(k.until_ms, 9223372036854775807) FROM coupons k
	  WHERE k.revision = (SELECT max(revision) FROM coupons WHERE id = k.id AND revision <= ?1)%s ORDER BY k.id`, "k.id", r.touched().coupons)
	r.to.Coupons, err = collect(rows, err, func(r *sql.Rows) (k DimCoupon, err error) {
		err = r.Scan(&k.ID, &k.Organizer, &k.Folded, &k.Code, &k.FromMS, &k.UntilMS)
		return k, err
	})
	return err
}

// Changes is Dimensions at the state to with only what differs from the state
// from, an earlier one: each organizer, event, affiliate, coupon and code that
// changed stands in it with all its rows, and every policy. Nil without an error:
// it can't be told, Dimensions must be read whole.
func (c *Catalog) Changes(ctx context.Context, from, to State) (*Dimensions, error) {
	names, told := c.renamedBetween(from.Names, to.Names)
	if !told || from.Revision.Number == 0 || from.Revision.Number > to.Revision.Number {
		return nil, nil
	}
	d := &Dimensions{Revision: to.Revision}
	err := c.read(ctx, func(q querier) error {
		only, err := touchedBetween(ctx, q, from.Revision, to.Revision, names)
		if err != nil {
			return err
		}
		return readDimensions(ctx, q, d, only)
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// touchedBetween lists the ids that revisions above from brought something of. A
// code changes with each affiliate that owned it, owns it or is going to.
func touchedBetween(ctx context.Context, q querier, from, to ids.Revision, names renamed) (*touch, error) {
	var t touch
	organizers, affiliates, err := names.lists()
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		to    *string
		query string
		names string
	}{
		{&t.organizers, `SELECT id FROM organizers WHERE revision > ?1 AND revision <= ?2 UNION SELECT value FROM json_each(?3)`, organizers},
		{&t.events, `SELECT id FROM events WHERE revision > ?1 AND revision <= ?2`, ""},
		{&t.affiliates, `SELECT id FROM affiliates WHERE revision > ?1 AND revision <= ?2 UNION SELECT value FROM json_each(?3)`, affiliates},
		{&t.coupons, `SELECT id FROM coupons WHERE revision > ?1 AND revision <= ?2`, ""},
		{&t.codes, `SELECT id FROM codes INDEXED BY codes_revision WHERE revision > ?1 AND revision <= ?2
		  UNION SELECT code FROM code_owners INDEXED BY code_owners_revision WHERE revision > ?1 AND revision <= ?2
		  UNION SELECT code FROM code_texts INDEXED BY code_texts_revision WHERE revision > ?1 AND revision <= ?2
		  UNION SELECT code FROM code_claims INDEXED BY code_claims_revision WHERE revision > ?1 AND revision <= ?2
		  UNION SELECT o.code FROM affiliates a INDEXED BY affiliates_revision CROSS JOIN code_owners o ON o.affiliate = a.id
		    WHERE a.revision > ?1 AND a.revision <= ?2`, ""},
	} {
		args := []any{int64(min(from.Number, math.MaxInt64)), int64(min(to.Number, math.MaxInt64))}
		if part.names != "" {
			args = append(args, part.names)
		}
		rows, err := q.QueryContext(ctx, part.query, args...)
		list, err := collect(rows, err, func(r *sql.Rows) (id int64, err error) {
			err = r.Scan(&id)
			return id, err
		})
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(list)
		if err != nil {
			return nil, fmt.Errorf("listing what changed: %w", err)
		}
		*part.to = string(text)
	}
	return &t, nil
}
