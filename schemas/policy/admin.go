package policy

import "time"

// Set asks for a new version of an organizer's policy. What is left out stays as
// it is in the version that is in force at From.
type Set struct {
	Organizer     string   `json:"organizer,omitempty"` // slug
	WindowDays    *int     `json:"window_days,omitempty"`
	CutAtEventEnd *bool    `json:"cut_at_event_end,omitempty"`
	Pick          *string  `json:"pick,omitempty"`
	Rules         []string `json:"rules,omitempty"`
	From          string   `json:"from,omitempty"` // a coming day of the organizer's zone, like 2026-12-01; empty: the next
}

// Tenant is the organizer that the request names.
func (s *Set) Tenant() *string { return &s.Organizer }

// On gives the policy that Set asks for, given the one in force; version and
// begin are the caller's to set, and the result is to be validated.
func (s *Set) On(inForce Policy) Policy {
	p := inForce
	if s.WindowDays != nil {
		p.WindowDays = *s.WindowDays
	}
	if s.CutAtEventEnd != nil {
		p.CutAtEventEnd = *s.CutAtEventEnd
	}
	if s.Pick != nil {
		p.Pick = *s.Pick
	}
	if s.Rules != nil {
		p.Rules = s.Rules
	}
	return p
}

// Listed is one version as the API shows it.
type Listed struct {
	Organizer     string     `json:"organizer"` // slug
	Version       int        `json:"version"`
	WindowDays    int        `json:"window_days"`
	CutAtEventEnd bool       `json:"cut_at_event_end"`
	Pick          string     `json:"pick"`
	Rules         []string   `json:"rules"`
	From          *time.Time `json:"from,omitempty"`  // in the organizer's zone; none: from the beginning
	Until         *time.Time `json:"until,omitempty"` // another version is in force from here on; none: no end. Equal to From: never in force
	InForce       bool       `json:"in_force"`        // now
	Words         string     `json:"words"`
}

// List shows a span as of an instant. zone is the organizer's.
func List(organizer string, s Span, zone *time.Location, nowMS int64) Listed {
	p := s.Policy
	l := Listed{
		Organizer: organizer, Version: p.Version, WindowDays: p.WindowDays, CutAtEventEnd: p.CutAtEventEnd, Pick: p.Pick, Rules: p.Rules,
		InForce: s.Holds(nowMS), Words: p.Words(),
	}
	if p.FromMS != 0 {
		from := time.UnixMilli(p.FromMS).In(zone)
		l.From = &from
	}
	if s.UntilMS < unbounded {
		until := time.UnixMilli(s.UntilMS).In(zone)
		if s.UntilMS < 0 {
			until = time.UnixMilli(0).In(zone)
		}
		l.Until = &until
	}
	return l
}

// unbounded is later than every date that can be written: the year 10000.
const unbounded = 253_402_300_800_000
