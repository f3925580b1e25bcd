package lakelog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"footfall/schemas/ids"
)

// Format is the version of entries and checkpoints.
const Format = 1

// The kinds of logs. Those of a collector's journal are sources: they count for the watermark.
const (
	KindVisits      = "visits"
	KindOrders      = "orders"
	KindMaintenance = "maintenance"
	KindCatalog     = "catalog"
)

// IsSource says whether a log of this kind is a collector's.
func IsSource(kind string) bool { return kind == KindVisits || kind == KindOrders }

// Entry is one commit: the creation, if absent, of the file with its number.
type Entry struct {
	Format    int    `json:"format"`
	Log       string `json:"log"`
	Number    uint64 `json:"number"`   // dense from 1
	KnownAtUS int64  `json:"known_at"` // microseconds since 1970, above the log's last

	Opened  *Opened  `json:"opened,omitempty"`
	Closed  *Closed  `json:"closed,omitempty"`
	Added   []File   `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"` // paths of files that this log owns
	// Handed: files added by entries up to this number belong to `maintenance`. It only rises.
	Handed uint64 `json:"handed,omitempty"`
	// State is where the source stands after this entry, whole; nil in logs that are no source's.
	State *State `json:"state,omitempty"`
}

// Opened stands in a log's opening entry, which only the reporter writes.
type Opened struct {
	Kind      string          `json:"kind"`
	Collector ids.CollectorID `json:"collector,omitempty"`
}

// Closed stands in the last entry of a log.
type Closed struct {
	Reason string `json:"reason"` // drained or retired
}

// File is one data file, as its commit states it.
type File struct {
	Path         string `json:"path"` // relative to the lake's root, with slashes
	Table        string `json:"table"`
	Rows         int64  `json:"rows"`
	Bytes        int64  `json:"bytes"`
	SHA256       string `json:"sha256"`   // 64 hexadecimal digits, of the whole file
	MinTimeMS    int64  `json:"min_time"` // of the rows' own times
	MaxTimeMS    int64  `json:"max_time"`
	MinKnownAtUS int64  `json:"min_known_at"`
	MaxKnownAtUS int64  `json:"max_known_at"`
	Tier         int    `json:"tier,omitempty"` // how many merges its rows have been through, at most
	Commit       uint64 `json:"commit"`         // the number of the entry that adds it; set by Append
}

// State is where a source stands: which records of which epochs are in the lake.
type State struct {
	// Epochs that are open, the newest one always, and closed ones that the journal still holds; by ordinal.
	Epochs []Epoch `json:"epochs,omitempty"`
	// ClosedThrough is the newest epoch up to which every epoch is closed; nothing of them is read again.
	ClosedThrough *ClosedThrough `json:"closed_through,omitempty"`
	// Lost names what no journal can give any more, the newest MaxLost of it; LostRecords counts all of it.
	Lost        []Lost `json:"lost,omitempty"`
	LostRecords uint64 `json:"lost_records,omitempty"`
}

// MaxLost bounds the list of losses that every entry repeats.
const MaxLost = 64

// Epoch is the state of one epoch of a journal.
type Epoch struct {
	Epoch     string          `json:"epoch"` // 16 hexadecimal digits
	Ordinal   uint64          `json:"ordinal"`
	Collector ids.CollectorID `json:"collector"`
	StartedMS int64           `json:"started_ms"`
	Closed    bool            `json:"closed,omitempty"`
	Shards    []Shard         `json:"shards"`
}

// Shard is the state of one shard of an epoch.
type Shard struct {
	Mark        uint64  `json:"mark"`                   // every number up to here is in the lake, or lost
	Above       []Range `json:"above,omitempty"`        // what is taken above the mark: gaps lie between
	HeartbeatMS int64   `json:"heartbeat_ms,omitempty"` // the last heartbeat by sequence, up to the mark
	LastMS      int64   `json:"last_ms,omitempty"`      // the time of the highest record taken
}

// Range is a run of numbers, both ends included, with the last heartbeat in it (0: none).
type Range struct {
	From        uint64 `json:"from"`
	To          uint64 `json:"to"`
	HeartbeatMS int64  `json:"heartbeat_ms,omitempty"`
}

// ClosedThrough names the newest of the epochs that are closed without an open one before it.
type ClosedThrough struct {
	Ordinal   uint64 `json:"ordinal"`
	Epoch     string `json:"epoch"`
	StartedMS int64  `json:"started_ms"`
}

// Lost is a run of numbers, both ends included, that the lake will never hold.
type Lost struct {
	Epoch  string `json:"epoch"`
	Shard  int    `json:"shard"`
	From   uint64 `json:"from"`
	To     uint64 `json:"to"`
	Reason string `json:"reason"` // power_cut
}

// Clone gives a copy that shares nothing with s; nil for nil.
func (s *State) Clone() *State {
	if s == nil {
		return nil
	}
	c := &State{LostRecords: s.LostRecords}
	c.Lost = append(c.Lost, s.Lost...)
	if s.ClosedThrough != nil {
		through := *s.ClosedThrough
		c.ClosedThrough = &through
	}
	for _, e := range s.Epochs {
		shards := make([]Shard, len(e.Shards))
		copy(shards, e.Shards)
		for i := range shards {
			shards[i].Above = append([]Range(nil), shards[i].Above...)
		}
		e.Shards = shards
		c.Epochs = append(c.Epochs, e)
	}
	return c
}

// checkpoint is a log folded up to a number, so that nobody reads it from its start.
type checkpoint struct {
	Format    int      `json:"format"`
	Log       string   `json:"log"`
	Number    uint64   `json:"number"`
	KnownAtUS int64    `json:"known_at"`
	Opened    *Opened  `json:"opened,omitempty"`
	Closed    *Closed  `json:"closed,omitempty"`
	Files     []File   `json:"files,omitempty"`   // added by this log, removed neither by it nor by maintenance up to Maintenance
	Removed   []string `json:"removed,omitempty"` // files of other logs that this log (maintenance) removed
	Trash     []Trash  `json:"trash,omitempty"`   // removed files that may still be on disk
	Handed    uint64   `json:"handed,omitempty"`
	// Maintenance: whoever starts from here reads that log at least this far.
	Maintenance uint64 `json:"maintenance,omitempty"`
	State       *State `json:"state,omitempty"`
}

// Trash is a removed file that stays on disk for the queries that still read it.
type Trash struct {
	Path      string `json:"path"`
	RemovedUS int64  `json:"removed_at"` // known_at of the entry that removed it
}

// An entry's file is one line: checksum is the SHA-256 of exactly the bytes of body.
const (
	sealPrefix = `{"checksum":"`
	sealMiddle = `","body":`
	sealSuffix = "}\n"
)

func seal(body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	sum := sha256.Sum256(text)
	out := make([]byte, 0, len(text)+96)
	out = append(out, sealPrefix...)
	out = hex.AppendEncode(out, sum[:])
	out = append(out, sealMiddle...)
	out = append(out, text...)
	return append(out, sealSuffix...), nil
}

// unseal checks every byte of a sealed file before any is believed.
func unseal(path string, data []byte, body any) error {
	const digits = 2 * sha256.Size
	head := len(sealPrefix) + digits + len(sealMiddle)
	if len(data) < head+len(sealSuffix) || !bytes.HasPrefix(data, []byte(sealPrefix)) ||
		!bytes.HasPrefix(data[len(sealPrefix)+digits:], []byte(sealMiddle)) || !bytes.HasSuffix(data, []byte(sealSuffix)) {
		return &CorruptError{Path: path, Reason: "not a sealed line"}
	}
	text := data[head : len(data)-len(sealSuffix)]
	sum := sha256.Sum256(text)
	if hex.EncodeToString(sum[:]) != string(data[len(sealPrefix):len(sealPrefix)+digits]) {
		return &CorruptError{Path: path, Reason: "checksum differs"}
	}
	if err := json.Unmarshal(text, body); err != nil {
		return &CorruptError{Path: path, Reason: err.Error()}
	}
	return nil
}

// Encode gives the bytes of an entry's file.
func (e *Entry) Encode() ([]byte, error) {
	e.Format = Format
	return seal(e)
}

// DecodeEntry reads what Encode wrote; path is for the error, a *CorruptError.
func DecodeEntry(path string, data []byte) (*Entry, error) {
	e := &Entry{}
	if err := unseal(path, data, e); err != nil {
		return nil, err
	}
	if e.Format != Format {
		return nil, &CorruptError{Path: path, Reason: fmt.Sprintf("format %d, this program knows %d", e.Format, Format)}
	}
	return e, nil
}

func validName(log string) bool {
	if log == "" || len(log) > 120 {
		return false
	}
	return strings.Trim(log, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// VisitsLog is the name of the log of a collector's journal of visits.
func VisitsLog(c ids.CollectorID) string { return fmt.Sprintf("c%d-visits", c) }

// OrdersLog is the name of the log of a collector's journal of orders.
func OrdersLog(c ids.CollectorID) string { return fmt.Sprintf("c%d-orders", c) }

// The logs that are no source's.
const (
	MaintenanceLog = "maintenance"
	CatalogLog     = "catalog"
)
