package bots_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"footfall/collector/consumer/bots"
)

func newClassifier(t testing.TB) *bots.Classifier {
	t.Helper()
	c, err := bots.New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newOracle(t testing.TB) *bots.Oracle {
	t.Helper()
	o, err := bots.NewOracle()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// examples are the user agents that the list itself calls bots.
func examples(t testing.TB) [][]byte {
	t.Helper()
	text, err := os.ReadFile("crawler-user-agents.json")
	if err != nil {
		t.Fatal(err)
	}
	var entries []struct {
		Instances []string `json:"instances"`
	}
	if err := json.Unmarshal(text, &entries); err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, e := range entries {
		for _, instance := range e.Instances {
			all = append(all, []byte(instance))
		}
	}
	return all
}

// browsers are user agents of people, one a line.
func browsers(t testing.TB) [][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/browsers.txt")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(text), []byte("\n"))
}

// differs says how the classifier's answer differs from the oracle's.
func differs(c *bots.Classifier, o *bots.Oracle, userAgent []byte) string {
	kind, bot := c.Uncached(userAgent)
	wantKind, wantBot := o.Classify(userAgent)
	if kind == wantKind && bot == wantBot {
		return ""
	}
	return fmt.Sprintf("%q is %q %v, want %q %v", userAgent, kind, bot, wantKind, wantBot)
}

func TestNoExampleOfTheListPassesForABrowser(t *testing.T) {
	c, o := newClassifier(t), newOracle(t)
	all := examples(t)
	if len(all) < 2000 {
		t.Fatalf("%d examples, want the whole list's", len(all))
	}
	for _, userAgent := range all {
		if _, bot := c.Classify(userAgent); !bot {
			t.Errorf("%q is no bot", userAgent)
		}
		if d := differs(c, o, userAgent); d != "" {
			t.Error(d)
		}
	}
}

func TestNoBrowserPassesForABot(t *testing.T) {
	c, o := newClassifier(t), newOracle(t)
	for _, userAgent := range browsers(t) {
		if kind, bot := c.Classify(userAgent); bot {
			t.Errorf("%q is a bot of kind %q", userAgent, kind)
		}
		if d := differs(c, o, userAgent); d != "" {
			t.Error(d)
		}
	}
}

// Texts near the rules: pieces of patterns and examples, cut, joined and
// sprinkled with invalid UTF-8.
func TestAnswerNeverDiffersFromTheExpressionsOneByOne(t *testing.T) {
	c, o := newClassifier(t), newOracle(t)
	random := rand.New(rand.NewPCG(1, 2))
	pieces := examples(t)
	for _, p := range o.Patterns() {
		pieces = append(pieces, []byte(strings.ReplaceAll(p, `\`, "")))
	}
	for range 1500 {
		var text []byte
		for range 1 + random.IntN(3) {
			piece := pieces[random.IntN(len(pieces))]
			from := random.IntN(len(piece) + 1)
			text = append(text, piece[from:from+random.IntN(len(piece)-from+1)]...)
			if random.IntN(4) == 0 {
				text = append(text, byte(random.IntN(256)))
			}
		}
		if d := differs(c, o, text); d != "" {
			t.Fatal(d)
		}
	}
}

func TestAnchorsAreNotForgotten(t *testing.T) {
	o := newOracle(t)
	wrong := func(c *bots.Classifier) int {
		n := 0
		for _, text := range []string{"curl/8.5.0", "x curl/8", "CrunchBot/1", "aCrunchBot", "SSL Labs", "SSL Labs x", "xLCC 1"} {
			if differs(c, o, []byte(text)) != "" {
				n++
			}
		}
		return n
	}
	c := newClassifier(t)
	if n := wrong(c); n != 0 {
		t.Errorf("%d answers differ", n)
	}
	c.ForgetAnchors()
	if wrong(c) == 0 {
		t.Error("without the check of anchors nothing differs: this test shows nothing")
	}
}

func TestRuleShapesMeanTheirExpression(t *testing.T) {
	tests := []struct {
		pattern     string
		expressions int
		always      int
		yes, no     []string
	}{
		{`abc`, 0, 0, []string{"abc", "xabcx"}, []string{"ab", "ABC"}},
		{`^abc`, 0, 0, []string{"abcd"}, []string{"xabc"}},
		{`abc$`, 0, 0, []string{"xabc"}, []string{"abcx"}},
		{`^abc$`, 0, 0, []string{"abc"}, []string{"abcabc"}},
		{`(^| )abc/`, 0, 0, []string{"abc/", "x abc/"}, []string{"xabc/"}},
		{`[aB]bcd`, 0, 0, []string{"abcd", "Bbcd"}, []string{"bbcd"}},
		{`[wW]get`, 0, 0, []string{"wget", "Wget"}, []string{"wGet"}},
		{`abc(d|efg)?`, 0, 0, []string{"abc"}, []string{"ab"}},
		{`abc|def`, 0, 0, []string{"def"}, []string{"ab"}},
		{`(?i:sky)bot`, 1, 0, []string{"sKybot", "\u017f\u212aybot"}, []string{"skyBot"}},
		{`abc\d+`, 1, 0, []string{"abc1"}, []string{"abc", "1"}},
		{`abc[\s\S]*defgh`, 1, 0, []string{"abc defgh"}, []string{"defgh abc"}},
		{`(abcd)+\d`, 1, 0, []string{"abcdabcd1"}, []string{"abcd"}},
		{`(abcd){2}`, 1, 0, []string{"abcdabcd"}, []string{"abcd"}},
		{`abc{0,2}d`, 1, 1, []string{"abd"}, []string{"ab"}},
		{`(abcd\d|efgh\d)x`, 1, 0, []string{"efgh1x"}, []string{"efghx"}},
		{`é\d`, 1, 1, []string{"é1"}, []string{"e1"}},
		{"\ufffdbot", 1, 1, []string{"\xffbot"}, []string{"bot"}},
		{`\d`, 1, 1, []string{"1"}, []string{"a"}},
		{`ab`, 1, 1, []string{"ab"}, []string{"a"}},
		{`(?m)^abc`, 1, 0, []string{"x\nabc"}, []string{"xabc"}},
		{`abc$d|xyz`, 1, 0, []string{"xyz"}, []string{"abcd"}},
	}
	for _, test := range tests {
		t.Run(test.pattern, func(t *testing.T) {
			c, err := bots.FromRules(test.pattern)
			if err != nil {
				t.Fatal(err)
			}
			if _, expressions, always := c.Shape(); expressions != test.expressions || always != test.always {
				t.Errorf("%d expressions, %d of them always run; want %d, %d", expressions, always, test.expressions, test.always)
			}
			for _, text := range test.yes {
				if _, bot := c.Uncached([]byte(text)); !bot {
					t.Errorf("%q does not match", text)
				}
			}
			for _, text := range test.no {
				if _, bot := c.Uncached([]byte(text)); bot {
					t.Errorf("%q matches", text)
				}
			}
		})
	}
}

func TestFirstRuleOfTheListNamesTheKind(t *testing.T) {
	c, err := bots.FromRules(`bot\d`, `robot`, `bot`, `obot`)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"robot1": `bot\d`, "robot": "robot", "obot": "bot", "bot": "bot"} {
		if kind, _ := c.Uncached([]byte(text)); kind != want {
			t.Errorf("%q is %q, want %q", text, kind, want)
		}
	}
}

func TestFewRulesRunOnEveryUserAgent(t *testing.T) {
	tableBytes, expressions, always := newClassifier(t).Shape()
	if always > 5 || expressions > 20 {
		t.Errorf("%d rules run always and %d on a literal; the cost of a user agent is no longer bounded well", always, expressions)
	}
	if tableBytes > 1<<20 {
		t.Errorf("the tables take %d bytes, more than a processor's second cache", tableBytes)
	}
}

func TestEmptyUserAgentIsNoBrowser(t *testing.T) {
	for _, userAgent := range [][]byte{nil, {}} {
		if kind, bot := newClassifier(t).Classify(userAgent); kind != "empty" || !bot {
			t.Errorf("%q %v", kind, bot)
		}
	}
}

func TestVersionNamesTheBytesOfTheList(t *testing.T) {
	text, err := os.ReadFile("crawler-user-agents.json")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	name, hash, _ := strings.Cut(newClassifier(t).Version(), "+")
	if hash != hex.EncodeToString(sum[:4]) {
		t.Errorf("the version names the hash %s of another file", hash)
	}
	list, version, _ := strings.Cut(name, "/")
	if !bytes.Contains(readme, []byte("`"+list+"` version "+version+",")) {
		t.Errorf("README.md names another version than %s", name)
	}
	if !bytes.Contains(readme, []byte(hex.EncodeToString(sum[:]))) {
		t.Errorf("README.md names another SHA-256 than %x", sum)
	}
}

func TestBadListIsRefusedWithTheRule(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"no json", `[`, "reading the bot list"},
		{"no rules", `[]`, "no rules"},
		{"empty pattern", `[{"pattern":"abc"},{"pattern":""}]`, "rule 1"},
		{"bad pattern", `[{"pattern":"abc"},{"pattern":"("}]`, `rule 1 ("(")`},
		{"too many rules", `[` + strings.Repeat(`{"pattern":"abc"},`, 1<<15) + `{"pattern":"abc"}]`, "more than"},
		{"too many expressions", `[` + strings.Repeat(`{"pattern":"abc\\d"},`, 64) + `{"pattern":"abc\\d"}]`, "plain texts"},
		{"too many states", `[{"pattern":"` + strings.Repeat("a", 1<<16) + `"}]`, "states"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := bots.ParseRules([]byte(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want one with %q", err, test.want)
			}
			var ruleError *bots.RuleError
			if strings.Contains(test.want, "rule 1") && (!errors.As(err, &ruleError) || ruleError.Rule != 1) {
				t.Errorf("%v is no RuleError of rule 1", err)
			}
		})
	}
}

func TestKindIsTheFirstTag(t *testing.T) {
	kinds, err := bots.Kinds([]byte(`[{"pattern":"abc","tags":["seo","scanner"]},{"pattern":"abc"},{"pattern":"abc","tags":[]},{"pattern":"abc","tags":[""]}]`))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"seo", "unknown", "unknown", "unknown"}; !slices.Equal(kinds, want) {
		t.Errorf("kinds %q, want %q", kinds, want)
	}
	if kind, bot := newClassifier(t).Classify([]byte("curl/8.5.0")); kind != "http-library" || !bot {
		t.Errorf("curl is %q %v", kind, bot)
	}
}

func TestCachedAnswerIsTheUncachedOne(t *testing.T) {
	c := newClassifier(t)
	all := append(examples(t), browsers(t)...)
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range all {
				userAgent := all[(i*7+worker)%len(all)]
				kind, bot := c.Classify(userAgent)
				if wantKind, wantBot := c.Uncached(userAgent); kind != wantKind || bot != wantBot {
					t.Errorf("%q is %q %v, uncached %q %v", userAgent, kind, bot, wantKind, wantBot)
				}
			}
		})
	}
	group.Wait()
}

func TestCacheNeverAnswersForAnotherUserAgentOfTheSameHash(t *testing.T) {
	c := newClassifier(t)
	bot, browser := []byte("curl/8.5.0"), browsers(t)[0]
	if kind, _, ok := c.CollideInCache(bot, browser); ok {
		t.Errorf("the browser got the answer %q of another", kind)
	}
	if kind, isBot, ok := c.CollideInCache(bot, bot); !ok || !isBot || kind == "" {
		t.Errorf("the bot itself got %q %v %v", kind, isBot, ok)
	}
}

func TestCacheNeverGrows(t *testing.T) {
	c := newClassifier(t)
	for i := range 40_000 {
		c.Classify(fmt.Appendf(nil, "Mozilla/5.0 visitor %d", i))
	}
	held, room := c.CacheEntries()
	if room > 1<<14 || held < room/2 {
		t.Errorf("%d entries held, room for %d", held, room)
	}
	c.Classify(bytes.Repeat([]byte("x"), 513))
	if after, _ := c.CacheEntries(); after > held+1 {
		t.Errorf("the cache grew to %d", after)
	}
}

func TestClassifyDoesNotAllocate(t *testing.T) {
	c := newClassifier(t)
	userAgent := browsers(t)[0]
	c.Classify(userAgent)
	if n := testing.AllocsPerRun(1000, func() { c.Classify(userAgent) }); n != 0 {
		t.Errorf("%v allocations for a cached user agent", n)
	}
	if n := testing.AllocsPerRun(1000, func() { c.Uncached(userAgent) }); n != 0 {
		t.Errorf("%v allocations for an uncached user agent", n)
	}
}

func TestClassifyKeepsNoReference(t *testing.T) {
	c := newClassifier(t)
	buffer := []byte("curl/8.5.0")
	c.Classify(buffer)
	copy(buffer, "Mozilla/5.")
	if kind, bot := c.Classify(buffer); bot {
		t.Errorf("the changed buffer is a bot of kind %q", kind)
	}
	if _, bot := c.Classify([]byte("curl/8.5.0")); !bot {
		t.Error("the first text is no bot any more")
	}
}

func FuzzAnswerIsTheExpressionsAnswer(f *testing.F) {
	c, o := newClassifier(f), newOracle(f)
	for i, userAgent := range examples(f) {
		if i%40 == 0 {
			f.Add(userAgent)
		}
	}
	for _, userAgent := range browsers(f) {
		f.Add(userAgent)
	}
	f.Add([]byte("\xffbot\x00[cC]laude"))
	f.Fuzz(func(t *testing.T, userAgent []byte) {
		if len(userAgent) > 2048 {
			return
		}
		if d := differs(c, o, userAgent); d != "" {
			t.Error(d)
		}
	})
}
