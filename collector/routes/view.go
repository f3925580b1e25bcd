package routes

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"

	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

// View is the routes at one revision. It never changes and may be kept for as
// long as one likes; the bytes it gives must not be written to.
type View struct {
	revision   ids.Revision
	organizers map[ids.OrganizerID]routes.Organizer
	bySlug     map[string]ids.OrganizerID
	events     *index // slug → event
	codes      *index // scope and folded text → code
	// own has a bit for each event that has codes of its own: for all others, the
	// common case, one lookup is enough.
	own []uint64
}

// Event is an event of the table.
type Event struct {
	ID          ids.EventID
	Organizer   ids.OrganizerID
	Destination []byte
	StartMS     int64
	EndMS       int64
	Currency    []byte
	Cookies     bool // of its organizer
}

// Code is a tracking code that a text resolved to.
type Code struct {
	ID        ids.CodeID
	Canonical []byte
	Paused    bool
}

func emptyView() *View {
	return &View{
		organizers: map[ids.OrganizerID]routes.Organizer{},
		bySlug:     map[string]ids.OrganizerID{},
		events:     newIndex(), codes: newIndex(),
	}
}

// Revision is the catalog's revision that the view shows.
func (v *View) Revision() ids.Revision { return v.revision }

// Codes is how many texts resolve, aliases counted.
func (v *View) Codes() int { return v.codes.n }

// OnlyOrganizer is the organizer where there is one and no other.
func (v *View) OnlyOrganizer() (ids.OrganizerID, bool) {
	for id := range v.organizers {
		return id, len(v.organizers) == 1
	}
	return 0, false
}

// Organizer finds an organizer by its slug.
func (v *View) Organizer(slug string) (ids.OrganizerID, bool) {
	id, ok := v.bySlug[slug]
	return id, ok
}

const eventValueBytes = 4 + 4 + 8 + 8 + 1 // then currency, then destination

// Event finds an event by the exact bytes of its slug.
func (v *View) Event(slug []byte) (Event, bool) {
	val, ok := v.events.get(slug)
	if !ok {
		return Event{}, false
	}
	e := Event{
		ID:        ids.EventID(binary.LittleEndian.Uint32(val)),
		Organizer: ids.OrganizerID(binary.LittleEndian.Uint32(val[4:])),
		StartMS:   int64(binary.LittleEndian.Uint64(val[8:])),
		EndMS:     int64(binary.LittleEndian.Uint64(val[16:])),
	}
	currency := eventValueBytes + int(val[24])
	e.Currency, e.Destination = val[eventValueBytes:currency], val[currency:]
	e.Cookies = v.organizers[e.Organizer].Cookies
	return e, true
}

func eventEntry(x *index, e routes.Event) entry {
	val := make([]byte, 0, eventValueBytes+len(e.Currency)+len(e.Destination))
	val = binary.LittleEndian.AppendUint32(val, uint32(e.ID))
	val = binary.LittleEndian.AppendUint32(val, uint32(e.Organizer))
	val = binary.LittleEndian.AppendUint64(val, uint64(e.StartMS))
	val = binary.LittleEndian.AppendUint64(val, uint64(e.EndMS))
	val = append(val, byte(len(e.Currency)))
	val = append(val, e.Currency...)
	val = append(val, e.Destination...)
	key := []byte(e.Slug)
	return entry{hash: x.hash(key), key: key, val: val}
}

// A code's key is its scope and its folded text; a text of the grammar never
// is longer than its buffer.
const (
	scopeBytes  = 5
	scopeCommon = 'o' // then the organizer
	scopeEvent  = 'e' // then the event
)

type codeKey [scopeBytes + routes.MaxCodeBytes]byte

func (k *codeKey) set(scope byte, id uint32, text []byte) []byte {
	k.scope(scope, id)
	return routes.Fold(text, k[:scopeBytes])
}

func (k *codeKey) scope(scope byte, id uint32) {
	k[0] = scope
	binary.LittleEndian.PutUint32(k[1:], id)
}

const (
	flagPaused  = 1 << 0
	flagAliased = 1 << 1 // the canonical text is not the text as typed and follows it
)

// Code resolves a text: the event's own code first, then the organizer's common
// one. Letters count without regard to ASCII case.
func (v *View) Code(event ids.EventID, organizer ids.OrganizerID, text []byte) (Code, bool) {
	if len(text) == 0 || len(text) > routes.MaxCodeBytes {
		return Code{}, false
	}
	var buffer codeKey
	key := buffer.set(scopeCommon, uint32(organizer), text)
	var val []byte
	found := false
	if v.hasOwn(event) {
		buffer.scope(scopeEvent, uint32(event))
		if val, found = v.codes.get(key); !found {
			buffer.scope(scopeCommon, uint32(organizer))
		}
	}
	if !found {
		if val, found = v.codes.get(key); !found {
			return Code{}, false
		}
	}
	id, flags, _, typed, canonical := codeValue(val, len(text))
	c := Code{ID: id, Paused: flags&flagPaused != 0, Canonical: canonical}
	if canonical == nil {
		c.Canonical = typed
	}
	return c, true
}

func (v *View) hasOwn(event ids.EventID) bool {
	word := int(event / 64)
	return word < len(v.own) && v.own[word]>>(event%64)&1 != 0
}

// withOwn gives the bits with those of the codes' events set.
func withOwn(own []uint64, codes []routes.Code) []uint64 {
	copied := false
	for _, c := range codes {
		word, bit := int(c.Event/64), uint64(1)<<(c.Event%64)
		if c.Common || (word < len(own) && own[word]&bit != 0) {
			continue
		}
		if !copied {
			own, copied = slices.Clone(own), true
		}
		if word >= len(own) {
			own = append(own, make([]uint64, word+1-len(own))...)
		}
		own[word] |= bit
	}
	return own
}

// codeValue takes a code's value apart; the text, n bytes long, stands in it as
// typed.
func codeValue(val []byte, n int) (id ids.CodeID, flags byte, organizer ids.OrganizerID, typed, canonical []byte) {
	id = ids.CodeID(binary.LittleEndian.Uint32(val))
	flags = val[4]
	organizer = ids.OrganizerID(binary.LittleEndian.Uint32(val[5:]))
	val = val[9:]
	typed, val = val[:n:n], val[n:]
	if flags&flagAliased != 0 {
		canonical = val
	}
	return id, flags, organizer, typed, canonical
}

func codeEntry(x *index, c routes.Code) entry {
	scope, id := byte(scopeEvent), uint32(c.Event)
	if c.Common {
		scope, id = scopeCommon, uint32(c.Organizer)
	}
	var buffer codeKey
	key := bytes.Clone(buffer.set(scope, id, []byte(c.Text)))
	var flags byte
	if c.Paused {
		flags |= flagPaused
	}
	if c.Canonical != c.Text {
		flags |= flagAliased
	}
	val := make([]byte, 0, 9+len(c.Text)+len(c.Canonical))
	val = binary.LittleEndian.AppendUint32(val, uint32(c.ID))
	val = append(val, flags)
	val = binary.LittleEndian.AppendUint32(val, uint32(c.Organizer))
	val = append(val, c.Text...)
	if flags&flagAliased != 0 {
		val = append(val, c.Canonical...)
	}
	return entry{hash: x.hash(key), key: key, val: val}
}

// with gives a view of revision to, with the rows added or replaced.
func (v *View) with(to ids.Revision, organizers []routes.Organizer, events []routes.Event, codes []routes.Code) *View {
	next := *v
	next.revision = to
	if len(organizers) > 0 {
		next.organizers, next.bySlug = maps.Clone(v.organizers), maps.Clone(v.bySlug)
		for _, o := range organizers {
			next.organizers[o.ID] = o
			next.bySlug[o.Slug] = o.ID
		}
	}
	added := make([]entry, 0, len(events))
	for _, e := range events {
		added = append(added, eventEntry(v.events, e))
	}
	next.events = v.events.put(added)
	added = make([]entry, 0, len(codes))
	for _, c := range codes {
		added = append(added, codeEntry(v.codes, c))
	}
	next.codes = v.codes.put(added)
	next.own = withOwn(v.own, codes)
	return &next
}

// write writes the view as a snapshot, a row at a time.
func (v *View) write(w io.Writer) error {
	out, err := routes.NewWriter(w, routes.Header{
		To: v.revision, Organizers: uint64(len(v.organizers)), Events: uint64(v.events.n), Codes: uint64(v.codes.n),
	})
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(v.organizers)) {
		if err := out.Organizer(v.organizers[id]); err != nil {
			return fmt.Errorf("writing organizer %d: %w", id, err)
		}
	}
	err = v.events.each(func(slug, _ []byte) error {
		e, _ := v.Event(slug)
		return out.Event(routes.Event{
			ID: e.ID, Organizer: e.Organizer, Slug: string(slug), Destination: string(e.Destination),
			StartMS: e.StartMS, EndMS: e.EndMS, Currency: string(e.Currency),
		})
	})
	if err != nil {
		return fmt.Errorf("writing events: %w", err)
	}
	err = v.codes.each(func(key, val []byte) error {
		id, flags, organizer, typed, canonical := codeValue(val, len(key)-scopeBytes)
		c := routes.Code{
			ID: id, Common: key[0] == scopeCommon, Organizer: organizer, Paused: flags&flagPaused != 0,
			Text: string(typed), Canonical: string(typed),
		}
		if !c.Common {
			c.Event = ids.EventID(binary.LittleEndian.Uint32(key[1:]))
		}
		if canonical != nil {
			c.Canonical = string(canonical)
		}
		return out.Code(c)
	})
	if err != nil {
		return fmt.Errorf("writing codes: %w", err)
	}
	return out.Close()
}

// loadBatch is how many codes are put at once while a snapshot is read: enough
// that each sub-table is rebuilt a few times only, little beside the table.
const loadBatch = 1 << 17

// readView builds a view from a snapshot, in memory of the view and a batch.
func readView(r io.Reader) (*View, error) {
	in, err := routes.NewReader(r)
	if err != nil {
		return nil, err
	}
	if in.Header.Delta {
		return nil, fmt.Errorf("%w: want a snapshot", routes.ErrUpdate)
	}
	v := emptyView()
	var organizers []routes.Organizer
	var events []routes.Event
	codes := make([]routes.Code, 0, min(in.Header.Codes, loadBatch))
	for {
		var row routes.Row
		if err := in.Next(&row); err != nil {
			return nil, err
		}
		switch {
		case row.Organizer != nil:
			organizers = append(organizers, *row.Organizer)
			continue
		case row.Event != nil:
			events = append(events, *row.Event)
			continue
		case row.Code != nil:
			if codes = append(codes, *row.Code); len(codes) < loadBatch {
				continue
			}
		}
		v = v.with(in.Header.To, organizers, events, codes)
		organizers, events, codes = nil, nil, codes[:0]
		if row == (routes.Row{}) {
			return v, nil
		}
	}
}
