package routes

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"footfall/schemas/ids"
)

// Key is 32 secret bytes: base64 in JSON, never printed.
type Key [32]byte

// MarshalText gives base64.
func (k Key) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, k[:]), nil
}

// UnmarshalText reads what MarshalText wrote.
func (k *Key) UnmarshalText(text []byte) error {
	raw, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	if err != nil || len(raw) != len(k) {
		return errors.New("want a key of 32 bytes in base64") // never quotes the text
	}
	copy(k[:], raw)
	return nil
}

// String hides the key, also from %v of a struct that holds it.
func (Key) String() string { return "[hidden]" }

// GoString hides the key from %#v.
func (Key) GoString() string { return "[hidden]" }

// ClickKey signs and encrypts click ids. EndsMS zero: valid for ever; a click
// whose time is at or past EndsMS (milliseconds UTC) earns no credit.
type ClickKey struct {
	ID     uint8 `json:"id"`
	Secret Key   `json:"secret"`
	EndsMS int64 `json:"ends_ms,omitempty"`
}

// DayKey is the random key of one UTC day's visitor keys.
type DayKey struct {
	Day string `json:"day"` // 2026-11-22
	Key Key    `json:"key"`
}

// VisitorKey is an organizer's long-lived key for visitors with a cookie.
type VisitorKey struct {
	Organizer ids.OrganizerID `json:"organizer"`
	Key       Key             `json:"key"`
}

// A webhook secret is WebhookSecretPrefix and the base64 of so many bytes, by
// the Standard Webhooks scheme. An organizer has at most MaxWebhookSecrets at
// once: every signature is checked against all of them, and rotation needs two.
const (
	WebhookSecretPrefix   = "whsec_"
	MinWebhookSecretBytes = 24
	MaxWebhookSecretBytes = 64
	MaxWebhookSecrets     = 4
)

// WebhookSecret checks the signature of an organizer's orders. An organizer has
// several while it rotates them.
type WebhookSecret struct {
	Organizer ids.OrganizerID `json:"organizer"`
	Secret    string          `json:"secret"` // whsec_…
}

// String names the organizer only.
func (w WebhookSecret) String() string {
	return fmt.Sprintf("webhook secret of organizer %d", w.Organizer)
}

// GoString names the organizer only.
func (w WebhookSecret) GoString() string { return w.String() }

// Secrets is what a collector signs and hashes with. It is a document of its
// own: routes carry no secret. WebhookSecrets only where orders are received.
type Secrets struct {
	Version        string          `json:"version"`
	MintKey        uint8           `json:"mint_key"` // id of the click key to mint with; 0: none
	ClickKeys      []ClickKey      `json:"click_keys"`
	DayKeys        []DayKey        `json:"day_keys"`
	VisitorKeys    []VisitorKey    `json:"visitor_keys"`
	WebhookSecrets []WebhookSecret `json:"webhook_secrets,omitempty"`
}

// String names the version only.
func (s Secrets) String() string { return "secrets version " + s.Version }

// GoString names the version only.
func (s Secrets) GoString() string { return s.String() }

// LogValue names the version only.
func (s Secrets) LogValue() slog.Value { return slog.StringValue(s.String()) }

// DayFormat is the layout of DayKey.Day.
const DayFormat = "2006-01-02"

// Validate says what in s a collector can't work with; it quotes no secret.
func (s *Secrets) Validate() error {
	var problems []error
	if s.Version == "" {
		problems = append(problems, errors.New("secrets without a version"))
	}
	mint := s.MintKey == 0
	seen := make(map[uint8]bool, len(s.ClickKeys))
	for _, k := range s.ClickKeys {
		if k.ID == 0 || seen[k.ID] {
			problems = append(problems, fmt.Errorf("click key %d is zero or twice", k.ID))
		}
		seen[k.ID] = true
		mint = mint || k.ID == s.MintKey
	}
	if !mint {
		problems = append(problems, fmt.Errorf("mint key %d is not among the click keys", s.MintKey))
	}
	for _, k := range s.DayKeys {
		if _, err := time.Parse(DayFormat, k.Day); err != nil {
			problems = append(problems, fmt.Errorf("day key of %q: want a day like 2026-11-22", k.Day))
		}
	}
	return errors.Join(problems...)
}

// secretsFile wraps the document on disk: a flipped bit in a key would else
// mint click ids that nobody can verify.
type secretsFile struct {
	Format  int             `json:"format"`
	SHA256  string          `json:"sha256"` // of the bytes of secrets, compact
	Secrets json.RawMessage `json:"secrets"`
}

const secretsFormat = 1

// WriteSecrets puts s at path with mode 0600: whole or not at all, synced.
func WriteSecrets(path string, s Secrets) error {
	doc, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encoding secrets: %w", err)
	}
	sum := sha256.Sum256(doc)
	return Replace(path, 0o600, func(w io.Writer) error {
		return json.NewEncoder(w).Encode(secretsFile{Format: secretsFormat, SHA256: hex.EncodeToString(sum[:]), Secrets: doc})
	})
}

// ReadSecrets reads what WriteSecrets wrote. A damaged file is ErrCorrupt, a
// missing one os.ErrNotExist; an error quotes nothing of the file.
func ReadSecrets(path string) (Secrets, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Secrets{}, fmt.Errorf("opening secrets: %w", err)
	}
	var f secretsFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return Secrets{}, fmt.Errorf("reading %s: %w: not the JSON that was written", path, ErrCorrupt)
	}
	if f.Format != secretsFormat {
		return Secrets{}, fmt.Errorf("reading %s: %w: format %d, this program reads %d", path, ErrVersion, f.Format, secretsFormat)
	}
	var doc bytes.Buffer
	if err := json.Compact(&doc, f.Secrets); err != nil {
		return Secrets{}, fmt.Errorf("reading %s: %w: not the JSON that was written", path, ErrCorrupt)
	}
	sum := sha256.Sum256(doc.Bytes())
	if hex.EncodeToString(sum[:]) != f.SHA256 {
		return Secrets{}, fmt.Errorf("reading %s: %w: checksum", path, ErrCorrupt)
	}
	var s Secrets
	if err := json.Unmarshal(doc.Bytes(), &s); err != nil {
		return Secrets{}, fmt.Errorf("reading %s: %w: a field that does not parse", path, ErrCorrupt)
	}
	if err := s.Validate(); err != nil {
		return Secrets{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return s, nil
}
