package testkit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
)

// ledgerSyncEntries is how many entries may be lost to a power cut of the
// client's machine; a kill of the client loses none.
const ledgerSyncEntries = 256

// Kind is what a client sent.
type Kind string

// What a client may send.
const (
	KindVisit  Kind = "visit"
	KindOrder  Kind = "order"
	KindRefund Kind = "refund"
)

// Outcome is what a client may conclude from an answer.
type Outcome int

// The outcomes.
const (
	// Indeterminate: no answer, or one that promises nothing. It may be found
	// once or not at all, never twice.
	Indeterminate Outcome = iota
	// Acknowledged: a visit answered 302 with a click id, an order or refund
	// answered 200 or 201. It must be found exactly once.
	Acknowledged
	// Degraded: a visit answered 302 without a click id. It was honestly not
	// recorded and must not be found.
	Degraded
)

// Entry is one request and its answer, as the client saw them.
type Entry struct {
	Client   string `json:"client"` // the client's own number for the request
	Kind     Kind   `json:"kind"`
	Event    string `json:"event,omitempty"`
	Code     string `json:"code,omitempty"`
	SentMS   int64  `json:"sent_ms"`
	Status   int    `json:"status"`             // 0 when no answer came
	ClickID  string `json:"click_id,omitempty"` // of the visit; of an order, the one that it was sent with
	ID       string `json:"id,omitempty"`       // of the order or refund: what it is found by
	Quantity int64  `json:"quantity,omitempty"` // tickets
	Amount   int64  `json:"amount,omitempty"`   // minor units
	Error    string `json:"error,omitempty"`    // why no answer came
}

// Outcome says what the answer promises.
func (e Entry) Outcome() Outcome {
	switch {
	case e.Kind == KindVisit && e.Status == 302 && e.ClickID != "":
		return Acknowledged
	case e.Kind == KindVisit && e.Status == 302:
		return Degraded
	case e.Kind != KindVisit && (e.Status == 200 || e.Status == 201):
		return Acknowledged
	default:
		return Indeterminate
	}
}

// key is what the entry is found by on the other side; empty for a visit whose
// answer was lost.
func (e Entry) key() string {
	if e.Kind == KindVisit {
		return e.ClickID
	}
	return e.ID
}

// Ledger is a client's own account, in a file that it writes at once and syncs
// often. Safe for concurrent use.
type Ledger struct {
	mu       sync.Mutex
	file     *os.File
	unsynced int
	entries  []Entry
}

// OpenLedger reads the entries that a file holds, if any, and goes on from
// there. A last line that was cut short is dropped.
func OpenLedger(path string) (*Ledger, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening ledger: %w", err)
	}
	l := &Ledger{file: file}
	whole, err := l.read()
	if err == nil {
		err = file.Truncate(whole)
	}
	if err == nil {
		_, err = file.Seek(whole, io.SeekStart)
	}
	if err != nil {
		return nil, fmt.Errorf("reading ledger %s: %w", path, errors.Join(err, file.Close()))
	}
	return l, nil
}

// read takes in the whole lines and gives their length in bytes.
func (l *Ledger) read() (int64, error) {
	whole, lines := int64(0), bufio.NewReader(l.file)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err != nil {
			return 0, fmt.Errorf("reading a line: %w", err)
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return 0, fmt.Errorf("reading entry %d: %w", len(l.entries)+1, err)
		}
		l.entries, whole = append(l.entries, e), whole+int64(len(line))
	}
}

// Append writes an entry; after a return without error, a kill of this process
// does not lose it.
func (l *Ledger) Append(e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encoding ledger entry: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("writing ledger: %w", err)
	}
	l.entries = append(l.entries, e)
	if l.unsynced++; l.unsynced < ledgerSyncEntries {
		return nil
	}
	l.unsynced = 0
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("syncing ledger: %w", err)
	}
	return nil
}

// Entries is a copy of all entries, in the order of the answers.
func (l *Ledger) Entries() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.entries)
}

// Close syncs and closes the file.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := errors.Join(l.file.Sync(), l.file.Close()); err != nil {
		return fmt.Errorf("closing ledger: %w", err)
	}
	return nil
}

// Reconciliation compares a ledger with what is found on the other side.
type Reconciliation struct {
	Acked         int      // distinct acknowledged click ids, orders or refunds
	Indeterminate int      // requests without a promise
	Lost          []string // acknowledged and not found
	Duplicated    []string // found more than once
	Phantom       []string // found, though no request can account for them
}

// Err is nil when nothing is lost, doubled or phantom.
func (r Reconciliation) Err() error {
	if len(r.Lost)+len(r.Duplicated)+len(r.Phantom) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", errReconcile, r)
}

var errReconcile = errors.New("ledger and store disagree")

// String is the line that a test prints.
func (r Reconciliation) String() string {
	some := func(keys []string) string { return fmt.Sprintf("%d %.60q", len(keys), keys[:min(3, len(keys))]) }
	return fmt.Sprintf("acked=%d indeterminate=%d lost=%s duplicated=%s phantom=%s",
		r.Acked, r.Indeterminate, some(r.Lost), some(r.Duplicated), some(r.Phantom))
}

// Reconcile compares the entries of one kind with found: how often each click
// id, order id or refund id is there. A visit whose answer was lost is known by
// no click id, so as many unknown ones may be found as visits are
// indeterminate.
func Reconcile(entries []Entry, kind Kind, found map[string]int) Reconciliation {
	r, acked, sent, unnamed := Reconciliation{}, map[string]bool{}, map[string]bool{}, 0
	for _, e := range entries {
		if e.Kind != kind {
			continue
		}
		switch outcome := e.Outcome(); {
		case outcome == Acknowledged:
			acked[e.key()] = true
		case outcome == Indeterminate && e.key() == "":
			unnamed++
			r.Indeterminate++
		case outcome == Indeterminate:
			r.Indeterminate++
		}
		sent[e.key()] = true
	}
	r.Acked = len(acked)
	for _, key := range slices.Sorted(maps.Keys(acked)) {
		if found[key] == 0 {
			r.Lost = append(r.Lost, key)
		}
	}
	unknown := []string{}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		if found[key] > 1 {
			r.Duplicated = append(r.Duplicated, key)
		}
		if found[key] > 0 && (key == "" || !sent[key]) {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) > unnamed {
		r.Phantom = unknown
	}
	return r
}
