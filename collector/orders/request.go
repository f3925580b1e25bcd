package orders

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"footfall/schemas/ids"
	"footfall/schemas/order"
)

// ahead is how far a time may be ahead of the clock before it is flagged: what
// two honest clocks differ by at most.
const ahead = 5 * time.Minute

// form takes the fields of an object. The first thing wrong with it, or with a
// form within it, is in bad.
type form struct {
	bad     **problem
	at      string // pointer to the object
	members []member
	taken   []bool
}

func formOf(v value, at string, bad **problem) *form {
	f := &form{bad: bad, at: at}
	if v.kind != kindObject {
		f.refuse("", "it must be an object")
		return f
	}
	f.members, f.taken = v.members, make([]bool, len(v.members))
	return f
}

func (f *form) refuse(name, detail string, args ...any) {
	if *f.bad == nil {
		at := f.at
		if name != "" {
			at += pointerTo(name)
		}
		*f.bad = invalid(at, detail, args...)
	}
}

// take gives a member; null is as good as none.
func (f *form) take(name string, required bool) (value, bool) {
	for i := range f.members {
		if f.members[i].name == name {
			f.taken[i] = true
			if v := f.members[i].value; v.kind != kindNull {
				return v, true
			}
		}
	}
	if required {
		f.refuse(name, "it is missing")
	}
	return value{}, false
}

func (f *form) text(name string, required bool) string {
	v, ok := f.take(name, required)
	if ok && v.kind != kindText {
		f.refuse(name, "it must be a string")
		return ""
	}
	return v.text
}

// id is one that the sender gave to an order, a line or a refund.
func (f *form) id(name string) string {
	text := f.text(name, true)
	if !order.ValidID(text) {
		f.refuse(name, "it must have 1 to %d bytes and no control characters", order.MaxIDBytes)
	}
	return text
}

// label is free text of the sender.
func (f *form) label(name string, required bool) string {
	text := f.text(name, required)
	if !order.ValidText(text) {
		f.refuse(name, "it must have at most %d bytes and no control characters", order.MaxTextBytes)
	}
	return text
}

// carried is text that came with the buyer, who must not be able to spoil an
// order with it: it is cut and cleaned instead of refused.
func (f *form) carried(name string) string {
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return utf8.RuneError
		}
		return r
	}, f.text(name, false))
	for len(text) > order.MaxTextBytes {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

func (f *form) flag(name string) bool {
	v, ok := f.take(name, false)
	if ok && v.kind != kindTrue && v.kind != kindFalse {
		f.refuse(name, "it must be true or false")
	}
	return v.kind == kindTrue
}

func (f *form) integer(name string, required bool, least, most int64) (n int64, given bool) {
	v, ok := f.take(name, required)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(v.text, 10, 64)
	if v.kind != kindNumber || err != nil || n < least || n > most {
		f.refuse(name, "it must be an integer from %d to %d, without fraction or exponent", least, most)
	}
	return n, true
}

func (f *form) amount(name string, most int64) int64 {
	n, _ := f.integer(name, true, 0, most)
	return n
}

func (f *form) quantity(name string) int64 {
	n, _ := f.integer(name, true, 1, order.MaxQuantity)
	return n
}

func (f *form) currency(name string) string {
	text := f.text(name, true)
	if _, ok := order.Decimals(text); !ok {
		f.refuse(name, "it must be an ISO 4217 code, as EUR")
	}
	return text
}

// time reads RFC 3339 with a zone, to the millisecond; more digits are cut.
func (f *form) time(name string) int64 {
	text := f.text(name, true)
	t, err := time.Parse(time.RFC3339Nano, text)
	// time.Parse takes hours of one digit and a comma before the fraction.
	if err != nil || text[len("2026-11-22T20")] != ':' || strings.Contains(text, ",") {
		f.refuse(name, "it must be a time with a zone as in RFC 3339, as 2026-11-22T20:15:00+01:00")
		return 0
	}
	ms := t.UnixMilli()
	if ms < order.MinTimeMS || ms > order.MaxTimeMS {
		f.refuse(name, "it must not be before the year 2000")
	}
	return ms
}

// lines gives the items of an array of objects with ids that differ.
func (f *form) lines(name, id string, required bool, line func(*form) string) (given bool) {
	v, ok := f.take(name, required)
	if !ok {
		return false
	}
	if v.kind != kindArray || len(v.items) == 0 {
		f.refuse(name, "it must be an array of at least one line")
	}
	seen := make(map[string]bool, len(v.items))
	for i, item := range v.items {
		l := formOf(item, f.at+pointerTo(name)+"/"+strconv.Itoa(i), f.bad)
		text := line(l)
		if seen[text] {
			l.refuse(id, "another line has it")
		}
		seen[text] = true
		l.done()
	}
	return true
}

// done refuses what nobody took.
func (f *form) done() {
	for i, taken := range f.taken {
		if !taken {
			f.refuse(f.members[i].name, "there is no such field")
		}
	}
	if *f.bad != nil && len((*f.bad).Pointer) > maxPointerBytes {
		(*f.bad).Pointer = strings.ToValidUTF8((*f.bad).Pointer[:maxPointerBytes], "")
	}
}

// readOrder reads the body of POST /v1/orders, its fingerprint included. The
// visitor's cookie becomes a key here, and is kept nowhere.
func (o *Orders) readOrder(body []byte, organizer ids.OrganizerID) (document, *problem) {
	v, bad := parse(body)
	if bad != nil {
		return nil, bad
	}
	f := formOf(v, "", &bad)
	in := &order.Order{
		Organizer: organizer, ID: f.id("id"), OrderedMS: f.time("ordered_at"), Currency: f.currency("currency"),
		ClickID: f.carried("click_id"), Affiliate: f.carried("affiliate"), Coupon: f.carried("coupon"),
		Test: f.flag("test"), State: order.Completed,
	}
	if text := f.text("state", false); text != "" {
		var ok bool
		if in.State, ok = order.ParseState(text); !ok {
			f.refuse("state", "it must be pending, completed or cancelled")
		}
	}
	in.Version = in.State.DefaultVersion()
	if n, ok := f.integer("version", false, 1, order.MaxVersion); ok {
		in.Version = uint32(n)
	}
	f.lines("lines", "id", true, func(l *form) string {
		line := order.Line{
			ID: l.id("id"), TicketType: l.label("ticket_type", true),
			Quantity: l.quantity("quantity"), UnitPrice: l.amount("unit_price", order.MaxAmount),
		}
		in.Lines = append(in.Lines, line)
		return line.ID
	})
	if in.Total() > order.MaxTotal {
		f.refuse("lines", "they must not come to more than %d minor units together", int64(order.MaxTotal))
	}
	event, ok := o.deps.Catalog.Event(organizer, f.text("event", true))
	if in.Event = event; !ok {
		f.refuse("event", "the organizer has no such event")
	}
	visitor := f.text("visitor", false)
	if f.done(); bad != nil {
		return nil, bad
	}
	var err error
	if in.VisitorKey, err = o.secrets().visitor(organizer, visitor); err != nil {
		return nil, o.unavailable(err)
	}
	if visitor != "" && in.VisitorKey == 0 {
		o.metrics.noVisitor.Inc()
	}
	in.Future = in.OrderedMS > o.deps.Clock().Add(ahead).UnixMilli()
	in.SetFingerprint()
	return in, nil
}

// readRefund reads the body of POST /v1/refunds, its fingerprint included.
func (o *Orders) readRefund(body []byte, organizer ids.OrganizerID) (document, *problem) {
	v, bad := parse(body)
	if bad != nil {
		return nil, bad
	}
	f := formOf(v, "", &bad)
	r := &order.Refund{
		Organizer: organizer, ID: f.id("id"), OrderID: f.id("order_id"), RefundedMS: f.time("refunded_at"),
		Currency: f.currency("currency"), Reason: f.label("reason", false),
	}
	r.Whole = !f.lines("lines", "line_id", false, func(l *form) string {
		line := order.RefundLine{LineID: l.id("line_id"), Quantity: l.quantity("quantity"), Amount: l.amount("amount", order.MaxTotal)}
		r.Lines = append(r.Lines, line)
		return line.LineID
	})
	if f.done(); bad != nil {
		return nil, bad
	}
	r.Future = r.RefundedMS > o.deps.Clock().Add(ahead).UnixMilli()
	r.SetFingerprint()
	return r, nil
}
