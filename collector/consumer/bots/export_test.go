package bots

import "regexp"

// Oracle is the list's definition: every expression, one by one, in order.
type Oracle struct {
	rules       []rule
	expressions []*regexp.Regexp
}

func NewOracle() (*Oracle, error) {
	rules, err := parseRules(rulesJSON)
	if err != nil {
		return nil, err
	}
	o := &Oracle{rules: rules}
	for _, r := range rules {
		compiled, err := regexp.Compile(r.pattern)
		if err != nil {
			return nil, err
		}
		o.expressions = append(o.expressions, compiled)
	}
	return o, nil
}

func (o *Oracle) Classify(userAgent []byte) (kind string, bot bool) {
	if len(userAgent) == 0 {
		return kindEmpty, true
	}
	for i, e := range o.expressions {
		if e.Match(userAgent) {
			return o.rules[i].kind, true
		}
	}
	return "", false
}

func (o *Oracle) Patterns() []string {
	patterns := make([]string, len(o.rules))
	for i, r := range o.rules {
		patterns[i] = r.pattern
	}
	return patterns
}

// Uncached classifies without the cache.
func (c *Classifier) Uncached(userAgent []byte) (kind string, bot bool) {
	if len(userAgent) == 0 {
		return kindEmpty, true
	}
	return c.matcher.kind(c.matcher.match(userAgent))
}

// Shape counts what the classifier was built of.
func (c *Classifier) Shape() (tableBytes, expressions, always int) {
	a := c.matcher.literals
	for bit := c.matcher.always; bit != 0; bit &= bit - 1 {
		always++
	}
	return 2*len(a.rows) + 6*len(a.links), len(c.matcher.expressions), always
}

// ForgetAnchors takes away the check of where a text stands.
func (c *Classifier) ForgetAnchors() {
	for i := range c.matcher.literals.outputs {
		c.matcher.literals.outputs[i].begin = false
		c.matcher.literals.outputs[i].end = false
	}
}

// CollideInCache keeps first, then asks for second under the same hash.
func (c *Classifier) CollideInCache(first, second []byte) (kind string, bot, ok bool) {
	c.cache.put(7, first, c.matcher.match(first))
	rule, ok := c.cache.get(7, second)
	if !ok {
		return "", false, false
	}
	kind, bot = c.matcher.kind(rule)
	return kind, bot, true
}

// CacheEntries counts what the cache holds and may hold.
func (c *Classifier) CacheEntries() (held, room int) {
	for i := range c.cache.shards {
		for j := range c.cache.shards[i].sets {
			for _, e := range c.cache.shards[i].sets[j] {
				room++
				if e.userAgent != "" {
					held++
				}
			}
		}
	}
	return held, room
}

// Kinds reads the kinds of a list.
func Kinds(text []byte) (kinds []string, err error) {
	rules, err := parseRules(text)
	for _, r := range rules {
		kinds = append(kinds, r.kind)
	}
	return kinds, err
}

// ParseRules reads a list that is not the built-in one.
func ParseRules(text []byte) error {
	rules, err := parseRules(text)
	if err != nil {
		return err
	}
	_, err = newMatcher(rules)
	return err
}

// FromRules builds a classifier of patterns, each its own kind.
func FromRules(patterns ...string) (*Classifier, error) {
	rules := make([]rule, len(patterns))
	for i, p := range patterns {
		rules[i] = rule{pattern: p, kind: p}
	}
	m, err := newMatcher(rules)
	return &Classifier{matcher: m, cache: newCache()}, err
}
