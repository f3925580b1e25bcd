package journal

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

const (
	epochMagic       = "FFEPOC\r\n"
	epochVersion     = 1
	epochFixedBytes  = 56
	epochHeaderName  = "header"
	endRecordName    = "end.json"
	endRecordFormat  = 1
	spareDirName     = "spare"
	epochNameHexLen  = 16
	maxEpochFileSize = 4096
)

// EpochInfo is what an epoch's header says, and its end record once it has one.
type EpochInfo struct {
	Epoch uint64
	// Ordinal is dense per journal: epochs are ordered by it, never by a clock.
	Ordinal      uint64
	Collector    uint32
	StartedMS    int64
	Log          string
	Shards       int
	SegmentBytes int64
	// End is nil while the epoch is being written or has not been recovered.
	End *EndRecord
}

// EndRecord states what is left of an epoch that takes no more records. It is
// idempotent: recovering twice gives the same.
type EndRecord struct {
	Shards []EndShard `json:"shards"`
	// Clean: written at an orderly stop, not by the recovery after a crash.
	Clean   bool  `json:"clean"`
	EndedMS int64 `json:"ended_ms"`
}

// EndShard is one shard of an end record.
type EndShard struct {
	// Last surviving sequence; 0 where none survived.
	Last uint64 `json:"last"`
	// Missing are the ranges [from, to], both inclusive, that are lost below Last.
	Missing [][2]uint64 `json:"missing,omitempty"`
}

func epochName(epoch uint64) string { return fmt.Sprintf("%016x", epoch) }

func (e *EpochInfo) encode() []byte {
	b := make([]byte, epochFixedBytes, epochFixedBytes+len(e.Log)+4)
	copy(b, epochMagic)
	binary.LittleEndian.PutUint32(b[8:], epochVersion)
	binary.LittleEndian.PutUint32(b[12:], e.Collector)
	binary.LittleEndian.PutUint64(b[16:], e.Epoch)
	binary.LittleEndian.PutUint64(b[24:], e.Ordinal)
	binary.LittleEndian.PutUint64(b[32:], uint64(e.StartedMS))
	binary.LittleEndian.PutUint64(b[40:], uint64(e.SegmentBytes))
	binary.LittleEndian.PutUint32(b[48:], uint32(e.Shards))
	binary.LittleEndian.PutUint32(b[52:], uint32(len(e.Log)))
	b = append(b, e.Log...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

func decodeEpoch(b []byte, path string, epoch uint64) (EpochInfo, error) {
	refuse := func(offset int64, reason string) (EpochInfo, error) {
		return EpochInfo{}, &FormatError{File: path, Offset: offset, Reason: reason}
	}
	if len(b) < 12 || string(b[:8]) != epochMagic {
		return refuse(0, "unknown magic")
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != epochVersion {
		return refuse(8, fmt.Sprintf("version %d is unknown to this program", v))
	}
	if len(b) < epochFixedBytes+4 {
		return refuse(int64(len(b)), "epoch header is cut short")
	}
	n := len(b) - 4
	if crc32.Checksum(b[:n], crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(b[n:]) {
		return refuse(int64(n), "checksum of the epoch header is wrong")
	}
	e := EpochInfo{
		Collector:    binary.LittleEndian.Uint32(b[12:]),
		Epoch:        binary.LittleEndian.Uint64(b[16:]),
		Ordinal:      binary.LittleEndian.Uint64(b[24:]),
		StartedMS:    int64(binary.LittleEndian.Uint64(b[32:])),
		SegmentBytes: int64(binary.LittleEndian.Uint64(b[40:])),
		Shards:       int(binary.LittleEndian.Uint32(b[48:])),
		Log:          string(b[epochFixedBytes:n]),
	}
	if int(binary.LittleEndian.Uint32(b[52:])) != len(e.Log) || e.Shards < 1 || e.Shards > maxShards {
		return refuse(48, "shards or name of the log are out of bounds")
	}
	if e.Epoch != epoch {
		return refuse(16, fmt.Sprintf("it is the header of epoch %s", epochName(e.Epoch)))
	}
	return e, nil
}

// endFile is the end record as it stands on the disk: the checksum is over the
// bytes of Record as they are.
type endFile struct {
	Format int             `json:"format"`
	Record json.RawMessage `json:"record"`
	Sum    string          `json:"crc32c"`
}

type endBody struct {
	Epoch     string `json:"epoch"`
	Collector uint32 `json:"collector"`
	EndRecord
}

func endSum(record []byte) string {
	return fmt.Sprintf("%08x", crc32.Checksum(record, crc32.MakeTable(crc32.Castagnoli)))
}

func (e *EpochInfo) encodeEnd(end EndRecord) ([]byte, error) {
	record, err := json.Marshal(endBody{Epoch: epochName(e.Epoch), Collector: e.Collector, EndRecord: end})
	if err != nil {
		return nil, fmt.Errorf("encoding end record: %w", err)
	}
	data, err := json.Marshal(endFile{Format: endRecordFormat, Record: record, Sum: endSum(record)})
	if err != nil {
		return nil, fmt.Errorf("encoding end record: %w", err)
	}
	return append(data, '\n'), nil
}

func writeEnd(dir string, e *EpochInfo, end EndRecord) error {
	data, err := e.encodeEnd(end)
	if err != nil {
		return err
	}
	return writeSynced(filepath.Join(dir, endRecordName), data)
}

// errNoEnd: there is no end record that can be believed; recovery writes it.
var errNoEnd = errors.New("epoch has no end record")

func readEnd(dir string, e *EpochInfo) (*EndRecord, error) {
	path := filepath.Join(dir, endRecordName)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errNoEnd
	}
	if err != nil {
		return nil, fmt.Errorf("reading end record: %w", err)
	}
	var f endFile
	if json.Unmarshal(data, &f) != nil {
		return nil, errNoEnd
	}
	if f.Format > endRecordFormat {
		return nil, &FormatError{File: path, Reason: fmt.Sprintf("format %d is unknown to this program", f.Format)}
	}
	var body endBody
	if f.Sum != endSum(f.Record) || json.Unmarshal(f.Record, &body) != nil {
		return nil, errNoEnd
	}
	if body.Epoch != epochName(e.Epoch) || body.Collector != e.Collector || len(body.Shards) != e.Shards {
		return nil, errNoEnd
	}
	return &body.EndRecord, nil
}

// readEpoch reads the header, and the end record where there is one. A directory
// whose header was never written gives os.ErrNotExist.
func readEpoch(dir string, epoch uint64) (EpochInfo, error) {
	path := filepath.Join(dir, epochHeaderName)
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxEpochFileSize {
		return EpochInfo{}, &FormatError{File: path, Offset: maxEpochFileSize, Reason: "epoch header is too long"}
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return EpochInfo{}, fmt.Errorf("reading epoch header: %w", err)
	}
	e, err := decodeEpoch(data, path, epoch)
	if err != nil {
		return EpochInfo{}, err
	}
	e.End, err = readEnd(dir, &e)
	if err != nil && !errors.Is(err, errNoEnd) {
		return EpochInfo{}, err
	}
	return e, nil
}

// listEpochs gives the epochs of a journal by ordinal, and the directories that
// have an epoch's name and no header: a start that was cut off.
func listEpochs(dir string) (epochs []EpochInfo, headless []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("listing journal: %w", err)
	}
	for _, entry := range entries {
		if !entry.IsDir() || len(entry.Name()) != epochNameHexLen {
			continue
		}
		epoch, err := strconv.ParseUint(entry.Name(), 16, 64)
		if err != nil || entry.Name() != epochName(epoch) {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		e, err := readEpoch(path, epoch)
		if errors.Is(err, os.ErrNotExist) {
			headless = append(headless, path)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		epochs = append(epochs, e)
	}
	slices.SortFunc(epochs, func(a, b EpochInfo) int { return cmp.Compare(a.Ordinal, b.Ordinal) })
	return epochs, headless, nil
}
