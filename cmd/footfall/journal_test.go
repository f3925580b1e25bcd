package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestJournalVerifyFailsWhereARecordIsDamaged(t *testing.T) {
	var out bytes.Buffer
	c := newJournalCommand(&env{Out: &out})
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs([]string{"verify", "../../collector/journal/testdata/v1"})
	err := c.Execute()
	if err == nil || !strings.Contains(err.Error(), "2 ranges") {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"epoch 0123456789abcdef", "is damaged from byte 96 on", "sequences 2 to 2 are missing"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
}

func TestJournalDumpPrintsEveryGoodRecord(t *testing.T) {
	var out bytes.Buffer
	c := newJournalCommand(&env{Out: &out})
	c.SetArgs([]string{"dump", "--bodies", "../../collector/journal/testdata/v1"})
	if err := c.Execute(); err != nil {
		t.Fatal(err)
	}
	const first = `{"epoch":"0123456789abcdef","shard":0,"segment":1,"offset":64,"sequence":1,"time":"2026-11-18T11:06:40.000Z","kind":"visit","version":1,"bytes":5,"body":"6669727374"}`
	if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); len(lines) != 3 || lines[0] != first {
		t.Fatal(out.String())
	}
}
