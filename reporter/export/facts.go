package export

import (
	"strconv"
	"strings"

	"footfall/schemas/reports"
)

// fact is one thing that a report was asked or stands on, for people.
type fact struct{ name, value string }

// factsOf is what a report of so many rows was asked and what it stands on.
func factsOf(t *reports.Table, rows int64) []fact {
	f := t.Facts
	var list []fact
	add := func(name, value string) {
		if value != "" {
			list = append(list, fact{name, value})
		}
	}
	if f.Basis != "" {
		add("Report by", f.By)
	} else {
		add("Answer to", f.By)
	}
	add("Organizer", f.Organizer)
	add("Event", f.Event)
	add("Affiliate", f.Affiliate)
	add("Code", f.Code)
	add("Where", f.Where)
	add("Basis", basisText(f))
	add("Sorted by", f.Sort)
	add("Range", rangeText(f))
	if f.Compare != "" {
		add("Compared with", compareText(f))
	}
	add("Zone", f.Zone)
	add("Rows", decimal(rows, 0, ","))
	if t.AllRows > rows {
		add("Rows before the limit", decimal(t.AllRows, 0, ","))
	}
	add("As of", asOfText(f.AsOfUS))
	add("As of, to ask again", "--as-of "+strconv.FormatInt(f.AsOfUS, 10))
	add("Settled", settledText(f))
	add("Catalog", f.CatalogRevision)
	add("Attribution policy", policyText(f))
	add("Bot rules", rulesText(f))
	return list
}

// rulesText is empty of a list or a statement, which don't say whether they looked at
// visits.
func rulesText(f reports.Facts) string {
	if len(f.BotRules) == 0 && f.Basis == "" {
		return ""
	}
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

func basisText(f reports.Facts) string {
	if f.Basis == "" {
		return ""
	}
	return "by " + f.Basis
}

// compareText names the range that the columns ending in _before are of.
func compareText(f reports.Facts) string {
	before := f
	before.FromMS, before.ToMS = f.BeforeFromMS, f.BeforeToMS
	name := "previous range"
	switch {
	case f.Compare == "year":
		name = "range of a year before"
	case f.Compare != "previous":
		name = "range"
	}
	return name + ": " + rangeText(before)
}

// policyText names the versions of the attribution policy that credited; empty where
// nothing was credited.
func policyText(f reports.Facts) string {
	versions := f.PolicyVersions
	if len(versions) == 0 && f.PolicyVersion == 0 {
		return ""
	}
	if len(versions) == 0 {
		versions = []int{f.PolicyVersion}
	}
	list := make([]string, len(versions))
	for i, v := range versions {
		list[i] = strconv.Itoa(v)
	}
	text := strings.Join(list, ", ")
	if f.WhatIf {
		text += " for every order (what if)"
	}
	return text
}
