package bots_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

func benchmarkUncached(b *testing.B, userAgents [][]byte) {
	c := newClassifier(b)
	total := 0
	for _, userAgent := range userAgents {
		total += len(userAgent)
	}
	b.SetBytes(int64(total / len(userAgents)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c.Uncached(userAgents[i])
		i++
		if i == len(userAgents) {
			i = 0
		}
	}
}

// fill makes 1,000 texts of n bytes.
func fill(n int, next func(*rand.Rand) byte) [][]byte {
	random := rand.New(rand.NewPCG(3, 4))
	texts := make([][]byte, 1000)
	for i := range texts {
		texts[i] = make([]byte, n)
		for j := range texts[i] {
			texts[i][j] = next(random)
		}
	}
	return texts
}

func BenchmarkUncachedBrowsers(b *testing.B) { benchmarkUncached(b, browsers(b)) }

func BenchmarkUncachedBots(b *testing.B) { benchmarkUncached(b, examples(b)) }

func BenchmarkUncachedRandomBytes120(b *testing.B) {
	benchmarkUncached(b, fill(120, func(r *rand.Rand) byte { return byte(r.IntN(256)) }))
}

func BenchmarkUncachedRandomLetters120(b *testing.B) {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -/.;()"
	benchmarkUncached(b, fill(120, func(r *rand.Rand) byte { return letters[r.IntN(len(letters))] }))
}

func BenchmarkUncachedRandomBytes512(b *testing.B) {
	benchmarkUncached(b, fill(512, func(r *rand.Rand) byte { return byte(r.IntN(256)) }))
}

// Every literal of an expression that then does not match, in the 512 bytes
// that the edge lets through.
func BenchmarkUncachedExpressionsWoken512(b *testing.B) {
	woken := "BlogTraffic/x Feed-Fetcher outcomes.net RSS Reader spider.com "
	text := strings.Repeat(woken, 10)[:512]
	benchmarkUncached(b, [][]byte{[]byte(text)})
}

// Pieces of the rules' own texts: deep states all the way.
func BenchmarkUncachedLiteralHits512(b *testing.B) {
	random := rand.New(rand.NewPCG(5, 6))
	patterns := newOracle(b).Patterns()
	texts := make([][]byte, 1000)
	for i := range texts {
		for len(texts[i]) < 512 {
			p := strings.ReplaceAll(patterns[random.IntN(len(patterns))], `\`, "")
			texts[i] = append(texts[i], p...)
		}
		texts[i] = texts[i][:512]
	}
	benchmarkUncached(b, texts)
}

func BenchmarkCached(b *testing.B) {
	c := newClassifier(b)
	all := browsers(b)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c.Classify(all[i])
		i++
		if i == len(all) {
			i = 0
		}
	}
}

// The whole way for a user agent that is never seen again.
func BenchmarkCacheMiss(b *testing.B) {
	c := newClassifier(b)
	text := bytes.Clone(browsers(b)[0])
	b.ReportAllocs()
	i := uint64(0)
	for b.Loop() {
		i++
		for j := range 8 {
			text[len(text)-1-j] = '0' + byte(i>>(4*j)&15)
		}
		c.Classify(text)
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		newClassifier(b)
	}
}
