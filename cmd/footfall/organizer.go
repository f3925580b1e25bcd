package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"footfall/schemas/admin"
)

func organizerSheet() sheet[admin.Organizer] {
	return sheet[admin.Organizer]{
		columns: []string{"ID", "Slug", "Name", "Zone", "Currency", "Cookies"},
		row: func(o admin.Organizer) []string {
			return []string{strconv.FormatUint(uint64(o.ID), 10), o.Slug, o.Name, o.Zone, o.Currency, yesNo(o.Cookies)}
		},
	}
}

func newOrganizerCommand(e *env) *cobra.Command {
	return group("organizer", "Who sells tickets: add, list, show, edit, secrets of orders",
		`An organizer is who sells tickets. It owns events, affiliates and tracking
codes; nothing is shared between organizers. Where there is only one, other
commands need no --organizer.`,
		organizerAdd(e), organizerList(e), organizerShow(e), organizerEdit(e), organizerSecret(e))
}

func organizerAdd(e *env) *cobra.Command {
	var o admin.Organizer
	var format string
	c := &cobra.Command{
		Use:   "add SLUG --name NAME --zone ZONE --currency CODE",
		Short: "Add an organizer",
		Long: `Add an organizer. SLUG is its short name in commands and in the header of its
orders: a-z, 0-9 and -. The zone decides where its days begin and can't be
changed later; the currency is the default of its events.`,
		Example: `  footfall organizer add acme --name "Acme Tickets" --zone Europe/Vienna --currency EUR
  footfall organizer add nyc --name "NYC Live" --zone America/New_York --currency USD`,
		Args: takes("slug"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := needs(c, "name", "zone", "currency"); err != nil {
				return err
			}
			o.Slug = args[0]
			var added admin.Organizer
			if err := e.call(c.Context(), "POST", address([]string{"organizers"}), o, &added); err != nil {
				return err
			}
			return organizerSheet().one(e, format, added)
		},
	}
	c.Flags().StringVar(&o.Name, "name", "", "name, as people write it")
	c.Flags().StringVar(&o.Zone, "zone", "", "IANA time zone, like Europe/Vienna")
	c.Flags().StringVar(&o.Currency, "currency", "", "ISO 4217 currency, like EUR")
	c.Flags().BoolVar(&o.Cookies, "cookies", false, "set a visitor cookie on the redirect host (off until the organizer wants it)")
	addFormat(c, &format)
	return c
}

func organizerList(e *env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "list", Short: "List the organizers", Args: takes(),
		Example: "  footfall organizer list --format csv",
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := listAll[admin.Organizer](c.Context(), e.call, address([]string{"organizers"}))
			if err != nil {
				return err
			}
			return organizerSheet().all(e, format, list)
		},
	}
	addFormat(c, &format)
	return c
}

func organizerShow(e *env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "show SLUG", Short: "Show one organizer", Args: takes("slug"),
		Example: "  footfall organizer show acme",
		RunE: func(c *cobra.Command, args []string) error {
			var o admin.Organizer
			if err := e.call(c.Context(), "GET", address([]string{"organizers", args[0]}), nil, &o); err != nil {
				return err
			}
			return organizerSheet().one(e, format, o)
		},
	}
	addFormat(c, &format)
	return c
}

func organizerEdit(e *env) *cobra.Command {
	var name, currency, format string
	var cookies bool
	c := &cobra.Command{
		Use: "edit SLUG [--name NAME] [--currency CODE] [--cookies=true|false]", Short: "Change an organizer", Args: takes("slug"),
		Example: `  footfall organizer edit acme --cookies
  footfall organizer edit acme --name "Acme Live"`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := noneGiven(c, "name", "currency", "cookies"); err != nil {
				return err
			}
			edit := admin.OrganizerEdit{Name: given(c, "name", name), Currency: given(c, "currency", currency), Cookies: given(c, "cookies", cookies)}
			var o admin.Organizer
			if err := e.call(c.Context(), "PATCH", address([]string{"organizers", args[0]}), edit, &o); err != nil {
				return err
			}
			return organizerSheet().one(e, format, o)
		},
	}
	c.Flags().StringVar(&name, "name", "", "another name")
	c.Flags().StringVar(&currency, "currency", "", "another default currency, for events to come")
	c.Flags().BoolVar(&cookies, "cookies", false, "set a visitor cookie on the redirect host, or no longer (--cookies=false)")
	addFormat(c, &format)
	return c
}

func secretSheet() sheet[admin.WebhookSecret] {
	return sheet[admin.WebhookSecret]{
		columns: []string{"ID", "Ends in", "Created", "Ended", "Secret"},
		row: func(s admin.WebhookSecret) []string {
			ended := ""
			if s.Ended != nil {
				ended = moment(*s.Ended)
			}
			return []string{strconv.FormatUint(uint64(s.ID), 10), s.Hint, moment(s.Created), ended, s.Secret}
		},
	}
}

func organizerSecret(e *env) *cobra.Command {
	return group("secret", "Secrets that an organizer's orders are signed with",
		`The ticketing site signs each order with a secret (Standard Webhooks). To change
one without losing an order: add a second, give it to the site, end the first.`,
		secretAdd(e), secretList(e), secretEnd(e))
}

func secretAdd(e *env) *cobra.Command {
	var organizer, file, format string
	c := &cobra.Command{
		Use: "add [--organizer SLUG] [--secret-file FILE]", Short: "Add a secret; it is shown once", Args: takes(),
		Long: `Add a secret for the signature of orders. It is drawn at random and shown this
once; --secret-file takes one that the ticketing site chose (whsec_…).`,
		Example: `  footfall organizer secret add --organizer acme
  footfall organizer secret add --organizer acme --format json | jq -r .secret`,
		RunE: func(c *cobra.Command, _ []string) error {
			ask := map[string]string{"organizer": organizer}
			if file != "" {
				text, err := os.ReadFile(file)
				if err != nil {
					return fmt.Errorf("reading the secret: %w", err)
				}
				ask["secret"] = strings.TrimSpace(string(text))
			}
			var s admin.WebhookSecret
			if err := e.call(c.Context(), "POST", address([]string{"secrets"}), ask, &s); err != nil {
				return err
			}
			if err := secretSheet().one(e, format, s); err != nil {
				return err
			}
			_, err := fmt.Fprintln(e.Err, "Keep the secret now: it is not shown again.")
			return err
		},
	}
	addOrganizerFlag(c, &organizer)
	c.Flags().StringVar(&file, "secret-file", "", "file that holds the secret to add, whsec_… (never on the command line: others see it)")
	addFormat(c, &format)
	return c
}

func secretList(e *env) *cobra.Command {
	var organizer, format string
	c := &cobra.Command{
		Use: "list [--organizer SLUG]", Short: "List an organizer's secrets, without the secrets", Args: takes(),
		Example: "  footfall organizer secret list --organizer acme",
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := listAll[admin.WebhookSecret](c.Context(), e.call, address([]string{"secrets"}, "organizer", organizer))
			if err != nil {
				return err
			}
			s := secretSheet()
			full := s.row
			s.columns = s.columns[:4]
			s.row = func(w admin.WebhookSecret) []string { return full(w)[:4] }
			return s.all(e, format, list)
		},
	}
	addOrganizerFlag(c, &organizer)
	addFormat(c, &format)
	return c
}

func secretEnd(e *env) *cobra.Command {
	var organizer, format string
	c := &cobra.Command{
		Use: "end ID [--organizer SLUG]", Short: "End a secret: orders signed with it are refused", Args: takes("ID"),
		Example: "  footfall organizer secret end 3 --organizer acme",
		RunE: func(c *cobra.Command, args []string) error {
			var s admin.WebhookSecret
			if err := e.call(c.Context(), "POST", address([]string{"secrets", args[0], "end"}, "organizer", organizer), nil, &s); err != nil {
				return err
			}
			return secretSheet().one(e, format, s)
		},
	}
	addOrganizerFlag(c, &organizer)
	addFormat(c, &format)
	return c
}
