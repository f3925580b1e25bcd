package export

import (
	"strconv"
	"strings"

	"footfall/schemas/reports"
)

// fact is one thing that a report was asked or stands on, for people.
type fact struct{ name, value string }

// factsOf is what a report was asked and what it stands on.
func factsOf(t *reports.Table) []fact {
	f := t.Facts
	var list []fact
	add := func(name, value string) {
		if value != "" {
			list = append(list, fact{name, value})
		}
	}
	add("Report by", f.By)
	add("Organizer", f.Organizer)
	add("Event", f.Event)
	add("Affiliate", f.Affiliate)
	add("Code", f.Code)
	add("Basis", "by "+f.Basis)
	add("Sorted by", f.Sort)
	add("Range", rangeText(f))
	add("Zone", f.Zone)
	add("Rows", decimal(t.AllRows, 0, ","))
	add("As of", asOfText(f.AsOfUS))
	add("As of, to ask again", "--as-of "+strconv.FormatInt(f.AsOfUS, 10))
	add("Settled", settledText(f))
	add("Catalog", f.CatalogRevision)
	add("Attribution policy", strconv.Itoa(f.PolicyVersion))
	add("Bot rules", rulesText(f))
	return list
}

func rulesText(f reports.Facts) string {
	if len(f.BotRules) == 0 {
		return "none (no visits)"
	}
	return strings.Join(f.BotRules, ", ")
}

// settledText says that a report is settled where it was asked for only if it is:
// then it stays so. Whether another one is settled changes with time, and its file
// doesn't.
func settledText(f reports.Facts) string {
	if f.Settled {
		return "yes: nothing known at or before this as-of can change any more"
	}
	return "not stated, since that changes with time and this file doesn't: ask with --settled, or with --as-of for what is true now"
}
