package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"footfall/schemas/admin"
)

func collectorSheet() sheet[admin.Collector] {
	return sheet[admin.Collector]{
		columns: []string{"ID", "Name", "Orders", "State", "Enrolled", "Retired"},
		row: func(k admin.Collector) []string {
			retired := ""
			if k.Retired != nil {
				retired = moment(*k.Retired)
			}
			return []string{strconv.FormatUint(uint64(k.ID), 10), k.Name, yesNo(k.Orders), k.State, moment(k.Enrolled), retired}
		},
	}
}

// collectorAdminCommands are those of «footfall collector» that ask the
// reporter; the command itself runs the role.
func collectorAdminCommands(e *env) []*cobra.Command {
	return []*cobra.Command{collectorEnrol(e), collectorList(e), collectorChange(e, "token"), collectorChange(e, "retire")}
}

// collectorOne shows a collector with its token, where the answer has one.
func collectorOne(e *env, format string, k admin.Collector) error {
	s := collectorSheet()
	if k.Token == "" {
		return s.one(e, format, k)
	}
	plain := s.row
	s.columns = append(s.columns, "Token")
	s.row = func(k admin.Collector) []string { return append(plain(k), k.Token) }
	if err := s.one(e, format, k); err != nil {
		return err
	}
	_, err := fmt.Fprintln(e.Err, "Keep the token now: it is not shown again.")
	return err
}

func collectorEnrol(e *env) *cobra.Command {
	var ask admin.CollectorEnrol
	var format string
	c := &cobra.Command{
		Use: "enrol NAME [--orders]", Short: "Enrol a collector: its id and its token, shown once", Args: takes("name"),
		Long: `Enrol a collector that runs on another machine. It needs the id and the token
that this prints, and the reporter's control listener. --orders lets it take
orders too: it then gets the secrets that orders are signed with.`,
		Example: `  footfall collector enrol edge-vienna
  footfall collector enrol edge-shop --orders --format json`,
		RunE: func(c *cobra.Command, args []string) error {
			ask.Name = args[0]
			var k admin.Collector
			if err := e.call(c.Context(), "POST", address([]string{"collectors"}), ask, &k); err != nil {
				return err
			}
			return collectorOne(e, format, k)
		},
	}
	c.Flags().BoolVar(&ask.Orders, "orders", false, "it has an order listener")
	addFormat(c, &format)
	return c
}

func collectorList(e *env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "list", Short: "List the collectors that were ever enrolled", Args: takes(),
		Example: "  footfall collector list",
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := listAll[admin.Collector](c.Context(), e.call, address([]string{"collectors"}))
			if err != nil {
				return err
			}
			return collectorSheet().all(e, format, list)
		},
	}
	addFormat(c, &format)
	return c
}

func collectorChange(e *env, action string) *cobra.Command {
	c := &cobra.Command{
		Use: "token ID", Short: "Give a collector a new token; the old one ends at once",
		Long:    "Give a collector a new token, shown once. The old one ends at once: the\ncollector goes on with what it knows until it has the new one.",
		Example: "  footfall collector token 3", Args: takes("ID"),
	}
	if action == "retire" {
		c.Use, c.Short, c.Example = "retire ID", "End a collector for good: its token and its logs", "  footfall collector retire 3"
		c.Long = "End a collector for good. What its journals still hold is never taken into the\nlake: stop it and let its consumer drain first, unless its disk is lost."
	}
	var format string
	c.RunE = func(c *cobra.Command, args []string) error {
		var k admin.Collector
		if err := e.call(c.Context(), "POST", address([]string{"collectors", args[0], action}), nil, &k); err != nil {
			return err
		}
		return collectorOne(e, format, k)
	}
	addFormat(c, &format)
	return c
}
