package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// badRange is bytes of a segment without a good record, not all of them zero or
// not the last.
type badRange struct {
	from, to int64
	torn     bool
}

// segmentScan is what one segment holds. Reading it changes nothing.
type segmentScan struct {
	file    segmentFile
	header  segmentHeader
	state   headerState
	bytes   int64
	records int
	first   uint64 // sequences; 0 where there is no record
	last    uint64
	ranges  [][2]uint64 // sequences found, in the order of the file
	bad     []badRange
	end     int64 // behind the last good record; 0 where there is neither record nor header
}

// scanSegment reads a whole segment. A file that is neither empty nor ours, or of
// a version to come, is a *FormatError.
func scanSegment(f segmentFile, p *place) (*segmentScan, error) {
	data, err := os.ReadFile(f.path)
	if err != nil {
		return nil, fmt.Errorf("reading segment %s: %w", f.path, err)
	}
	sc := &segmentScan{file: f, bytes: int64(len(data))}
	sc.header, sc.state = p.decodeHeader(data)
	if sc.state == headerFuture {
		return nil, &FormatError{File: f.path, Offset: 8, Reason: "version of the segment is unknown to this program"}
	}
	at := min(segmentHeaderBytes, len(data))
	switch sc.state {
	case headerGood:
		sc.end = segmentHeaderBytes
	case headerZero:
		if !isZero(data[:at]) {
			sc.bad = append(sc.bad, badRange{to: int64(at), torn: true})
		}
	case headerDamaged, headerUnknown:
		sc.bad = append(sc.bad, badRange{to: int64(at)})
	case headerFuture: // returned above
	}
	end := at
	for rec := range goodRecords(p, data, at) {
		if int(rec.Offset) > end {
			sc.addBad(data, end, int(rec.Offset))
		}
		sc.addRecord(rec.Sequence)
		end = int(rec.Offset) + alignUp(recordHeaderBytes+len(rec.Body), recordAlign)
		sc.end = int64(end)
	}
	if end < len(data) && !isZero(data[end:]) {
		sc.addBad(data, end, len(data))
	}
	if sc.state == headerUnknown && sc.records == 0 {
		return nil, &FormatError{File: f.path, Reason: "unknown magic"}
	}
	return sc, nil
}

func (sc *segmentScan) addBad(data []byte, from, to int) {
	sc.bad = append(sc.bad, badRange{from: int64(from), to: int64(to), torn: isTorn(data[from:to], int64(from))})
}

func (sc *segmentScan) addRecord(sequence uint64) {
	if sc.records == 0 {
		sc.first = sequence
	}
	sc.records++
	sc.last = max(sc.last, sequence)
	if n := len(sc.ranges); n > 0 && sc.ranges[n-1][1]+1 == sequence {
		sc.ranges[n-1][1] = sequence
		return
	}
	sc.ranges = append(sc.ranges, [2]uint64{sequence, sequence})
}

// shardScan is what is left of one shard of an epoch.
type shardScan struct {
	segments []*segmentScan
	end      EndShard
}

func scanShard(e *EpochInfo, shard int, files []segmentFile, weak bool) (*shardScan, error) {
	sh := &shardScan{}
	for _, f := range files {
		sc, err := scanSegment(f, newPlace(e.Collector, e.Epoch, uint8(shard), f.number, weak))
		if err != nil {
			return nil, err
		}
		sh.segments = append(sh.segments, sc)
	}
	sh.end = endOf(sh.segments)
	return sh, nil
}

// endOf joins what the segments hold: a record may stand in two of them, since a
// suspect segment stays. What is below the oldest segment was covered and is
// deleted, not missing.
func endOf(segments []*segmentScan) EndShard {
	var ranges [][2]uint64
	var end EndShard
	from := uint64(0)
	for i, sc := range segments {
		ranges = append(ranges, sc.ranges...)
		if sc.state == headerGood {
			// Whatever is below the base was appended before this segment began.
			end.Last = max(end.Last, sc.header.base-1)
		}
		if i == 0 {
			switch {
			case sc.file.number == 1:
				from = 1
			case sc.state == headerGood:
				from = sc.header.base
			}
		}
	}
	slices.SortFunc(ranges, func(a, b [2]uint64) int {
		if a[0] < b[0] {
			return -1
		}
		return 1
	})
	if len(ranges) > 0 && from == 0 {
		from = ranges[0][0]
	}
	for _, r := range ranges {
		if r[0] > from {
			end.Missing = append(end.Missing, [2]uint64{from, r[0] - 1})
		}
		from = max(from, r[1]+1)
		end.Last = max(end.Last, r[1])
	}
	if from > 0 && from <= end.Last {
		end.Missing = append(end.Missing, [2]uint64{from, end.Last})
	}
	return end
}

// recoverAll brings earlier epochs to their end records and returns the newest
// ordinal. A file that this program doesn't understand stops it: nothing is
// changed before all of them are understood.
func (j *Journal) recoverAll() (uint64, error) {
	epochs, headless, err := listEpochs(j.config.Dir)
	if err != nil {
		return 0, err
	}
	for _, dir := range headless {
		if err := removeHeadless(dir); err != nil {
			return 0, err
		}
	}
	last := uint64(0)
	for i := range epochs {
		e := &epochs[i]
		last = max(last, e.Ordinal)
		if e.Collector != j.config.Collector {
			return 0, &FormatError{
				File: filepath.Join(j.config.Dir, epochName(e.Epoch), epochHeaderName), Offset: 12,
				Reason: fmt.Sprintf("the epoch is of collector %d, this is collector %d", e.Collector, j.config.Collector),
			}
		}
	}
	for i := range epochs {
		e := &epochs[i]
		dir := filepath.Join(j.config.Dir, epochName(e.Epoch))
		if e.End == nil {
			if err := j.recoverEpoch(dir, e); err != nil {
				return 0, fmt.Errorf("recovering epoch %s: %w", epochName(e.Epoch), err)
			}
		}
		kept, err := keepEpoch(dir, e)
		if err != nil {
			return 0, err
		}
		j.shelf.addEpoch(kept)
	}
	return last, nil
}

// removeHeadless removes an epoch's directory in which nothing was ever appended:
// the header is on the disk before the first segment is made.
func removeHeadless(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("listing epoch: %w", err)
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == segmentSuffix {
			return &FormatError{File: filepath.Join(dir, epochHeaderName), Reason: "the epoch has segments and no header"}
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("removing unfinished epoch: %w", err)
	}
	return nil
}

// recoverEpoch keeps every good record, cuts what is behind the last one, and
// writes the end record. It can be cut off anywhere and run again.
func (j *Journal) recoverEpoch(dir string, e *EpochInfo) error {
	if err := removeTemporary(dir); err != nil {
		return err
	}
	files, err := listSegments(dir, e.Shards)
	if err != nil {
		return err
	}
	end := EndRecord{EndedMS: j.clock().UnixMilli()}
	var shards []*shardScan
	for i := range files {
		sh, err := scanShard(e, i, files[i], j.config.test.weakSum)
		if err != nil {
			return err
		}
		shards = append(shards, sh)
		end.Shards = append(end.Shards, sh.end)
	}
	for i, sh := range shards {
		for _, sc := range sh.segments {
			if err := j.settleSegment(sc); err != nil {
				return err
			}
		}
		for _, m := range sh.end.Missing {
			j.metrics.missing.Add(float64(m[1] - m[0] + 1))
			j.log.Error("records are missing", "epoch", epochName(e.Epoch), "shard", i, "from", m[0], "to", m[1])
		}
	}
	if err := setAsideEnd(dir); err != nil {
		return err
	}
	if err := writeEnd(dir, e, end); err != nil {
		return err
	}
	e.End = &end
	j.log.Info("epoch recovered", "epoch", epochName(e.Epoch), "ordinal", e.Ordinal)
	return nil
}

// removeTemporary removes files that the death of the process left half made: each
// may be as large as a segment, and processes that die do so again and again.
func removeTemporary(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, "*"+temporarySuffix))
	if err != nil {
		return fmt.Errorf("listing half made files: %w", err)
	}
	for _, path := range left {
		if err := removeIfThere(path); err != nil {
			return err
		}
	}
	return nil
}

// setAsideEnd keeps an end record that could not be believed.
func setAsideEnd(dir string) error {
	path := filepath.Join(dir, endRecordName)
	err := os.Rename(path, path+brokenSuffix)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("setting a broken end record aside: %w", err)
	}
	return nil
}

// settleSegment gives back what a segment doesn't need: a file without header and
// record goes; behind the last good record it is cut, and bytes there that are
// not zero are copied aside first. What is kept is synced before the end record
// says so: after the death of a process it may be in memory only.
func (j *Journal) settleSegment(sc *segmentScan) error {
	j.metrics.recovered.Add(float64(sc.records))
	for _, b := range sc.bad {
		reason := j.metrics.corrupt
		if b.torn {
			reason = j.metrics.torn
		}
		reason.Inc()
		j.log.Warn("a segment has bytes without a record", "path", sc.file.path, "offset", b.from, "bytes", b.to-b.from, "torn", b.torn)
	}
	if n := len(sc.bad); n > 0 && sc.bad[n-1].to > sc.end {
		to := sc.bad[n-1].to
		if err := copyAside(sc.file.path, sc.end, to); err != nil {
			return err
		}
		j.metrics.cutBytes.Add(float64(to - sc.end))
	}
	if sc.end == 0 {
		return removeIfThere(sc.file.path)
	}
	return cutSynced(sc.file.path, sc.end)
}

// copyAside copies bytes [from, to) to the segment's .broken file, synced.
func copyAside(path string, from, to int64) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening segment: %w", err)
	}
	data := make([]byte, to-from)
	_, err = f.ReadAt(data, from)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("reading what is cut off %s: %w", path, err)
	}
	return writeSynced(path+brokenSuffix, data)
}

// cutSynced truncates the file and returns when it is on the disk as it is.
func cutSynced(path string, bytes int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("opening segment: %w", err)
	}
	if err = f.Truncate(bytes); err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("cutting segment %s: %w", path, err)
	}
	return nil
}
