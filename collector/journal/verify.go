package journal

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Verify reads every byte of a journal and writes what it holds to w, a line for
// each epoch, segment, bad range and missing range. It returns how many bad and
// missing ranges there are. The journal may be in use: a range at the very end of
// its open segment may then be a record that is being written. Nothing is changed.
func Verify(dir string, w io.Writer) (int, error) {
	r, err := openExisting(dir)
	if err != nil {
		return 0, err
	}
	epochs, err := r.Epochs()
	if err != nil {
		return 0, err
	}
	trouble := 0
	for i := range epochs {
		n, err := verifyEpoch(dir, &epochs[i], w)
		if err != nil {
			return trouble, fmt.Errorf("verifying epoch %s: %w", epochName(epochs[i].Epoch), err)
		}
		trouble += n
	}
	return trouble, nil
}

// openExisting is for whoever asks about a directory by name: a consumer may wait
// for a journal to come, a person has mistyped it.
func openExisting(dir string) (*Reader, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("opening journal: %w", err)
	}
	return OpenReader(dir)
}

func verifyEpoch(dir string, e *EpochInfo, w io.Writer) (int, error) {
	state := "open, or not recovered"
	if e.End != nil {
		state = "ended by recovery"
		if e.End.Clean {
			state = "ended cleanly"
		}
	}
	out := printer{w: w}
	out.line("epoch %s: ordinal %d, collector %d, log %s, started %s, %s",
		epochName(e.Epoch), e.Ordinal, e.Collector, e.Log, utc(e.StartedMS), state)
	files, err := listSegments(filepath.Join(dir, epochName(e.Epoch)), e.Shards)
	if err != nil {
		return 0, err
	}
	trouble := 0
	for shard := range files {
		sh, err := scanShard(e, shard, files[shard], false)
		if err != nil {
			return trouble, err
		}
		for _, sc := range sh.segments {
			out.line("  shard %d segment %d: %d records, sequences %d to %d, %d bytes", shard, sc.file.number, sc.records, sc.first, sc.last, sc.bytes)
			for _, b := range sc.bad {
				out.line("    %v", &CorruptError{File: sc.file.path, Segment: sc.file.number, Offset: b.from, Bytes: b.to - b.from, Torn: b.torn})
				trouble++
			}
		}
		end := sh.end
		if e.End != nil && e.End.Shards[shard].Last > end.Last {
			lost := [2]uint64{end.Last + 1, e.End.Shards[shard].Last}
			end.Missing = append(end.Missing, lost)
		}
		for _, m := range end.Missing {
			out.line("  shard %d: sequences %d to %d are missing", shard, m[0], m[1])
			trouble++
		}
	}
	return trouble, out.err
}

// dumped is a line of Dump.
type dumped struct {
	Epoch    string `json:"epoch"`
	Shard    int    `json:"shard"`
	Segment  uint32 `json:"segment"`
	Offset   int64  `json:"offset"`
	Sequence uint64 `json:"sequence"`
	Time     string `json:"time"`
	Kind     string `json:"kind"`
	Version  uint8  `json:"version"`
	Bytes    int    `json:"bytes"`
	Body     string `json:"body,omitempty"`
}

// Dump writes every good record as a line of JSON, in the order of epochs, shards
// and segments; with bodies, each as hexadecimal digits.
func Dump(dir string, w io.Writer, bodies bool) error {
	r, err := openExisting(dir)
	if err != nil {
		return err
	}
	epochs, err := r.Epochs()
	if err != nil {
		return err
	}
	lines := json.NewEncoder(w)
	for _, e := range epochs {
		for shard := range e.Shards {
			if err := r.dumpShard(lines, e.Epoch, shard, bodies); err != nil {
				return fmt.Errorf("dumping epoch %s, shard %d: %w", epochName(e.Epoch), shard, err)
			}
		}
	}
	return nil
}

func (r *Reader) dumpShard(lines *json.Encoder, epoch uint64, shard int, bodies bool) (err error) {
	tail, err := r.Tail(epoch, shard, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tail.Close()) }()
	for {
		rec, ok, err := tail.Next()
		if _, bad := errors.AsType[*CorruptError](err); bad {
			continue // verify tells these
		}
		if err != nil || !ok {
			return err
		}
		d := dumped{
			Epoch: epochName(epoch), Shard: shard, Segment: rec.Segment, Offset: rec.Offset, Sequence: rec.Sequence,
			Time: utc(rec.TimeMS), Kind: kindName(rec.Kind), Version: rec.Version, Bytes: len(rec.Body),
		}
		if bodies {
			d.Body = hex.EncodeToString(rec.Body)
		}
		if err := lines.Encode(d); err != nil {
			return fmt.Errorf("writing a record: %w", err)
		}
	}
}

func kindName(kind uint8) string {
	switch kind {
	case KindVisit:
		return "visit"
	case KindOrder:
		return "order"
	case KindRefund:
		return "refund"
	case KindHeartbeat:
		return "heartbeat"
	}
	return fmt.Sprint(kind)
}

func utc(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// printer remembers the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}
