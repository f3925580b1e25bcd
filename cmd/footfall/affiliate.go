package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"footfall/schemas/admin"
)

func affiliateSheet() sheet[admin.Affiliate] {
	return sheet[admin.Affiliate]{
		columns: []string{"ID", "Organizer", "Name", "Nickname", "Email", "State"},
		row: func(a admin.Affiliate) []string {
			return []string{strconv.FormatUint(uint64(a.ID), 10), a.Organizer, a.Name, a.Nickname, a.Email, a.State}
		},
	}
}

// affiliateOne shows an affiliate, and what to think of on standard error.
func affiliateOne(e *env, format string, a admin.Affiliate) error {
	for _, w := range a.Warnings {
		if _, err := fmt.Fprintln(e.Err, "Warning:", w); err != nil {
			return fmt.Errorf("writing a warning: %w", err)
		}
	}
	return affiliateSheet().one(e, format, a)
}

func newAffiliateCommand(e *env) *cobra.Command {
	return group("affiliate", "Who is credited: add, list, show, edit, pause, resume",
		`An affiliate is a partner who is credited for the visits and orders that came
with its tracking codes. It is never deleted. Wherever an affiliate is asked for,
its id, email, nickname or name will do.`,
		affiliateAdd(e), affiliateList(e), affiliateShow(e), affiliateEdit(e), affiliatePause(e, "pause"), affiliatePause(e, "resume"))
}

func affiliateAdd(e *env) *cobra.Command {
	var add admin.AffiliateAdd
	var format string
	c := &cobra.Command{
		Use: "add NAME --email EMAIL [--nickname NICKNAME]", Short: "Add an affiliate", Args: takes("name"),
		Example: `  footfall affiliate add "Ann Lee" --nickname ann --email ann@example.com
  footfall affiliate add "Ticket Blog" --organizer acme --email hello@blog.example`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := needs(c, "email"); err != nil {
				return err
			}
			add.Name = args[0]
			var a admin.Affiliate
			if err := e.call(c.Context(), "POST", address([]string{"affiliates"}), add, &a); err != nil {
				return err
			}
			return affiliateOne(e, format, a)
		},
	}
	addOrganizerFlag(c, &add.Organizer)
	c.Flags().StringVar(&add.Email, "email", "", "email address")
	c.Flags().StringVar(&add.Nickname, "nickname", "", "short name")
	addFormat(c, &format)
	return c
}

func affiliateList(e *env) *cobra.Command {
	var organizer, format string
	c := &cobra.Command{
		Use: "list [--organizer SLUG]", Short: "List an organizer's affiliates by name", Args: takes(),
		Example: "  footfall affiliate list --format csv",
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := listAll[admin.Affiliate](c.Context(), e.call, address([]string{"affiliates"}, "organizer", organizer))
			if err != nil {
				return err
			}
			return affiliateSheet().all(e, format, list)
		},
	}
	addOrganizerFlag(c, &organizer)
	addFormat(c, &format)
	return c
}

func affiliateShow(e *env) *cobra.Command {
	var organizer, format string
	c := &cobra.Command{
		Use: "show AFFILIATE [--organizer SLUG]", Short: "Show one affiliate", Args: takes("affiliate"),
		Example: `  footfall affiliate show ann@example.com
  footfall affiliate show 7 --organizer acme`,
		RunE: func(c *cobra.Command, args []string) error {
			var a admin.Affiliate
			if err := e.call(c.Context(), "GET", address([]string{"affiliates", args[0]}, "organizer", organizer), nil, &a); err != nil {
				return err
			}
			return affiliateOne(e, format, a)
		},
	}
	addOrganizerFlag(c, &organizer)
	addFormat(c, &format)
	return c
}

func affiliateEdit(e *env) *cobra.Command {
	var organizer, name, nickname, email, format string
	c := &cobra.Command{
		Use: "edit AFFILIATE [--name NAME] [--nickname NICKNAME] [--email EMAIL]", Short: "Change an affiliate's name or email", Args: takes("affiliate"),
		Example: "  footfall affiliate edit ann --email ann@new.example",
		RunE: func(c *cobra.Command, args []string) error {
			if err := noneGiven(c, "name", "nickname", "email"); err != nil {
				return err
			}
			edit := admin.AffiliateEdit{Name: given(c, "name", name), Nickname: given(c, "nickname", nickname), Email: given(c, "email", email)}
			var a admin.Affiliate
			if err := e.call(c.Context(), "PATCH", address([]string{"affiliates", args[0]}, "organizer", organizer), edit, &a); err != nil {
				return err
			}
			return affiliateOne(e, format, a)
		},
	}
	addOrganizerFlag(c, &organizer)
	c.Flags().StringVar(&name, "name", "", "another name")
	c.Flags().StringVar(&nickname, "nickname", "", "another short name")
	c.Flags().StringVar(&email, "email", "", "another email address")
	addFormat(c, &format)
	return c
}

func affiliatePause(e *env, action string) *cobra.Command {
	short := "Pause an affiliate and the codes it owns: their visits earn nothing"
	if action == "resume" {
		short = "Let a paused affiliate and its codes earn again"
	}
	var organizer, format string
	c := &cobra.Command{
		Use: action + " AFFILIATE [--organizer SLUG]", Short: short, Args: takes("affiliate"),
		Example: "  footfall affiliate " + action + " ann",
		RunE: func(c *cobra.Command, args []string) error {
			var a admin.Affiliate
			if err := e.call(c.Context(), "POST", address([]string{"affiliates", args[0], action}, "organizer", organizer), nil, &a); err != nil {
				return err
			}
			return affiliateOne(e, format, a)
		},
	}
	addOrganizerFlag(c, &organizer)
	addFormat(c, &format)
	return c
}
