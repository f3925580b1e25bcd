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
	money := func(n int64) string { return decimal(n, e.Decimals, ",") + " " + e.Currency }
	fmt.Fprintf(&b, "order %s of %s, event %s\n", safe(e.OrderID), e.Organizer, e.Event)
	fmt.Fprintf(&b, "%s, version %d, ordered %s, %s tickets, %s", e.State, e.Version, stamp(e.Ordered), decimal(e.Tickets, 0, ","), money(e.Sales))
	if e.Test {
		b.WriteString(", a test order: in no figure")
	}
	b.WriteString("\n\n")
	if e.Winner == nil {
		b.WriteString("credited to: nobody (direct)\n")
	} else {
		fmt.Fprintf(&b, "credited to: %s\n", who(*e.Winner))
	}
	if len(e.Candidates) == 0 {
		b.WriteString("  no candidate: the order has neither a click id nor a code\n")
	}
	for i, c := range e.Candidates {
		fmt.Fprintf(&b, "  %d. %s %s: %s\n", i+1, c.Rule, safe(c.Given), who(c))
		if c.ClickedAt != nil {
			fmt.Fprintf(&b, "     clicked %s, visit %s\n", stamp(*c.ClickedAt), c.Visit)
		}
		fmt.Fprintf(&b, "     %s\n", c.Why)
	}
	b.WriteString("\nversions received\n")
	for _, v := range e.Versions {
		fmt.Fprintf(&b, "  version %d %s: %s, known %s, collector %d, fingerprint %s\n", v.Version, v.State, v.Status, asOfText(v.KnownAt.UnixMicro()), v.Collector, v.Fingerprint)
	}
	if len(e.Refunds) > 0 {
		b.WriteString("\nrefunds received\n")
	}
	for _, r := range e.Refunds {
		fmt.Fprintf(&b, "  %s on %s: %s, %s tickets, %s\n", safe(r.ID), stamp(r.Refunded), strings.ReplaceAll(r.Status, "_", " "), decimal(r.Tickets, 0, ","), money(r.Amount))
	}
	fmt.Fprintf(&b, "\npolicy %s\ncatalog %s, as of %s\n", e.Policy, e.CatalogRevision, asOfText(e.AsOfUS))
	return b.String()
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
