package attribution

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

//go:embed policy.json
var defaultPolicy []byte

// Policy is how orders are credited: data, versioned, never code.
type Policy struct {
	Version       int      `json:"version"`
	WindowDays    int      `json:"window_days"`      // a visit credits orders up to so many times 24 hours later
	CutAtEventEnd bool     `json:"cut_at_event_end"` // and none after the event's end
	Pick          string   `json:"pick"`             // first or last of the visits that one rule finds
	Rules         []string `json:"rules"`            // strongest first
}

// The rules that a policy may name.
const (
	RuleClickID   = "click_id"
	RuleAffiliate = "affiliate"
)

// DefaultPolicy is the policy of an installation that has set none.
func DefaultPolicy() (Policy, error) { return ParsePolicy(defaultPolicy) }

// ParsePolicy reads and checks a policy. The error wraps ErrPolicy.
func ParsePolicy(text []byte) (Policy, error) {
	var p Policy
	if err := json.Unmarshal(text, &p); err != nil {
		return Policy{}, fmt.Errorf("reading policy: %w: %w", ErrPolicy, err)
	}
	known := []string{RuleClickID, RuleAffiliate}
	switch {
	case p.Version < 1:
		return Policy{}, fmt.Errorf("checking policy: %w: version %d", ErrPolicy, p.Version)
	case p.WindowDays < 1 || p.WindowDays > 3650:
		return Policy{}, fmt.Errorf("checking policy: %w: window of %d days, want 1 to 3650", ErrPolicy, p.WindowDays)
	case p.Pick != "first" && p.Pick != "last":
		return Policy{}, fmt.Errorf("checking policy: %w: pick %q, want first or last", ErrPolicy, p.Pick)
	case len(p.Rules) == 0:
		return Policy{}, fmt.Errorf("checking policy: %w: no rule", ErrPolicy)
	}
	for i, rule := range p.Rules {
		if !slices.Contains(known, rule) || slices.Contains(p.Rules[:i], rule) {
			return Policy{}, fmt.Errorf("checking policy: %w: rule %q unknown or twice, want some of %s", ErrPolicy, rule, strings.Join(known, ", "))
		}
	}
	return p, nil
}

// Words gives the policy as a sentence.
func (p Policy) Words() string {
	text := fmt.Sprintf("version %d: %s, then the order is direct; %s visit wins; window %d days",
		p.Version, strings.Join(p.Rules, ", then "), p.Pick, p.WindowDays)
	if p.CutAtEventEnd {
		text += ", cut at the event's end"
	}
	return text
}
