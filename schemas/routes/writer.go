package routes

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"footfall/schemas/ids"
)

// Wire constants; docs/format/routes.md draws them.
const (
	magic   = "FFROUTES"
	version = 1

	kindSnapshot = 1
	kindDelta    = 2

	rowOrganizer = 1
	rowEvent     = 2
	rowCode      = 3
	frameEnd     = 0xFF

	headerBytes      = 64
	frameHeaderBytes = 5 // kind, then the payload's length
	frameTailBytes   = 4 // checksum

	// frameTarget is where a frame is closed: small enough that a reader holds
	// little, large enough that its 9 bytes of frame are nothing.
	frameTarget = 32 << 10
	// maxFrameBytes is the largest payload a reader takes: one full frame and
	// one row beyond it.
	maxFrameBytes = frameTarget + MaxDestinationBytes + 2*MaxCodeBytes + MaxSlugBytes + 64
)

const (
	flagCookies = 1 << 0

	flagCommon  = 1 << 0
	flagPaused  = 1 << 1
	flagAliased = 1 << 2 // Canonical is not Text and follows it
)

// Header is what stands before the rows of an update.
type Header struct {
	Delta    bool
	From, To ids.Revision // From is zero in a snapshot
	// Rows of each kind that follow.
	Organizers, Events, Codes uint64
}

func (h Header) check() error {
	switch {
	case !h.Delta && h.From != (ids.Revision{}):
		return fmt.Errorf("%w: a snapshot comes from no revision", ErrUpdate)
	case h.Delta && h.From.Incarnation != h.To.Incarnation:
		return fmt.Errorf("%w: delta from %s to %s crosses incarnations", ErrUpdate, h.From, h.To)
	case h.Delta && h.From.Number >= h.To.Number:
		return fmt.Errorf("%w: delta from %s to %s goes nowhere", ErrUpdate, h.From, h.To)
	}
	return nil
}

func (h Header) append(dst []byte) []byte {
	kind := byte(kindSnapshot)
	if h.Delta {
		kind = kindDelta
	}
	dst = append(dst, magic...)
	dst = append(dst, version, kind, 0, 0)
	for _, n := range []uint64{
		uint64(h.From.Incarnation), h.From.Number, uint64(h.To.Incarnation), h.To.Number,
	} {
		dst = binary.LittleEndian.AppendUint64(dst, n)
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(h.Organizers))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(h.Events))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(h.Codes))
	dst = append(dst, 0, 0, 0, 0)
	return binary.LittleEndian.AppendUint32(dst, checksum(0, dst))
}

// checksum continues sum over b: a CRC32C of everything up to the end of b.
func checksum(sum uint32, b []byte) uint32 {
	return crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), b)
}

// Writer writes one update row by row, in memory of one frame. Organizers come
// first, then events, then codes; Close is part of the update.
type Writer struct {
	to     *bufio.Writer
	left   [frameEnd + 1]uint64 // rows announced and not yet written, by kind
	frame  []byte               // frame header and payload so far
	kind   byte
	sum    uint32
	failed error
}

// NewWriter writes the header. Errors: ErrUpdate, or the destination's.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	const most = 1<<32 - 1
	if h.Organizers > most || h.Events > most || h.Codes > most {
		return nil, fmt.Errorf("%w: more than %d rows", ErrLimit, uint64(most))
	}
	head := h.append(make([]byte, 0, headerBytes))
	// The chain goes on from the header without its checksum: a CRC over bytes
	// and their own CRC is the same for every header.
	sum := checksum(0, head[:headerBytes-frameTailBytes])
	out := &Writer{to: bufio.NewWriterSize(w, maxFrameBytes), sum: sum}
	out.left[rowOrganizer], out.left[rowEvent], out.left[rowCode] = h.Organizers, h.Events, h.Codes
	if _, err := out.to.Write(head); err != nil {
		return nil, fmt.Errorf("writing the header of routes: %w", err)
	}
	return out, nil
}

// Organizer writes one organizer.
func (w *Writer) Organizer(o Organizer) error {
	if err := w.begin(rowOrganizer); err != nil {
		return err
	}
	w.number(uint64(o.ID))
	w.flags(o.Cookies, flagCookies, false, 0)
	w.text(o.Slug, MaxSlugBytes)
	return w.failed
}

// Event writes one event.
func (w *Writer) Event(e Event) error {
	if err := w.begin(rowEvent); err != nil {
		return err
	}
	if e.ID > ids.MaxEventID {
		w.fail(fmt.Errorf("%w: event id %d", ErrLimit, e.ID))
	}
	w.number(uint64(e.ID))
	w.number(uint64(e.Organizer))
	w.frame = binary.AppendVarint(w.frame, e.StartMS)
	w.frame = binary.AppendVarint(w.frame, e.EndMS)
	w.text(e.Slug, MaxSlugBytes)
	w.text(e.Destination, MaxDestinationBytes)
	w.text(e.Currency, maxCurrencyBytes)
	return w.failed
}

// Code writes one text of a code.
func (w *Writer) Code(c Code) error {
	if err := w.begin(rowCode); err != nil {
		return err
	}
	if c.Common && c.Event != 0 {
		w.fail(fmt.Errorf("%w: common code %d names event %d", ErrLimit, c.ID, c.Event))
	}
	if c.Text == "" || c.Canonical == "" {
		w.fail(fmt.Errorf("%w: code %d without a text", ErrLimit, c.ID))
	}
	aliased := c.Canonical != c.Text
	w.number(uint64(c.ID))
	w.flags(c.Common, flagCommon, c.Paused, flagPaused)
	if aliased {
		w.frame[len(w.frame)-1] |= flagAliased
	}
	w.number(uint64(c.Organizer))
	if !c.Common {
		w.number(uint64(c.Event))
	}
	w.text(c.Text, MaxCodeBytes)
	if aliased {
		w.text(c.Canonical, MaxCodeBytes)
	}
	return w.failed
}

// Close writes what is left and the end of the update. An update with fewer
// rows than its header announced is refused.
func (w *Writer) Close() error {
	if w.failed != nil {
		return w.failed
	}
	if w.left[rowOrganizer]+w.left[rowEvent]+w.left[rowCode] != 0 {
		w.fail(fmt.Errorf("%w: fewer rows than announced", ErrUpdate))
		return w.failed
	}
	w.flush()
	w.frame, w.kind = append(w.frame, frameEnd, 0, 0, 0, 0), frameEnd
	w.flush()
	if w.failed != nil {
		return w.failed
	}
	if err := w.to.Flush(); err != nil {
		w.fail(fmt.Errorf("writing routes: %w", err))
	}
	return w.failed
}

func (w *Writer) begin(kind byte) error {
	if w.failed != nil {
		return w.failed
	}
	if w.left[kind] == 0 || kind < w.kind {
		w.fail(fmt.Errorf("%w: a row that the header did not announce, or out of order", ErrUpdate))
		return w.failed
	}
	w.left[kind]--
	if kind != w.kind || len(w.frame) >= frameTarget {
		w.flush()
		w.frame = append(w.frame, kind, 0, 0, 0, 0)
		w.kind = kind
	}
	return w.failed
}

func (w *Writer) fail(err error) {
	if w.failed == nil {
		w.failed = err
	}
}

func (w *Writer) number(n uint64) { w.frame = binary.AppendUvarint(w.frame, n) }

func (w *Writer) flags(a bool, bitA byte, b bool, bitB byte) {
	var f byte
	if a {
		f |= bitA
	}
	if b {
		f |= bitB
	}
	w.frame = append(w.frame, f)
}

func (w *Writer) text(s string, most int) {
	if len(s) > most {
		w.fail(fmt.Errorf("%w: text of %d bytes, at most %d", ErrLimit, len(s), most))
		return
	}
	w.number(uint64(len(s)))
	w.frame = append(w.frame, s...)
}

// flush closes the open frame, if there is one.
func (w *Writer) flush() {
	if w.failed != nil || len(w.frame) == 0 {
		return
	}
	binary.LittleEndian.PutUint32(w.frame[1:], uint32(len(w.frame)-frameHeaderBytes))
	w.sum = checksum(w.sum, w.frame)
	w.frame = binary.LittleEndian.AppendUint32(w.frame, w.sum)
	if _, err := w.to.Write(w.frame); err != nil {
		w.fail(fmt.Errorf("writing routes: %w", err))
	}
	w.frame = w.frame[:0]
}

// Encode writes u.
func Encode(w io.Writer, u Update) error {
	h, organizers, events, codes, err := u.parts()
	if err != nil {
		return err
	}
	out, err := NewWriter(w, h)
	if err != nil {
		return err
	}
	for _, o := range organizers {
		if err := out.Organizer(o); err != nil {
			return fmt.Errorf("encoding organizer %d: %w", o.ID, err)
		}
	}
	for _, e := range events {
		if err := out.Event(e); err != nil {
			return fmt.Errorf("encoding event %d: %w", e.ID, err)
		}
	}
	for _, c := range codes {
		if err := out.Code(c); err != nil {
			return fmt.Errorf("encoding code %d: %w", c.ID, err)
		}
	}
	return out.Close()
}

func (u Update) parts() (h Header, o []Organizer, e []Event, c []Code, err error) {
	switch {
	case (u.Snapshot == nil) == (u.Delta == nil):
		return h, nil, nil, nil, fmt.Errorf("%w: want a snapshot or a delta", ErrUpdate)
	case u.Snapshot != nil:
		h.To, o, e, c = u.Snapshot.Revision, u.Snapshot.Organizers, u.Snapshot.Events, u.Snapshot.Codes
	default:
		h.Delta, h.From, h.To = true, u.Delta.From, u.Delta.To
		o, e, c = u.Delta.Organizers, u.Delta.Events, u.Delta.Codes
	}
	h.Organizers, h.Events, h.Codes = uint64(len(o)), uint64(len(e)), uint64(len(c))
	return h, o, e, c, nil
}
