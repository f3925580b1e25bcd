package edge

import (
	"fmt"
	"net/netip"
	"time"

	"footfall/schemas/clickid"
	"footfall/schemas/ids"
	"footfall/schemas/routes"
	"footfall/schemas/visit"
)

// Secrets is what the edge mints click ids and visitor keys with. It is
// immutable and safe for concurrent use.
type Secrets struct {
	clicks   *clickid.Keys
	days     []dayKey // a handful
	visitors map[ids.OrganizerID]visit.VisitorHasher
}

type dayKey struct {
	day int64 // days since 1970, UTC
	key visit.VisitorHasher
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
	out := &Secrets{clicks: clicks, visitors: make(map[ids.OrganizerID]visit.VisitorHasher, len(s.VisitorKeys))}
	for _, k := range s.DayKeys {
		day, err := time.Parse(routes.DayFormat, k.Day)
		if err != nil {
			return nil, fmt.Errorf("taking the day key of %q: want a day like 2026-11-22", k.Day)
		}
		out.days = append(out.days, dayKey{day: day.Unix() / secondsPerDay, key: visit.NewVisitorHasher(k.Key)})
	}
	for _, k := range s.VisitorKeys {
		out.visitors[k.Organizer] = visit.NewVisitorHasher(k.Key)
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
			return s.days[i].key.Sum(organizer, address[:], userAgent)
		}
	}
	return 0
}

// byCookie is the visitor key of a client with a cookie, zero where the
// organizer's key is not there.
func (s *Secrets) byCookie(organizer ids.OrganizerID, cookie []byte) uint64 {
	if k, ok := s.visitors[organizer]; ok {
		return k.Sum(organizer, cookie, nil)
	}
	return 0
}
