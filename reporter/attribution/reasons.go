package attribution

import "footfall/schemas/reports"

// Reasons that the statements do not name themselves, or that Go looks at.
const (
	reasonValid     = "valid"
	reasonOutranked = "outranked"
)

// why puts the reason of a candidate into a sentence.
func why(c, winner *reports.Candidate) string {
	switch c.Reason {
	case reasonValid:
		switch {
		case c.Rule == RuleAffiliate:
			return "wins: the tracking code was given on the order and active at the order's time"
		case c.RowFound != nil && !*c.RowFound:
			return "wins: the click id verifies and is within the window; the visit's row is not in the lake, so the id alone credits"
		}
		return "wins: the click id verifies, event and organizer match, and it is within the window"
	case reasonOutranked:
		return "lost: rule " + winner.Rule + " comes before " + c.Rule + " in the policy"
	}
	if text, ok := refusals()[c.Reason]; ok {
		return "refused: " + text
	}
	return "refused: " + c.Reason
}

func refusals() map[string]string {
	return map[string]string{
		"malformed":       "it is not a click id",
		"forged":          "its signature does not verify",
		"unknown_key":     "it names a key that this installation does not have",
		"expired_key":     "its key had ended when it was minted",
		"other_organizer": "the click was on another organizer's event",
		"other_event":     "the click was on another event",
		"test":            "the click was a test",
		"ended":           "the event had ended at the click",
		"no_code":         "the click came without a tracking code",
		"visit_lost":      "the click came with a code unknown at the time, and its row, which holds the text, is not in the lake",
		"unknown_code":    "the text was no tracking code at the time",
		"paused":          "the tracking code was paused at the time",
		"outside_window":  "the order came after the window",
		"after_event":     "the order came after the event's end",
		"not_active_yet":  "the tracking code did not exist yet at the order's time",
		"ruled_out":       "the order's own click id names this code and was refused",
	}
}
