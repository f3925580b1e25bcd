package visit

import (
	"bytes"
	"encoding/json"
	"testing"
)

// normalJSON takes out the spaces that protojson varies on purpose.
func normalJSON(t *testing.T, text []byte) []byte {
	t.Helper()
	var compact, out bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		t.Fatal(err)
	}
	if err := json.Indent(&out, compact.Bytes(), "", "  "); err != nil {
		t.Fatal(err)
	}
	out.WriteByte('\n')
	return out.Bytes()
}
