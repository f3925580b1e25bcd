// Package bots tells browsers from machines by their user agent, with the
// crawler-user-agents list that is built in.
//
// Its answer is that of the list's regular expressions tried one by one, in
// the list's order: the first that matches names the kind. To reach it in a
// microsecond, one automaton looks for the literals that the expressions need,
// and an expression runs only where its literal was seen. A bounded cache
// answers for user agents that repeat.
//
// It refuses to guess: a user agent that no rule knows is no bot.
package bots

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
)

//go:embed crawler-user-agents.json
var rulesJSON []byte

// kindEmpty is the kind of a user agent of no bytes. Every browser sends one,
// so what sends none is a script.
const kindEmpty = "empty"

// Classifier answers whether a user agent is a machine's. It is safe for
// concurrent use.
type Classifier struct {
	matcher *matcher
	cache   *cache
	version string
}

// New reads the built-in list. It fails when the list holds what this program
// cannot read, with the rule's number in the error.
func New() (*Classifier, error) {
	rules, err := parseRules(rulesJSON)
	if err != nil {
		return nil, err
	}
	matcher, err := newMatcher(rules)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(rulesJSON)
	return &Classifier{
		matcher: matcher,
		cache:   newCache(),
		version: listName + "/" + listVersion + "+" + hex.EncodeToString(sum[:4]),
	}, nil
}

// Version names the list and its bytes: name/version+hash.
func (c *Classifier) Version() string { return c.version }

// Classify tells whether the user agent is a bot's, and of which kind: the
// first tag of the first rule that matches ("search-engine", "http-library",
// …), "unknown" where that rule has no tag, "empty" for an empty user agent.
// The kind of what is no bot is "". It keeps no reference to userAgent.
func (c *Classifier) Classify(userAgent []byte) (kind string, bot bool) {
	if len(userAgent) == 0 {
		return kindEmpty, true
	}
	if len(userAgent) > cachedBytes {
		return c.matcher.kind(c.matcher.match(userAgent))
	}
	hash := c.cache.hash(userAgent)
	rule, ok := c.cache.get(hash, userAgent)
	if !ok {
		rule = c.matcher.match(userAgent)
		c.cache.put(hash, userAgent, rule)
	}
	return c.matcher.kind(rule)
}
