package reporter

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"footfall/reporter/lake"
	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

// TestColumnsThatAFormatCannotHoldAreTheAskersToMend: before the first byte, with
// what is wrong; they are no failure of the server.
func TestColumnsThatAFormatCannotHoldAreTheAskersToMend(t *testing.T) {
	twice := []reports.Column{{Name: "a", Kind: reports.KindCount}, {Name: "a", Kind: reports.KindCount}}
	for _, format := range []string{"json", "ndjson", "parquet"} {
		var b bytes.Buffer
		table := &reports.Table{Columns: twice, Batches: reports.FixedBatches(twice, nil, 1)}
		err := answers{}.WriteTable(t.Context(), &b, reports.Format{Name: format}, table)
		if refusal, ok := admin.AsRefusal(err); !ok || refusal.Pointer != "/format" || b.Len() > 0 {
			t.Errorf("%s: %v after %d bytes, want a refusal before the first", format, err, b.Len())
		}
	}
}

// TestLimitThatAQuestionReachedIsNamedToTheAsker: nobody looks into the log for it.
func TestLimitThatAQuestionReachedIsNamedToTheAsker(t *testing.T) {
	limit := fmt.Errorf("%w: memory_mib or temp_mib", lake.ErrLimit)
	refusal, ok := admin.AsRefusal(refusedAtLimit(fmt.Errorf("running the statement: %w", limit)))
	if !ok || refusal.Reason != admin.Busy || !strings.Contains(refusal.Detail, "memory_mib or temp_mib") {
		t.Errorf("%+v", refusal)
	}
	if refusal, ok := admin.AsRefusal(refusedAtLimit(fmt.Errorf("%w: INTERNAL Error", lake.ErrBroken))); !ok || refusal.Reason != admin.Busy {
		t.Errorf("a database that failed: %+v", refusal)
	}
	if err := errors.New("a broken disk"); !errors.Is(refusedAtLimit(err), err) || refusedAtLimit(nil) != nil {
		t.Error("another error is taken for a limit")
	}
}
