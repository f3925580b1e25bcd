package catalog

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"footfall/schemas/admin"
)

func (f *fixture) key(organizer string, role admin.Role, affiliate string) admin.APIKey {
	f.t.Helper()
	k, err := f.AddAPIKey(f.ctx, "test", admin.APIKeyAdd{Organizer: organizer, Role: role, Affiliate: affiliate, Label: "nightly"})
	must(f.t, err)
	return k
}

func keyFixture(t *testing.T) (*fixture, *clock) {
	t.Helper()
	f, k := peopleFixture(t)
	f.affiliate("acme", "Ann")
	return f, k
}

// atRest is every file of the data directory, and a backup.
func (f *fixture) atRest(backup string) []string {
	f.t.Helper()
	files := []string{backup}
	must(f.t, filepath.WalkDir(f.config.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	}))
	return files
}

// TestAKeyStandsNowhereAtRest looks for the key, and for its random bytes, in
// every file of the data directory and in a backup; and asks with what stands there.
func TestAKeyStandsNowhereAtRest(t *testing.T) {
	f, _ := keyFixture(t)
	k := f.key("acme", admin.RoleOwner, "")
	if _, err := f.Authenticate(f.ctx, k.Key); err != nil {
		t.Fatalf("a fresh key: %v", err)
	}
	backup := f.backup()
	random, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(k.Key, apiKeyPrefix))
	must(t, err)
	for _, path := range f.atRest(backup) {
		text, err := os.ReadFile(path)
		must(t, err)
		for what, secret := range map[string][]byte{"the key": []byte(k.Key), "its tail": []byte(k.Key[len(k.Prefix):]), "its bytes": random} {
			if bytes.Contains(text, secret) {
				t.Errorf("%s holds %s", path, what)
			}
		}
	}
	var hash []byte
	db, err := sql.Open("sqlite", dataSource(backup, "query_only(1)"))
	must(t, err)
	must(t, db.QueryRowContext(f.ctx, `SELECT hash FROM api_keys`).Scan(&hash))
	must(t, db.Close())
	if sum := sha256.Sum256([]byte(k.Key)); !bytes.Equal(hash, sum[:]) {
		t.Error("the backup lacks the key's hash: a restored key would not open")
	}
	for _, stolen := range []string{string(hash), base64.RawURLEncoding.EncodeToString(hash), apiKeyPrefix + base64.RawURLEncoding.EncodeToString(hash), k.Prefix, ""} {
		if _, err := f.Authenticate(f.ctx, stolen); err == nil {
			t.Errorf("%q, of the dump, opens", stolen)
		}
	}
}

func TestAnEndedExpiredOrUnknownKeyIsRefusedAlike(t *testing.T) {
	f, now := keyFixture(t)
	ended := f.key("acme", admin.RoleOwner, "")
	expiring, err := f.AddAPIKey(f.ctx, "test", admin.APIKeyAdd{Role: admin.RoleViewer, Expires: "2026-12-01"})
	must(t, err)
	// A midnight of Vienna.
	if want := time.Date(2026, 11, 30, 23, 0, 0, 0, time.UTC); !expiring.Expires.Equal(want) {
		t.Errorf("expires %s, want %s", expiring.Expires, want)
	}
	now.Set(expiring.Expires.Add(-time.Microsecond))
	if _, err := f.Authenticate(f.ctx, expiring.Key); err != nil {
		t.Errorf("a microsecond before its end: %v", err)
	}
	now.Set(*expiring.Expires)
	if _, err := f.EndAPIKey(f.ctx, "test", "acme", ended.ID); err != nil {
		t.Fatal(err)
	}
	var first string
	for what, key := range map[string]string{"ended": ended.Key, "expired": expiring.Key, "unknown": "ffk_nonesuch", "altered": ended.Key + "A", "empty": ""} {
		p, err := f.Authenticate(f.ctx, key)
		if r, ok := admin.AsRefusal(err); !ok || r.Reason != admin.NotFound || p != (admin.Principal{}) {
			t.Errorf("%s: %+v %v", what, p, err)
			continue
		}
		if first == "" {
			first = err.Error()
		}
		if err.Error() != first {
			t.Errorf("%s says %q, another %q", what, err, first)
		}
	}
}

func TestAKeyIsOfOneOrganizerAndOneRole(t *testing.T) {
	f, _ := keyFixture(t)
	f.organizer("beta", "UTC")
	f.affiliate("beta", "Bob")
	k := f.key("acme", admin.RoleAffiliate, "Ann")
	p, err := f.Authenticate(f.ctx, k.Key)
	must(t, err)
	if p.Role != admin.RoleAffiliate || p.Organizer != "acme" || p.Affiliate != 1 || p.Actor != "key "+k.Prefix {
		t.Errorf("principal %+v", p)
	}
	for _, c := range []struct {
		add     admin.APIKeyAdd
		pointer string
	}{
		{admin.APIKeyAdd{Organizer: "acme", Role: "admin"}, "/role"},
		{admin.APIKeyAdd{Organizer: "acme", Role: admin.RoleOperator}, "/role"},
		{admin.APIKeyAdd{Organizer: "acme", Role: admin.RoleAffiliate}, "/affiliate"},
		{admin.APIKeyAdd{Organizer: "acme", Role: admin.RoleAffiliate, Affiliate: "Bob"}, "/affiliate"},
		{admin.APIKeyAdd{Organizer: "acme", Role: admin.RoleOwner, Affiliate: "Ann"}, "/affiliate"},
		{admin.APIKeyAdd{Organizer: "acme", Role: admin.RoleOwner, Expires: "2026-11-22"}, "/expires"},
		{admin.APIKeyAdd{Organizer: "acme", Role: admin.RoleOwner, Label: "two\nlines"}, "/label"},
		{admin.APIKeyAdd{Organizer: "none", Role: admin.RoleOwner}, "/organizer"},
	} {
		_, err := f.AddAPIKey(f.ctx, "test", c.add)
		if r, ok := admin.AsRefusal(err); !ok || r.Pointer != c.pointer {
			t.Errorf("%+v: %v, want a refusal of %s", c.add, err, c.pointer)
		}
	}
	if _, err := f.EndAPIKey(f.ctx, "test", "beta", k.ID); err == nil {
		t.Error("another organizer ended the key")
	}
	if list, err := f.APIKeys(f.ctx, "beta"); err != nil || len(list) != 0 {
		t.Errorf("another organizer lists %+v, %v", list, err)
	}
}

func TestTheTimeOfLastUseIsCoarseAndItsLossKeepsNobodyOut(t *testing.T) {
	f, now := keyFixture(t)
	k := f.key("acme", admin.RoleOwner, "")
	now.Advance(90 * time.Minute)
	for range 3 {
		if _, err := f.Authenticate(f.ctx, k.Key); err != nil {
			t.Fatal(err)
		}
		now.Advance(time.Minute)
	}
	list, err := f.APIKeys(f.ctx, "acme")
	must(t, err)
	if want := time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC); len(list) != 1 || list[0].LastUsed == nil || !list[0].LastUsed.Equal(want) || list[0].Key != "" {
		t.Errorf("listed %+v, want it used at %s", list, want)
	}
	now.Advance(time.Hour)
	must(t, f.writer.Close())
	if _, err := f.Authenticate(f.ctx, k.Key); err != nil {
		t.Errorf("the hour of use could not be kept, and that refuses a good key: %v", err)
	}
	if n := counted(t, f, "footfall_catalog_failures_total", stepKeyUse); n != 1 {
		t.Errorf("%v failures counted", n)
	}
}

func TestKeysAreInTheAuditLogWithoutTheKey(t *testing.T) {
	f, _ := keyFixture(t)
	k := f.key("acme", admin.RoleViewer, "")
	for range 2 { // ending twice is one end
		if _, err := f.EndAPIKey(f.ctx, "somebody", "acme", k.ID); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := f.Audit(f.ctx, 0, 2)
	must(t, err)
	if entries[0].Action != "api key end" || entries[0].Actor != "somebody" || entries[1].Action != "api key add" || entries[1].After["prefix"] != k.Prefix {
		t.Errorf("audit %+v", entries)
	}
}

// TestARestoreOpensNoEndedKey restores a backup of before the end.
func TestARestoreOpensNoEndedKey(t *testing.T) {
	f, now := keyFixture(t)
	kept, ended := f.key("acme", admin.RoleOwner, ""), f.key("acme", admin.RoleOwner, "")
	backup := f.backup()
	if _, err := f.EndAPIKey(f.ctx, "test", "acme", ended.ID); err != nil {
		t.Fatal(err)
	}
	_, err := restore(f, backup, Seen{})
	must(t, err)
	f = openFixture(t, f.config.Dir, now, nil)
	if _, err := f.Authenticate(f.ctx, ended.Key); err == nil {
		t.Error("the restore opened an ended key again")
	}
	if _, err := f.Authenticate(f.ctx, kept.Key); err != nil {
		t.Errorf("a key that was never ended: %v", err)
	}
	if next := f.key("acme", admin.RoleOwner, ""); next.ID != ended.ID+idGap+1 {
		t.Errorf("after the restore key %d follows %d", next.ID, ended.ID)
	}
}
