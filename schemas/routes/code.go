package routes

import (
	"fmt"
	"strings"
)

// Fold appends text to dst with ASCII letters in lower case and every other
// byte as it is: the only folding that codes know, so that look-alikes of other
// scripts stay different.
func Fold(text []byte, dst []byte) []byte {
	for _, c := range text {
		dst = append(dst, FoldByte(c))
	}
	return dst
}

// FoldByte is Fold of one byte.
func FoldByte(c byte) byte {
	if c-'A' <= 'Z'-'A' {
		c |= 0x20
	}
	return c
}

// FoldString is Fold for the catalog's own keys.
func FoldString(text string) string {
	return string(Fold([]byte(text), make([]byte, 0, len(text))))
}

// GrammarHolds reports whether text fits [A-Za-z0-9][A-Za-z0-9._-]{0,63}.
// Reserved words fit it too.
func GrammarHolds(text []byte) bool {
	if len(text) == 0 || len(text) > MaxCodeBytes || !alphanumeric(text[0]) {
		return false
	}
	for _, c := range text[1:] {
		if !alphanumeric(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c-'0' <= 9 || FoldByte(c)-'a' <= 'z'-'a'
}

// ValidCode says why text can't be a tracking code: its grammar, or a word
// that the redirect gives another meaning (none, direct, test). The error is
// ErrCode and names what to change. It doesn't trim.
func ValidCode(text string) error {
	if !GrammarHolds([]byte(text)) {
		return fmt.Errorf("%w: %q: want 1 to %d of A-Z a-z 0-9 . _ - beginning with a letter or digit", ErrCode, text, MaxCodeBytes)
	}
	for _, reserved := range []string{"none", "direct", "test"} {
		if strings.EqualFold(text, reserved) {
			return fmt.Errorf("%w: %q is reserved: choose another word", ErrCode, text)
		}
	}
	return nil
}
