package routes_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"footfall/schemas/routes"
)

func secrets() routes.Secrets {
	key := routes.Key(bytes.Repeat([]byte{0xA5}, 32))
	return routes.Secrets{
		Version: "3", MintKey: 2,
		ClickKeys:      []routes.ClickKey{{ID: 1, Secret: key, EndsMS: 5}, {ID: 2, Secret: key}},
		DayKeys:        []routes.DayKey{{Day: "2026-11-22", Key: key}},
		VisitorKeys:    []routes.VisitorKey{{Organizer: 7, Key: key}},
		WebhookSecrets: []routes.WebhookSecret{{Organizer: 7, Secret: "whsec_aGlkZGVu"}},
	}
}

func TestSecretsOnDiskAreTheOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.json")
	if err := routes.WriteSecrets(path, secrets()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	got, err := routes.ReadSecrets(path)
	if err != nil || !reflect.DeepEqual(got, secrets()) {
		t.Fatalf("read back %v: %v", got, err)
	}
}

// A flipped bit in a key would mint click ids that nobody can verify.
func TestFlippedBitInSecretsIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.json")
	if err := routes.WriteSecrets(path, secrets()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		flipped := bytes.Clone(whole)
		flipped[n] ^= 1
		if err := os.WriteFile(path, flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := routes.ReadSecrets(path)
		if err == nil && !reflect.DeepEqual(got, secrets()) {
			t.Fatalf("byte %d (%q) flipped: taken", n, whole[n])
		}
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := routes.ReadSecrets(path); err == nil && !reflect.DeepEqual(got, secrets()) {
			t.Fatalf("cut at byte %d: taken", n)
		}
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	s := secrets()
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("secrets", "a", s, "b", &s, "keys", s.DayKeys, "hooks", s.WebhookSecrets)
	printed := log.String() + fmt.Sprintf("%v %+v %#v %s %v %+v %#v %#v", s, s, s, s, s.DayKeys, s.ClickKeys, s.VisitorKeys, s.WebhookSecrets)
	for _, secret := range []string{"aGlkZGVu", "165", "paWlp", "a5a5", "0xa5"} {
		if strings.Contains(printed, secret) {
			t.Errorf("%q is printed: %s", secret, printed)
		}
	}
	path := filepath.Join(t.TempDir(), "secrets.json")
	if err := os.WriteFile(path, []byte(`{"format":1,"sha256":"","secrets":"whsec_aGlkZGVu`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := routes.ReadSecrets(path); !errors.Is(err, routes.ErrCorrupt) || strings.Contains(err.Error(), "aGlkZGVu") {
		t.Errorf("the error quotes the file: %v", err)
	}
}

func TestUnusableSecretsAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*routes.Secrets){
		"no version":   func(s *routes.Secrets) { s.Version = "" },
		"key zero":     func(s *routes.Secrets) { s.ClickKeys[0].ID = 0 },
		"key twice":    func(s *routes.Secrets) { s.ClickKeys[0].ID = 2 },
		"unknown mint": func(s *routes.Secrets) { s.MintKey = 9 },
		"no day":       func(s *routes.Secrets) { s.DayKeys[0].Day = "22.11.2026" },
	} {
		s := secrets()
		spoil(&s)
		if s.Validate() == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
