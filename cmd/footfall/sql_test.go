package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const namesOfAffiliates = "SELECT affiliate_id, name, nickname FROM affiliates ORDER BY affiliate_id"

func TestSQLIsAnsweredInEveryFormat(t *testing.T) {
	s := newDesk(t)
	for format, want := range map[string]string{
		"table": "Ann Lee", "csv": "affiliate_id,name,nickname", "json": `"name": "Ann Lee"`, "ndjson": `"name":"Ann Lee"`,
		"xlsx": "PK", "parquet": "PAR1",
	} {
		file := filepath.Join(s.data, "answer."+format)
		s.ok("sql", "--format", format, "--out", file, namesOfAffiliates)
		written, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(written), want) {
			t.Errorf("%s: %.300s", format, written)
		}
		if out := s.ok("sql", "--format", format, namesOfAffiliates); !strings.Contains(out, want) { // the as-of is another
			t.Errorf("%s on standard output: %.300s", format, out)
		}
	}
}

func TestRefusedSQLLeavesNoFile(t *testing.T) {
	s := newDesk(t)
	file := filepath.Join(s.data, "answer.csv")
	for text, want := range map[string]string{
		"SELECT 1; SELECT 2":                   "only one SELECT",
		"FROM read_text('/etc/passwd')":        "read_text",
		"FROM organizer_names":                 "there is no such table; there are visits",
		"SELECT nothing FROM visits":           "nothing",
		"SELECT name::INTEGER FROM affiliates": "Could not convert",
	} {
		code, out, complaint := s.run("sql", "--format", "csv", "--out", file, text)
		if code == exitOK || out != "" || !strings.Contains(complaint, want) {
			t.Errorf("%s: exit %d, %q, %q", text, code, out, complaint)
		}
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s left a file: %v", text, err)
		}
	}
	left, err := filepath.Glob(filepath.Join(s.data, ".answer*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
