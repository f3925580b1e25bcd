package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"footfall/schemas/admin"
)

func auditSheet() sheet[admin.AuditEntry] {
	return sheet[admin.AuditEntry]{
		columns: []string{"ID", "At", "Actor", "Action", "Subject", "Before", "After", "Revision"},
		row: func(a admin.AuditEntry) []string {
			return []string{strconv.FormatInt(a.ID, 10), a.At.Format("2006-01-02 15:04:05"), a.Actor, a.Action, a.Subject, compact(a.Before), compact(a.After), a.Revision}
		},
	}
}

func compact(fields map[string]any) string {
	if len(fields) == 0 {
		return ""
	}
	text, err := json.Marshal(fields)
	if err != nil { // it came as JSON
		return err.Error()
	}
	return string(text)
}

// auditFilter is what of the audit log is asked for.
type auditFilter struct {
	actor, action, subject, since string
	limit                         int
}

func newAuditCommand(e *env) *cobra.Command {
	var filter auditFilter
	var format string
	c := &cobra.Command{
		Use: "audit [--action TEXT] [--subject TEXT] [--actor TEXT] [--since DATE] [--limit N]", Short: "Who changed what in the catalog, newest first", Args: takes(),
		Long: `List the audit log, newest first. It is append-only. It says that a name or an
email changed, never what it was, as those can be erased.`,
		Example: `  footfall audit
  footfall audit --action "code claim" --since 2026-11-01 --format csv`,
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := auditEntries(c.Context(), e, filter)
			if err != nil {
				return err
			}
			return auditSheet().all(e, format, list)
		},
	}
	const most = 100
	c.Flags().StringVar(&filter.action, "action", "", "only actions that contain this, like «code» or «policy set»")
	c.Flags().StringVar(&filter.subject, "subject", "", "only subjects that contain this, like SPRING")
	c.Flags().StringVar(&filter.actor, "actor", "", "only actors that contain this")
	c.Flags().StringVar(&filter.since, "since", "", "only entries of this UTC day and later, like 2026-11-01")
	c.Flags().IntVar(&filter.limit, "limit", most, "entries to show at most")
	addFormat(c, &format)
	return c
}

// auditEntries asks for pages until there are enough entries that fit.
func auditEntries(ctx context.Context, e *env, filter auditFilter) (fit []admin.AuditEntry, err error) {
	if filter.limit < 1 {
		return nil, usagef("--limit %d: want 1 or more", filter.limit)
	}
	var since time.Time
	if filter.since != "" {
		if since, err = time.Parse(time.DateOnly, filter.since); err != nil {
			return nil, usagef("--since %q: want a day like 2026-11-01", filter.since)
		}
	}
	contains := func(text, part string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(part)) }
	for after := ""; ; {
		var page admin.Page[admin.AuditEntry]
		if err := e.call(ctx, "GET", address([]string{"audit"}, "after", after), nil, &page); err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		for _, a := range page.Items {
			if a.At.Before(since) || !contains(a.Action, filter.action) || !contains(a.Subject, filter.subject) || !contains(a.Actor, filter.actor) {
				continue
			}
			if fit = append(fit, a); len(fit) == filter.limit {
				return fit, nil
			}
		}
		// The clock may have stepped, so an old entry doesn't end the search; the
		// log's end does.
		if after = page.Next; after == "" {
			return fit, nil
		}
	}
}

func newCatalogCommand(e *env) *cobra.Command {
	return group("catalog", "The catalog's file: check", `The catalog is one file, catalog.db in the data directory.`, catalogCheck(e))
}

func catalogCheck(e *env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "check", Short: "Read the whole catalog and say what is damaged", Args: takes(),
		Long:    `Read every page of the catalog, also while Footfall runs. Exit code 1 when something is damaged.`,
		Example: "  footfall catalog check",
		RunE: func(c *cobra.Command, _ []string) error {
			var answer struct {
				Integrity string `json:"integrity"`
			}
			if err := e.call(c.Context(), "GET", address([]string{"catalog", "check"}), nil, &answer); err != nil {
				return err
			}
			var revision struct {
				Incarnation string `json:"incarnation"`
				Revision    uint64 `json:"revision"`
			}
			if err := e.call(c.Context(), "GET", address([]string{"catalog"}), nil, &revision); err != nil {
				return err
			}
			at := fmt.Sprintf("%s/%d", revision.Incarnation, revision.Revision)
			return e.render(format, []string{"Integrity", "Revision"}, [][]string{{answer.Integrity, at}}, map[string]string{"integrity": answer.Integrity, "revision": at})
		},
	}
	addFormat(c, &format)
	return c
}
