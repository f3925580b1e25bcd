package catalog

import (
	"context"
	"fmt"

	"footfall/schemas/ids"
)

// takeovers remembers the last look for codes whose collectors must be told of
// another state. Whose a code is, and whether that affiliate is paused, follows
// from the dated history alone: reports need no takeover, only edges do.
type takeovers struct {
	looked bool
	nowMS  int64
}

// applyTakeovers tells collectors when a code's owner changed at a midnight from
// a paused affiliate to an active one, or the reverse. It looks whenever the
// clock has passed a midnight at which a code changes hands, in either direction,
// and at every start, so none is missed while no reporter ran; what a pause changes
// is told with the pause.
func (c *Catalog) applyTakeovers(ctx context.Context) error {
	c.takeover.Lock()
	defer c.takeover.Unlock()
	now := takeovers{looked: true, nowMS: c.deps.Clock().UnixMilli()}
	if was := c.takeovers; was.looked {
		var passed int
		if err := c.reader.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM code_owners WHERE from_ms > ? AND from_ms <= ?)`,
			min(was.nowMS, now.nowMS), max(was.nowMS, now.nowMS)).Scan(&passed); err != nil {
			return fmt.Errorf("looking for changes of owner: %w", err)
		}
		if passed == 0 {
			c.takeovers = now
			return nil
		}
	}
	due, err := takeoversDue(ctx, c.reader, now.nowMS)
	if err != nil {
		return err
	}
	if len(due) > 0 {
		if err := c.takeOver(ctx, now.nowMS); err != nil {
			return err
		}
	}
	c.takeovers = now
	return nil
}

func (c *Catalog) takeOver(ctx context.Context, nowMS int64) error {
	return c.change(ctx, "footfall", func(ch *change) error {
		due, err := takeoversDue(ctx, ch, nowMS)
		if err != nil {
			return err
		}
		for _, id := range due {
			code, err := codeByID(ctx, ch, id)
			if err != nil {
				return err
			}
			history, err := ownersOf(ctx, ch, id)
			if err != nil {
				return err
			}
			code.OwnerPaused = !code.OwnerPaused
			if err := ch.writeCode(ctx, code); err != nil {
				return err
			}
			if err := ch.audit(ctx, "code takeover", code.subject(), fields{"owner_paused": !code.OwnerPaused},
				fields{"owner_paused": code.OwnerPaused, "affiliate": ownerAt(history, nowMS)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// takeoversDue are the codes of which collectors were told another state of the
// owner than the one of today. Only a code that was reassigned can be one. The
// owner at an instant is the entry of the latest revision that has begun by then.
func takeoversDue(ctx context.Context, q querier, nowMS int64) ([]ids.CodeID, error) {
	rows, err := q.QueryContext(ctx, `SELECT c.id FROM (SELECT DISTINCT code FROM code_owners WHERE from_ms > 0) o CROSS JOIN codes c ON c.id = o.code
	  WHERE c.revision = (SELECT max(revision) FROM codes WHERE id = c.id)
	    AND c.owner_paused <> (SELECT paused FROM affiliates WHERE id =
	      (SELECT affiliate FROM code_owners WHERE code = c.id AND from_ms <= ? ORDER BY revision DESC LIMIT 1) ORDER BY revision DESC LIMIT 1)
	  ORDER BY c.id`, nowMS)
	return collect(rows, err, scanCodeID)
}
