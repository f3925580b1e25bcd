package order

import (
	"crypto/sha256"
	"encoding/binary"
)

// The numbers of the rules by which SetFingerprint works. The rules of a number
// never change: other rules get another number, and a repeat is compared under
// the number that was stored. What sets VisitorKey has rules of its own, so that
// everything else is known again by a fingerprint of before it was there.
const (
	Normalization        = 1
	NormalizationVisitor = 2
)

// SetFingerprint sets Fingerprint and Normalization by the rules of now. The
// fingerprint says whether two sendings of one version are the same order: it
// covers what the sender said (after the defaults were filled in), so neither
// the spelling of the JSON, nor the zone that a time was written in, nor Future.
func (o *Order) SetFingerprint() {
	o.Normalization = Normalization
	if o.VisitorKey != 0 {
		o.Normalization = NormalizationVisitor
	}
	o.Fingerprint, _ = o.FingerprintUnder(o.Normalization)
}

// FingerprintUnder gives the fingerprint by the rules of a number; false says
// that this release doesn't know the number.
//
// Normalization 1: SHA-256 of "footfall order 1\n" and then, in order, each
// field as below; a text is its length in bytes (8 bytes, little endian) and
// its bytes, an integer 8 bytes little endian, a boolean an integer 0 or 1.
// Organizer, event, id, version, state, ordered_ms, currency, click id,
// affiliate, coupon, test, number of lines, and of each line in the order sent:
// id, ticket type, quantity, unit price.
//
// Normalization 2: the same with "footfall order 2\n", and the visitor key as
// an integer at the end.
func (o *Order) FingerprintUnder(normalization uint32) ([32]byte, bool) {
	var b hashing
	switch normalization {
	case Normalization:
		b = hashing("footfall order 1\n")
	case NormalizationVisitor:
		b = hashing("footfall order 2\n")
	default:
		return [32]byte{}, false
	}
	b = b.integer(int64(o.Organizer)).integer(int64(o.Event)).text(o.ID)
	b = b.integer(int64(o.Version)).integer(int64(o.State)).integer(o.OrderedMS).text(o.Currency)
	b = b.text(o.ClickID).text(o.Affiliate).text(o.Coupon).boolean(o.Test)
	b = b.integer(int64(len(o.Lines)))
	for i := range o.Lines {
		l := &o.Lines[i]
		b = b.text(l.ID).text(l.TicketType).integer(l.Quantity).integer(l.UnitPrice)
	}
	if normalization == NormalizationVisitor {
		b = b.integer(int64(o.VisitorKey))
	}
	return sha256.Sum256(b), true
}

// SetFingerprint sets Fingerprint and Normalization, as that of Order.
func (r *Refund) SetFingerprint() {
	r.Normalization = Normalization
	r.Fingerprint, _ = r.FingerprintUnder(Normalization)
}

// FingerprintUnder gives the fingerprint by the rules of a number, as that of
// Order.
//
// Normalization 1: SHA-256 of "footfall refund 1\n" and then organizer, id,
// order id, refunded_ms, currency, reason, whole, number of lines, and of each
// line in the order sent: line id, quantity, amount.
func (r *Refund) FingerprintUnder(normalization uint32) ([32]byte, bool) {
	if normalization != Normalization {
		return [32]byte{}, false
	}
	b := hashing("footfall refund 1\n")
	b = b.integer(int64(r.Organizer)).text(r.ID).text(r.OrderID).integer(r.RefundedMS)
	b = b.text(r.Currency).text(r.Reason).boolean(r.Whole).integer(int64(len(r.Lines)))
	for i := range r.Lines {
		l := &r.Lines[i]
		b = b.text(l.LineID).integer(l.Quantity).integer(l.Amount)
	}
	return sha256.Sum256(b), true
}

// hashing is what a fingerprint is the hash of.
type hashing []byte

func (h hashing) integer(n int64) hashing { return binary.LittleEndian.AppendUint64(h, uint64(n)) }

func (h hashing) text(s string) hashing { return append(h.integer(int64(len(s))), s...) }

func (h hashing) boolean(b bool) hashing {
	if b {
		return h.integer(1)
	}
	return h.integer(0)
}
