package lake_test

import (
	"errors"
	"testing"

	"footfall/schemas/lake"
)

func TestFileNameThatIsNoneIsRefused(t *testing.T) {
	name := lake.FileName{Table: lake.TableVisits, Date: "2026-11-22", Log: "c7-visits", Commit: 42, Random: 0xfeed}
	want := "visits/v1/date=2026-11-22/c7-visits-00000000000000000042-000000000000feed.parquet"
	if got := name.Path(); got != want {
		t.Fatalf("path %s, want %s", got, want)
	}
	if back, err := lake.ParseFileName(want); err != nil || back != name {
		t.Fatalf("parsed %+v, %v", back, err)
	}
	for _, bad := range []string{
		"", want + ".tmp", "/" + want, "../" + want, "visits/v2" + want[9:],
		"visits/v1/date=2026-13-22/c7-visits-00000000000000000042-000000000000feed.parquet",
		"visits/v1/date=2026-11-22/c7-visits-42-000000000000feed.parquet",
		"visits/v1/date=2026-11-22/../c7-visits-00000000000000000042-000000000000feed.parquet",
	} {
		if _, err := lake.ParseFileName(bad); !errors.Is(err, lake.ErrFileName) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestDayBelongsToOneDate(t *testing.T) {
	for _, c := range []struct {
		ms   int64
		date string
	}{
		{0, "1970-01-01"}, {-1, "1969-12-31"}, {86_399_999, "1970-01-01"}, {86_400_000, "1970-01-02"},
		{1_795_305_600_000, "2026-11-22"},
	} {
		if got := lake.Date(lake.Day(c.ms)); got != c.date {
			t.Errorf("%d ms is in %s, want %s", c.ms, got, c.date)
		}
	}
}
