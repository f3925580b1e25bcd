package visit

import (
	"fmt"

	"github.com/VictoriaMetrics/easyproto"

	"footfall/schemas/ids"
)

// Field numbers of visit.proto.
const (
	fieldOrganizer         = 1
	fieldEvent             = 2
	fieldCode              = 3
	fieldCodeState         = 4
	fieldCodeText          = 5
	fieldEnded             = 6
	fieldTest              = 7
	fieldHead              = 8
	fieldPrefetch          = 9
	fieldRepeatedAffiliate = 10
	fieldGPC               = 11
	fieldConsent           = 12
	fieldIncarnation       = 13
	fieldRevision          = 14
	fieldVisitorKey        = 15
	fieldVisitorSource     = 16
	fieldUserAgent         = 17
	fieldReferrer          = 18
	fieldSub               = 19 // to 23
	fieldUTM               = 24 // to 28
)

// marshalers holds the encoder's scratch memory, which is why an append
// allocates nothing; nothing of a visit outlives its append in it.
var marshalers easyproto.MarshalerPool //nolint:gochecknoglobals // a pool of scratch memory, no state

// Append appends the visit as protobuf. It allocates nothing where dst has
// room for it; MaxBody is always enough. Byte fields above their bound are cut.
func (v *Visit) Append(dst []byte) []byte {
	m := marshalers.Get()
	w := m.MessageMarshaler()
	number(w, fieldOrganizer, uint64(v.Organizer))
	number(w, fieldEvent, uint64(v.Event))
	number(w, fieldCode, uint64(v.Code))
	number(w, fieldCodeState, uint64(v.CodeState))
	text(w, fieldCodeText, v.CodeText, MaxCodeText)
	flag(w, fieldEnded, v.Ended)
	flag(w, fieldTest, v.Test)
	flag(w, fieldHead, v.Head)
	flag(w, fieldPrefetch, v.Prefetch)
	flag(w, fieldRepeatedAffiliate, v.RepeatedAffiliate)
	flag(w, fieldGPC, v.GPC)
	number(w, fieldConsent, uint64(v.Consent))
	fixed(w, fieldIncarnation, uint64(v.Revision.Incarnation))
	number(w, fieldRevision, v.Revision.Number)
	fixed(w, fieldVisitorKey, v.VisitorKey)
	number(w, fieldVisitorSource, uint64(v.VisitorSource))
	text(w, fieldUserAgent, v.UserAgent, MaxHeader)
	text(w, fieldReferrer, v.Referrer, MaxHeader)
	for i, b := range &v.Sub {
		text(w, fieldSub+uint32(i), b, MaxCarried)
	}
	for i, b := range &v.UTM {
		text(w, fieldUTM+uint32(i), b, MaxCarried)
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

func fixed(w *easyproto.MessageMarshaler, field uint32, n uint64) {
	if n != 0 {
		w.AppendFixed64(field, n)
	}
}

func flag(w *easyproto.MessageMarshaler, field uint32, b bool) {
	if b {
		w.AppendBool(field, b)
	}
}

func text(w *easyproto.MessageMarshaler, field uint32, b []byte, limit int) {
	if len(b) > 0 {
		w.AppendBytes(field, b[:min(len(b), limit)])
	}
}

// Unmarshal resets v and reads what Append wrote. The byte fields alias body.
// Unknown fields are skipped; of a field that stands twice the last one
// counts. The error is ErrMalformed or ErrBounds, with the field's number; v is
// then of no use.
func (v *Visit) Unmarshal(body []byte) error {
	*v = Visit{}
	if len(body) > MaxBody {
		return fmt.Errorf("reading %d bytes: %w", len(body), ErrBounds)
	}
	var fc easyproto.FieldContext
	for len(body) > 0 {
		var err error
		if body, err = fc.NextField(body); err != nil {
			return fmt.Errorf("reading the field after %d: %w: %w", fc.FieldNum, ErrMalformed, err)
		}
		ok, bounded := v.field(&fc)
		if !ok {
			return fmt.Errorf("reading field %d: %w", fc.FieldNum, ErrMalformed)
		}
		if !bounded {
			return fmt.Errorf("reading field %d: %w", fc.FieldNum, ErrBounds)
		}
	}
	return nil
}

// field takes one field; ok says that its wire type fits, bounded that its
// value does.
func (v *Visit) field(fc *easyproto.FieldContext) (ok, bounded bool) {
	bounded = true
	switch fc.FieldNum {
	case 0: // no protobuf has it
		ok = false
	case fieldOrganizer:
		ok = readUint32(fc, &v.Organizer)
	case fieldEvent:
		ok = readUint32(fc, &v.Event)
		bounded = v.Event <= ids.MaxEventID
	case fieldCode:
		ok = readUint32(fc, &v.Code)
	case fieldCodeState:
		ok, bounded = readEnum(fc, &v.CodeState, codeStates)
	case fieldEnded:
		v.Ended, ok = fc.Bool()
	case fieldTest:
		v.Test, ok = fc.Bool()
	case fieldHead:
		v.Head, ok = fc.Bool()
	case fieldPrefetch:
		v.Prefetch, ok = fc.Bool()
	case fieldRepeatedAffiliate:
		v.RepeatedAffiliate, ok = fc.Bool()
	case fieldGPC:
		v.GPC, ok = fc.Bool()
	case fieldConsent:
		ok, bounded = readEnum(fc, &v.Consent, consents)
	case fieldIncarnation:
		var n uint64
		n, ok = fc.Fixed64()
		v.Revision.Incarnation = ids.Incarnation(n)
	case fieldRevision:
		v.Revision.Number, ok = fc.Uint64()
	case fieldVisitorKey:
		v.VisitorKey, ok = fc.Fixed64()
	case fieldVisitorSource:
		ok, bounded = readEnum(fc, &v.VisitorSource, visitorSources)
	default:
		return v.textField(fc)
	}
	return ok, bounded
}

// textField takes one of the byte fields, or skips a field it doesn't know.
func (v *Visit) textField(fc *easyproto.FieldContext) (ok, bounded bool) {
	var to *[]byte
	limit := MaxCarried
	switch n := fc.FieldNum; {
	case n == fieldCodeText:
		to, limit = &v.CodeText, MaxCodeText
	case n == fieldUserAgent:
		to, limit = &v.UserAgent, MaxHeader
	case n == fieldReferrer:
		to, limit = &v.Referrer, MaxHeader
	case n >= fieldSub && n < fieldSub+uint32(len(v.Sub)):
		to = &v.Sub[n-fieldSub]
	case n >= fieldUTM && n < fieldUTM+uint32(len(v.UTM)):
		to = &v.UTM[n-fieldUTM]
	default:
		return true, true
	}
	b, ok := fc.Bytes()
	*to = b
	return ok, len(b) <= limit
}

func readUint32[T ~uint32](fc *easyproto.FieldContext, to *T) bool {
	n, ok := fc.Uint32()
	*to = T(n)
	return ok
}

func readEnum[T ~uint8](fc *easyproto.FieldContext, to *T, count T) (ok, bounded bool) {
	n, ok := fc.Enum()
	bounded = n >= 0 && n < int32(count)
	if bounded {
		*to = T(n)
	}
	return ok, bounded
}
