package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"footfall/schemas/admin"
)

// newKeyCommand holds the keys that people carry and those that the installation
// works with by itself.
func newKeyCommand(e *env) *cobra.Command {
	return group("key", "Keys: of programs that ask the API, and of click ids",
		`Two kinds of keys: "key api" lets programs ask the API as a role of one
organizer; "key click" signs click ids, and is the installation's own.`,
		newAPIKeyCommand(e), newClickKeyCommand(e))
}

func newAPIKeyCommand(e *env) *cobra.Command {
	return group("api", "Keys that programs ask the API with: add, list, end",
		`A key lets a program ask over TCP (reporter.api.listen) as a role of one
organizer: owner (everything of it), manager (reads everything, keeps affiliates
and codes), analyst (reads everything), viewer (reads, without emails) or
affiliate (its own rows alone). docs/api.md says which role may ask what. Only
the key's hash is kept.`,
		apiKeyAdd(e), apiKeyList(e), apiKeyEnd(e))
}

func apiKeySheet() sheet[admin.APIKey] {
	return sheet[admin.APIKey]{
		columns: []string{"ID", "Begins with", "Role", "Affiliate", "Label", "Created", "Last used (hour)", "Expires", "Ended", "Key"},
		row: func(k admin.APIKey) []string {
			affiliate := ""
			if k.Affiliate != 0 {
				affiliate = strconv.FormatUint(uint64(k.Affiliate), 10)
			}
			row := []string{strconv.FormatUint(uint64(k.ID), 10), k.Prefix, string(k.Role), affiliate, k.Label, moment(k.Created), "never", "", "", k.Key}
			if k.LastUsed != nil {
				row[6] = moment(*k.LastUsed)
			}
			if k.Expires != nil {
				row[7] = moment(*k.Expires)
			}
			if k.Ended != nil {
				row[8] = moment(*k.Ended)
			}
			return row
		},
	}
}

// withoutKey leaves out the column that only a new key has.
func (s sheet[T]) withoutKey() sheet[T] {
	full, last := s.row, len(s.columns)-1
	return sheet[T]{columns: s.columns[:last], row: func(t T) []string { return full(t)[:last] }}
}

func apiKeyAdd(e *env) *cobra.Command {
	var add admin.APIKeyAdd
	var role, format string
	c := &cobra.Command{
		Use: "add --role ROLE [--organizer SLUG]", Short: "Make a key; it is shown once", Args: takes(),
		Example: `  footfall key api add --role analyst --organizer acme --label "monthly report"
  footfall key api add --role affiliate --affiliate ann --expires 2027-01-01
  footfall key api add --role viewer --format json | jq -r .key`,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := needs(c, "role"); err != nil {
				return err
			}
			add.Role = admin.Role(role)
			var k admin.APIKey
			if err := e.call(c.Context(), "POST", address([]string{"keys", "api"}), add, &k); err != nil {
				return err
			}
			if err := apiKeySheet().one(e, format, k); err != nil {
				return err
			}
			_, err := fmt.Fprintln(e.Err, "Keep the key now: it is not shown again. Send it as Authorization: Bearer "+k.Prefix+"…")
			return err
		},
	}
	addOrganizerFlag(c, &add.Organizer)
	c.Flags().Var(&choice{&role, []string{"owner", "manager", "analyst", "viewer", "affiliate"}}, "role", "owner, manager, analyst, viewer or affiliate")
	c.Flags().StringVar(&add.Affiliate, "affiliate", "", "id, email, nickname or name of the affiliate that a key of that role is of")
	c.Flags().StringVar(&add.Expires, "expires", "", "day of the organizer's zone, like 2027-01-01, or time at which the key ends (default: never)")
	c.Flags().StringVar(&add.Label, "label", "", "what the key is for")
	addFormat(c, &format)
	return c
}

func apiKeyList(e *env) *cobra.Command {
	var organizer, format string
	c := &cobra.Command{
		Use: "list [--organizer SLUG]", Short: "List an organizer's keys, without the keys", Args: takes(),
		Example: "  footfall key api list --organizer acme",
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := listAll[admin.APIKey](c.Context(), e.call, address([]string{"keys", "api"}, "organizer", organizer))
			if err != nil {
				return err
			}
			return apiKeySheet().withoutKey().all(e, format, list)
		},
	}
	addOrganizerFlag(c, &organizer)
	addFormat(c, &format)
	return c
}

func apiKeyEnd(e *env) *cobra.Command {
	var organizer, format string
	c := &cobra.Command{
		Use: "end ID [--organizer SLUG]", Short: "End a key: from now on it opens nothing", Args: takes("ID"),
		Example: "  footfall key api end 3 --organizer acme",
		RunE: func(c *cobra.Command, args []string) error {
			var k admin.APIKey
			if err := e.call(c.Context(), "POST", address([]string{"keys", "api", args[0], "end"}, "organizer", organizer), nil, &k); err != nil {
				return err
			}
			return apiKeySheet().withoutKey().one(e, format, k)
		},
	}
	addOrganizerFlag(c, &organizer)
	addFormat(c, &format)
	return c
}
