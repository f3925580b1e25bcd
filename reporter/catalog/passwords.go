package catalog

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"footfall/schemas/admin"
)

const (
	argonKeyBytes  = 32
	argonSaltBytes = 16

	// hashers is how many hashes are made at one time: each takes a core and the
	// memory of argonCost.
	hashers = 2
	// hashQueue is how many more may wait; beyond it people are told to come again.
	hashQueue = 64

	minPasswordChars = 10
	maxPasswordBytes = 1024
)

// hashCost is what making one hash takes.
type hashCost struct {
	memoryKiB, passes uint32
	threads           uint8
}

// argonCost is the OWASP password storage cheat sheet's first choice of argon2id.
func argonCost() hashCost { return hashCost{memoryKiB: 19 << 10, passes: 2, threads: 1} }

func (c hashCost) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d", argon2.Version, c.memoryKiB, c.passes, c.threads)
}

// costOf reads what String wrote.
func costOf(text string) (c hashCost, err error) {
	var version int
	if _, err := fmt.Sscanf(text, "$argon2id$v=%d$m=%d,t=%d,p=%d", &version, &c.memoryKiB, &c.passes, &c.threads); err != nil || version != argon2.Version || c.passes < 1 || c.threads < 1 {
		return c, fmt.Errorf("reading a password's hash: %q is not a cost that is known", text)
	}
	return c, nil
}

// hasher makes password hashes, a few at a time.
type hasher struct {
	running chan struct{}
	waiting chan struct{}
	cost    hashCost              // of new hashes; a test that makes many takes a smaller one
	began   func() (ended func()) // a test's: how many are made at a time
}

func newHasher() *hasher {
	return &hasher{running: make(chan struct{}, hashers), waiting: make(chan struct{}, hashers+hashQueue), cost: argonCost(), began: func() func() { return func() {} }}
}

func (h *hasher) key(ctx context.Context, password string, salt []byte, cost hashCost) ([]byte, error) {
	select {
	case h.waiting <- struct{}{}:
		defer func() { <-h.waiting }()
	default:
		return nil, admin.Refuse(admin.Busy, "", "too many people are signing in: try again in a moment")
	}
	select {
	case h.running <- struct{}{}:
		defer func() { <-h.running }()
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting to hash a password: %w", ctx.Err())
	}
	ended := h.began()
	defer ended()
	return argon2.IDKey([]byte(password), salt, cost.passes, cost.memoryKiB, cost.threads, argonKeyBytes), nil
}

// hash gives what is kept of a password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt, err := randomBytes(argonSaltBytes)
	if err != nil {
		return "", err
	}
	key, err := h.key(ctx, password, salt, h.cost)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("%s$%s$%s", h.cost, b64(salt), b64(key)), nil
}

// matches compares a password with what was kept; with nothing kept it does the
// same work and says no. stale is a hash of other costs than today's.
func (h *hasher) matches(ctx context.Context, kept, password string) (good, stale bool, err error) {
	salt, want, cost := make([]byte, argonSaltBytes), []byte(nil), h.cost
	if parts := strings.Split(kept, "$"); len(parts) == 6 {
		if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err == nil {
			want, err = base64.RawStdEncoding.DecodeString(parts[5])
		}
		if err != nil {
			return false, false, fmt.Errorf("reading a password's hash: %w", err)
		}
		if cost, err = costOf(strings.Join(parts[:4], "$")); err != nil {
			return false, false, err
		}
	}
	got, err := h.key(ctx, password, salt, cost)
	if err != nil {
		return false, false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, cost != h.cost, nil
}

// checkPassword refuses what is too short to stand.
func checkPassword(password string) error {
	if n := utf8.RuneCountInString(password); n < minPasswordChars || len(password) > maxPasswordBytes || !utf8.ValidString(password) {
		return admin.Refuse(admin.Invalid, "/password", "the password has %d characters: want %d or more; three unrelated words are easy to remember and hard to guess", n, minPasswordChars)
	}
	return nil
}
