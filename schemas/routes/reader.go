package routes

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"footfall/schemas/ids"
)

// Reader reads one update row by row, in memory of one frame. A row's texts
// share the memory of their frame: whoever keeps a few copies them.
type Reader struct {
	// Header of the update.
	Header Header

	from   *bufio.Reader
	offset int64 // of the next byte to read from the stream
	sum    uint32
	left   [frameEnd + 1]uint64 // rows announced and not yet read, by kind

	kind byte
	rest string // of the open frame's payload
	raw  []byte
	bad  bool // a field of the current row did not parse
	done bool
}

// Row is one row of an update: exactly one field is set, all nil at its end.
type Row struct {
	Organizer *Organizer
	Event     *Event
	Code      *Code
}

// NewReader reads and checks the header. Errors: *CorruptError, ErrVersion,
// ErrUpdate, or the source's.
func NewReader(r io.Reader) (*Reader, error) {
	in := &Reader{from: bufio.NewReaderSize(r, 64<<10)}
	head := make([]byte, headerBytes)
	if err := in.fill(head); err != nil {
		return nil, err
	}
	if string(head[:len(magic)]) != magic {
		return nil, &CorruptError{Reason: "not a file of routes"}
	}
	if head[8] != version {
		return nil, fmt.Errorf("%w: %d, this program reads %d", ErrVersion, head[8], version)
	}
	const sumAt = headerBytes - frameTailBytes
	if in.sum = checksum(0, head[:sumAt]); in.sum != binary.LittleEndian.Uint32(head[sumAt:]) {
		return nil, &CorruptError{Reason: "checksum of the header"}
	}
	if head[9] != kindSnapshot && head[9] != kindDelta {
		return nil, &CorruptError{Offset: 9, Reason: "neither snapshot nor delta"}
	}
	number := func(at int) uint64 { return binary.LittleEndian.Uint64(head[at:]) }
	count := func(at int) uint64 { return uint64(binary.LittleEndian.Uint32(head[at:])) }
	in.Header = Header{
		Delta:      head[9] == kindDelta,
		From:       ids.Revision{Incarnation: ids.Incarnation(number(12)), Number: number(20)},
		To:         ids.Revision{Incarnation: ids.Incarnation(number(28)), Number: number(36)},
		Organizers: count(44), Events: count(48), Codes: count(52),
	}
	if err := in.Header.check(); err != nil {
		return nil, err
	}
	in.left[rowOrganizer], in.left[rowEvent], in.left[rowCode] = in.Header.Organizers, in.Header.Events, in.Header.Codes
	return in, nil
}

// Next reads the next row. At the end of a whole, undamaged update it gives a
// zero Row and nil; only then may what was read be used.
func (r *Reader) Next(row *Row) error {
	*row = Row{}
	for r.rest == "" && !r.done {
		if err := r.nextFrame(); err != nil {
			return err
		}
	}
	if r.done {
		return nil
	}
	if r.left[r.kind] == 0 {
		return r.corrupt("more rows than announced")
	}
	r.left[r.kind]--
	switch r.kind {
	case rowOrganizer:
		row.Organizer = r.organizer()
	case rowEvent:
		row.Event = r.event()
	default:
		row.Code = r.code()
	}
	if r.bad {
		*row = Row{}
		return r.corrupt("a row that does not parse")
	}
	return nil
}

func (r *Reader) nextFrame() error {
	var head [frameHeaderBytes]byte
	if err := r.fill(head[:]); err != nil {
		return err
	}
	kind, size := head[0], binary.LittleEndian.Uint32(head[1:])
	if size > maxFrameBytes {
		return r.corrupt("absurd length of a frame")
	}
	if cap(r.raw) < int(size)+frameTailBytes {
		r.raw = make([]byte, maxFrameBytes+frameTailBytes)
	}
	r.raw = r.raw[:int(size)+frameTailBytes]
	if err := r.fill(r.raw); err != nil {
		return err
	}
	payload := r.raw[:size]
	r.sum = checksum(checksum(r.sum, head[:]), payload)
	if r.sum != binary.LittleEndian.Uint32(r.raw[size:]) {
		return r.corrupt("checksum of a frame")
	}
	switch {
	case kind == frameEnd && size == 0:
		return r.finish()
	case (kind == rowOrganizer || kind == rowEvent || kind == rowCode) && kind >= r.kind && size > 0:
		r.kind, r.rest = kind, string(payload)
		return nil
	}
	return r.corrupt("a frame of no known kind, or out of order")
}

func (r *Reader) finish() error {
	if r.left[rowOrganizer]+r.left[rowEvent]+r.left[rowCode] != 0 {
		return r.corrupt("fewer rows than announced")
	}
	if _, err := r.from.ReadByte(); err == nil {
		return r.corrupt("bytes after the end")
	} else if !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading routes: %w", err)
	}
	r.done = true
	return nil
}

func (r *Reader) fill(b []byte) error {
	n, err := io.ReadFull(r.from, b)
	r.offset += int64(n)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return r.corrupt("truncated")
	}
	if err != nil {
		return fmt.Errorf("reading routes: %w", err)
	}
	return nil
}

func (r *Reader) corrupt(reason string) error {
	return &CorruptError{Offset: r.offset - int64(len(r.rest)), Reason: reason}
}

func (r *Reader) organizer() *Organizer {
	o := &Organizer{ID: ids.OrganizerID(r.number(1<<32 - 1))}
	o.Cookies = r.flags(flagCookies)&flagCookies != 0
	o.Slug = r.text(MaxSlugBytes)
	return o
}

func (r *Reader) event() *Event {
	e := &Event{ID: ids.EventID(r.number(uint64(ids.MaxEventID)))}
	e.Organizer = ids.OrganizerID(r.number(1<<32 - 1))
	e.StartMS, e.EndMS = r.signed(), r.signed()
	e.Slug = r.text(MaxSlugBytes)
	e.Destination = r.text(MaxDestinationBytes)
	e.Currency = r.text(maxCurrencyBytes)
	return e
}

func (r *Reader) code() *Code {
	c := &Code{ID: ids.CodeID(r.number(1<<32 - 1))}
	f := r.flags(flagCommon | flagPaused | flagAliased)
	c.Common, c.Paused = f&flagCommon != 0, f&flagPaused != 0
	c.Organizer = ids.OrganizerID(r.number(1<<32 - 1))
	if !c.Common {
		c.Event = ids.EventID(r.number(uint64(ids.MaxEventID)))
	}
	c.Text = r.text(MaxCodeBytes)
	c.Canonical = c.Text
	if f&flagAliased != 0 {
		c.Canonical = r.text(MaxCodeBytes)
	}
	if c.Text == "" || c.Canonical == "" {
		r.bad = true
	}
	return c
}

func (r *Reader) flags(known byte) byte {
	if r.rest == "" {
		r.bad = true
		return 0
	}
	f := r.rest[0]
	r.rest = r.rest[1:]
	if f&^known != 0 {
		r.bad = true
	}
	return f
}

func (r *Reader) number(most uint64) uint64 {
	var n uint64
	for i := range min(len(r.rest), binary.MaxVarintLen64) {
		c := r.rest[i]
		n |= uint64(c&0x7F) << (7 * i)
		if c < 0x80 {
			r.rest = r.rest[i+1:]
			// One spelling per number, so that an update has one encoding.
			if n > most || (i > 0 && c == 0) || (i == 9 && c > 1) {
				r.bad = true
				return 0
			}
			return n
		}
	}
	r.bad = true
	return 0
}

func (r *Reader) signed() int64 {
	n := r.number(1<<64 - 1)
	return int64(n>>1) ^ -int64(n&1)
}

func (r *Reader) text(most int) string {
	n := int(r.number(uint64(most)))
	if r.bad || n > len(r.rest) {
		r.bad = true
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

// Decode reads a whole update and refuses anything after it.
func Decode(r io.Reader) (Update, error) {
	in, err := NewReader(r)
	if err != nil {
		return Update{}, err
	}
	// A header may announce what never comes: memory follows the rows, not it.
	const most = 1 << 16
	organizers := make([]Organizer, 0, min(in.Header.Organizers, most))
	events := make([]Event, 0, min(in.Header.Events, most))
	codes := make([]Code, 0, min(in.Header.Codes, most))
	for {
		var row Row
		if err := in.Next(&row); err != nil {
			return Update{}, err
		}
		switch {
		case row.Organizer != nil:
			organizers = append(organizers, *row.Organizer)
		case row.Event != nil:
			events = append(events, *row.Event)
		case row.Code != nil:
			codes = append(codes, *row.Code)
		case in.Header.Delta:
			h := in.Header
			return Update{Delta: &Delta{From: h.From, To: h.To, Organizers: organizers, Events: events, Codes: codes}}, nil
		default:
			return Update{Snapshot: &Snapshot{Revision: in.Header.To, Organizers: organizers, Events: events, Codes: codes}}, nil
		}
	}
}
