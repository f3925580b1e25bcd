package lakelog_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"footfall/internal/testkit"
	"footfall/schemas/lake/lakelog"
)

func TestLogThatNobodyOpenedTakesNoCommit(t *testing.T) {
	d := openDir(t, lakelog.Options{})
	w, err := d.Writer(visits)
	if err != nil {
		t.Fatal(err)
	}
	_, known := w.Next(at(5))
	if err := w.Append(lakelog.Entry{KnownAtUS: known}); !errors.Is(err, lakelog.ErrNotOpen) {
		t.Fatalf("append before open: %v", err)
	}
	if err := d.Commit(lakelog.Entry{Log: visits, Number: 1, KnownAtUS: 5}); !errors.Is(err, lakelog.ErrNotOpen) {
		t.Fatalf("commit before open: %v", err)
	}
	openLog(t, d, visits, lakelog.KindVisits, 100)
	if err := d.Open(visits, lakelog.KindVisits, 7, 900); err != nil {
		t.Fatalf("opening again: %v", err)
	}
	if err := d.Open(visits, lakelog.KindVisits, 8, 900); err == nil {
		t.Fatal("opened for another collector, too")
	}
	if err := w.Refresh(); err != nil {
		t.Fatal(err)
	}
	if n, known := w.Next(at(5)); n != 2 || known != 101 {
		t.Fatalf("next = %d, %d", n, known)
	}
	add(t, d, w, 5)
}

func TestClosedLogFencesOffLateConsumer(t *testing.T) {
	d := openDir(t, lakelog.Options{})
	w := openLog(t, d, visits, lakelog.KindVisits, 100)
	if err := d.Close(visits, "retired", 50); err != nil {
		t.Fatal(err)
	}
	_, known := w.Next(at(5))
	if err := w.Append(lakelog.Entry{KnownAtUS: known}); !errors.Is(err, lakelog.ErrTaken) {
		t.Fatalf("append at the closing entry's number: %v", err)
	}
	_, known = w.Next(at(5))
	if err := w.Append(lakelog.Entry{KnownAtUS: known}); !errors.Is(err, lakelog.ErrClosed) {
		t.Fatalf("append after close: %v", err)
	}
	if err := d.Open(visits, lakelog.KindVisits, 7, 900); !errors.Is(err, lakelog.ErrClosed) {
		t.Fatalf("opening after close: %v", err)
	}
	if s := view(t, d); !s.Logs[visits].Closed || s.WatermarkUS != 0 || s.NewestUS != 101 {
		t.Fatalf("snapshot %+v", s)
	}
}

// race has writers of one log try to commit a file each, round after round,
// and gives how many commits they were told they won, and how many files live.
func race(t *testing.T) (won, live int) {
	t.Helper()
	d := openDir(t, lakelog.Options{NoSync: true})
	openLog(t, d, visits, lakelog.KindVisits, 1)
	const writers, rounds = 6, 30
	var wg sync.WaitGroup
	wins := make([]int, writers)
	for i := range writers {
		w, err := d.Writer(visits)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for round := range rounds {
				n, known := w.Next(at(1))
				f := file(t, d, visits, n, uint64(i*rounds+round))
				err := w.Append(lakelog.Entry{KnownAtUS: known, Added: []lakelog.File{f}})
				switch {
				case err == nil:
					wins[i]++
				case !errors.Is(err, lakelog.ErrTaken):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for _, n := range wins {
		won += n
	}
	return won, len(view(t, d).Files)
}

func TestCommitNumberHasOneWinner(t *testing.T) {
	if won, live := race(t); won != live || won == 0 {
		t.Fatalf("%d commits won, %d files live", won, live)
	}
}

// The test above must not pass without its defence: a rename overwrites.
func TestCommitByRenameLosesAWinner(t *testing.T) {
	d := openDir(t, lakelog.Options{Link: os.Rename})
	w := openLog(t, d, visits, lakelog.KindVisits, 1)
	late, err := d.Writer(visits)
	if err != nil {
		t.Fatal(err)
	}
	add(t, d, w, 5)
	_, known := late.Next(at(5))
	f := file(t, d, visits, 2, 99)
	if err := late.Append(lakelog.Entry{KnownAtUS: known, Added: []lakelog.File{f}}); err != nil {
		t.Fatalf("a rename was refused: %v", err)
	}
	if live := len(view(t, d).Files); live != 1 {
		t.Fatalf("%d files live of the 2 commits that were won", live)
	}
}

func TestRepeatedCommitOfTheSameBytesIsNotLost(t *testing.T) {
	d := openDir(t, lakelog.Options{})
	openLog(t, d, visits, lakelog.KindVisits, 1)
	e := lakelog.Entry{Log: visits, Number: 2, KnownAtUS: 5}
	for range 2 { // the second is a try whose first answer was lost
		if err := d.Commit(e); err != nil {
			t.Fatal(err)
		}
	}
	e.KnownAtUS++
	if err := d.Commit(e); !errors.Is(err, lakelog.ErrTaken) {
		t.Fatalf("another entry under the number: %v", err)
	}
}

func TestFlippedByteIsNeverBelieved(t *testing.T) {
	d := openDir(t, lakelog.Options{NoSync: true})
	w := openLog(t, d, visits, lakelog.KindVisits, 1)
	add(t, d, w, 5)
	path := entryPath(d, visits, 2)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var corrupt *lakelog.CorruptError
	for i := range sound {
		for _, bit := range []byte{1, 0x20, 0x80} {
			damaged := bytes.Clone(sound)
			damaged[i] ^= bit
			if _, err := lakelog.DecodeEntry(path, damaged); !errors.As(err, &corrupt) {
				t.Fatalf("byte %d flipped by %#x: %v", i, bit, err)
			}
		}
		if _, err := lakelog.DecodeEntry(path, sound[:i]); !errors.As(err, &corrupt) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	if err := os.WriteFile(path, bytes.Replace(sound, []byte("known"), []byte("knowm"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := lakelog.NewView(d).Refresh(); !errors.As(err, &corrupt) || corrupt.Path != path {
		t.Fatalf("refresh over a damaged entry: %v", err)
	}
}

func TestEntryInTheWrongPlaceIsRefused(t *testing.T) {
	d := openDir(t, lakelog.Options{NoSync: true})
	w := openLog(t, d, visits, lakelog.KindVisits, 1)
	add(t, d, w, 5)
	data, err := os.ReadFile(entryPath(d, visits, 2))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(entryPath(d, visits, 3), data, 0o644); err != nil {
		t.Fatal(err)
	}
	var corrupt *lakelog.CorruptError
	if _, err := d.Read(visits, 3); !errors.As(err, &corrupt) {
		t.Fatalf("entry 2 under number 3: %v", err)
	}
}

func TestGoldenEntryDecodesForEver(t *testing.T) {
	e := lakelog.Entry{
		Log: visits, Number: 42, KnownAtUS: 1_795_348_800_123_456,
		Added: []lakelog.File{{
			Path:  "visits/v1/date=2026-11-22/c7-visits-00000000000000000042-000000000000feed.parquet",
			Table: "visits", Rows: 3, Bytes: 1234, SHA256: "00ff", MinTimeMS: 1, MaxTimeMS: 2, MinKnownAtUS: 3, MaxKnownAtUS: 4, Tier: 1, Commit: 42,
		}},
		Removed: []string{"visits/v1/date=2026-11-22/c7-visits-00000000000000000041-000000000000beef.parquet"},
		Handed:  40,
		State: &lakelog.State{
			Epochs: []lakelog.Epoch{{
				Epoch: "00000000000000aa", Ordinal: 2, Collector: 7, StartedMS: 5,
				Shards: []lakelog.Shard{{Mark: 10, Above: []lakelog.Range{{From: 12, To: 13, HeartbeatMS: 6}}, HeartbeatMS: 5, LastMS: 7}},
			}},
			ClosedThrough: &lakelog.ClosedThrough{Ordinal: 1, Epoch: "0000000000000009", StartedMS: 4},
			Lost:          []lakelog.Lost{{Epoch: "0000000000000009", From: 1, To: 2, Reason: "power_cut"}}, LostRecords: 2,
		},
	}
	data, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	testkit.Golden(t, "entry.json", data)
	if _, err := lakelog.DecodeEntry("golden", data); err != nil {
		t.Fatal(err)
	}
}

func TestSourceCanNotRemoveWhatItHandedOver(t *testing.T) {
	d := openDir(t, lakelog.Options{NoSync: true})
	w := openLog(t, d, visits, lakelog.KindVisits, 1)
	first, second := add(t, d, w, 5), add(t, d, w, 6)
	_, known := w.Next(at(7))
	err := w.Append(lakelog.Entry{KnownAtUS: known, Handed: 2, Removed: []string{first.Path}})
	if !errors.Is(err, lakelog.ErrNotOwner) {
		t.Fatalf("removing in the entry that hands over: %v", err)
	}
	if err := w.Append(lakelog.Entry{KnownAtUS: known, Handed: 2, Removed: []string{second.Path}}); err != nil {
		t.Fatal(err)
	}
	if got := w.Live("visits"); len(got) != 0 {
		t.Fatalf("still its own: %v", got)
	}
	_, known = w.Next(at(8))
	if err := w.Append(lakelog.Entry{KnownAtUS: known, Removed: []string{first.Path}}); !errors.Is(err, lakelog.ErrNotOwner) {
		t.Fatalf("removing after: %v", err)
	}
	m := openLog(t, d, lakelog.MaintenanceLog, lakelog.KindMaintenance, 1)
	merged := add(t, d, m, 9, first.Path)
	if got := paths(view(t, d)); len(got) != 1 || !got[merged.Path] {
		t.Fatalf("live after maintenance took over: %v", got)
	}
}

func TestFileThatMaintenanceRemovedStaysRemovedAfterACheckpoint(t *testing.T) {
	d := openDir(t, lakelog.Options{NoSync: true})
	w := openLog(t, d, visits, lakelog.KindVisits, 1)
	first := add(t, d, w, 5)
	_, known := w.Next(at(6))
	if err := w.Append(lakelog.Entry{KnownAtUS: known, Handed: 2}); err != nil {
		t.Fatal(err)
	}
	m := openLog(t, d, lakelog.MaintenanceLog, lakelog.KindMaintenance, 1)
	merged := add(t, d, m, 9, first.Path)
	if err := w.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	if got := paths(view(t, d)); len(got) != 1 || !got[merged.Path] {
		t.Fatalf("live: %v", got)
	}
	// A copy of the lake whose maintenance log is older than the checkpoint is refused.
	if err := os.Remove(entryPath(d, lakelog.MaintenanceLog, 2)); err != nil {
		t.Fatal(err)
	}
	var corrupt *lakelog.CorruptError
	if err := lakelog.NewView(d).Refresh(); !errors.As(err, &corrupt) {
		t.Fatalf("maintenance behind the checkpoint: %v", err)
	}
}

func TestSleeperBelowACheckpointLoses(t *testing.T) {
	d := openDir(t, lakelog.Options{NoSync: true})
	w := openLog(t, d, visits, lakelog.KindVisits, 1)
	sleeper, err := d.Writer(visits)
	if err != nil {
		t.Fatal(err)
	}
	day := int64(25 * time.Hour / time.Microsecond)
	var kept []lakelog.File
	for i := range int64(4) {
		kept = append(kept, add(t, d, w, 10+i))
		if err := w.Checkpoint(); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := w.Prune(at(20 + day)); err != nil || n != 2 { // entries 1 and 2 lie below the oldest of three checkpoints
		t.Fatalf("pruned %d, %v", n, err)
	}
	// The sleeper's number 2 is free again: its link succeeds, and it has lost.
	_, known := sleeper.Next(at(5))
	f := file(t, d, visits, 2, 99)
	if err := sleeper.Append(lakelog.Entry{KnownAtUS: known, Added: []lakelog.File{f}}); !errors.Is(err, lakelog.ErrTaken) {
		t.Fatalf("the sleeper's commit: %v", err)
	}
	if _, err := d.Read(visits, 2); err != nil {
		t.Fatalf("the test is void: the sleeper's entry is not there: %v", err)
	}
	if got := paths(view(t, d)); len(got) != len(kept) || got[f.Path] {
		t.Fatalf("live: %v", got)
	}
	if n := sleeper.Head().Number; n != w.Head().Number {
		t.Fatalf("the sleeper stands at %d, the log at %d", n, w.Head().Number)
	}
	if sleeper.Names(f.Path) {
		t.Fatal("the sleeper believes that its file is in the lake")
	}
	if swept, err := w.Sweep(); err != nil || swept != 1 {
		t.Fatalf("swept %d, %v", swept, err)
	}
	if _, err := os.Stat(d.Abs(f.Path)); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the sleeper's file: %v", err)
	}
}

func TestDamagedCheckpointIsReadAround(t *testing.T) {
	d := openDir(t, lakelog.Options{NoSync: true})
	w := openLog(t, d, visits, lakelog.KindVisits, 1)
	for i := range int64(6) {
		add(t, d, w, 10+i)
		if i%2 == 1 {
			if err := w.Checkpoint(); err != nil {
				t.Fatal(err)
			}
		}
	}
	newest := checkpointPath(d, visits, 7)
	data, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(newest, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if s := view(t, d); len(s.Files) != 6 || s.Logs[visits].Number != 7 {
		t.Fatalf("%d files up to %d", len(s.Files), s.Logs[visits].Number)
	}
	// Without the entries that would tell instead, the damage is an error and no shorter log.
	for n := uint64(6); n <= 7; n++ {
		if err := os.Remove(entryPath(d, visits, n)); err != nil {
			t.Fatal(err)
		}
	}
	var corrupt *lakelog.CorruptError
	if err := lakelog.NewView(d).Refresh(); !errors.As(err, &corrupt) {
		t.Fatalf("refresh: %v", err)
	}
}

func TestSweepLeavesWhatMayStillBeNamed(t *testing.T) {
	d := openDir(t, lakelog.Options{NoSync: true})
	w := openLog(t, d, visits, lakelog.KindVisits, 1)
	live := add(t, d, w, 5)
	trash := add(t, d, w, 6)
	add(t, d, w, 7, trash.Path)
	lost := file(t, d, visits, 3, 77)
	coming := file(t, d, visits, 5, 78)
	others := file(t, d, orders, 3, 79)
	for _, name := range []string{
		"c7-visits-00000000000000000004-0000000000000001.parquet",
		"c7-visits-00000000000000000005-0000000000000001.parquet",
		"c7-orders-00000000000000000001-0000000000000001.parquet",
	} {
		if err := os.WriteFile(filepath.Join(d.Root(), "_staging", name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := w.Sweep(); err != nil || n != 2 {
		t.Fatalf("swept %d, %v", n, err)
	}
	for _, f := range []lakelog.File{live, trash, coming, others} {
		if _, err := os.Stat(d.Abs(f.Path)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(d.Abs(lost.Path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the loser's file: %v", err)
	}
	if n, err := w.EmptyTrash(at(7)); err != nil || n != 0 {
		t.Fatalf("emptied %d too early, %v", n, err)
	}
	if n, err := w.EmptyTrash(at(8)); err != nil || n != 1 {
		t.Fatalf("emptied %d, %v", n, err)
	}
	if _, err := os.Stat(d.Abs(trash.Path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the removed file: %v", err)
	}
}

func TestChangedDataFileIsNamed(t *testing.T) {
	d := openDir(t, lakelog.Options{NoSync: true})
	f := file(t, d, visits, 2, 1)
	f.SHA256 = "fd5b2fe0b5b2a0e1a5a0a0ff"
	if err := d.Verify(f); !errors.Is(err, lakelog.ErrMismatch) {
		t.Fatalf("another hash: %v", err)
	}
	f.Bytes++
	if err := d.Verify(f); !errors.Is(err, lakelog.ErrMismatch) {
		t.Fatalf("another length: %v", err)
	}
	if err := d.Remove(f.Path); err != nil {
		t.Fatal(err)
	}
	if err := d.Verify(f); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("gone: %v", err)
	}
}

func TestStrangersFileIsNeitherReadNorSwept(t *testing.T) {
	d := openDir(t, lakelog.Options{NoSync: true})
	w := openLog(t, d, visits, lakelog.KindVisits, 1)
	add(t, d, w, 5)
	stranger := filepath.Join(d.Root(), "visits", "v1", "date=2026-11-22", "c7-visits-stranger.parquet")
	if err := os.WriteFile(stranger, []byte("PAR1PAR1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if n, err := w.Sweep(); err != nil || n != 0 {
		t.Fatalf("swept %d, %v", n, err)
	}
	if _, err := os.Stat(stranger); err != nil {
		t.Fatal(err)
	}
	if files := view(t, d).Files; len(files) != 1 {
		t.Fatalf("live: %v", files)
	}
}

func TestSweptStagedEntryIsNotALogThatNobodyOpened(t *testing.T) {
	stage := ""
	d := openDir(t, lakelog.Options{NoSync: true, Step: func(step string) error {
		if step != "entry_staged" || stage == "" {
			return nil
		}
		staged, err := filepath.Glob(filepath.Join(stage, visits+"-*"))
		for _, path := range staged {
			err = errors.Join(err, os.Remove(path)) // as a successor's sweep does
		}
		return err
	}})
	w := openLog(t, d, visits, lakelog.KindVisits, 1_000)
	stage = filepath.Join(d.Root(), "_staging")
	_, known := w.Next(at(2_000))
	err := w.Append(lakelog.Entry{KnownAtUS: known})
	if err == nil || errors.Is(err, lakelog.ErrNotOpen) {
		t.Fatalf("appending: %v", err)
	}
}
