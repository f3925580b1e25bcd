package main

import (
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// sheet is how things of one kind are shown.
type sheet[T any] struct {
	columns []string
	row     func(T) []string
}

// one shows a single thing; JSON is the object itself.
func (s sheet[T]) one(e *env, format string, t T) error {
	return e.render(format, s.columns, [][]string{s.row(t)}, t)
}

// all shows a list.
func (s sheet[T]) all(e *env, format string, list []T) error {
	rows := make([][]string, len(list))
	for i, t := range list {
		rows[i] = s.row(t)
	}
	if list == nil {
		list = []T{}
	}
	return e.render(format, s.columns, rows, list)
}

// group is a command that only holds others.
func group(use, short, long string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Long: long,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(commands...)
	// A mistyped subcommand is an error, not a page of help.
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef("%s has no %q: see %s --help", c.CommandPath(), args[0], c.CommandPath())
		}
		return nil
	}
	return c
}

// takes asks for exactly these arguments, by their names in the usage line.
func takes(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usagef("say the %s: %s (see %s --help)", strings.Join(names[len(args):], " and the "), c.UseLine(), c.CommandPath())
		case len(args) > len(names):
			return usagef("%q is too much: %s (text with spaces goes in quotes)", args[len(names)], c.UseLine())
		}
		for i, arg := range args {
			if strings.TrimSpace(arg) == "" {
				return usagef("the %s is empty: %s (see %s --help)", names[i], c.UseLine(), c.CommandPath())
			}
		}
		return nil
	}
}

// needs refuses empty flags, all of them at once.
func needs(c *cobra.Command, flags ...string) error {
	var missing []string
	for _, name := range flags {
		if f := c.Flags().Lookup(name); f == nil || strings.TrimSpace(f.Value.String()) == "" {
			missing = append(missing, "--"+name)
		}
	}
	if len(missing) > 0 {
		return usagef("%s needs %s: see %s --help", c.CommandPath(), strings.Join(missing, " and "), c.CommandPath())
	}
	return nil
}

// given is the flag's value where it was given, else nil: leave it as it is.
func given[T any](c *cobra.Command, flag string, value T) *T {
	if c.Flags().Changed(flag) {
		return &value
	}
	return nil
}

// noneGiven refuses an edit that edits nothing.
func noneGiven(c *cobra.Command, flags ...string) error {
	for _, name := range flags {
		if c.Flags().Changed(name) {
			return nil
		}
	}
	return usagef("say what to change: --%s", strings.Join(flags, ", --"))
}

func addOrganizerFlag(c *cobra.Command, organizer *string) {
	c.Flags().StringVar(organizer, "organizer", "", "slug of the organizer; may be left out where there is only one")
}

// address builds a path of the API from segments, and a query from pairs whose
// value isn't empty.
func address(segments []string, pairs ...string) string {
	var path strings.Builder
	path.WriteString("/v1")
	for _, s := range segments {
		path.WriteString("/" + url.PathEscape(s))
	}
	query := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			query.Set(pairs[i], pairs[i+1])
		}
	}
	if len(query) > 0 {
		return path.String() + "?" + query.Encode()
	}
	return path.String()
}

// moment shows a time as people read it, with its zone.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02 15:04 MST")
}

// localMoment is moment with the zone's own name, where this machine knows it:
// JSON carries only the offset.
func localMoment(t time.Time, zone string) string {
	if loc, err := time.LoadLocation(zone); err == nil {
		t = t.In(loc)
	}
	return moment(t)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
