package order

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"footfall/schemas/ids"
)

// ValidID says whether text can be the id of an order, a line or a refund:
// 1 to MaxIDBytes bytes of UTF-8 without control characters.
func ValidID(text string) bool {
	return text != "" && len(text) <= MaxIDBytes && ValidText(text)
}

// ValidText says whether text can be a ticket type, a reason, a click id, an
// affiliate or a coupon: up to MaxTextBytes bytes of UTF-8 without control
// characters, which would break a line of a CSV or of a terminal.
func ValidText(text string) bool {
	if len(text) > MaxTextBytes || !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return false
		}
	}
	return true
}

// codeShaped is all that is asked of a stored currency: a code that is
// withdrawn must not make what was stored unreadable.
func codeShaped(currency string) bool {
	return len(currency) == 3 && strings.Trim(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func validTime(ms int64) bool    { return ms >= MinTimeMS && ms <= MaxTimeMS }
func validPrice(n int64) bool    { return n >= 0 && n <= MaxAmount }
func validTotal(n int64) bool    { return n >= 0 && n <= MaxTotal }
func validQuantity(n int64) bool { return n >= 1 && n <= MaxQuantity }

// Total is what the order's lines come to, in minor units.
func (o *Order) Total() (sum int64) {
	for i := range o.Lines {
		sum += o.Lines[i].Quantity * o.Lines[i].UnitPrice
	}
	return sum
}

// check refuses what no collector can have stored.
func (o *Order) check() error {
	switch {
	case o.Organizer == 0, o.Event == 0, o.Event > ids.MaxEventID:
		return fmt.Errorf("checking order's organizer and event: %w", ErrBounds)
	case !ValidID(o.ID), o.Version == 0, o.Version > MaxVersion, o.State < Pending, o.State > Cancelled:
		return fmt.Errorf("checking order's id, version and state: %w", ErrBounds)
	case !validTime(o.OrderedMS), !codeShaped(o.Currency):
		return fmt.Errorf("checking order's time and currency: %w", ErrBounds)
	case !ValidText(o.ClickID), !ValidText(o.Affiliate), !ValidText(o.Coupon):
		return fmt.Errorf("checking order's texts: %w", ErrBounds)
	case o.Normalization == 0, len(o.Lines) == 0:
		return fmt.Errorf("checking order's normalization and lines: %w", ErrBounds)
	}
	for i := range o.Lines {
		l := &o.Lines[i]
		if !ValidID(l.ID) || !ValidText(l.TicketType) || !validQuantity(l.Quantity) || !validPrice(l.UnitPrice) {
			return fmt.Errorf("checking order's line %d: %w", i, ErrBounds)
		}
	}
	return nil
}

// check refuses what no collector can have stored.
func (r *Refund) check() error {
	switch {
	case r.Organizer == 0, !ValidID(r.ID), !ValidID(r.OrderID):
		return fmt.Errorf("checking refund's ids: %w", ErrBounds)
	case !validTime(r.RefundedMS), !codeShaped(r.Currency), !ValidText(r.Reason):
		return fmt.Errorf("checking refund's time, currency and reason: %w", ErrBounds)
	case r.Normalization == 0, r.Whole != (len(r.Lines) == 0):
		return fmt.Errorf("checking refund's normalization and lines: %w", ErrBounds)
	}
	for i := range r.Lines {
		l := &r.Lines[i]
		if !ValidID(l.LineID) || !validQuantity(l.Quantity) || !validTotal(l.Amount) {
			return fmt.Errorf("checking refund's line %d: %w", i, ErrBounds)
		}
	}
	return nil
}
