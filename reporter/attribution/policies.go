package attribution

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"footfall/schemas/admin"
	"footfall/schemas/policy"
	"footfall/schemas/reports"
)

const ruleVisitor = policy.RuleVisitor

// policies are an organizer's at one as-of, and which of them credit.
type policies struct {
	spans   []policy.Span // every version
	credits []policy.Span // those that credit: one for all dates where a version was asked for
}

// readPolicies reads an organizer's policies from the catalog's tables. Where
// there is none it is the default.
func readPolicies(ctx context.Context, conn *sql.Conn, ask reports.Crediting) (p *policies, err error) {
	rows, err := conn.QueryContext(ctx, `SELECT p.version, p.from_ms, p.until_ms, p.window_ms, p.cut, p.pick, r.rule
		FROM policies p LEFT JOIN policy_rules r ON r.organizer_id = p.organizer_id AND r.version = p.version
		WHERE p.organizer_id = ? ORDER BY p.version, r.rank`, ask.Organizer)
	if err != nil {
		return nil, fmt.Errorf("reading policies: %w", err)
	}
	defer func() { _ = rows.Close() }()
	p = &policies{}
	for rows.Next() {
		var s policy.Span
		var windowMS int64
		var rule sql.NullString
		if err := rows.Scan(&s.Policy.Version, &s.FromMS, &s.UntilMS, &windowMS, &s.Policy.CutAtEventEnd, &s.Policy.Pick, &rule); err != nil {
			return nil, fmt.Errorf("reading policies: %w", err)
		}
		s.Policy.WindowDays, s.Policy.FromMS = int(windowMS/policy.DayMS), max(s.FromMS, 0)
		if n := len(p.spans); n == 0 || p.spans[n-1].Policy.Version != s.Policy.Version {
			p.spans = append(p.spans, s)
		}
		last := &p.spans[len(p.spans)-1].Policy
		last.Rules = append(last.Rules, rule.String) // a policy without any is refused below
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading policies: %w", err)
	}
	for _, s := range p.spans {
		if err := s.Policy.Validate(); err != nil {
			return nil, fmt.Errorf("reading policies: version %d: %w", s.Policy.Version, err)
		}
	}
	if len(p.spans) == 0 {
		p.spans = policy.Spans(nil)
	}
	return p, p.choose(ask.Policy)
}

// choose takes the version that was asked for, of all dates; 0: each at its own.
func (p *policies) choose(version int) error {
	p.credits = p.spans
	if version == 0 {
		return nil
	}
	known := make([]string, len(p.spans))
	for i, s := range p.spans {
		if s.Policy.Version == version {
			p.credits = []policy.Span{{Policy: s.Policy, FromMS: math.MinInt64, UntilMS: math.MaxInt64}}
			return nil
		}
		known[i] = strconv.Itoa(s.Policy.Version)
	}
	const most = 20
	return admin.Refuse(admin.Invalid, "/policy", "policy version %d is not known at this as-of: there is %s",
		version, strings.Join(known[max(0, len(known)-most):], ", "))
}

// versions are those that credit orders of any date.
func (p *policies) versions() []int {
	var list []int
	for _, s := range p.credits {
		if s.FromMS < s.UntilMS {
			list = append(list, s.Policy.Version)
		}
	}
	return list
}

// at gives the policy in force at an order's date.
func (p *policies) at(orderedMS int64) policy.Policy {
	for _, s := range p.spans {
		if s.Holds(orderedMS) {
			return s.Policy
		}
	}
	return policy.Default()
}

func (p *policies) names(rule string) bool {
	return slices.ContainsFunc(p.credits, func(s policy.Span) bool { return s.Policy.Has(rule) })
}

func (p *policies) longestWindowMS() (longest int64) {
	for _, s := range p.credits {
		longest = max(longest, s.Policy.WindowMS())
	}
	return longest
}

// values are the crediting policies as a table for SQL.
func (p *policies) values() string {
	rows := make([]string, 0, len(p.credits))
	for _, s := range p.credits {
		rank := func(rule string) string {
			if i := slices.Index(s.Policy.Rules, rule); i >= 0 {
				return strconv.Itoa(i)
			}
			return "NULL"
		}
		rows = append(rows, fmt.Sprintf("(%d::BIGINT, %d::BIGINT, %d::BIGINT, %d::BIGINT, %t, %t, %s::BIGINT, %s::BIGINT, %s::BIGINT, %s::BIGINT)",
			s.Policy.Version, max(s.FromMS, -math.MaxInt64), s.UntilMS, s.Policy.WindowMS(), s.Policy.CutAtEventEnd, s.Policy.Pick == policy.PickFirst,
			rank(policy.RuleClickID), rank(policy.RuleAffiliate), rank(policy.RuleCoupon), rank(policy.RuleVisitor)))
	}
	return "(VALUES " + strings.Join(rows, ", ") +
		") p(version, from_ms, until_ms, window_ms, cut, first, click_id_rank, affiliate_rank, coupon_rank, visitor_rank)"
}
