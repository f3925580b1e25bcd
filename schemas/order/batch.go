package order

// An import is sent to a collector in batches: a document of docs/orders.md on
// each line. What is beyond these bounds is refused whole.
const (
	// MaxBatch of documents: their sync is one, so more of them save nothing.
	MaxBatch = 1000
	// MaxBatchBytes has room for a document at its bound of 64 KiB beside a
	// thousand usual ones.
	MaxBatchBytes = 2 << 20
)

// What becomes of a document of a batch.
const (
	BatchNew      = "new"      // it would be stored
	BatchStored   = "stored"   // it was, and is on the disk
	BatchRepeated = "repeated" // it was stored before, exactly so
	BatchConflict = "conflict" // its version, or the refund, is stored with other content
	BatchRefused  = "refused"  // it can't be taken
)

// BatchAnswer is a collector's answer to a batch.
type BatchAnswer struct {
	// Refused says that some can't be taken. Where a document is refused, nothing of
	// the batch was stored.
	Refused bool          `json:"refused"`
	Results []BatchResult `json:"results"` // in the order of the batch
}

// BatchResult is what became of one document.
type BatchResult struct {
	Status  string `json:"status"`
	Known   bool   `json:"known,omitempty"`   // of a new one: another version of the order is stored
	Pointer string `json:"pointer,omitempty"` // JSON pointer to what is wrong
	Detail  string `json:"detail,omitempty"`
}
