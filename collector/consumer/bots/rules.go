package bots

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp/syntax"
)

const (
	listName    = "crawler-user-agents"
	listVersion = "1.60.0" // of the npm package; README.md says how to change it

	kindUnknown = "unknown" // a rule without a tag

	// maxRules keeps a rule's number within the int16 of a cache entry.
	maxRules = 1<<15 - 1
)

var (
	errEmptyList    = errors.New("the list has no rules")
	errTooManyRules = fmt.Errorf("the list has more than %d rules", maxRules)
	errEmptyPattern = errors.New("the pattern is empty and would match everything")
)

// rule is one entry of the list.
type rule struct {
	pattern string
	kind    string
}

// parseRules reads the list's JSON.
func parseRules(text []byte) ([]rule, error) {
	var entries []struct {
		Pattern string   `json:"pattern"`
		Tags    []string `json:"tags"`
	}
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, fmt.Errorf("reading the bot list: %w", err)
	}
	if len(entries) == 0 {
		return nil, errEmptyList
	}
	if len(entries) > maxRules {
		return nil, errTooManyRules
	}
	rules := make([]rule, len(entries))
	for i, entry := range entries {
		if entry.Pattern == "" {
			return nil, &RuleError{Rule: i, Err: errEmptyPattern}
		}
		rules[i] = rule{pattern: entry.Pattern, kind: kindUnknown}
		if len(entry.Tags) > 0 && entry.Tags[0] != "" {
			rules[i].kind = entry.Tags[0]
		}
	}
	return rules, nil
}

// parsePattern reads one regular expression as package regexp would.
func parsePattern(pattern string) (*syntax.Regexp, error) {
	return syntax.Parse(pattern, syntax.Perl)
}
