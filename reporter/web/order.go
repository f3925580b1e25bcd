package web

import (
	"net/url"

	"footfall/schemas/reports"
)

// explained is the page of an order.
type explained struct {
	*reports.Explanation
	Amount string
	Zone   string
	Losers []reports.Candidate
	Taken  []refund
}

type refund struct {
	reports.ExplainedRefund
	Amount string
}

func (w *Web) showOrder(a *ask) error {
	q := url.Values{}
	if asOf := a.URL.Query().Get("as_of"); asOf != "" {
		q.Set("as_of", asOf)
	}
	e, err := w.deps.Reports.Explain(a.Context(), a.organizer.Slug, a.PathValue("id"), q)
	if err != nil {
		return err
	}
	page := explained{Explanation: e, Amount: decimal(e.Sales, e.Decimals) + " " + e.Currency, Zone: a.organizer.Zone}
	for _, c := range e.Candidates {
		if !c.Wins {
			page.Losers = append(page.Losers, c)
		}
	}
	for _, r := range e.Refunds {
		page.Taken = append(page.Taken, refund{r, decimal(r.Amount, r.Decimals) + " " + r.Currency})
	}
	return w.page(a, "order", frame{Title: "Order " + e.OrderID, Body: page})
}
