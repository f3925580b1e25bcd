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
	// What a hash costs: the OWASP password storage cheat sheet's first choice of
	// argon2id.
	argonMemoryKiB = 19 << 10
	argonTime      = 2
	argonThreads   = 1
	argonKeyBytes  = 32
	argonSaltBytes = 16

	// hashers is how many hashes are made at one time: each takes a core and
	// argonMemoryKiB.
	hashers = 2
	// hashQueue is how many more may wait; beyond it people are told to come again.
	hashQueue = 64

	minPasswordChars = 10
	maxPasswordBytes = 1024
)

// hasher makes password hashes, a few at a time.
type hasher struct {
	running chan struct{}
	waiting chan struct{}
	began   func() (ended func()) // a test's: how many are made at a time
}

func newHasher() *hasher {
	return &hasher{running: make(chan struct{}, hashers), waiting: make(chan struct{}, hashers+hashQueue), began: func() func() { return func() {} }}
}

func (h *hasher) key(ctx context.Context, password string, salt []byte, memoryKiB, time uint32, threads uint8) ([]byte, error) {
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
	return argon2.IDKey([]byte(password), salt, time, memoryKiB, threads, argonKeyBytes), nil
}

// hash gives what is kept of a password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt, err := randomBytes(argonSaltBytes)
	if err != nil {
		return "", err
	}
	key, err := h.key(ctx, password, salt, argonMemoryKiB, argonTime, argonThreads)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("%s$%s$%s", argonCost(), b64(salt), b64(key)), nil
}

func argonCost() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d", argon2.Version, argonMemoryKiB, argonTime, argonThreads)
}

// matches compares a password with what was kept; with nothing kept it does the
// same work and says no. stale is a hash of other costs than today's.
func (h *hasher) matches(ctx context.Context, kept, password string) (good, stale bool, err error) {
	var version int
	var memoryKiB, time uint32
	var threads uint8
	salt, want := make([]byte, argonSaltBytes), []byte(nil)
	cost := kept
	if parts := strings.Split(kept, "$"); len(parts) == 6 {
		cost = strings.Join(parts[:4], "$")
		if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err == nil {
			want, err = base64.RawStdEncoding.DecodeString(parts[5])
		}
		if err != nil {
			return false, false, fmt.Errorf("reading a password's hash: %w", err)
		}
		if _, err := fmt.Sscanf(cost, "$argon2id$v=%d$m=%d,t=%d,p=%d", &version, &memoryKiB, &time, &threads); err != nil || version != argon2.Version || time < 1 || threads < 1 {
			return false, false, fmt.Errorf("reading a password's hash: %q is not a cost that is known", cost)
		}
	} else {
		memoryKiB, time, threads = argonMemoryKiB, argonTime, argonThreads
	}
	got, err := h.key(ctx, password, salt, memoryKiB, time, threads)
	if err != nil {
		return false, false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, cost != argonCost(), nil
}

// checkPassword refuses what is too short to stand.
func checkPassword(password string) error {
	if n := utf8.RuneCountInString(password); n < minPasswordChars || len(password) > maxPasswordBytes || !utf8.ValidString(password) {
		return admin.Refuse(admin.Invalid, "/password", "the password has %d characters: want %d or more; three unrelated words are easy to remember and hard to guess", n, minPasswordChars)
	}
	return nil
}
