package reporter

import (
	"context"
	"net/url"
	"strconv"

	"footfall/reporter/attribution"
	"footfall/reporter/report"
	"footfall/schemas/admin"
	"footfall/schemas/reports"
)

// Exceptions lists what a person should look at.
func (a answers) Exceptions(ctx context.Context, parameters url.Values, deliver func(context.Context, *reports.Table) error) error {
	question := attribution.Exceptions{Range: report.Range}
	for name, given := range parameters {
		var err error
		switch {
		case len(given) > 1:
			err = admin.Refuse(admin.Invalid, "/"+name, "%s is given more than once", name)
		case name == "organizer":
			question.Organizer = given[0]
		case name == "kind":
			question.Kind = given[0]
		case name == "from":
			question.From = given[0]
		case name == "to":
			question.To = given[0]
		case name == "as_of":
			question.AsOfUS, err = report.ParseAsOf(given[0])
		case name == "limit":
			question.Limit, err = strconv.Atoi(given[0])
			if err != nil || question.Limit < 1 {
				err = admin.Refuse(admin.Invalid, "/limit", "limit is %q: want a number of rows from 1 on", given[0])
			}
		default:
			err = admin.Refuse(admin.Invalid, "/"+name, "unknown parameter %q: want organizer, from, to, kind, limit, as_of, format, bom or raw", name)
		}
		if err != nil {
			return err
		}
	}
	return refusedAtLimit(a.credits.Exceptions(ctx, a.lake, question, deliver))
}
