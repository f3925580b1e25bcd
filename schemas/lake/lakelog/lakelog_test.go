package lakelog_test

import (
	"errors"
	"testing"
	"time"

	"footfall/schemas/lake/lakelog"
)

const log = "c7-visits"

func TestLogThatNobodyOpenedTakesNoCommit(t *testing.T) {
	d, err := lakelog.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w, err := d.Writer(log)
	if err != nil {
		t.Fatal(err)
	}
	_, known := w.Next(time.UnixMicro(5))
	if err := w.Append(lakelog.Entry{KnownAtUS: known}); !errors.Is(err, lakelog.ErrNotOpen) {
		t.Fatalf("append before open: %v", err)
	}
	if err := d.Open(log, lakelog.KindVisits, 7, 100); err != nil {
		t.Fatal(err)
	}
	if err := w.Refresh(); err != nil {
		t.Fatal(err)
	}
	n, known := w.Next(time.UnixMicro(5))
	if n != 2 || known != 101 {
		t.Fatalf("next = %d, %d", n, known)
	}
	if err := w.Append(lakelog.Entry{KnownAtUS: known}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(log, "retired", 50); err != nil {
		t.Fatal(err)
	}
	_, known = w.Next(time.UnixMicro(5))
	if err := w.Append(lakelog.Entry{KnownAtUS: known}); !errors.Is(err, lakelog.ErrTaken) {
		t.Fatalf("append at the closing entry's number: %v", err)
	}
	_, known = w.Next(time.UnixMicro(5))
	if err := w.Append(lakelog.Entry{KnownAtUS: known}); !errors.Is(err, lakelog.ErrClosed) {
		t.Fatalf("append after close: %v", err)
	}
	v := lakelog.NewView(d)
	if err := v.Refresh(); err != nil {
		t.Fatal(err)
	}
	if s := v.Snapshot(); s.Logs[log].Number != 3 || !s.Logs[log].Closed || s.WatermarkUS != 0 || s.NewestUS != 102 {
		t.Fatalf("snapshot %+v", s)
	}
}
