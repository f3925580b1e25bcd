// Package ids names the identifiers that cross a process: small numbers minted
// by the catalog, and the random names of a log's epochs and a catalog's
// incarnations.
//
// An id is never used twice, also across a restore; zero is no id.
package ids

import (
	"fmt"
	"strconv"
)

// OrganizerID is a tenant.
type OrganizerID uint32

// EventID is a dated thing on sale. It fits 24 bits: the click id carries it.
type EventID uint32

// MaxEventID is the largest event id that a click id can carry.
const MaxEventID EventID = 1<<24 - 1

// AffiliateID is a partner who is credited.
type AffiliateID uint32

// CodeID is a tracking code; its text may change, its id never does.
type CodeID uint32

// CollectorID is an enrolled collector.
type CollectorID uint32

// PersonID is somebody who signs in.
type PersonID uint32

// Epoch is the random name of one run of a journal. Compared for equality only.
type Epoch uint64

// String gives the epoch as 16 hexadecimal digits, as it stands in the lake.
func (e Epoch) String() string { return fmt.Sprintf("%016x", uint64(e)) }

// ParseEpoch reads what String wrote.
func ParseEpoch(text string) (Epoch, error) {
	n, err := parseHex(text)
	return Epoch(n), err
}

// Incarnation is the random name of one life of a catalog; a restore starts
// another. Compared for equality only.
type Incarnation uint64

// String gives the incarnation as 16 hexadecimal digits.
func (i Incarnation) String() string { return fmt.Sprintf("%016x", uint64(i)) }

// ParseIncarnation reads what String wrote.
func ParseIncarnation(text string) (Incarnation, error) {
	n, err := parseHex(text)
	return Incarnation(n), err
}

// Revision is one state of the catalog. Numbers of different incarnations
// can't be compared. The zero Revision is no state at all.
type Revision struct {
	Incarnation Incarnation
	Number      uint64
}

// String gives the revision as incarnation and number.
func (r Revision) String() string {
	return r.Incarnation.String() + "/" + strconv.FormatUint(r.Number, 10)
}

func parseHex(text string) (uint64, error) {
	if len(text) != 16 {
		return 0, fmt.Errorf("parsing %q: want 16 hexadecimal digits", text)
	}
	n, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("parsing %q: %w", text, err)
	}
	return n, nil
}
