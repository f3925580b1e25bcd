package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/policy"
)

// FromBeginning as a policy's day means orders of every date.
const FromBeginning = "beginning"

// SetPolicy gives an organizer a further version of its attribution policy, for
// orders dated from a coming midnight of its zone on. What is not set is taken
// over from the version that would be in force then. From the beginning on it
// may be set only as long as the organizer has no event: nothing was sold yet,
// so no order's credit changes behind anybody's back.
func (c *Catalog) SetPolicy(ctx context.Context, actor string, set policy.Set) (listed policy.Listed, err error) {
	err = c.change(ctx, actor, func(ch *change) error {
		o, err := organizerBySlug(ctx, ch, set.Organizer)
		if err != nil {
			return err
		}
		loc, err := loadZone(o.Zone)
		if err != nil {
			return err
		}
		from, err := ch.policyFrom(ctx, o, set.From, loc)
		if err != nil {
			return err
		}
		versions, err := policiesOf(ctx, ch, o.ID)
		if err != nil {
			return err
		}
		was := policyInForce(versions, from)
		next := set.On(was)
		next.FromMS, next.Version = from, 2
		for _, v := range versions {
			next.Version = max(next.Version, v.Version+1)
		}
		if err := next.Validate(); err != nil {
			return refusePolicy(err)
		}
		text, err := json.Marshal(next)
		if err != nil {
			return fmt.Errorf("writing a policy: %w", err)
		}
		if err := ch.version(ctx, `INSERT INTO policies (organizer, version, revision, from_ms, policy) VALUES (?, ?, ?, ?, ?)`, o.ID, next.Version, ch.number, from, string(text)); err != nil {
			return err
		}
		for _, span := range policy.Spans(append(versions, next)) {
			if span.Policy.Version == next.Version {
				listed = policy.List(o.Slug, span, loc, ch.now.UnixMilli())
			}
		}
		return ch.audit(ctx, "policy set", "organizer "+o.Slug, policyFields(was, loc), policyFields(next, loc))
	})
	return listed, err
}

// policyFrom reads the day that a version begins with.
func (ch *change) policyFrom(ctx context.Context, o admin.Organizer, text string, loc *time.Location) (int64, error) {
	if text = strings.TrimSpace(text); text == FromBeginning {
		var events int
		if err := ch.QueryRowContext(ctx, `SELECT count(*) FROM events WHERE organizer = ?`, o.ID).Scan(&events); err != nil {
			return 0, fmt.Errorf("looking for events: %w", err)
		}
		if events > 0 {
			return 0, admin.Refuse(admin.Conflict, "/from", "the organizer %s has events, so orders may be credited already: a policy begins at a coming midnight", o.Slug)
		}
		return 0, nil
	}
	from, err := ch.comingMidnight("/from", text, "a policy begins at a coming midnight", loc)
	return from.UnixMilli(), err
}

func refusePolicy(err error) error {
	if field, ok := errors.AsType[*policy.FieldError](err); ok {
		return admin.Refuse(admin.Invalid, "/"+field.Field, "%s", field.Error())
	}
	return err
}

func policyFields(p policy.Policy, loc *time.Location) fields {
	from := FromBeginning
	if p.FromMS != 0 {
		from = time.UnixMilli(p.FromMS).In(loc).Format(time.RFC3339)
	}
	return fields{"version": p.Version, "from": from, "window_days": p.WindowDays, "cut_at_event_end": p.CutAtEventEnd, "pick": p.Pick, "rules": p.Rules}
}

// Policies lists every version of an organizer's policy, the built-in one first.
func (c *Catalog) Policies(ctx context.Context, organizer string) (list []policy.Listed, err error) {
	err = c.read(ctx, func(q querier) error {
		o, err := organizerBySlug(ctx, q, organizer)
		if err != nil {
			return err
		}
		loc, err := loadZone(o.Zone)
		if err != nil {
			return err
		}
		versions, err := policiesOf(ctx, q, o.ID)
		for _, span := range policy.Spans(versions) {
			list = append(list, policy.List(o.Slug, span, loc, c.deps.Clock().UnixMilli()))
		}
		return err
	})
	return list, err
}

// PolicyAt is the version that is in force for orders dated atMS.
func (c *Catalog) PolicyAt(ctx context.Context, organizer string, atMS int64) (p policy.Policy, err error) {
	err = c.read(ctx, func(q querier) error {
		o, err := organizerBySlug(ctx, q, organizer)
		if err != nil {
			return err
		}
		versions, err := policiesOf(ctx, q, o.ID)
		p = policyInForce(versions, atMS)
		return err
	})
	return p, err
}

func policyInForce(versions []policy.Policy, atMS int64) policy.Policy {
	for _, span := range policy.Spans(versions) {
		if span.Holds(atMS) {
			return span.Policy
		}
	}
	return policy.Default() // spans cover all of time
}

func policiesOf(ctx context.Context, q querier, organizer ids.OrganizerID) ([]policy.Policy, error) {
	rows, err := q.QueryContext(ctx, `SELECT policy FROM policies WHERE organizer = ? ORDER BY version`, organizer)
	return collect(rows, err, func(r *sql.Rows) (p policy.Policy, err error) {
		var text []byte
		if err := r.Scan(&text); err != nil {
			return p, err
		}
		return policy.Parse(text)
	})
}
