package web

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// tokens reads the colours of tokens.css: light, and dark in both places where it
// stands.
func tokens(t *testing.T) map[string]map[string]string {
	t.Helper()
	text, err := static.ReadFile("static/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	themes := map[string]map[string]string{}
	for name, begins := range map[string]string{"light": ":root {", "dark": `:root:not([data-theme="light"]) {`, "chosen dark": `:root[data-theme="dark"] {`} {
		_, rest, ok := strings.Cut(string(text), begins)
		block, _, _ := strings.Cut(rest, "}")
		if !ok {
			t.Fatalf("no block %s", begins)
		}
		themes[name] = map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9A-F]{6});`).FindAllStringSubmatch(block, -1) {
			themes[name][m[1]] = m[2]
		}
	}
	return themes
}

// luminance and contrast are those of WCAG 2.2.
func luminance(t *testing.T, hexadecimal string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hexadecimal[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// Every pair of tokens that is in use can be read: text at 4.5, graphics and the
// borders of controls at 3.
func TestEveryPairOfColoursCanBeRead(t *testing.T) {
	themes := tokens(t)
	for name, colours := range themes {
		if len(themes["dark"]) == 0 || name == "chosen dark" && len(colours) != len(themes["dark"]) {
			t.Fatalf("%s has %d colours, dark has %d", name, len(colours), len(themes["dark"]))
		}
		for _, ground := range []string{"paper", "raised", "band"} {
			for ink, least := range map[string]float64{
				"ink": 4.5, "muted": 4.5, "accent": 4.5, "provisional": 4.5, "danger": 4.5, "visits": 3, "sales": 3, "control": 3,
			} {
				if ink == "control" && ground == "band" {
					continue // no control stands on one
				}
				if got := contrast(t, colours[ink], colours[ground]); got < least {
					t.Errorf("%s: %s on %s has %.2f, want %.1f", name, ink, ground, got, least)
				}
			}
		}
		if onAccent := themes[name]["on-accent"]; onAccent != "" && contrast(t, onAccent, colours["accent"]) < 4.5 {
			t.Errorf("%s: text on accent has %.2f", name, contrast(t, onAccent, colours["accent"]))
		}
	}
}

// No colour, font or size of text is named outside of tokens.css.
func TestNothingElseNamesAColour(t *testing.T) {
	literal := regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(|font-size: *[0-9]|gradient|box-shadow|border-radius: *[1-9]`)
	for _, file := range []string{"static/ledger.css", "static/app.js"} {
		text, err := static.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := literal.FindString(string(text)); found != "" {
			t.Errorf("%s has %s", file, found)
		}
	}
	err := fs.WalkDir(templates, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := templates.ReadFile(path)
		if regexp.MustCompile(`<script>|<style|\sstyle=|\son[a-z]+=|javascript:`).Match(text) {
			t.Errorf("%s has script or style of its own, which the policy forbids", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What others made is what was taken from them.
func TestVendoredFilesAreWhatWasTaken(t *testing.T) {
	list, err := os.ReadFile(filepath.Join("vendored", "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(list)), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d files", len(lines))
	}
	for _, line := range lines {
		sum, name, _ := strings.Cut(line, "  ")
		text, err := static.ReadFile("static/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if got := sha256.Sum256(text); hex.EncodeToString(got[:]) != sum {
			t.Errorf("%s is another file", name)
		}
	}
}
