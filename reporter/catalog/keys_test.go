package catalog

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"footfall/schemas/admin"
	"footfall/schemas/ids"
	"footfall/schemas/routes"
)

func TestKeyMintsOnlyAfterItWasServedForVerifying(t *testing.T) {
	f := newFixture(t)
	feed := f.Feed(1)
	first, err := feed.Secrets(f.ctx, "")
	must(t, err)
	must(t, first.Validate())
	if first.MintKey != 1 || len(first.ClickKeys) != 1 {
		t.Fatalf("a new catalog mints with %d of %d", first.MintKey, len(first.ClickKeys))
	}
	_, err = f.RotateClickKey(f.ctx, "test")
	must(t, err)
	f.clock.Advance(time.Hour)
	must(t, f.upkeep(f.ctx))
	second, err := feed.Secrets(f.ctx, first.Version)
	must(t, err)
	if second.MintKey != 1 || len(second.ClickKeys) != 2 {
		t.Errorf("minting with %d of %d before the new key was ever served", second.MintKey, len(second.ClickKeys))
	}
	f.clock.Advance(promoteAfter - time.Second)
	must(t, f.upkeep(f.ctx))
	if keys, err := f.ClickKeys(f.ctx); err != nil || keys[1].Minting {
		t.Errorf("minting with a key that was served a moment ago: %v", err)
	}
	f.clock.Advance(time.Second)
	must(t, f.upkeep(f.ctx))
	third, err := feed.Secrets(f.ctx, second.Version)
	must(t, err)
	if third.MintKey != 2 || len(third.ClickKeys) != 2 {
		t.Errorf("minting with %d of %d", third.MintKey, len(third.ClickKeys))
	}
	// A compromised key goes on verifying what is older than its end.
	_, err = f.EndClickKey(f.ctx, "test", 2, f.clock.Now())
	must(t, err)
	fourth, err := feed.Secrets(f.ctx, third.Version)
	must(t, err)
	if fourth.MintKey != 1 || fourth.ClickKeys[1].EndsMS != f.clock.Now().UnixMilli() {
		t.Errorf("after the end minting with %d: %d", fourth.MintKey, fourth.ClickKeys[1].EndsMS)
	}
	_, err = f.EndClickKey(f.ctx, "test", 1, f.clock.Now())
	must(t, err)
	if last, err := feed.Secrets(f.ctx, fourth.Version); err != nil || last.MintKey != 3 {
		t.Errorf("with no key left minting with %d: %v", last.MintKey, err)
	}
}

func TestDayKeysAreDestroyedEverywhere48HoursAfterTheirDay(t *testing.T) {
	f := newFixture(t)
	first, err := f.Feed(1).Secrets(f.ctx, "")
	must(t, err)
	if n := len(first.DayKeys); n != 8 || first.DayKeys[0].Day != "2026-11-22" || first.DayKeys[7].Day != "2026-11-29" {
		t.Fatalf("%d day keys from %s", n, first.DayKeys[0].Day)
	}
	second, err := f.Feed(2).Secrets(f.ctx, "")
	must(t, err)
	if !reflect.DeepEqual(first.DayKeys, second.DayKeys) {
		t.Error("two collectors have different day keys")
	}
	// A second name shows what becomes of the bytes.
	path := filepath.Join(f.dayKeyDir(), "2026-11-22.key")
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	kept := filepath.Join(t.TempDir(), "kept")
	must(t, os.Link(path, kept))
	backup := filepath.Join(t.TempDir(), "backup.db")
	_, err = f.Backup(f.ctx, "test", backup)
	must(t, err)
	key := first.DayKeys[0].Key
	for _, name := range []string{backup, f.path(), f.path() + "-wal"} {
		raw, err := os.ReadFile(name)
		must(t, err)
		if bytes.Contains(raw, key[:]) {
			t.Errorf("%s holds a day key", name)
		}
	}

	over := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	f.clock.Set(over.Add(-time.Millisecond))
	must(t, f.upkeep(f.ctx))
	if _, err := os.Stat(path); err != nil {
		t.Errorf("a millisecond too early: %v", err)
	}
	f.clock.Set(over)
	must(t, f.upkeep(f.ctx))
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the key is still there: %v", err)
	}
	raw, err := os.ReadFile(kept)
	must(t, err)
	if !bytes.Equal(raw, make([]byte, 32)) {
		t.Error("the file was removed but its bytes were not overwritten")
	}
	later, err := f.Feed(1).Secrets(f.ctx, first.Version)
	must(t, err)
	if later.DayKeys[0].Day != "2026-11-23" || later.DayKeys[len(later.DayKeys)-1].Day != "2026-12-02" {
		t.Errorf("served %s to %s", later.DayKeys[0].Day, later.DayKeys[len(later.DayKeys)-1].Day)
	}
	// A day that is over gets no second key, whatever the clock does.
	f.clock.Set(over.Add(-48 * time.Hour))
	must(t, f.upkeep(f.ctx))
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("a destroyed day has a key again")
	}
	if n := counted(t, f, "footfall_catalog_day_keys_destroyed_total", ""); n != 1 {
		t.Errorf("counted %v destroyed", n)
	}
}

func TestWebhookSecretsGoOnlyWhereOrdersAreTaken(t *testing.T) {
	f := newFixture(t)
	f.organizer("acme", "UTC")
	clicks, err := f.EnrolCollector(f.ctx, "test", admin.CollectorEnrol{Name: "clicks"})
	must(t, err)
	shop, err := f.EnrolCollector(f.ctx, "test", admin.CollectorEnrol{Name: "shop", Orders: true})
	must(t, err)
	old, err := f.AddWebhookSecret(f.ctx, "test", "acme", "")
	must(t, err)
	_, err = f.AddWebhookSecret(f.ctx, "test", "acme", "")
	must(t, err)
	count := func(id ids.CollectorID) int {
		t.Helper()
		s, err := f.Feed(id).Secrets(f.ctx, "")
		must(t, err)
		return len(s.WebhookSecrets)
	}
	if a, b := count(clicks.ID), count(shop.ID); a != 0 || b != 2 {
		t.Errorf("clicks get %d secrets, orders %d", a, b)
	}
	_, err = f.EndWebhookSecret(f.ctx, "test", "acme", old.ID)
	must(t, err)
	if n := count(shop.ID); n != 1 {
		t.Errorf("%d secrets after one ended", n)
	}
	for _, bad := range []string{"whsec_", "whsec_YWJj", "c2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2g=", "whsec_" + strings.Repeat("A", 88) + "==", "whsec_!!"} {
		if _, err := f.AddWebhookSecret(f.ctx, "test", "acme", bad); err == nil || strings.Contains(err.Error(), bad) && bad != "whsec_" {
			t.Errorf("secret %q: %v", bad, err)
		}
	}
	listed, err := f.WebhookSecrets(f.ctx, "acme")
	must(t, err)
	for _, s := range listed {
		if s.Secret != "" {
			t.Error("a list shows a secret")
		}
	}
}

// TestCollectorOfThisProcessIsNobodyElses: retired while it runs, what it takes in
// would never reach the lake; enrolled again elsewhere, two would write as one.
func TestCollectorOfThisProcessIsNobodyElses(t *testing.T) {
	f := newFixture(t)
	id, err := f.Embedded(f.ctx, "test")
	must(t, err)
	if again, err := f.Embedded(f.ctx, "test"); err != nil || again != id {
		t.Errorf("embedded is %d, then %d, %v", id, again, err)
	}
	_, err = f.RetireCollector(f.ctx, "test", id)
	if r, ok := admin.AsRefusal(err); !ok || !strings.Contains(r.Detail, "runs in this process") {
		t.Errorf("retired: %v", err)
	}
	if _, err := f.EnrolCollector(f.ctx, "test", admin.CollectorEnrol{Name: " Embedded"}); err == nil {
		t.Error("a second embedded collector is enrolled")
	}
	must(t, f.Close())
	f = openFixture(t, f.config.Dir, f.clock, nil) // without one in the process
	if _, err := f.RetireCollector(f.ctx, "test", id); err != nil {
		t.Error(err)
	}
}

// A secret that the order listener would not take must not be handed out.
func TestNoMoreSecretsAreAddedThanOrdersAreCheckedAgainst(t *testing.T) {
	f := newFixture(t)
	f.organizer("acme", "UTC")
	for range routes.MaxWebhookSecrets {
		_, err := f.AddWebhookSecret(f.ctx, "test", "acme", "")
		must(t, err)
	}
	if _, err := f.AddWebhookSecret(f.ctx, "test", "acme", ""); err == nil || !strings.Contains(err.Error(), "secret end") {
		t.Errorf("one more than orders are checked against: %v", err)
	}
}
