package policy

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPolicyThatCantBeFollowedIsRefused(t *testing.T) {
	p := Default()
	if err := p.Validate(); err != nil || p.Version != 1 || p.WindowDays != 30 || p.Pick != "last" || !p.CutAtEventEnd || len(p.Rules) != 4 {
		t.Fatalf("default %+v, %v", p, err)
	}
	for name, c := range map[string]struct{ text, field string }{
		"no JSON":       {`{`, ""},
		"two":           {`{"version":2,"window_days":30,"pick":"last","rules":["click_id"]} {}`, ""},
		"unknown field": {`{"version":2,"window_days":30,"pick":"last","rules":["click_id"],"luck":1}`, ""},
		"version":       {`{"version":0,"window_days":30,"pick":"last","rules":["click_id"]}`, "version"},
		"from":          {`{"version":2,"from_ms":-1,"window_days":30,"pick":"last","rules":["click_id"]}`, "from_ms"},
		"window":        {`{"version":2,"window_days":0,"pick":"last","rules":["click_id"]}`, "window_days"},
		"long window":   {`{"version":2,"window_days":3651,"pick":"last","rules":["click_id"]}`, "window_days"},
		"pick":          {`{"version":2,"window_days":30,"pick":"best","rules":["click_id"]}`, "pick"},
		"no rule":       {`{"version":2,"window_days":30,"pick":"last","rules":[]}`, "rules"},
		"unknown rule":  {`{"version":2,"window_days":30,"pick":"last","rules":["luck"]}`, "rules"},
		"rule twice":    {`{"version":2,"window_days":30,"pick":"last","rules":["click_id","click_id"]}`, "rules"},
	} {
		_, err := Parse([]byte(c.text))
		field, ok := errors.AsType[*FieldError](err)
		if !errors.Is(err, ErrPolicy) || ok != (c.field != "") || ok && field.Field != c.field {
			t.Errorf("%s: %v, want ErrPolicy of field %q", name, err, c.field)
		}
	}
}

func TestExactlyOneVersionIsInForceAtEveryInstant(t *testing.T) {
	of := func(version int, fromMS int64) Policy {
		p := Default()
		p.Version, p.FromMS = version, fromMS
		return p
	}
	for name, c := range map[string]struct {
		versions []Policy
		at       map[int64]int
	}{
		"none set":     {nil, map[int64]int{-5: 1, 0: 1, 1000: 1, math.MaxInt64 - 1: 1}},
		"another":      {[]Policy{of(1, 0), of(2, 100)}, map[int64]int{-5: 1, 99: 1, 100: 2, 1000: 2}},
		"one between":  {[]Policy{of(1, 0), of(2, 100), of(3, 50)}, map[int64]int{49: 1, 50: 3, 99: 3, 100: 2}},
		"one replaced": {[]Policy{of(1, 0), of(2, 100), of(3, 100)}, map[int64]int{99: 1, 100: 3, 101: 3}},
		"default gone": {[]Policy{of(2, 0)}, map[int64]int{-5: 2, 0: 2, 7: 2}},
		"without 1":    {[]Policy{of(2, 100)}, map[int64]int{99: 1, 100: 2}},
	} {
		spans := Spans(c.versions)
		if !slices.IsSortedFunc(spans, func(a, b Span) int { return a.Policy.Version - b.Policy.Version }) {
			t.Errorf("%s: not in the order of versions: %+v", name, spans)
		}
		for at, want := range c.at {
			var got []int
			for _, s := range spans {
				if s.Holds(at) {
					got = append(got, s.Policy.Version)
				}
			}
			if !slices.Equal(got, []int{want}) {
				t.Errorf("%s: at %d versions %v are in force, want %d", name, at, got, want)
			}
		}
	}
}

func TestNewVersionKeepsWhatItDoesNotName(t *testing.T) {
	window, pick := 7, PickFirst
	p := (&Set{WindowDays: &window, Pick: &pick}).On(Default())
	if p.WindowDays != 7 || p.Pick != PickFirst || !p.CutAtEventEnd || len(p.Rules) != 4 {
		t.Errorf("%+v", p)
	}
	cut := false
	p = (&Set{CutAtEventEnd: &cut, Rules: []string{RuleVisitor}}).On(p)
	if p.WindowDays != 7 || p.CutAtEventEnd || !slices.Equal(p.Rules, []string{RuleVisitor}) {
		t.Errorf("%+v", p)
	}
	zone := time.FixedZone("zone", 3600)
	p.Version, p.FromMS = 2, 86_400_000
	spans := Spans([]Policy{Default(), p})
	first, second := List("acme", spans[0], zone, 0), List("acme", spans[1], zone, 0)
	if !first.InForce || second.InForce || first.From != nil || second.Until != nil || !first.Until.Equal(*second.From) {
		t.Errorf("%+v\n%+v", first, second)
	}
	if !strings.Contains(first.Words, "click_id, then affiliate, then coupon, then visitor, else direct; the last visit wins; window 30 days, cut at the event's end") {
		t.Error(first.Words)
	}
}
