package attribution

import (
	"fmt"

	"footfall/schemas/policy"
	"footfall/schemas/reports"
)

// Reasons that the statements do not name themselves, or that Go looks at.
const (
	reasonValid     = "valid"
	reasonOutranked = "outranked"     // a stronger rule credits
	reasonNotPicked = "not_picked"    // of the visits of one rule another one is first, or last
	reasonNotNamed  = "not_in_policy" // the policy doesn't name the rule
)

// lost gives the reason of a candidate; one that would do but for another, or but
// for the policy, has lost.
func lost(c, winner *reports.Candidate, unnamed bool) string {
	switch {
	case c.Wins || c.Reason != reasonValid:
		return c.Reason
	case unnamed:
		return reasonNotNamed
	case winner != nil && winner.Rule == c.Rule:
		return reasonNotPicked
	}
	return reasonOutranked
}

// why puts the reason of a candidate into a sentence.
func (n *run) why(c *reports.Candidate, e *reports.Explanation) string {
	switch c.Reason {
	case reasonValid:
		return "wins: " + winning(c)
	case reasonOutranked:
		return "lost: rule " + e.Winner.Rule + " comes before " + c.Rule + " in the policy"
	case reasonNotNamed:
		return fmt.Sprintf("lost: policy version %d has no rule %s", e.PolicyVersion, c.Rule)
	case reasonNotPicked:
		if c.ClickedAt.After(*e.Winner.ClickedAt) {
			return "lost: the visitor's first visit wins, and this one is later"
		}
		if c.ClickedAt.Before(*e.Winner.ClickedAt) {
			return "lost: the visitor's last visit wins, and this one is earlier"
		}
		return "lost: it was in the same millisecond as the one that wins, and its place in the log decides"
	}
	if text, ok := refusals()[c.Reason]; ok {
		return "refused: " + text
	}
	return "refused: " + c.Reason
}

func winning(c *reports.Candidate) string {
	switch c.Rule {
	case policy.RuleAffiliate:
		return "the tracking code was given on the order and active at the order's time"
	case policy.RuleCoupon:
		return "the coupon was bound to the tracking code, and that was active, at the order's time"
	case policy.RuleVisitor:
		return "it is a visit by the order's visitor, by the cookie, and within the window"
	}
	if c.RowFound != nil && !*c.RowFound {
		return "the click id verifies and is within the window; the visit's row is not in the lake, so the id alone credits"
	}
	return "the click id verifies, event and organizer match, and it is within the window"
}

func refusals() map[string]string {
	return map[string]string{
		"malformed":             "it is not a click id",
		"forged":                "its signature does not verify",
		"unknown_key":           "it names a key that this installation does not have",
		"expired_key":           "its key had ended when it was minted",
		"other_organizer":       "the click was on another organizer's event",
		"other_event":           "it is of another event than the order",
		"test":                  "the click was a test",
		"ended":                 "the event had ended at the click",
		"no_code":               "the click came without a tracking code",
		"visit_lost":            "the click came with a code unknown at the time, and its row, which holds the text, is not in the lake",
		"unknown_code":          "the text was no tracking code at the time",
		"paused":                "the tracking code was paused at the time",
		"outside_window":        "the order came after the window",
		"after_event":           "the order came after the event's end",
		"not_active_yet":        "the tracking code did not exist yet at the order's time",
		"unknown_coupon":        "no such coupon is bound to a tracking code",
		"coupon_not_active_yet": "the coupon was not bound to a tracking code yet at the order's time",
		"coupon_ended":          "the coupon's binding had ended at the order's time",
		"ruled_out":             "the order's own click id names this code and was refused",
	}
}

// refundWhy puts the status of a refund into a sentence.
func refundWhy(status, why string) string {
	switch status {
	case "taken":
		return "it counts"
	case "waiting":
		return "its order is not completed: it counts as soon as it is"
	case "cancelled":
		return "its order is cancelled and in no figure, so the refund is in none"
	case "test":
		return "its order is a test and in no figure, so the refund is in none"
	case "repeated":
		return "the same refund came again"
	case "conflict":
		return "the same id came before with other content, and the first one counts"
	}
	switch why {
	case "other_currency":
		return "it is in another currency than its order"
	case "unknown_line":
		return "it is for a line that the order does not have"
	case "nothing_left":
		return "nothing is left of the order"
	}
	return "it asks for more than is left of a line"
}
