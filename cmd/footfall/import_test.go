package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"footfall/schemas/imports"
	"footfall/schemas/order"
)

// noted notes documents given as id/version/content/status and compares them.
func notedAll(t *testing.T, documents ...string) (sum tally, faults imports.Faults) {
	t.Helper()
	v, err := newVersions()
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range documents {
		parts := strings.Split(text, "/")
		doc := &imports.Document{ID: parts[0], JSON: []byte(parts[2]), Line: int64(i + 2)}
		if _, err := fmt.Sscan(parts[1], &doc.Version); err != nil {
			t.Fatal(err)
		}
		result := order.BatchResult{Status: order.BatchNew, Known: parts[3] == "known"}
		if parts[3] == "stored" {
			result.Status = order.BatchRepeated
		}
		if err := v.note(doc, result); err != nil {
			t.Fatal(err)
		}
	}
	sum, faults, err = v.compare()
	if err := errors.Join(err, v.close()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(v.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("temporary files are left in %s: %v", v.dir, err)
	}
	return sum, faults
}

func TestResultOfAnImportSaysWhatIsNew(t *testing.T) {
	for _, c := range []struct {
		documents []string
		want      tally
	}{
		{nil, tally{}},
		{[]string{"A/2/x/new", "B/2/x/new"}, tally{added: 2}},
		{[]string{"A/1/x/new", "B/2/x/new", "A/2/y/new", "A/3/z/new"}, tally{added: 2, changed: 2}},
		{[]string{"A/2/x/new", "A/2/x/new"}, tally{added: 1, unchanged: 1}},
		{[]string{"A/3/x/known", "A/4/y/known"}, tally{changed: 2}},
		{[]string{"A/2/x/stored", "A/3/y/known", "B/2/x/stored"}, tally{changed: 1, unchanged: 2}},
		{[]string{"A/2/x/stored", "A/2/x/stored"}, tally{unchanged: 2}},
	} {
		if got, faults := notedAll(t, c.documents...); got != c.want || faults.Err() != nil {
			t.Errorf("%v: %+v, %v; want %+v", c.documents, got, faults.Err(), c.want)
		}
	}
}

func TestFileThatContradictsItselfIsRefused(t *testing.T) {
	_, faults := notedAll(t, "A/2/x/new", "B/2/x/new", "A/2/y/new", "B/3/y/new", "B/2/z/new")
	want := "line 4: the same version of the same id stands in line 2 with other content\nline 6: the same version of the same id stands in line 3 with other content"
	if err := faults.Err(); err == nil || err.Error() != want {
		t.Errorf("faults\n%v\nwant\n%s", err, want)
	}
	var many []string
	for i := range 300 {
		many = append(many, fmt.Sprintf("id-%d/2/x/new", i))
	}
	for i := range 300 {
		many = append(many, fmt.Sprintf("id-%d/2/y/new", i))
	}
	if _, faults := notedAll(t, many...); len(faults.List) != imports.MaxFaults || !faults.More || faults.List[0].Line != 302 {
		t.Errorf("%d faults, more %v", len(faults.List), faults.More)
	}
}

// A file of 10 GB that is one line: refused at once, and nobody is asked.
func TestHugeFileIsRefusedAtItsLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "huge.csv")
	if err := os.WriteFile(path, []byte("order_id,event,ordered_at,currency,line_id,quantity,unit_price\nA,"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 10<<30); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := run([]string{"--data", t.TempDir(), "import", "orders", path}, &out, &errs); code != exitUsage {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(errs.String(), "line 2: it is longer than 65536 bytes") || !strings.Contains(errs.String(), "nothing was imported") {
		t.Errorf("told %s", errs.String())
	}
}

func TestImportWithoutACollectorSaysWhatToStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orders.csv")
	if err := os.WriteFile(path, []byte("order_id,event,ordered_at,currency,line_id,quantity,unit_price\nA,gala,2026-11-22T20:15:00Z,EUR,1,1,1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		path:                                   `start "footfall all" or "footfall collector" first`,
		path + " --zone Mars/Olympus":          "--zone Mars/Olympus is no IANA zone",
		path + " --zone Local":                 "--zone Local is no IANA zone",
		filepath.Join(t.TempDir(), "none.csv"): "no such file",
		t.TempDir():                            "is a directory",
	} {
		var out, errs bytes.Buffer
		if code := run(append([]string{"--data", t.TempDir(), "import", "orders"}, strings.Fields(args)...), &out, &errs); code == exitOK || !strings.Contains(errs.String(), want) {
			t.Errorf("%s: exit code %d, told %s, want %s", args, code, errs.String(), want)
		}
	}
}

func TestProgressIsForATerminalAlone(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&env{Err: &b, Now: time.Now})
	p.begin("checking", 10)
	if n, err := p.Write(make([]byte, 5)); n != 5 || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	p.end()
	if b.Len() > 0 {
		t.Errorf("a file got %q", b.String())
	}
	at := time.Unix(0, 0)
	p = &progress{to: &b, now: func() time.Time { return at }}
	p.begin("checking", 2e6)
	for range 4 {
		at = at.Add(progressPause / 2)
		_, _ = p.Write(make([]byte, 5e5))
	}
	p.end()
	if got := b.String(); got != "\r\x1b[Kchecking: 25 % of 2.0 MB\r\x1b[Kchecking: 75 % of 2.0 MB\r\x1b[K" {
		t.Errorf("a terminal got %q", got)
	}
}
