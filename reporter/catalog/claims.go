package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

func (ch *change) claim(ctx context.Context, id ids.CodeID, text string, from time.Time, owner affiliateRow) error {
	if err := ch.version(ctx, `INSERT INTO code_claims (code, folded, from_ms, revision) VALUES (?, ?, ?, ?)`, id, routes.FoldString(text), from.UnixMilli(), ch.number); err != nil {
		return err
	}
	return ch.audit(ctx, "code claim", fmt.Sprintf("code %d %s", id, text), nil,
		fields{"text": text, "affiliate": owner.ID, "reaches_back_to": from.Format(time.RFC3339)})
}

// claimFrom is the past midnight that a claim reaches back to.
func claimFrom(text, zone string, now time.Time) (*time.Time, error) {
	loc, err := loadZone(zone)
	if err != nil {
		return nil, err
	}
	from, err := parseDate("/claim_from", strings.TrimSpace(text), loc)
	if err != nil {
		return nil, err
	}
	if from.After(now) {
		return nil, admin.Refuse(admin.Invalid, "/claim_from", "a claim reaches back: %s is still to come in %s", text, zone)
	}
	return &from, nil
}

// codeOfText is the code that already has the text in this very scope; 0: none.
func codeOfText(ctx context.Context, q querier, code codeRow) (id ids.CodeID, err error) {
	err = q.QueryRowContext(ctx, `SELECT code FROM code_texts WHERE organizer = ? AND folded = ? AND event = ?`, code.Organizer, routes.FoldString(code.Text), code.Event).Scan(&id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("looking for the text: %w", err)
	}
	return id, nil
}

// claimKnown claims the visits that came with a text before it began to lead to
// the code. They become those of who owned the code at their time, so all of that
// time must be the claimer's. A claim that another one reaches beyond is none.
func (ch *change) claimKnown(ctx context.Context, id ids.CodeID, text string, from time.Time, owner affiliateRow) error {
	var beganMS int64
	err := ch.QueryRowContext(ctx, `SELECT min(t.from_ms, coalesce((SELECT min(from_ms) FROM code_claims k WHERE k.code = t.code AND k.folded = t.folded), t.from_ms))
	  FROM code_texts t WHERE t.code = ? AND t.folded = ?`, id, routes.FoldString(text)).Scan(&beganMS)
	if err != nil {
		return fmt.Errorf("looking for the text's beginning: %w", err)
	}
	history, err := ownersOf(ctx, ch, id)
	if err != nil {
		return err
	}
	for i, h := range history {
		begins := i == 0 || h.FromMS < max(beganMS, from.UnixMilli()+1)
		ends := i+1 < len(history) && history[i+1].FromMS <= from.UnixMilli()
		if !begins || ends || h.Affiliate == owner.ID {
			continue
		}
		other, err := affiliateByID(ctx, ch, h.Affiliate)
		if err != nil {
			return err
		}
		return admin.Refuse(admin.Conflict, "/claim_from", "%s leads to a code that was, in the time from %s on, affiliate %d's (%s): a claim is for the code's owner of the time that it reaches back",
			text, from.Format(time.DateOnly), other.ID, other.Name)
	}
	if from.UnixMilli() >= beganMS {
		return nil
	}
	return ch.claim(ctx, id, text, from, owner)
}
