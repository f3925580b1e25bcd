package bots

import "fmt"

// RuleError is a rule of the list that cannot be used.
type RuleError struct {
	Rule    int // from 0, in the list's order
	Pattern string
	Err     error
}

func (e *RuleError) Error() string {
	return fmt.Sprintf("reading rule %d (%q) of the bot list: %v", e.Rule, e.Pattern, e.Err)
}

func (e *RuleError) Unwrap() error { return e.Err }
