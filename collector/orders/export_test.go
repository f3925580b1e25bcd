package orders

import (
	"context"
	"time"
)

// Forget takes the defence away: the ledger looks nothing up.
func (o *Orders) Forget() { o.ledger.forgetful = true }

// AfterSync calls f between a record's sync and its answer.
func (o *Orders) AfterSync(f func()) { o.afterSync = f }

// AfterAppend calls f between a record's append and its sync.
func (o *Orders) AfterAppend(f func()) { o.afterAppend = f }

// Flush writes the index now.
func (o *Orders) Flush(ctx context.Context) error { return o.ledger.flush(ctx) }

// CheckpointIdle moves the checkpoint past heartbeats.
func (o *Orders) CheckpointIdle(ctx context.Context) error { return o.ledger.checkpointIdle(ctx) }

// Checkpoint is the index's.
func (o *Orders) Checkpoint() Position { return o.index.checkpoint }

// ReadTimeout sets the listener's before Run.
func (o *Orders) ReadTimeout(d time.Duration) { o.server.ReadTimeout = d }

// CountMACs calls f for every HMAC that is made.
func (o *Orders) CountMACs(f func()) {
	o.verify.mac = func(key []byte, m *message) string {
		f()
		return signatureOf(key, m)
	}
}

// Closed closes the index behind the program's back.
func (o *Orders) BreakIndex() error { return o.index.db.Close() }
