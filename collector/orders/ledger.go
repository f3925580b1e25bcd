package orders

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"

	"footfall/schemas/ids"
)

// key is what an order or refund is unique by. Versions of refunds are 1.
type key struct {
	organizer ids.OrganizerID
	kind      uint8
	id        string
	version   uint32
}

// entry is a record that was appended.
type entry struct {
	key           key
	fingerprint   [32]byte
	normalization uint32
	position      Position
	indexed       bool // read from the index, so durable
}

// ledger knows every order and refund that was appended: those that the index
// doesn't have yet in memory, in the order of their sequences.
//
// A key is looked up and appended under its stripe's lock, first in memory,
// then in the index. An entry leaves the memory only when the index has it, and
// comes into being only under that lock: what is in neither was never appended.
// Appending and queueing are one step under mu, hence the queue's order, and
// hence a checkpoint never passes a record that isn't in the index.
type ledger struct {
	deps    Deps
	index   *index
	seed    maphash.Seed
	stripes [64]sync.Mutex
	wake    chan struct{}

	mu     sync.Mutex
	recent map[key]*entry // by mu
	queue  []*entry       // by mu; the same entries as recent, by sequence

	writing sync.Mutex // one flush or checkpoint at a time
	// forgetful takes the defence away: nothing is looked up. Only tests set it.
	forgetful bool
}

func newLedger(deps Deps, idx *index) *ledger {
	return &ledger{
		deps: deps, index: idx, seed: maphash.MakeSeed(),
		wake: make(chan struct{}, 1), recent: make(map[key]*entry),
	}
}

// put appends the record, or gives the entry of its key that was there before:
// repeated. Neither is necessarily durable yet: durable comes next, for the very
// entry that is given. Asking by the key again would take a record that the disk
// took meanwhile, and that is forgotten, for one that the index has.
func (l *ledger) put(ctx context.Context, e entry, body []byte) (stored *entry, repeated bool, err error) {
	stripe := &l.stripes[maphash.String(l.seed, e.key.id)%uint64(len(l.stripes))]
	stripe.Lock()
	defer stripe.Unlock()
	if !l.forgetful {
		was, err := l.find(ctx, e.key)
		if was != nil || err != nil {
			return was, true, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) >= maxUnindexed {
		return nil, false, errBehind
	}
	if e.position, err = l.deps.Journal.Append(e.key.kind, recordVersion, body); err != nil {
		return nil, false, fmt.Errorf("appending to the journal of orders: %w", err)
	}
	l.recent[e.key] = &e
	l.queue = append(l.queue, &e)
	l.rouse()
	return &e, false, nil
}

// find looks in memory first: see ledger.
func (l *ledger) find(ctx context.Context, k key) (*entry, error) {
	l.mu.Lock()
	e := l.recent[k]
	l.mu.Unlock()
	if e != nil {
		return e, nil
	}
	return l.index.find(ctx, k)
}

// durable returns when the entry's record is. A record that the disk took is
// forgotten: sent again, it is appended again.
func (l *ledger) durable(ctx context.Context, e *entry) error {
	if e.indexed {
		return nil
	}
	err := l.deps.Journal.Sync(ctx, e.position)
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrLost) {
		l.mu.Lock()
		if l.recent[e.key] == e {
			delete(l.recent, e.key)
		}
		l.mu.Unlock()
	}
	return fmt.Errorf("syncing the journal of orders: %w", err)
}

// rouse tells the indexing goroutine that there is something to do.
func (l *ledger) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *ledger) waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue)
}

func (l *ledger) ready() error {
	if l.waiting() >= maxUnindexed {
		return fmt.Errorf("%w: free or mend the disk of %s", errBehind, l.index.path)
	}
	return l.index.ready()
}

// flush writes everything queued to the index.
func (l *ledger) flush(ctx context.Context) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	for {
		l.mu.Lock()
		batch := l.queue[:min(len(l.queue), batchEntries):min(len(l.queue), batchEntries)]
		l.mu.Unlock()
		if len(batch) == 0 {
			return nil
		}
		kept := make([]*entry, 0, len(batch))
		for _, e := range batch {
			// An entry in the index is answered without asking the journal.
			err := l.durable(ctx, e)
			if err == nil {
				kept = append(kept, e)
			} else if !errors.Is(err, ErrLost) {
				return err
			}
		}
		last := batch[len(batch)-1].position
		if err := l.index.add(ctx, kept, last); err != nil {
			return err
		}
		l.mu.Lock()
		for _, e := range kept {
			delete(l.recent, e.key)
		}
		l.queue = slices.Clone(l.queue[len(batch):])
		l.mu.Unlock()
		l.deps.Journal.Hold(last)
	}
}

// checkpointIdle moves the checkpoint past records that are no orders, so that
// their segments can go. That these are durable is not needed.
func (l *ledger) checkpointIdle(ctx context.Context) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	to := l.index.checkpoint
	err := replay(ctx, l.deps.Source, l.deps.Log, to, func(p Position, _ Record) error {
		to = p
		return nil
	})
	if err != nil {
		return fmt.Errorf("looking for heartbeats in the journal of orders: %w", err)
	}
	// What the replay saw was appended, so it is queued if the index lacks it.
	l.mu.Lock()
	idle := len(l.queue) == 0
	l.mu.Unlock()
	if !idle || to == l.index.checkpoint {
		return nil // the next flush moves the checkpoint
	}
	if err := l.index.add(ctx, nil, to); err != nil {
		return err
	}
	l.deps.Journal.Hold(to)
	return nil
}
