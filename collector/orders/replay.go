package orders

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// Epoch is one epoch of the journal of orders.
type Epoch struct {
	Epoch   uint64
	Ended   bool        // by a stop or by recovery; of the others, Last and Missing are unknown
	Last    uint64      // the last sequence that is left
	Missing [][2]uint64 // sequences up to Last that are lost, both ends inclusive
}

// Record is one record of the journal, of any kind.
type Record struct {
	Sequence uint64
	Kind     uint8
	Version  uint8
	Body     []byte // valid until the next one
}

// Tail reads the records of one epoch in their order.
type Tail interface {
	// Next gives the next record; false: there is no more for now. It wraps
	// ErrDamaged for bytes that are no record, and has gone past them.
	Next() (Record, bool, error)
	Close() error
}

// Source reads the journal of orders. Earlier epochs give only what is durable.
type Source interface {
	// Epochs lists the epochs that are left in the order of their starts.
	Epochs() ([]Epoch, error)
	// Tail reads an epoch from the record after a sequence on.
	Tail(epoch, after uint64) (Tail, error)
}

// replay gives every record after a position to take, epoch after epoch, to the
// end of what is there now; the zero Position is before all that is left. It
// wraps errGone where the journal no longer has all that came after.
func replay(ctx context.Context, source Source, log *slog.Logger, after Position, take func(Position, Record) error) error {
	epochs, err := source.Epochs()
	if err != nil {
		return fmt.Errorf("listing epochs of the journal of orders: %w", err)
	}
	found := after == Position{}
	for _, e := range epochs {
		from := uint64(0)
		if e.Epoch == after.Epoch {
			found, from = true, after.Sequence
		}
		if !found {
			continue
		}
		checked := e.Epoch != after.Epoch
		err := replayEpoch(ctx, source, log, e, from, func(p Position, r Record) error {
			if !checked && !e.contiguous(from, r.Sequence) {
				return errGone
			}
			checked = true
			return take(p, r)
		})
		if err == nil && !checked && e.Ended && !e.contiguous(from, e.Last+1) {
			err = errGone
		}
		if err != nil {
			return fmt.Errorf("reading epoch %016x of the journal of orders: %w", e.Epoch, err)
		}
	}
	if !found {
		return fmt.Errorf("looking for epoch %016x in the journal of orders: %w", after.Epoch, errGone)
	}
	return nil
}

// contiguous says whether all between two sequences is known to be lost.
func (e *Epoch) contiguous(after, next uint64) bool {
	for _, lost := range e.Missing {
		if lost[0] <= after+1 {
			after = max(after, lost[1])
		}
	}
	return next <= after+1
}

func replayEpoch(ctx context.Context, source Source, log *slog.Logger, e Epoch, after uint64, take func(Position, Record) error) (err error) {
	tail, err := source.Tail(e.Epoch, after)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tail.Close()) }()
	for ctx.Err() == nil {
		r, ok, err := tail.Next()
		if errors.Is(err, ErrDamaged) {
			log.Warn("journal of orders has damaged bytes", "epoch", fmt.Sprintf("%016x", e.Epoch), "error", err)
			continue
		}
		if err != nil {
			return err
		}
		if !ok {
			return nil
		}
		if err := take(Position{Epoch: e.Epoch, Sequence: r.Sequence}, r); err != nil {
			return err
		}
	}
	return ctx.Err()
}
