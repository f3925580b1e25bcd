package edge

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"net/netip"
	"sync"
	"time"

	"footfall/schemas/clickid"
	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

// Secrets is what the edge mints click ids and visitor keys with. It is
// immutable and safe for concurrent use.
type Secrets struct {
	clicks   *clickid.Keys
	days     []dayKey // a handful
	visitors map[ids.OrganizerID]*mac
}

type dayKey struct {
	day int64 // days since 1970, UTC
	mac *mac
}

// NewSecrets takes the keys out of the collector's secrets. Errors quote none.
func NewSecrets(s routes.Secrets) (*Secrets, error) {
	keys := make([]clickid.Key, 0, len(s.ClickKeys))
	for _, k := range s.ClickKeys {
		keys = append(keys, clickid.Key{ID: k.ID, Secret: k.Secret, EndsMS: k.EndsMS})
	}
	clicks, err := clickid.NewKeys(s.MintKey, keys)
	if err != nil {
		return nil, fmt.Errorf("taking click keys: %w", err)
	}
	out := &Secrets{clicks: clicks, visitors: make(map[ids.OrganizerID]*mac, len(s.VisitorKeys))}
	for _, k := range s.DayKeys {
		day, err := time.Parse(routes.DayFormat, k.Day)
		if err != nil {
			return nil, fmt.Errorf("taking the day key of %q: want a day like 2026-11-22", k.Day)
		}
		out.days = append(out.days, dayKey{day: day.Unix() / secondsPerDay, mac: newMAC(k.Key)})
	}
	for _, k := range s.VisitorKeys {
		out.visitors[k.Organizer] = newMAC(k.Key)
	}
	return out, nil
}

const (
	secondsPerDay = 24 * 60 * 60
	msPerDay      = secondsPerDay * 1000
)

// byAddress is the visitor key of a client without a cookie, zero where the
// day's key is not there.
func (s *Secrets) byAddress(nowMS int64, organizer ids.OrganizerID, client netip.Addr, userAgent []byte) uint64 {
	day := nowMS / msPerDay
	for i := range s.days {
		if s.days[i].day == day {
			address := client.As16()
			return s.days[i].mac.sum(organizer, address[:], userAgent)
		}
	}
	return 0
}

// byCookie is the visitor key of a client with a cookie, zero where the
// organizer's key is not there.
func (s *Secrets) byCookie(organizer ids.OrganizerID, cookie []byte) uint64 {
	if m := s.visitors[organizer]; m != nil {
		return m.sum(organizer, cookie, nil)
	}
	return 0
}

// mac is HMAC-SHA256 under one key. Its states are pooled with the key's blocks
// already hashed, so that a sum hashes what it is given and allocates nothing.
type mac struct {
	states sync.Pool
}

type macState struct {
	hash  hash.Hash
	input [4 + 16]byte
	out   [sha256.Size]byte
}

func newMAC(key routes.Key) *mac {
	return &mac{states: sync.Pool{New: func() any {
		return &macState{hash: hmac.New(sha256.New, key[:])}
	}}}
}

// sum is the first 64 bits of HMAC(key; organizer, fixed, rest), never zero:
// that would be no key. fixed has one length for each use of a key, so no two
// inputs are one string.
func (m *mac) sum(organizer ids.OrganizerID, fixed, rest []byte) uint64 {
	s := m.states.Get().(*macState) //nolint:forcetypeassert // the pool holds nothing else
	s.hash.Reset()
	n := copy(s.input[4:], fixed)
	binary.BigEndian.PutUint32(s.input[:], uint32(organizer))
	s.hash.Write(s.input[:4+n])
	s.hash.Write(rest)
	key := binary.BigEndian.Uint64(s.hash.Sum(s.out[:0]))
	m.states.Put(s)
	return max(key, 1)
}
