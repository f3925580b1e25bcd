package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"footfall/schemas/admin"
)

func codeSheet() sheet[admin.Code] {
	return sheet[admin.Code]{
		columns: []string{"ID", "Organizer", "Code", "Works for", "Affiliate", "State", "Aliases", "Next owner"},
		row: func(k admin.Code) []string {
			scope := "all events"
			if k.Event != "" {
				scope = k.Event
			}
			state := k.State
			if k.State == admin.StateActive && k.OwnerPaused {
				state = "paused (its affiliate is)"
			}
			next := ""
			if n := len(k.Owners); n > 1 && k.Owners[n-1].Affiliate != k.Affiliate {
				next = k.Owners[n-1].Name + " from " + k.Owners[n-1].From.Format("2006-01-02")
			}
			return []string{strconv.FormatUint(uint64(k.ID), 10), k.Organizer, k.Text, scope, k.AffiliateName, state, strings.Join(k.Aliases, " "), next}
		},
	}
}

func newCodeCommand(e *env) *cobra.Command {
	return group("code", "Tracking codes: add, list, show, pause, rename, reassign, claim",
		`A tracking code is the text in a link's ?affiliate=. It belongs to one affiliate
at a time and works for one event (--event) or for all of its organizer's. Upper
and lower case are the same. No code is ever deleted, so links that are out go on
working: pause it, rename it (the old text stays an alias), or give it to another
affiliate from a coming midnight on.`,
		codeAdd(e), codeList(e), codeShow(e), codePause(e, "pause"), codePause(e, "resume"),
		codeRename(e), codeReassign(e), codeClaim(e), codeAlias(e))
}

// codeFlags are the two that, with its text, name a code.
func codeFlags(c *cobra.Command, ref *admin.CodeRef, format *string) {
	addOrganizerFlag(c, &ref.Organizer)
	c.Flags().StringVar(&ref.Event, "event", "", "slug of the event, where more than one has a code of this text")
	addFormat(c, format)
}

func codeAddress(ref admin.CodeRef, action ...string) string {
	return address(append([]string{"codes", ref.Text}, action...), "organizer", ref.Organizer, "event", ref.Event)
}

func codeAdd(e *env) *cobra.Command {
	var add admin.CodeAdd
	var format string
	c := &cobra.Command{
		Use: "add TEXT --affiliate AFFILIATE [--event SLUG]", Short: "Add a tracking code", Args: takes("text of the code"),
		Long: `Add a tracking code: 1 to 64 of A-Z a-z 0-9 . _ - beginning with a letter or
digit. Without --event it works for every event of the organizer. No link ever
has two possible owners: a text that is taken is refused, and by whom is said.`,
		Example: `  footfall code add SPRING --affiliate ann
  footfall code add ANN-GALA --affiliate ann@example.com --event gala-26`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := needs(c, "affiliate"); err != nil {
				return err
			}
			add.Text = args[0]
			return addCode(c, e, add, format)
		},
	}
	addFlags(c, &add, &format)
	return c
}

func addFlags(c *cobra.Command, add *admin.CodeAdd, format *string) {
	addOrganizerFlag(c, &add.Organizer)
	c.Flags().StringVar(&add.Affiliate, "affiliate", "", "id, email, nickname or name of the affiliate")
	c.Flags().StringVar(&add.Event, "event", "", "slug of the event it works for; left out: all of the organizer's")
	addFormat(c, format)
}

func addCode(c *cobra.Command, e *env, add admin.CodeAdd, format string) error {
	var k admin.Code
	if err := e.call(c.Context(), "POST", address([]string{"codes"}), add, &k); err != nil {
		return err
	}
	return codeSheet().one(e, format, k)
}

func codeClaim(e *env) *cobra.Command {
	var add admin.CodeAdd
	var format string
	c := &cobra.Command{
		Use: "claim TEXT --affiliate AFFILIATE --from DATE [--event SLUG]", Short: "Give an affiliate the visits that came with an unknown code", Args: takes("text of the code"),
		Long: `Claim a code that visits came with before it was added: it becomes the
affiliate's, back to the midnight at which --from begins in the organizer's zone.
Nothing else reaches back in time, and the audit log says so.`,
		Example: "  footfall code claim SPRNG --affiliate ann --from 2026-11-01",
		RunE: func(c *cobra.Command, args []string) error {
			if err := needs(c, "affiliate", "from"); err != nil {
				return err
			}
			add.Text = args[0]
			return addCode(c, e, add, format)
		},
	}
	addFlags(c, &add, &format)
	c.Flags().StringVar(&add.ClaimFrom, "from", "", "day from which on its visits are the affiliate's, like 2026-11-01")
	return c
}

func codeList(e *env) *cobra.Command {
	var query admin.CodeQuery
	var format string
	c := &cobra.Command{
		Use: "list [--organizer SLUG] [--event SLUG] [--affiliate AFFILIATE]", Short: "List codes in the order they were added", Args: takes(),
		Example: `  footfall code list --affiliate ann
  footfall code list --event gala-26 --format csv`,
		RunE: func(c *cobra.Command, _ []string) error {
			at := address([]string{"codes"}, "organizer", query.Organizer, "event", query.Event, "affiliate", query.Affiliate)
			all, err := listAll[admin.Code](c.Context(), e.call, at)
			if err != nil {
				return err
			}
			return codeSheet().all(e, format, all)
		},
	}
	addOrganizerFlag(c, &query.Organizer)
	c.Flags().StringVar(&query.Event, "event", "", "only codes that work for this event")
	c.Flags().StringVar(&query.Affiliate, "affiliate", "", "only codes that this affiliate owns now")
	addFormat(c, &format)
	return c
}

func codeShow(e *env) *cobra.Command {
	var ref admin.CodeRef
	var format string
	c := &cobra.Command{
		Use: "show CODE [--event SLUG]", Short: "Show one code with its owners by date", Args: takes("code"),
		Example: "  footfall code show SPRING --format json",
		RunE: func(c *cobra.Command, args []string) error {
			ref.Text = args[0]
			var k admin.Code
			if err := e.call(c.Context(), "GET", codeAddress(ref), nil, &k); err != nil {
				return err
			}
			if format != "table" {
				return codeSheet().one(e, format, k)
			}
			if err := codeSheet().one(e, format, k); err != nil {
				return err
			}
			return ownerSheet().all(e, format, k.Owners)
		},
	}
	codeFlags(c, &ref, &format)
	return c
}

func ownerSheet() sheet[admin.CodeOwner] {
	return sheet[admin.CodeOwner]{
		columns: []string{"Owner", "Affiliate", "From"},
		row: func(o admin.CodeOwner) []string {
			from := moment(o.From)
			if from == "" {
				from = "the beginning"
			}
			return []string{o.Name, strconv.FormatUint(uint64(o.Affiliate), 10), from}
		},
	}
}

func codePause(e *env, action string) *cobra.Command {
	short := "Pause a code: its links still lead to the event, its visits earn nothing"
	if action == "resume" {
		short = "Let a paused code earn again"
	}
	var ref admin.CodeRef
	var format string
	c := &cobra.Command{
		Use: action + " CODE [--event SLUG]", Short: short, Args: takes("code"),
		Example: "  footfall code " + action + " SPRING",
		RunE: func(c *cobra.Command, args []string) error {
			ref.Text = args[0]
			return changeCode(c, e, ref, action, nil, format)
		},
	}
	codeFlags(c, &ref, &format)
	return c
}

func changeCode(c *cobra.Command, e *env, ref admin.CodeRef, action string, ask any, format string) error {
	var k admin.Code
	if err := e.call(c.Context(), "POST", codeAddress(ref, action), ask, &k); err != nil {
		return err
	}
	return codeSheet().one(e, format, k)
}

func codeRename(e *env) *cobra.Command {
	var ref admin.CodeRef
	var format string
	c := &cobra.Command{
		Use: "rename CODE NEW [--event SLUG]", Short: "Give a code another text; the old one stays an alias", Args: takes("code", "new text"),
		Example: "  footfall code rename SPRING SUMMER",
		RunE: func(c *cobra.Command, args []string) error {
			ref.Text = args[0]
			return changeCode(c, e, ref, "rename", admin.CodeRename{Text: args[1]}, format)
		},
	}
	codeFlags(c, &ref, &format)
	return c
}

func codeReassign(e *env) *cobra.Command {
	var ref admin.CodeRef
	var to admin.CodeReassign
	var format string
	c := &cobra.Command{
		Use: "reassign CODE --affiliate AFFILIATE [--from DATE]", Short: "Give a code to another affiliate from a coming midnight on", Args: takes("code"),
		Long: `Give a code to another affiliate from the midnight at which --from begins in the
organizer's zone; left out, the next one. Visits before it stay the former owner's.`,
		Example: "  footfall code reassign SPRING --affiliate bob --from 2026-12-01",
		RunE: func(c *cobra.Command, args []string) error {
			if err := needs(c, "affiliate"); err != nil {
				return err
			}
			ref.Text = args[0]
			return changeCode(c, e, ref, "reassign", to, format)
		},
	}
	codeFlags(c, &ref, &format)
	c.Flags().StringVar(&to.Affiliate, "affiliate", "", "id, email, nickname or name of the new owner")
	c.Flags().StringVar(&to.From, "from", "", "day from which on it is the new owner's, like 2026-12-01; left out: tomorrow")
	return c
}

func codeAlias(e *env) *cobra.Command {
	var ref admin.CodeRef
	var format string
	list := &cobra.Command{
		Use: "list CODE [--event SLUG]", Short: "List every text that leads to a code", Args: takes("code"),
		Example: "  footfall code alias list SUMMER",
		RunE: func(c *cobra.Command, args []string) error {
			ref.Text = args[0]
			aliases, err := listAll[admin.Alias](c.Context(), e.call, codeAddress(ref, "aliases"))
			if err != nil {
				return err
			}
			return sheet[admin.Alias]{
				columns: []string{"Text", "Current", "Since"},
				row:     func(a admin.Alias) []string { return []string{a.Text, yesNo(a.Current), moment(a.Since)} },
			}.all(e, format, aliases)
		},
	}
	codeFlags(list, &ref, &format)
	return group("alias", "Texts that lead to a code", "Every text that a code ever had goes on working as an alias.", list)
}
