package catalog

import (
	"encoding/json"
	"fmt"

	"footfall/schemas/ids"
)

// maxRenamed bounds the changes of names that are remembered; who is further
// behind reads everything.
const maxRenamed = 10_000

// renamed is whose names or emails changed. They have no revisions, so what
// changed since a report's last look is remembered here, as long as the process
// lives, in which alone it is asked.
type renamed struct {
	organizers []ids.OrganizerID
	affiliates []ids.AffiliateID
}

func (r *renamed) len() int { return len(r.organizers) + len(r.affiliates) }

func (r *renamed) add(other renamed) {
	r.organizers = append(r.organizers, other.organizers...)
	r.affiliates = append(r.affiliates, other.affiliates...)
}

// lists gives the ids as JSON.
func (r *renamed) lists() (organizers, affiliates string, err error) {
	o, err := json.Marshal(append([]ids.OrganizerID{}, r.organizers...))
	if err != nil {
		return "", "", fmt.Errorf("listing organizers: %w", err)
	}
	a, err := json.Marshal(append([]ids.AffiliateID{}, r.affiliates...))
	if err != nil {
		return "", "", fmt.Errorf("listing affiliates: %w", err)
	}
	return string(o), string(a), nil
}

// noteRenamed remembers one more change of names. c.mu is held.
func (c *Catalog) noteRenamed(names renamed) {
	c.names++
	c.renames = append(c.renames, names)
	c.renamedIDs += names.len()
	for c.renamedIDs > maxRenamed {
		c.renamedIDs -= c.renames[0].len()
		c.renames = c.renames[1:]
	}
}

// renamedBetween is whose names changed after the count from, up to the count to.
// told is false when that is no longer known.
func (c *Catalog) renamedBetween(from, to uint64) (names renamed, told bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	oldest := c.names - uint64(len(c.renames)) // the count before the first that is remembered
	if from < oldest || from > to || to > c.names {
		return names, false
	}
	for _, r := range c.renames[from-oldest : to-oldest] {
		names.add(r)
	}
	return names, true
}
