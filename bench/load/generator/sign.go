package generator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
)

// signer signs bodies by the Standard Webhooks scheme: HMAC-SHA256 over
// id.timestamp.body.
type signer struct{ secret []byte }

func newSigner(text string) (*signer, error) {
	encoded, ok := strings.CutPrefix(text, "whsec_")
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(secret) < 24 || len(secret) > 64 {
		return nil, ErrSecret
	}
	return &signer{secret}, nil
}

// sign gives the webhook-signature header; unix in seconds.
func (s *signer) sign(id string, unix int64, body []byte) string {
	mac := hmac.New(sha256.New, s.secret)
	mac.Write([]byte(id + "." + strconv.FormatInt(unix, 10) + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
