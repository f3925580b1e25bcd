// Package routes is what a collector knows of the catalog: organizers, events
// and tracking codes as one snapshot, then deltas; and, as documents of their
// own, the secrets and the marks of what the lake has covered.
//
// Invariant: every byte of an encoded update is covered by a checksum that also
// covers everything before it, so a truncated, flipped, reordered or spliced
// file is refused whole, with the offset. Routes carry no secret. Nothing is
// ever deleted: a delta only adds and replaces rows, and only within one
// incarnation of the catalog.
//
// The package refuses to guess: an unknown version, a text beyond its limit or
// bytes after the end are errors. docs/format/routes.md has the byte boxes.
package routes

import (
	"context"

	"footfall/schemas/ids"
)

// Limits of one row. The encoder and the decoder both hold them, so a row that
// a collector can't keep never leaves the catalog.
const (
	// MaxCodeBytes is the longest text of a tracking code (semantics.md).
	MaxCodeBytes = 64
	// MaxSlugBytes bounds a slug: it is typed into links and read aloud.
	MaxSlugBytes = 128
	// MaxDestinationBytes leaves room for a URL of 2,048 characters after the
	// catalog's percent-encoding.
	MaxDestinationBytes = 6144
	// maxCurrencyBytes is an ISO 4217 code.
	maxCurrencyBytes = 3
)

// Organizer is a tenant as the edge needs it.
type Organizer struct {
	ID      ids.OrganizerID
	Slug    string
	Cookies bool // visitor cookies are on for this organizer
}

// Event is a dated thing on sale. Times are milliseconds UTC since 1970.
type Event struct {
	ID          ids.EventID
	Organizer   ids.OrganizerID
	Slug        string // unique in the installation, exact bytes of the link
	Destination string // absolute URL, percent-encoded by the catalog
	StartMS     int64
	EndMS       int64
	Currency    string
}

// Code is one text that resolves to a tracking code. An alias is a row of its
// own with the same ID and Canonical. Identity of a row: its scope (Organizer
// when Common, else Event) and the folded Text.
type Code struct {
	ID        ids.CodeID
	Common    bool
	Organizer ids.OrganizerID
	Event     ids.EventID // zero when Common
	Text      string      // as typed
	Canonical string      // the code's current text
	Paused    bool
}

// Snapshot is everything at one revision.
type Snapshot struct {
	Revision   ids.Revision
	Organizers []Organizer
	Events     []Event
	Codes      []Code
}

// Delta is what changed from one revision to a later one of the same
// incarnation: rows to add or to replace.
type Delta struct {
	From, To   ids.Revision
	Organizers []Organizer
	Events     []Event
	Codes      []Code
}

// Update is either a snapshot or a delta; exactly one is set.
type Update struct {
	Snapshot *Snapshot
	Delta    *Delta
}

// Revision is the revision that a collector has after applying u, zero for an
// empty update.
func (u Update) Revision() ids.Revision {
	switch {
	case u.Snapshot != nil:
		return u.Snapshot.Revision
	case u.Delta != nil:
		return u.Delta.To
	}
	return ids.Revision{}
}

// Covered says what of a collector's journals the lake holds.
type Covered struct {
	Journals []CoveredJournal `json:"journals"`
}

// CoveredJournal is one journal of the collector: "visits" or "orders".
type CoveredJournal struct {
	Journal string         `json:"journal"`
	Epochs  []CoveredEpoch `json:"epochs"`
}

// CoveredEpoch is one epoch of a journal: per shard the number up to which the
// lake holds every record.
type CoveredEpoch struct {
	Epoch  ids.Epoch `json:"epoch,string"`
	Closed bool      `json:"closed"`
	Shards []uint64  `json:"shards"`
}

// Feed is where a collector's routes come from: the reporter in process, or
// its control listener over HTTP.
type Feed interface {
	// Routes blocks until there is something newer than have, or ctx ends. A
	// zero have, or one of another incarnation, gets a snapshot.
	Routes(ctx context.Context, have ids.Revision) (Update, error)
	// Secrets blocks until the version differs from have, or ctx ends.
	Secrets(ctx context.Context, have string) (Secrets, error)
	// Covered answers at once.
	Covered(ctx context.Context) (Covered, error)
}
