package export

import (
	"fmt"
	"io"
	"strings"
	"time"

	"footfall/schemas/reports"
)

// WriteExplanation writes why an order is credited as it is, as text (table) or
// JSON. The error is ErrFormat or w's.
func WriteExplanation(w io.Writer, format string, e *reports.Explanation) error {
	switch format {
	case FormatJSON:
		return encode(w, e)
	case FormatTable:
		_, err := io.WriteString(w, explanationText(e))
		if err != nil {
			return fmt.Errorf("writing the explanation: %w", err)
		}
		return nil
	}
	return fmt.Errorf("explanations are table or json: %w, not %q", ErrFormat, format)
}

func explanationText(e *reports.Explanation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "order %s of %s, event %s\n", safe(e.OrderID), e.Organizer, e.Event)
	fmt.Fprintf(&b, "%s, version %d, ordered %s, %s, %s", e.State, e.Version, stamp(e.Ordered), tickets(e.Tickets), amount(e.Sales, e.Decimals, e.Currency))
	if e.Test {
		b.WriteString(", a test order: in no figure")
	}
	b.WriteString("\n\n")
	if e.WhatIf() {
		fmt.Fprintf(&b, "what if policy version %d credited it: version %d is in force at its date\n", e.PolicyVersion, e.PolicyInForce)
	}
	writeCandidates(&b, e)
	b.WriteString("\nversions received\n")
	for _, v := range e.Versions {
		fmt.Fprintf(&b, "  version %d %s: %s, known %s, collector %d, fingerprint %s\n", v.Version, v.State, v.Status, asOfText(v.KnownAt.UnixMicro()), v.Collector, v.Fingerprint)
	}
	if e.VersionsLeftOut > 0 {
		fmt.Fprintf(&b, "  and %s more\n", decimal(e.VersionsLeftOut, 0, ","))
	}
	if len(e.Refunds) > 0 {
		b.WriteString("\nrefunds received\n")
	}
	for _, r := range e.Refunds {
		fmt.Fprintf(&b, "  %s on %s, %s, %s\n     %s: %s\n", safe(r.ID), stamp(r.Refunded), tickets(r.Tickets), amount(r.Amount, r.Decimals, r.Currency),
			strings.ReplaceAll(r.Status, "_", " "), r.Why)
	}
	if e.RefundsLeftOut > 0 {
		fmt.Fprintf(&b, "  and %s more\n", decimal(e.RefundsLeftOut, 0, ","))
	}
	fmt.Fprintf(&b, "\npolicy version %d: %s\n", e.PolicyVersion, e.Policy)
	if e.WhatIf() {
		fmt.Fprintf(&b, "in force at the order's date, version %d: %s\n", e.PolicyInForce, e.PolicyInForceWords)
	}
	fmt.Fprintf(&b, "catalog %s, as of %s\n", e.CatalogRevision, asOfText(e.AsOfUS))
	return b.String()
}

func writeCandidates(b *strings.Builder, e *reports.Explanation) {
	if e.Winner == nil {
		b.WriteString("credited to: nobody (direct)\n")
	} else {
		fmt.Fprintf(b, "credited to: %s\n", who(*e.Winner))
	}
	if len(e.Candidates) == 0 {
		b.WriteString("  no candidate: the order has neither a click id nor a code, and its visitor is not known\n")
	}
	for i, c := range e.Candidates {
		fmt.Fprintf(b, "  %d. %s %s: %s\n", i+1, c.Rule, safe(c.Given), who(c))
		if c.ClickedAt != nil {
			fmt.Fprintf(b, "     clicked %s, visit %s\n", stamp(*c.ClickedAt), c.Visit)
		}
		fmt.Fprintf(b, "     %s\n", c.Why)
	}
	if e.MoreCandidates {
		b.WriteString("  and more visits of the visitor, none of which wins\n")
	}
}

func tickets(n int64) string {
	if n == 1 {
		return "1 ticket"
	}
	return decimal(n, 0, ",") + " tickets"
}

func amount(n int64, decimals int, currency string) string {
	return decimal(n, decimals, ",") + " " + currency
}

func who(c reports.Candidate) string {
	switch {
	case c.Affiliate != "":
		return fmt.Sprintf("%s (affiliate %d), code %s", safe(c.Affiliate), c.AffiliateID, safe(c.Code))
	case c.AffiliateID != 0:
		return fmt.Sprintf("affiliate %d, code %s", c.AffiliateID, safe(c.Code))
	case c.CodeID != 0:
		return fmt.Sprintf("code %d, which the catalog doesn't know", c.CodeID)
	}
	return "no tracking code"
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z") }
