package consumer

import (
	"encoding/hex"
	"unicode/utf8"

	"footfall/schemas/clickid"
	"footfall/schemas/ids"
	"footfall/schemas/lake"
	"footfall/schemas/lake/lakelog"
	"footfall/schemas/order"
	"footfall/schemas/visit"
)

// The reasons for quarantine.
const (
	reasonKind        = "unknown_kind"
	reasonVersion     = "unknown_version"
	reasonUndecodable = "undecodable"
)

// classifier makes rows of records: it decodes, tells bots, checks click ids.
// What it can't decode goes to quarantine; it never fails.
type classifier struct {
	kind       string // of the log
	collector  int64
	bots       Bots
	rules      string
	keys       func() *clickid.Keys
	text       text
	visits     *sheet[lake.VisitRow]
	orders     *sheet[lake.OrderRow]
	refunds    *sheet[lake.RefundRow]
	quarantine *sheet[lake.QuarantineRow]

	visit       visit.Visit
	order       order.Order
	refund      order.Refund
	incarnation ids.Incarnation
	revision    string // incarnation, as text
}

func newClassifier(config Config, deps Deps) *classifier {
	return &classifier{
		kind: config.Kind, collector: int64(config.Collector), bots: deps.Bots, keys: deps.Keys,
		visits: newSheet(visitTraits()), orders: newSheet(orderTraits()),
		refunds: newSheet(refundTraits()), quarantine: newSheet(quarantineTraits()),
	}
}

// rows counts the rows gathered.
func (c *classifier) rows() int {
	return c.visits.rows + c.orders.rows + c.refunds.rows + c.quarantine.rows
}

func (c *classifier) reset() {
	c.visits.reset()
	c.orders.reset()
	c.refunds.reset()
	c.quarantine.reset()
	c.text.reset()
}

// classify makes the rows of a record. It gives the reason when they are in quarantine.
func (c *classifier) classify(l lane, r *Record, flagged bool) (quarantined string) {
	var version uint8
	var add func(lane, *Record, bool) error
	switch {
	case r.Kind == KindVisit && c.kind == lakelog.KindVisits:
		version, add = visit.Version, c.addVisit
	case r.Kind == KindOrder && c.kind == lakelog.KindOrders:
		version, add = order.Version, c.addOrder
	case r.Kind == KindRefund && c.kind == lakelog.KindOrders:
		version, add = order.Version, c.addRefund
	default:
		return c.setAside(l, r, reasonKind, "")
	}
	if r.Version != version {
		return c.setAside(l, r, reasonVersion, "")
	}
	if err := add(l, r, flagged); err != nil {
		return c.setAside(l, r, reasonUndecodable, err.Error())
	}
	return ""
}

func (c *classifier) setAside(l lane, r *Record, reason, detail string) string {
	c.quarantine.add(l, lake.QuarantineRow{
		RecordedAtMS: r.TimeMS, Collector: c.collector, Epoch: l.epoch, Shard: l.shard, Sequence: int64(r.Sequence),
		Kind: int64(r.Kind), Version: int64(r.Version), Reason: reason, Detail: escape([]byte(detail)),
		Segment: int64(r.Segment), Offset: r.Offset, Body: append([]byte(nil), r.Body...),
	})
	return reason
}

func (c *classifier) addVisit(l lane, r *Record, flagged bool) error {
	v := &c.visit
	if err := v.Unmarshal(r.Body); err != nil {
		return err
	}
	if v.Revision.Incarnation != c.incarnation || c.revision == "" {
		c.incarnation, c.revision = v.Revision.Incarnation, v.Revision.Incarnation.String()
	}
	kind, bot := c.bots.Classify(v.UserAgent)
	rows := c.visits.lane(l)
	*rows = append(*rows, lake.VisitRow{
		VisitedAtMS: r.TimeMS, Collector: c.collector, Epoch: l.epoch, Shard: l.shard, Sequence: int64(r.Sequence),
		OrganizerID: int64(v.Organizer), EventID: int64(v.Event), CodeID: int64(v.Code),
		CodeText: c.text.string(v.CodeText), CodeState: v.CodeState.String(),
		Ended: v.Ended, Test: v.Test, Head: v.Head, Prefetch: v.Prefetch,
		Bot: bot, BotKind: kind, BotRules: c.rules,
		RepeatedAffiliate: v.RepeatedAffiliate, GPC: v.GPC, Consent: v.Consent.String(),
		CatalogIncarnation: c.revision, CatalogRevision: int64(v.Revision.Number),
		VisitorKey: int64(v.VisitorKey), VisitorSource: v.VisitorSource.String(),
		UserAgent: c.text.string(v.UserAgent), Referrer: c.text.string(v.Referrer),
		Sub1: c.text.string(v.Sub[0]), Sub2: c.text.string(v.Sub[1]), Sub3: c.text.string(v.Sub[2]),
		Sub4: c.text.string(v.Sub[3]), Sub5: c.text.string(v.Sub[4]),
		UTMSource: c.text.string(v.UTM[0]), UTMMedium: c.text.string(v.UTM[1]), UTMCampaign: c.text.string(v.UTM[2]),
		UTMTerm: c.text.string(v.UTM[3]), UTMContent: c.text.string(v.UTM[4]),
		ClockFlagged: flagged,
	})
	c.visits.rows++
	return nil
}

func (c *classifier) addOrder(l lane, r *Record, _ bool) error {
	o := &c.order
	if err := o.Unmarshal(r.Body); err != nil {
		return err
	}
	if len(o.Lines) == 0 {
		return errNoLines // it would have no row
	}
	row := lake.OrderRow{
		OrderID: valid(o.ID), Version: int64(o.Version), State: o.State.String(), OrderedAtMS: o.OrderedMS,
		ReceivedAtMS: r.TimeMS, Collector: c.collector, Epoch: l.epoch, Shard: l.shard, Sequence: int64(r.Sequence),
		OrganizerID: int64(o.Organizer), EventID: int64(o.Event), Currency: valid(o.Currency), Test: o.Test, Future: o.Future,
		ClickID: valid(o.ClickID), AffiliateText: valid(o.Affiliate), CouponText: valid(o.Coupon),
		Fingerprint: hex.EncodeToString(o.Fingerprint[:]), Normalization: int64(o.Normalization),
		VisitorKey: int64(o.VisitorKey), LineCount: int64(len(o.Lines)),
	}
	if o.ClickID != "" {
		c.addClick(&row, o.ClickID)
	}
	for i, line := range o.Lines {
		row.LineNumber, row.LineID, row.TicketType = int64(i), valid(line.ID), valid(line.TicketType)
		row.Quantity, row.UnitPrice = line.Quantity, line.UnitPrice
		c.orders.add(l, row)
	}
	return nil
}

// addClick notes what a click id says, and whether it may be believed.
func (c *classifier) addClick(row *lake.OrderRow, id string) {
	keys := c.keys()
	if keys == nil {
		row.ClickStatus = clickid.UnknownKey.String() // checked again at read
		return
	}
	f, status := keys.Decode([]byte(id))
	row.ClickStatus = status.String()
	if status != clickid.Valid {
		return
	}
	row.ClickEpoch = new(f.Epoch.String())
	row.ClickShard = new(int64(f.Shard))
	row.ClickSequence = new(int64(f.Sequence))
	row.ClickEventID = new(int64(f.Event))
	if f.Code != 0 {
		row.ClickCodeID = new(int64(f.Code))
	}
	row.ClickCodeState = new(f.State.String())
	row.ClickEnded = new(f.Ended)
	row.ClickTest = new(f.Test)
	row.ClickedAtMS = new(f.TimeMS)
}

func (c *classifier) addRefund(l lane, r *Record, _ bool) error {
	f := &c.refund
	if err := f.Unmarshal(r.Body); err != nil {
		return err
	}
	row := lake.RefundRow{
		RefundID: valid(f.ID), OrderID: valid(f.OrderID), RefundedAtMS: f.RefundedMS,
		ReceivedAtMS: r.TimeMS, Collector: c.collector, Epoch: l.epoch, Shard: l.shard, Sequence: int64(r.Sequence),
		OrganizerID: int64(f.Organizer), Currency: valid(f.Currency), Reason: valid(f.Reason),
		Future: f.Future, Whole: f.Whole,
		Fingerprint: hex.EncodeToString(f.Fingerprint[:]), Normalization: int64(f.Normalization),
		LineCount: int64(max(1, len(f.Lines))),
	}
	if f.Whole || len(f.Lines) == 0 {
		c.refunds.add(l, row)
		return nil
	}
	for i, line := range f.Lines {
		row.LineNumber, row.LineID = int64(i), new(valid(line.LineID))
		row.Quantity, row.Amount = new(line.Quantity), new(line.Amount)
		c.refunds.add(l, row)
	}
	return nil
}

// valid gives a decoded string as a column can hold it.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return escape([]byte(s))
}
