package collector

import (
	"errors"

	"footfall/collector/consumer"
	"footfall/collector/journal"
)

// source is a journal as the consumer sees it.
type source struct{ reader *journal.Reader }

func (s source) Epochs() ([]consumer.Epoch, error) {
	infos, err := s.reader.Epochs()
	if err != nil {
		return nil, err
	}
	epochs := make([]consumer.Epoch, len(infos))
	for i, info := range infos {
		epochs[i] = consumer.Epoch{
			Epoch: info.Epoch, Ordinal: info.Ordinal, Collector: info.Collector,
			StartedMS: info.StartedMS, Log: info.Log, Shards: info.Shards,
		}
		if info.End == nil {
			continue
		}
		end := &consumer.End{Shards: make([]consumer.EndShard, len(info.End.Shards))}
		for shard, e := range info.End.Shards {
			end.Shards[shard] = consumer.EndShard{Last: e.Last, Missing: e.Missing}
		}
		epochs[i].End = end
	}
	return epochs, nil
}

func (s source) Tail(epoch uint64, shard int, after uint64) (consumer.Tail, error) {
	tail, err := s.reader.Tail(epoch, shard, after)
	if err != nil {
		return nil, err
	}
	return sourceTail{tail}, nil
}

type sourceTail struct{ *journal.Tail }

// Next goes past damaged bytes: their numbers show as a gap, which the consumer
// names, and the epoch's end record says what became of them.
func (t sourceTail) Next() (consumer.Record, bool, error) {
	for {
		r, ok, err := t.Tail.Next()
		if _, ok := errors.AsType[*journal.CorruptError](err); ok {
			continue
		}
		if err != nil || !ok {
			return consumer.Record{}, false, err
		}
		return consumer.Record{
			Kind: r.Kind, Version: r.Version, Sequence: r.Sequence, TimeMS: r.TimeMS,
			Segment: uint64(r.Segment), Offset: r.Offset, Body: r.Body,
		}, true, nil
	}
}
