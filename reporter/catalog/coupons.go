package catalog

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/order"
	"footfall/schemas/routes"
)

// foreverMS is the end of what has none.
const foreverMS = int64(math.MaxInt64)

// couponRow is a coupon's newest version: from FromMS to before UntilMS its text
// leads to the code.
type couponRow struct {
	ID        uint32
	Organizer ids.OrganizerID
	Text      string
	Code      ids.CodeID
	FromMS    int64
	UntilMS   int64 // foreverMS: no end
	CodeText  string
}

func (k couponRow) subject() string { return fmt.Sprintf("coupon %d %s", k.ID, k.Text) }

const couponColumns = `k.id, k.organizer, k.text, k.code, k.from_ms, k.until_ms, (SELECT text FROM codes WHERE id = k.code ORDER BY revision DESC LIMIT 1)
  FROM coupons k WHERE k.revision = (SELECT max(revision) FROM coupons WHERE id = k.id)`

func scanCoupon(row *sql.Rows) (k couponRow, err error) {
	var until sql.NullInt64
	err = row.Scan(&k.ID, &k.Organizer, &k.Text, &k.Code, &k.FromMS, &until, &k.CodeText)
	if k.UntilMS = foreverMS; until.Valid {
		k.UntilMS = until.Int64
	}
	return k, err
}

func (ch *change) writeCoupon(ctx context.Context, k couponRow) error {
	var until any
	if k.UntilMS != foreverMS {
		until = k.UntilMS
	}
	return ch.version(ctx, `INSERT INTO coupons (id, revision, organizer, folded, text, code, from_ms, until_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		k.ID, ch.number, k.Organizer, foldCoupon(k.Text), k.Text, k.Code, k.FromMS, until)
}

// foldCoupon is the fold of the text on an order: ASCII letters only.
func foldCoupon(text string) string { return routes.FoldString(text) }

// AddCoupon binds a coupon's text to a tracking code of the same organizer, from
// now on, or from a midnight of its zone on that may be past: the audit log then
// says how far it reaches back. At no time does a text lead to two codes.
func (c *Catalog) AddCoupon(ctx context.Context, actor string, add admin.CouponAdd) (coupon admin.Coupon, err error) {
	err = c.change(ctx, actor, func(ch *change) error {
		o, err := organizerBySlug(ctx, ch, add.Organizer)
		if err != nil {
			return err
		}
		loc, err := loadZone(o.Zone)
		if err != nil {
			return err
		}
		k := couponRow{Organizer: o.ID, Text: strings.TrimSpace(add.Text)}
		if k.Text == "" || !order.ValidText(k.Text) {
			return admin.Refuse(admin.Invalid, "/text", "the coupon %q: want 1 to %d bytes on one line", k.Text, order.MaxTextBytes)
		}
		code, err := codeByRef(ctx, ch, admin.CodeRef{Organizer: o.Slug, Event: add.Event, Text: add.Code})
		if err != nil {
			return err
		}
		k.Code, k.CodeText = code.ID, code.Text
		after, err := ch.couponDates(&k, add, loc)
		if err != nil {
			return err
		}
		if err := ch.checkCouponFree(ctx, k, loc); err != nil {
			return err
		}
		if k.ID, err = ch.mintID(ctx, kindCoupon); err != nil {
			return err
		}
		if err := ch.writeCoupon(ctx, k); err != nil {
			return err
		}
		after["id"], after["text"], after["code"] = k.ID, k.Text, k.Code
		if err := ch.audit(ctx, "coupon add", k.subject(), nil, after); err != nil {
			return err
		}
		coupon = k.public(o, loc, ch.knownUS/1000)
		return nil
	})
	return coupon, err
}

// couponDates reads from when to when a coupon is asked to lead to its code, and
// says it for the audit log.
func (ch *change) couponDates(k *couponRow, add admin.CouponAdd, loc *time.Location) (fields, error) {
	k.FromMS, k.UntilMS = ch.knownUS/1000, foreverMS
	said := fields{"from": time.UnixMilli(k.FromMS).In(loc).Format(time.RFC3339)}
	if add.From != "" {
		from, err := parseDate("/from", strings.TrimSpace(add.From), loc)
		if err != nil {
			return nil, err
		}
		k.FromMS = from.UnixMilli()
		said["from"] = from.Format(time.RFC3339)
		if from.UnixMicro() < ch.knownUS {
			said = fields{"reaches_back_to": said["from"]}
		}
	}
	if add.Until != "" {
		until, err := parseDate("/until", strings.TrimSpace(add.Until), loc)
		if err != nil {
			return nil, err
		}
		if k.UntilMS = until.UnixMilli(); k.UntilMS <= k.FromMS {
			return nil, admin.Refuse(admin.Invalid, "/until", "the coupon's end is not after its beginning")
		}
		said["until"] = until.Format(time.RFC3339)
	}
	return said, nil
}

// checkCouponFree refuses a text that leads to a code in any of the time.
func (ch *change) checkCouponFree(ctx context.Context, k couponRow, loc *time.Location) error {
	same, err := couponsOf(ctx, ch, ` AND k.organizer = ? AND k.folded = ? ORDER BY k.from_ms, k.id`, k.Organizer, foldCoupon(k.Text))
	if err != nil {
		return err
	}
	for _, other := range same {
		if max(other.FromMS, k.FromMS) >= min(other.UntilMS, k.UntilMS) {
			continue
		}
		span := "from " + time.UnixMilli(other.FromMS).In(loc).Format(time.RFC3339)
		if other.UntilMS != foreverMS {
			span += " until " + time.UnixMilli(other.UntilMS).In(loc).Format(time.RFC3339)
		}
		return admin.Refuse(admin.Conflict, "/text", "the coupon %s leads to the code %s %s: end it first with «footfall coupon end», or choose other dates", other.Text, other.CodeText, span)
	}
	return nil
}

// EndCoupon ends the binding of a coupon's text that holds now, or else the next
// one: at once, or at a coming midnight. Orders before it keep their credit. It
// can't be taken back by another end later than the first.
func (c *Catalog) EndCoupon(ctx context.Context, actor, organizer, text string, end admin.CouponEnd) (coupon admin.Coupon, err error) {
	err = c.change(ctx, actor, func(ch *change) error {
		o, err := organizerBySlug(ctx, ch, organizer)
		if err != nil {
			return err
		}
		loc, err := loadZone(o.Zone)
		if err != nil {
			return err
		}
		until := ch.knownUS / 1000
		if end.Until != "" {
			at, err := ch.comingMidnight("/until", end.Until, "a coupon ends at once or at a coming midnight", loc)
			if err != nil {
				return err
			}
			until = at.UnixMilli()
		}
		k, err := ch.endingCoupon(ctx, o, text, loc)
		if err != nil {
			return err
		}
		was := k.UntilMS
		k.UntilMS = max(until, k.FromMS)
		if k.UntilMS > was {
			return admin.Refuse(admin.Conflict, "/until", "the coupon %s ends %s already: bind it anew with «footfall coupon add»", k.Text, time.UnixMilli(was).In(loc).Format(time.RFC3339))
		}
		coupon = k.public(o, loc, ch.knownUS/1000)
		if k.UntilMS == was {
			return nil
		}
		if err := ch.writeCoupon(ctx, k); err != nil {
			return err
		}
		before := fields{"until": "none"}
		if was != foreverMS {
			before["until"] = time.UnixMilli(was).In(loc).Format(time.RFC3339)
		}
		return ch.audit(ctx, "coupon end", k.subject(), before, fields{"until": time.UnixMilli(k.UntilMS).In(loc).Format(time.RFC3339)})
	})
	return coupon, err
}

// endingCoupon is the binding of the text that has not ended yet and began first.
func (ch *change) endingCoupon(ctx context.Context, o admin.Organizer, text string, loc *time.Location) (couponRow, error) {
	text = strings.TrimSpace(text)
	same, err := couponsOf(ctx, ch, ` AND k.organizer = ? AND k.folded = ? ORDER BY k.from_ms, k.id`, o.ID, foldCoupon(text))
	if err != nil {
		return couponRow{}, err
	}
	for _, k := range same {
		if k.UntilMS > ch.knownUS/1000 && k.UntilMS > k.FromMS {
			return k, nil
		}
	}
	if n := len(same); n > 0 {
		return couponRow{}, admin.Refuse(admin.Conflict, "/text", "the coupon %s has ended %s", same[n-1].Text, time.UnixMilli(same[n-1].UntilMS).In(loc).Format(time.RFC3339))
	}
	return couponRow{}, admin.Refuse(admin.NotFound, "/text", "the organizer %s has no coupon %q: «footfall coupon list» shows them, «footfall coupon add» adds one", o.Slug, text)
}

// Coupons lists an organizer's coupons by text and date, ended ones too.
func (c *Catalog) Coupons(ctx context.Context, organizer string) (list []admin.Coupon, err error) {
	list = []admin.Coupon{}
	err = c.read(ctx, func(q querier) error {
		o, err := organizerBySlug(ctx, q, organizer)
		if err != nil {
			return err
		}
		loc, err := loadZone(o.Zone)
		if err != nil {
			return err
		}
		all, err := couponsOf(ctx, q, ` AND k.organizer = ? ORDER BY k.folded, k.from_ms, k.id`, o.ID)
		if err != nil {
			return err
		}
		for _, k := range all {
			list = append(list, k.public(o, loc, c.deps.Clock().UnixMilli()))
		}
		return nil
	})
	return list, err
}

func couponsOf(ctx context.Context, q querier, where string, args ...any) ([]couponRow, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+couponColumns+where, args...)
	return collect(rows, err, scanCoupon)
}

func (k couponRow) public(o admin.Organizer, loc *time.Location, nowMS int64) admin.Coupon {
	coupon := admin.Coupon{ID: k.ID, Organizer: o.Slug, Text: k.Text, Code: k.CodeText, CodeID: k.Code, From: time.UnixMilli(k.FromMS).In(loc), State: admin.CouponActive}
	switch {
	case nowMS >= k.UntilMS || k.FromMS >= k.UntilMS:
		coupon.State = admin.CouponEnded
	case nowMS < k.FromMS:
		coupon.State = admin.CouponComing
	}
	if k.UntilMS != foreverMS {
		until := time.UnixMilli(k.UntilMS).In(loc)
		coupon.Until = &until
	}
	return coupon
}
