package collector

import (
	"context"
	"errors"
	"fmt"

	"footfall/collector/journal"
	"footfall/collector/orders"
)

// orderLog is the journal of orders as the order listener writes it: one shard,
// positions without time.
type orderLog struct{ journal *journal.Journal }

func (l orderLog) Append(kind, version uint8, body []byte) (orders.Position, error) {
	p, err := l.journal.Append(0, kind, version, body)
	if errors.Is(err, journal.ErrFull) {
		err = fmt.Errorf("%w: %w", orders.ErrFull, err)
	}
	return orders.Position{Epoch: p.Epoch, Sequence: p.Sequence}, err
}

func (l orderLog) Sync(ctx context.Context, p orders.Position) error {
	err := l.journal.Sync(ctx, journal.Position{Epoch: p.Epoch, Sequence: p.Sequence})
	if errors.Is(err, journal.ErrLost) {
		err = fmt.Errorf("%w: %w", orders.ErrLost, err)
	}
	return err
}

func (l orderLog) Hold(p orders.Position) { l.journal.Hold(p.Epoch, p.Sequence+1) }

// orderSource is the journal of orders as the order listener reads it at its
// start. What earlier epochs give is durable: recovery synced it.
type orderSource struct{ dir string }

func (s orderSource) Epochs() ([]orders.Epoch, error) {
	reader, err := journal.OpenReader(s.dir)
	if err != nil {
		return nil, fmt.Errorf("reading the journal of orders: %w", err)
	}
	infos, err := reader.Epochs()
	if err != nil {
		return nil, fmt.Errorf("reading the journal of orders: %w", err)
	}
	epochs := make([]orders.Epoch, len(infos))
	for i, info := range infos {
		epochs[i] = orders.Epoch{Epoch: info.Epoch, Ended: info.End != nil}
		if epochs[i].Ended && len(info.End.Shards) > 0 {
			epochs[i].Last, epochs[i].Missing = info.End.Shards[0].Last, info.End.Shards[0].Missing
		}
	}
	return epochs, nil
}

func (s orderSource) Tail(epoch, after uint64) (orders.Tail, error) {
	reader, err := journal.OpenReader(s.dir)
	if err != nil {
		return nil, fmt.Errorf("reading the journal of orders: %w", err)
	}
	tail, err := reader.Tail(epoch, 0, after)
	if err != nil {
		return nil, fmt.Errorf("reading epoch %016x of the journal of orders: %w", epoch, err)
	}
	return orderTail{tail}, nil
}

type orderTail struct{ *journal.Tail }

func (t orderTail) Next() (orders.Record, bool, error) {
	r, ok, err := t.Tail.Next()
	if _, ok := errors.AsType[*journal.CorruptError](err); ok {
		err = fmt.Errorf("%w: %w", orders.ErrDamaged, err)
	}
	return orders.Record{Sequence: r.Sequence, Kind: r.Kind, Version: r.Version, Body: r.Body}, ok, err
}
