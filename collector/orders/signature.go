package orders

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"footfall/schemas/ids"
	"footfall/schemas/routes"
	"footfall/schemas/visit"
)

// Of the Standard Webhooks scheme; what a secret is stands in schemas/routes.
const (
	// tolerance of the timestamp, either way.
	tolerance = 5 * time.Minute
	// maxMessageIDBytes: the id is only signed and compared, never stored.
	maxMessageIDBytes = 256
)

// Secret is one webhook secret of an organizer.
type Secret struct {
	Organizer ids.OrganizerID
	Secret    string // "whsec_" and base64 of 24 to 64 bytes
}

// Secrets is the webhook secrets and visitor keys of all organizers, immutable.
// Every request costs as many HMACs as the organizer with the most secrets has,
// and its answer tells nothing about who is known.
type Secrets struct {
	of       map[ids.OrganizerID][][]byte
	most     int
	decoy    []byte
	visitors map[ids.OrganizerID]visit.VisitorHasher
}

// NewSecrets reads the secrets. It always gives the set of those that can be
// used; the error, ErrSecret, names the organizers of the others.
func NewSecrets(secrets []Secret, visitors []routes.VisitorKey) (*Secrets, error) {
	s := &Secrets{
		of: make(map[ids.OrganizerID][][]byte), most: 1, decoy: make([]byte, 32),
		visitors: make(map[ids.OrganizerID]visit.VisitorHasher, len(visitors)),
	}
	for _, v := range visitors {
		s.visitors[v.Organizer] = visit.NewVisitorHasher(v.Key)
	}
	if _, err := rand.Read(s.decoy); err != nil {
		return nil, fmt.Errorf("making a decoy secret: %w", err)
	}
	var errs []error
	for _, in := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(in.Secret, routes.WebhookSecretPrefix))
		switch {
		case err != nil || !strings.HasPrefix(in.Secret, routes.WebhookSecretPrefix):
			errs = append(errs, fmt.Errorf("reading a secret of organizer %d: %w: it is not %q and base64", in.Organizer, ErrSecret, routes.WebhookSecretPrefix))
		case len(key) < routes.MinWebhookSecretBytes || len(key) > routes.MaxWebhookSecretBytes:
			errs = append(errs, fmt.Errorf("reading a secret of organizer %d: %w: it has %d bytes, not %d to %d",
				in.Organizer, ErrSecret, len(key), routes.MinWebhookSecretBytes, routes.MaxWebhookSecretBytes))
		case len(s.of[in.Organizer]) == routes.MaxWebhookSecrets:
			errs = append(errs, fmt.Errorf("reading a secret of organizer %d: %w: there are more than %d",
				in.Organizer, ErrSecret, routes.MaxWebhookSecrets))
		default:
			s.of[in.Organizer] = append(s.of[in.Organizer], key)
			s.most = max(s.most, len(s.of[in.Organizer]))
		}
	}
	return s, errors.Join(errs...)
}

// visitor gives the visitor key of a cookie's value, 0 where the value is no
// cookie. The value is in no error. It is errNoVisitorKey where the organizer's
// key isn't there.
func (s *Secrets) visitor(organizer ids.OrganizerID, value string) (uint64, error) {
	var cookie [visit.CookieBytes]byte
	if !visit.ParseCookie(value, &cookie) {
		return 0, nil
	}
	hasher, ok := s.visitors[organizer]
	if !ok {
		return 0, errNoVisitorKey
	}
	return hasher.Sum(organizer, cookie[:], nil), nil
}

// reason is why a signature was not accepted; the client is not told.
type reason string

const (
	signed           reason = ""
	missingHeader    reason = "missing_header"
	badHeader        reason = "bad_header"
	tooOld           reason = "too_old"
	tooNew           reason = "too_new"
	unknownOrganizer reason = "unknown_organizer"
	noSecret         reason = "no_secret"
	wrongSignature   reason = "wrong_signature"
)

// message is what is verified.
type message struct {
	organizer ids.OrganizerID // 0: unknown
	slug      string
	id        string
	timestamp string
	signature string
	body      []byte
}

type verifier struct {
	// mac is what the tests count the calls of.
	mac func(key []byte, m *message) string
}

func newVerifier() verifier { return verifier{mac: signatureOf} }

// signatureOf gives the base64 of the HMAC-SHA256 of "id.timestamp.body".
func signatureOf(key []byte, m *message) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(m.id))
	h.Write([]byte{'.'})
	h.Write([]byte(m.timestamp))
	h.Write([]byte{'.'})
	h.Write(m.body)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// check verifies a message. Whatever is wrong with it, the same number of
// HMACs over the same bytes is made first.
func (v verifier) check(s *Secrets, now time.Time, m *message) reason {
	keys := s.of[m.organizer]
	match := false
	for i := range s.most {
		key, known := s.decoy, false
		if i < len(keys) {
			key, known = keys[i], true
		}
		if listed(m.signature, v.mac(key, m)) && known {
			match = true
		}
	}
	switch at, timeOK := timestampOf(m.timestamp); {
	case m.slug == "" || m.id == "" || m.timestamp == "" || m.signature == "":
		return missingHeader
	case !timeOK || len(m.id) > maxMessageIDBytes || strings.Contains(m.id, "."):
		return badHeader
	case m.organizer == 0:
		return unknownOrganizer
	case len(keys) == 0:
		return noSecret
	case !match:
		return wrongSignature
	case now.Sub(at) > tolerance:
		return tooOld
	case at.Sub(now) > tolerance:
		return tooNew
	}
	return signed
}

// listed says whether the header's list has the signature. Entries of other
// versions are skipped, as the scheme wants it.
func listed(header, want string) bool {
	found := false
	for part := range strings.SplitSeq(header, " ") {
		given, ok := strings.CutPrefix(part, "v1,")
		if ok && hmac.Equal([]byte(given), []byte(want)) {
			found = true
		}
	}
	return found
}

// timestampOf reads seconds since 1970, in decimal digits only.
func timestampOf(text string) (time.Time, bool) {
	if len(text) > len("9999999999") || strings.Trim(text, "0123456789") != "" {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(seconds, 0), err == nil
}
