package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"footfall/schemas/admin"
)

// newPersonCommand is for the machine's keeper: owners do the same in the
// dashboard.
func newPersonCommand(e *env) *cobra.Command {
	return group("person", "Who signs in to the dashboard: list, add, invite, reset-link, remove, erase",
		`Owners invite others in the dashboard; these commands are for where no owner can.
No mail is sent: a link is printed once, and you hand it over. Only its hash is
kept.`,
		personList(e), personAdd(e), personInvite(e), personResetLink(e), personRemove(e), personErase(e))
}

// oneTimeLink is a page of the dashboard that opens once.
type oneTimeLink struct {
	URL string `json:"url"`
}

// invited is an invitation and its link.
type invited struct {
	admin.Invitation
	oneTimeLink
}

func linkSheet() sheet[oneTimeLink] {
	return sheet[oneTimeLink]{columns: []string{"Link"}, row: func(l oneTimeLink) []string { return []string{l.URL} }}
}

func invitedSheet() sheet[invited] {
	return sheet[invited]{
		columns: []string{"ID", "Organizer", "Email", "Role", "Expires", "Link"},
		row: func(i invited) []string {
			return []string{strconv.FormatUint(uint64(i.ID), 10), i.Organizer, i.Email, string(i.Role), moment(i.Expires), i.URL}
		},
	}
}

// afterLink says what a link lacks.
func (e *env) afterLink(l oneTimeLink, err error) error {
	if err != nil || strings.Contains(l.URL, "://") {
		return err
	}
	_, err = fmt.Fprintln(e.Err, "Put the dashboard's address in front: it isn't known while Footfall doesn't run and reporter.web.url is not set.")
	return err
}

func newSetupLinkCommand(e *env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "setup-link", Short: "Print the one-time link that makes the first person", Args: takes(),
		Long: `Print a link with which the first person signs up, as owner of every organizer. It
opens once, within 24 hours; a later one takes its place, also that of the next
start.`,
		Example: "  footfall setup-link",
		RunE: func(c *cobra.Command, _ []string) error {
			var l oneTimeLink
			if err := e.call(c.Context(), "POST", address([]string{"setup-link"}), nil, &l); err != nil {
				return err
			}
			return e.afterLink(l, linkSheet().one(e, format, l))
		},
	}
	addFormat(c, &format)
	return c
}

func personList(e *env) *cobra.Command {
	var organizer, format string
	c := &cobra.Command{
		Use: "list [--organizer SLUG]", Short: "List an organizer's people", Args: takes(),
		Example: "  footfall person list --organizer acme",
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := listAll[admin.Person](c.Context(), e.call, address([]string{"people"}, "organizer", organizer))
			if err != nil {
				return err
			}
			s := sheet[admin.Person]{
				columns: []string{"ID", "Name", "Email", "Organizer", "Role", "Since"},
				row: func(p admin.Person) []string {
					row := []string{strconv.FormatUint(uint64(p.ID), 10), p.Name, p.Email, "", "", moment(p.Created)}
					for _, m := range p.Memberships { // the organizer's alone
						row[3], row[4] = m.Organizer, string(m.Role)
					}
					return row
				},
			}
			return s.all(e, format, list)
		},
	}
	addOrganizerFlag(c, &organizer)
	addFormat(c, &format)
	return c
}

func personAdd(e *env) *cobra.Command {
	var organizer, role, format string
	c := &cobra.Command{
		Use: "add EMAIL --role ROLE [--organizer SLUG]", Short: "Make a member of who signs in already", Args: takes("email"),
		Long: `Make somebody who signs in already a member of one more organizer, such as one that
was just added: at once, and without a link. Anybody else is invited.`,
		Example: "  footfall person add ann@example.com --role owner --organizer acme",
		RunE: func(c *cobra.Command, args []string) error {
			if err := needs(c, "role"); err != nil {
				return err
			}
			var p admin.Person
			if err := e.call(c.Context(), "POST", address([]string{"people"}, "organizer", organizer), admin.MemberAdd{Email: args[0], Role: admin.Role(role)}, &p); err != nil {
				return err
			}
			s := sheet[admin.Person]{
				columns: []string{"ID", "Name", "Email", "Roles"},
				row: func(p admin.Person) []string {
					roles := make([]string, len(p.Memberships))
					for i, m := range p.Memberships {
						roles[i] = m.Organizer + " " + string(m.Role)
					}
					return []string{strconv.FormatUint(uint64(p.ID), 10), p.Name, p.Email, strings.Join(roles, ", ")}
				},
			}
			return s.one(e, format, p)
		},
	}
	addOrganizerFlag(c, &organizer)
	addRoleFlag(c, &role)
	addFormat(c, &format)
	return c
}

func addRoleFlag(c *cobra.Command, role *string) {
	c.Flags().Var(&choice{role, []string{"owner", "manager", "analyst", "viewer"}}, "role", "owner, manager, analyst or viewer")
}

func personInvite(e *env) *cobra.Command {
	var organizer, role, format string
	var add admin.InviteAdd
	c := &cobra.Command{
		Use: "invite EMAIL --role ROLE [--organizer SLUG]", Short: "Print a one-time link to become a member", Args: takes("email"),
		Long: `Print a link with which somebody becomes a member of an organizer. It opens once,
within 7 days; a later one for the same email takes its place. Who has an account
already gives its password, anybody else chooses one.`,
		Example: "  footfall person invite ann@example.com --role owner --organizer acme",
		RunE: func(c *cobra.Command, args []string) error {
			if err := needs(c, "role"); err != nil {
				return err
			}
			add.Email, add.Role = args[0], admin.Role(role)
			var i invited
			if err := e.call(c.Context(), "POST", address([]string{"invitations"}, "organizer", organizer), add, &i); err != nil {
				return err
			}
			return e.afterLink(i.oneTimeLink, invitedSheet().one(e, format, i))
		},
	}
	addOrganizerFlag(c, &organizer)
	addRoleFlag(c, &role)
	c.Flags().StringVar(&add.Name, "name", "", "name, which the person can change on the way")
	addFormat(c, &format)
	return c
}

func personResetLink(e *env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "reset-link ID", Short: "Print a one-time link to a new password", Args: takes("ID"),
		Long: `Print a link with which a person sets a new password, which signs every device
out. It opens once, within 7 days; a later one takes its place. Make sure that you
hand it to the person: whoever has it can sign in.`,
		Example: "  footfall person reset-link 3",
		RunE: func(c *cobra.Command, args []string) error {
			var l oneTimeLink
			if err := e.call(c.Context(), "POST", address([]string{"people", args[0], "reset-link"}), nil, &l); err != nil {
				return err
			}
			return e.afterLink(l, linkSheet().one(e, format, l))
		},
	}
	addFormat(c, &format)
	return c
}

func personRemove(e *env) *cobra.Command {
	var organizer string
	c := &cobra.Command{
		Use: "remove ID [--organizer SLUG]", Short: "End a membership; the person stays a member elsewhere", Args: takes("ID"),
		Example: "  footfall person remove 3 --organizer acme",
		RunE: func(c *cobra.Command, args []string) error {
			none := map[string]string{"role": ""}
			if err := e.call(c.Context(), "POST", address([]string{"people", args[0], "role"}, "organizer", organizer), none, nil); err != nil {
				return err
			}
			_, err := fmt.Fprintln(e.Err, "Removed. The name and email stay until footfall person erase "+args[0]+".")
			return err
		},
	}
	addOrganizerFlag(c, &organizer)
	return c
}

func personErase(e *env) *cobra.Command {
	return &cobra.Command{
		Use: "erase ID", Short: "Blank a person's name and email, and end all memberships", Args: takes("ID"),
		Long: `Blank a person's name and email, and end memberships, sessions, saved views and
links. The audit log keeps the number. Backups of before still hold the name.`,
		Example: "  footfall person erase 3",
		RunE: func(c *cobra.Command, args []string) error {
			if err := e.call(c.Context(), "POST", address([]string{"people", args[0], "erase"}), nil, nil); err != nil {
				return err
			}
			_, err := fmt.Fprintln(e.Err, "Erased.")
			return err
		},
	}
}
