package catalog

import (
	"context"
	"database/sql"
	"fmt"

	"footfall/schemas/ids"
)

// CodeOwner is one entry of a code's dated history: from FromMS (inclusive) to
// the next entry of the same code the affiliate owns it. The first entry's
// FromMS is 0: a visit that names the code is its first owner's, however wrong
// the collector's clock was.
type CodeOwner struct {
	Code      ids.CodeID
	Affiliate ids.AffiliateID
	FromMS    int64
}

// appendOwner puts a later revision's entry on a code's history: it takes the
// place of everything at or after its own start.
func appendOwner(history []CodeOwner, next CodeOwner) []CodeOwner {
	for len(history) > 0 && history[len(history)-1].FromMS >= next.FromMS {
		history = history[:len(history)-1]
	}
	return append(history, next)
}

// ownerHistories makes the histories of rows that stand by code, then revision.
func ownerHistories(rows []CodeOwner) []CodeOwner {
	all := make([]CodeOwner, 0, len(rows))
	begin := 0 // of the history of the code at hand
	for i, row := range rows {
		if i > 0 && rows[i-1].Code != row.Code {
			begin = len(all)
		}
		all = append(all[:begin], appendOwner(all[begin:], row)...)
	}
	return all
}

// ownerAt is the owner at an instant; zero for a code without a history.
func ownerAt(history []CodeOwner, atMS int64) ids.AffiliateID {
	var owner ids.AffiliateID
	for i, h := range history {
		if i == 0 || h.FromMS <= atMS {
			owner = h.Affiliate
		}
	}
	return owner
}

func ownersOf(ctx context.Context, q querier, code ids.CodeID) ([]CodeOwner, error) {
	rows, err := q.QueryContext(ctx, `SELECT code, affiliate, from_ms FROM code_owners WHERE code = ? ORDER BY revision`, code)
	all, err := collect(rows, err, scanOwner)
	var history []CodeOwner
	for _, o := range all {
		history = appendOwner(history, o)
	}
	return history, err
}

func scanOwner(r *sql.Rows) (o CodeOwner, err error) {
	err = r.Scan(&o.Code, &o.Affiliate, &o.FromMS)
	return o, err
}

// ownedCodes are the ids above after of the codes that the affiliate owns at an
// instant, in order.
func ownedCodes(ctx context.Context, q querier, affiliate ids.AffiliateID, atMS int64, after ids.CodeID) ([]ids.CodeID, error) {
	rows, err := q.QueryContext(ctx, `SELECT code, affiliate, from_ms FROM code_owners
	  WHERE code IN (SELECT code FROM code_owners WHERE affiliate = ? AND code > ?) ORDER BY code, revision`, affiliate, after)
	all, err := collect(rows, err, scanOwner)
	all = ownerHistories(all)
	var owned []ids.CodeID
	for begin := 0; begin < len(all); {
		end := begin
		for ; end < len(all) && all[end].Code == all[begin].Code; end++ {
		}
		if ownerAt(all[begin:end], atMS) == affiliate {
			owned = append(owned, all[begin].Code)
		}
		begin = end
	}
	return owned, err
}

func scanCodeID(r *sql.Rows) (id ids.CodeID, err error) {
	err = r.Scan(&id)
	return id, err
}

func describeOwner(ctx context.Context, q querier, code ids.CodeID, atMS int64) (string, error) {
	history, err := ownersOf(ctx, q, code)
	if err != nil {
		return "", err
	}
	owner, err := affiliateByID(ctx, q, ownerAt(history, atMS))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("affiliate %d (%s)", owner.ID, owner.Name), nil
}
