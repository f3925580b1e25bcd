package order

import (
	"fmt"

	"github.com/VictoriaMetrics/easyproto"
)

// marshalers holds the encoder's scratch memory.
var marshalers easyproto.MarshalerPool //nolint:gochecknoglobals // a pool of scratch memory, no state

// Append appends the order as protobuf.
func (o *Order) Append(dst []byte) []byte {
	m := marshalers.Get()
	w := m.MessageMarshaler()
	number(w, 1, uint64(o.Organizer))
	number(w, 2, uint64(o.Event))
	text(w, 3, o.ID)
	number(w, 4, uint64(o.Version))
	number(w, 5, uint64(o.State))
	number(w, 6, uint64(o.OrderedMS))
	text(w, 7, o.Currency)
	text(w, 8, o.ClickID)
	text(w, 9, o.Affiliate)
	text(w, 10, o.Coupon)
	flag(w, 11, o.Test)
	flag(w, 12, o.Future)
	w.AppendBytes(13, o.Fingerprint[:])
	number(w, 14, uint64(o.Normalization))
	for i := range o.Lines {
		l := w.AppendMessage(15)
		text(l, 1, o.Lines[i].ID)
		text(l, 2, o.Lines[i].TicketType)
		number(l, 3, uint64(o.Lines[i].Quantity))
		number(l, 4, uint64(o.Lines[i].UnitPrice))
	}
	if o.VisitorKey != 0 {
		w.AppendFixed64(16, o.VisitorKey)
	}
	dst = m.Marshal(dst)
	marshalers.Put(m)
	return dst
}

// Append appends the refund as protobuf.
func (r *Refund) Append(dst []byte) []byte {
	m := marshalers.Get()
	w := m.MessageMarshaler()
	number(w, 1, uint64(r.Organizer))
	text(w, 2, r.ID)
	text(w, 3, r.OrderID)
	number(w, 4, uint64(r.RefundedMS))
	text(w, 5, r.Currency)
	text(w, 6, r.Reason)
	flag(w, 7, r.Future)
	w.AppendBytes(8, r.Fingerprint[:])
	number(w, 9, uint64(r.Normalization))
	flag(w, 10, r.Whole)
	for i := range r.Lines {
		l := w.AppendMessage(11)
		text(l, 1, r.Lines[i].LineID)
		number(l, 2, uint64(r.Lines[i].Quantity))
		number(l, 3, uint64(r.Lines[i].Amount))
	}
	dst = m.Marshal(dst)
	marshalers.Put(m)
	return dst
}

func number(w *easyproto.MessageMarshaler, field uint32, n uint64) {
	if n != 0 {
		w.AppendUint64(field, n)
	}
}

func flag(w *easyproto.MessageMarshaler, field uint32, b bool) {
	if b {
		w.AppendBool(field, b)
	}
}

func text(w *easyproto.MessageMarshaler, field uint32, s string) {
	if s != "" {
		w.AppendString(field, s)
	}
}

// Unmarshal resets o and reads what Append wrote; nothing of body is kept.
// Unknown fields are skipped; of a field that stands twice the last one counts.
// The error is ErrMalformed, or ErrBounds for a body that no collector can
// have stored; o is then of no use.
func (o *Order) Unmarshal(body []byte) error {
	*o = Order{}
	if err := fields("order", body, MaxBody, o.field); err != nil {
		return err
	}
	return o.check()
}

func (o *Order) field(fc *easyproto.FieldContext) error {
	switch fc.FieldNum {
	case 1:
		return readUint32(fc, &o.Organizer)
	case 2:
		return readUint32(fc, &o.Event)
	case 3:
		return readText(fc, &o.ID)
	case 4:
		return readUint32(fc, &o.Version)
	case 5:
		n, ok := fc.Enum()
		o.State = State(min(max(n, 0), int32(Cancelled)+1))
		return okay(ok)
	case 6:
		return readInt64(fc, &o.OrderedMS)
	case 7:
		return readText(fc, &o.Currency)
	case 8:
		return readText(fc, &o.ClickID)
	case 9:
		return readText(fc, &o.Affiliate)
	case 10:
		return readText(fc, &o.Coupon)
	case 11:
		return readBool(fc, &o.Test)
	case 12:
		return readBool(fc, &o.Future)
	case 13:
		return readFingerprint(fc, &o.Fingerprint)
	case 14:
		return readUint32(fc, &o.Normalization)
	case 15:
		return readLine(fc, &o.Lines, (*Line).field)
	case 16:
		n, ok := fc.Fixed64()
		o.VisitorKey = n
		return okay(ok)
	}
	return nil
}

func (l *Line) field(fc *easyproto.FieldContext) error {
	switch fc.FieldNum {
	case 1:
		return readText(fc, &l.ID)
	case 2:
		return readText(fc, &l.TicketType)
	case 3:
		return readInt64(fc, &l.Quantity)
	case 4:
		return readInt64(fc, &l.UnitPrice)
	}
	return nil
}

// Unmarshal resets r and reads what Append wrote, as that of Order.
func (r *Refund) Unmarshal(body []byte) error {
	*r = Refund{}
	if err := fields("refund", body, MaxBody, r.field); err != nil {
		return err
	}
	return r.check()
}

func (r *Refund) field(fc *easyproto.FieldContext) error {
	switch fc.FieldNum {
	case 1:
		return readUint32(fc, &r.Organizer)
	case 2:
		return readText(fc, &r.ID)
	case 3:
		return readText(fc, &r.OrderID)
	case 4:
		return readInt64(fc, &r.RefundedMS)
	case 5:
		return readText(fc, &r.Currency)
	case 6:
		return readText(fc, &r.Reason)
	case 7:
		return readBool(fc, &r.Future)
	case 8:
		return readFingerprint(fc, &r.Fingerprint)
	case 9:
		return readUint32(fc, &r.Normalization)
	case 10:
		return readBool(fc, &r.Whole)
	case 11:
		return readLine(fc, &r.Lines, (*RefundLine).field)
	}
	return nil
}

func (l *RefundLine) field(fc *easyproto.FieldContext) error {
	switch fc.FieldNum {
	case 1:
		return readText(fc, &l.LineID)
	case 2:
		return readInt64(fc, &l.Quantity)
	case 3:
		return readInt64(fc, &l.Amount)
	}
	return nil
}

// fields gives every field of a message to take.
func fields(what string, body []byte, limit int, take func(*easyproto.FieldContext) error) error {
	if len(body) > limit {
		return fmt.Errorf("reading %s of %d bytes: %w", what, len(body), ErrBounds)
	}
	var fc easyproto.FieldContext
	for len(body) > 0 {
		var err error
		if body, err = fc.NextField(body); err != nil {
			return fmt.Errorf("reading %s after field %d: %w: %w", what, fc.FieldNum, ErrMalformed, err)
		}
		if fc.FieldNum == 0 {
			return fmt.Errorf("reading %s field 0: %w", what, ErrMalformed)
		}
		if err := take(&fc); err != nil {
			return fmt.Errorf("reading %s field %d: %w", what, fc.FieldNum, err)
		}
	}
	return nil
}

func readLine[L any](fc *easyproto.FieldContext, lines *[]L, take func(*L, *easyproto.FieldContext) error) error {
	body, ok := fc.MessageData()
	if !ok {
		return ErrMalformed
	}
	if len(*lines) == MaxLines {
		return ErrBounds
	}
	var l L
	if err := fields("line", body, MaxBody, func(fc *easyproto.FieldContext) error { return take(&l, fc) }); err != nil {
		return err
	}
	*lines = append(*lines, l)
	return nil
}

func okay(ok bool) error {
	if !ok {
		return ErrMalformed
	}
	return nil
}

func readUint32[T ~uint32](fc *easyproto.FieldContext, to *T) error {
	n, ok := fc.Uint32()
	*to = T(n)
	return okay(ok)
}

func readInt64(fc *easyproto.FieldContext, to *int64) error {
	n, ok := fc.Int64()
	*to = n
	return okay(ok)
}

func readBool(fc *easyproto.FieldContext, to *bool) error {
	b, ok := fc.Bool()
	*to = b
	return okay(ok)
}

func readText(fc *easyproto.FieldContext, to *string) error {
	b, ok := fc.Bytes()
	if len(b) > MaxTextBytes {
		return ErrBounds
	}
	*to = string(b)
	return okay(ok)
}

func readFingerprint(fc *easyproto.FieldContext, to *[32]byte) error {
	b, ok := fc.Bytes()
	if ok && len(b) != len(to) {
		return ErrBounds
	}
	copy(to[:], b)
	return okay(ok)
}
