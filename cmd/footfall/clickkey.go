package main

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"footfall/schemas/admin"
)

func clickKeySheet() sheet[admin.ClickKey] {
	return sheet[admin.ClickKey]{
		columns: []string{"ID", "Created", "Mints", "Ends"},
		row: func(k admin.ClickKey) []string {
			ends := ""
			if k.Ends != nil {
				ends = moment(*k.Ends)
			}
			return []string{strconv.Itoa(int(k.ID)), moment(k.Created), yesNo(k.Minting), ends}
		},
	}
}

// newClickKeyCommand: these keys are never shown.
func newClickKeyCommand(e *env) *cobra.Command {
	return group("click", "Keys that click ids are made and verified with: list, rotate, end",
		`Every click id is made with a key and verified with the same one. A new key is
known to every collector before the first mints with it. Keys are never shown and
never deleted, for links and orders that carry older ids stay good; one that
leaked is ended.`,
		clickKeyList(e), clickKeyRotate(e), clickKeyEnd(e))
}

func clickKeyList(e *env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "list", Short: "List the keys, without the keys", Args: takes(),
		Example: "  footfall key click list",
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := listAll[admin.ClickKey](c.Context(), e.call, address([]string{"keys", "click"}))
			if err != nil {
				return err
			}
			return clickKeySheet().all(e, format, list)
		},
	}
	addFormat(c, &format)
	return c
}

func clickKeyRotate(e *env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "rotate", Short: "Add a key; collectors mint with it a minute after they got it", Args: takes(),
		Example: "  footfall key click rotate",
		RunE: func(c *cobra.Command, _ []string) error {
			var k admin.ClickKey
			if err := e.call(c.Context(), "POST", address([]string{"keys", "click"}), nil, &k); err != nil {
				return err
			}
			return clickKeySheet().one(e, format, k)
		},
	}
	addFormat(c, &format)
	return c
}

func clickKeyEnd(e *env) *cobra.Command {
	var at, format string
	c := &cobra.Command{
		Use: "end ID [--at TIME]", Short: "End a key that leaked: its clicks from then on earn nothing", Args: takes("id"),
		Long: `End a key that others may have: click ids of a time at or after --at that were made
with it earn nothing. Reports as of an earlier instant don't change. Where no other
key mints, a new one does so at once.`,
		Example: `  footfall key click end 1
  footfall key click end 1 --at 2026-11-22T12:00:00Z`,
		RunE: func(c *cobra.Command, args []string) error {
			ends := e.Now()
			if at != "" {
				var err error
				if ends, err = time.Parse(time.RFC3339, at); err != nil {
					return usagef("--at %q: want a time like 2026-11-22T12:00:00Z", at)
				}
			}
			var k admin.ClickKey
			if err := e.call(c.Context(), "POST", address([]string{"keys", "click", args[0], "end"}), map[string]time.Time{"ends": ends}, &k); err != nil {
				return err
			}
			return clickKeySheet().one(e, format, k)
		},
	}
	c.Flags().StringVar(&at, "at", "", "instant from which on its clicks earn nothing, like 2026-11-22T12:00:00Z; left out: now")
	addFormat(c, &format)
	return c
}
