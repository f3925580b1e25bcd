// Package policy is the shape of an attribution policy: how an organizer's orders
// are credited. It is data, versioned and dated, between the catalog that keeps
// it, the API that shows it and the part that credits by it.
//
// Invariant: a version never changes once it was set; of an organizer's versions
// exactly one is in force at every instant. Version 1 is the built-in default, in
// force from the beginning until another one is.
//
// It refuses a rule that it doesn't know, and knows no organizer, no order and
// no zone: what a day's midnight is, the catalog says.
package policy

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// ErrPolicy is wrapped by every error about a policy that can't be followed.
var ErrPolicy = errors.New("policy can't be followed")

// FieldError says which field of a policy is wrong. It wraps ErrPolicy.
type FieldError struct {
	Field  string // as in JSON
	Detail string // a sentence with what is allowed
}

// Error gives the sentence.
func (e *FieldError) Error() string { return e.Field + ": " + e.Detail }

// Unwrap gives ErrPolicy.
func (e *FieldError) Unwrap() error { return ErrPolicy }

// The rules that a policy may name.
const (
	RuleClickID   = "click_id"  // the visit of the click id that the order carries
	RuleAffiliate = "affiliate" // the tracking code given on the order
	RuleCoupon    = "coupon"    // the tracking code that the order's coupon is bound to
	RuleVisitor   = "visitor"   // an earlier visit of the order's visitor, by the cookie's key
)

// Rules are all of them, in the default's order.
func Rules() []string { return []string{RuleClickID, RuleAffiliate, RuleCoupon, RuleVisitor} }

// Which of several visits that one rule finds is credited.
const (
	PickFirst = "first"
	PickLast  = "last"
)

// Bounds.
const (
	// MaxWindowDays is ten years: longer than an event is ever on sale.
	MaxWindowDays = 3650
	// MaxVersions of one organizer: one a day for three years.
	MaxVersions = 1000
	// DayMS is a day of the window: 24 hours, whatever the clocks do.
	DayMS = 24 * 60 * 60 * 1000
)

// Policy is how orders are credited.
type Policy struct {
	Version       int      `json:"version"`          // from 1, rising; unique in its organizer
	FromMS        int64    `json:"from_ms"`          // orders dated from here on; 0: from the beginning
	WindowDays    int      `json:"window_days"`      // a visit credits orders up to so many times 24 hours later
	CutAtEventEnd bool     `json:"cut_at_event_end"` // and none from the event's end on
	Pick          string   `json:"pick"`             // first or last of the visits that one rule finds
	Rules         []string `json:"rules"`            // strongest first; what isn't named credits nothing
}

// Default is version 1 of every organizer.
func Default() Policy {
	return Policy{Version: 1, WindowDays: 30, CutAtEventEnd: true, Pick: PickLast, Rules: Rules()}
}

// Parse reads and checks a policy. The error wraps ErrPolicy.
func Parse(text []byte) (Policy, error) {
	var p Policy
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Policy{}, fmt.Errorf("reading policy: %w: %w", ErrPolicy, err)
	}
	if d.More() {
		return Policy{}, fmt.Errorf("reading policy: %w: something stands behind it", ErrPolicy)
	}
	if err := p.Validate(); err != nil {
		return Policy{}, fmt.Errorf("checking policy: %w", err)
	}
	return p, nil
}

// Validate says what can't be followed, as a *FieldError.
func (p *Policy) Validate() error {
	wrong := func(field, format string, args ...any) error {
		return &FieldError{Field: field, Detail: fmt.Sprintf(format, args...)}
	}
	switch {
	case p.Version < 1 || p.Version > MaxVersions:
		return wrong("version", "%d is not a version: want 1 to %d", p.Version, MaxVersions)
	case p.FromMS < 0:
		return wrong("from_ms", "%d is before 1970", p.FromMS)
	case p.WindowDays < 1 || p.WindowDays > MaxWindowDays:
		return wrong("window_days", "%d days: want 1 to %d", p.WindowDays, MaxWindowDays)
	case p.Pick != PickFirst && p.Pick != PickLast:
		return wrong("pick", "%q: want %s or %s", p.Pick, PickFirst, PickLast)
	case len(p.Rules) == 0:
		return wrong("rules", "no rule is given: want some of %s, strongest first", strings.Join(Rules(), ", "))
	}
	for i, rule := range p.Rules {
		if !slices.Contains(Rules(), rule) {
			return wrong("rules", "rule %q is not known: want some of %s", rule, strings.Join(Rules(), ", "))
		}
		if slices.Contains(p.Rules[:i], rule) {
			return wrong("rules", "rule %q is named twice", rule)
		}
	}
	return nil
}

// WindowMS is the window in milliseconds.
func (p *Policy) WindowMS() int64 { return int64(p.WindowDays) * DayMS }

// Has says whether the policy names a rule.
func (p *Policy) Has(rule string) bool { return slices.Contains(p.Rules, rule) }

// Words gives the policy as a sentence, without its version and dates.
func (p *Policy) Words() string {
	text := fmt.Sprintf("%s, else direct; the %s visit wins; window %s",
		strings.Join(p.Rules, ", then "), p.Pick, days(p.WindowDays))
	if p.CutAtEventEnd {
		text += ", cut at the event's end"
	}
	return text
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

// Span is when a version is in force: for orders dated from FromMS to before
// UntilMS, in milliseconds. Equal ends: never, another one replaced it.
type Span struct {
	Policy  Policy
	FromMS  int64
	UntilMS int64
}

// Holds says whether the version is in force at an instant.
func (s *Span) Holds(atMS int64) bool { return atMS >= s.FromMS && atMS < s.UntilMS }

// Spans says when each of an organizer's versions is in force, in the order of
// their versions. At an instant it is, of those that have begun, the one that
// began last, and of those that begin together the highest version. Without a
// version 1 the default stands in for it.
func Spans(versions []Policy) []Span {
	list := slices.Clone(versions)
	if !slices.ContainsFunc(list, func(p Policy) bool { return p.Version == 1 }) {
		list = append(list, Default())
	}
	slices.SortFunc(list, func(a, b Policy) int {
		return cmp.Or(cmp.Compare(a.FromMS, b.FromMS), cmp.Compare(a.Version, b.Version))
	})
	spans := make([]Span, len(list))
	for i, p := range list {
		spans[i] = Span{Policy: p, FromMS: p.FromMS, UntilMS: math.MaxInt64}
		if p.FromMS == 0 {
			spans[i].FromMS = math.MinInt64
		}
		if i > 0 {
			spans[i-1].UntilMS = spans[i].FromMS
		}
	}
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.Policy.Version, b.Policy.Version) })
	return spans
}
