package consumer

// Source is a journal, read. Its methods are called from one goroutine.
type Source interface {
	// Epochs lists what the journal holds, by ordinal.
	Epochs() ([]Epoch, error)
	// Tail reads a shard of an epoch from the number after the given one on.
	Tail(epoch uint64, shard int, after uint64) (Tail, error)
}

// Tail gives the records of one shard of an epoch, in the order written.
type Tail interface {
	// Next gives the next record; false: nothing more for now.
	Next() (Record, bool, error)
	Close() error
}

// Epoch is one run of a journal.
type Epoch struct {
	Epoch     uint64
	Ordinal   uint64 // dense per journal, from 1
	Collector uint32
	StartedMS int64
	Log       string // the log it is bound to
	Shards    int
	End       *End // nil while it is open
}

// End is an epoch's end record.
type End struct {
	Shards []EndShard
}

// EndShard says what survived of a shard.
type EndShard struct {
	Last    uint64      // the last number that survived
	Missing [][2]uint64 // ranges below it that did not, both ends included
}

// Record is one record. Body is valid until the next call.
type Record struct {
	Kind, Version uint8
	Sequence      uint64
	TimeMS        int64
	Segment       uint64
	Offset        int64
	Body          []byte
}

// The kinds of records.
const (
	KindVisit     = 1
	KindOrder     = 2
	KindRefund    = 3
	KindHeartbeat = 15
)
