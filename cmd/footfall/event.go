package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"footfall/schemas/admin"
)

func eventSheet() sheet[admin.Event] {
	return sheet[admin.Event]{
		columns: []string{"ID", "Organizer", "Slug", "Name", "Start", "End", "Currency", "Destination"},
		row: func(v admin.Event) []string {
			return []string{strconv.FormatUint(uint64(v.ID), 10), v.Organizer, v.Slug, v.Name, localMoment(v.Start, v.Zone), localMoment(v.End, v.Zone), v.Currency, v.Destination}
		},
	}
}

func newEventCommand(e *env) *cobra.Command {
	return group("event", "What is on sale: add, list, show, edit",
		`An event is a dated thing on sale. Its slug is in every link to it, so it is
unique in the whole installation and never changes.`,
		eventAdd(e), eventList(e), eventShow(e), eventEdit(e))
}

func eventAdd(e *env) *cobra.Command {
	var add admin.EventAdd
	var format string
	c := &cobra.Command{
		Use:   "add SLUG --name NAME --destination URL --start TIME --end TIME",
		Short: "Add an event",
		Long: `Add an event. The destination is the page where its tickets are sold: https,
without a user name, and not on Footfall's own host. Times without an offset are
local to the event's zone, which is the organizer's unless --zone says another.
Visits after the end are kept but earn nothing.`,
		Example: `  footfall event add gala-26 --name "Winter Gala" --destination https://tickets.example.com/gala \
      --start 2026-12-24T19:30 --end 2026-12-24T23:00
  footfall event add expo --organizer acme --name Expo --destination https://shop.example.com/expo?lang=en \
      --start 2026-12-01 --end 2026-12-04 --zone Europe/Berlin --currency CHF`,
		Args: takes("slug"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := needs(c, "name", "destination", "start", "end"); err != nil {
				return err
			}
			add.Slug = args[0]
			var v admin.Event
			if err := e.call(c.Context(), "POST", address([]string{"events"}), add, &v); err != nil {
				return err
			}
			return eventSheet().one(e, format, v)
		},
	}
	addOrganizerFlag(c, &add.Organizer)
	c.Flags().StringVar(&add.Name, "name", "", "name, as people write it")
	c.Flags().StringVar(&add.Destination, "destination", "", "URL of the page where its tickets are sold")
	c.Flags().StringVar(&add.Start, "start", "", "begin, like 2026-12-24T19:30")
	c.Flags().StringVar(&add.End, "end", "", "end, like 2026-12-24T23:00")
	c.Flags().StringVar(&add.Zone, "zone", "", "IANA time zone; the organizer's when left out")
	c.Flags().StringVar(&add.Currency, "currency", "", "ISO 4217 currency; the organizer's when left out")
	addFormat(c, &format)
	return c
}

func eventList(e *env) *cobra.Command {
	var organizer, format string
	c := &cobra.Command{
		Use: "list [--organizer SLUG]", Short: "List events by their start", Args: takes(),
		Example: "  footfall event list --organizer acme --format json",
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := listAll[admin.Event](c.Context(), e.call, address([]string{"events"}, "organizer", organizer))
			if err != nil {
				return err
			}
			return eventSheet().all(e, format, list)
		},
	}
	c.Flags().StringVar(&organizer, "organizer", "", "only this organizer's events")
	addFormat(c, &format)
	return c
}

func eventShow(e *env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "show SLUG", Short: "Show one event", Args: takes("slug"),
		Example: "  footfall event show gala-26",
		RunE: func(c *cobra.Command, args []string) error {
			var v admin.Event
			if err := e.call(c.Context(), "GET", address([]string{"events", args[0]}), nil, &v); err != nil {
				return err
			}
			return eventSheet().one(e, format, v)
		},
	}
	addFormat(c, &format)
	return c
}

func eventEdit(e *env) *cobra.Command {
	var name, destination, start, end, format string
	c := &cobra.Command{
		Use: "edit SLUG [--name NAME] [--destination URL] [--start TIME] [--end TIME]", Short: "Change an event", Args: takes("slug"),
		Example: `  footfall event edit gala-26 --end 2026-12-25T01:00
  footfall event edit gala-26 --destination https://tickets.example.com/gala-moved`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := noneGiven(c, "name", "destination", "start", "end"); err != nil {
				return err
			}
			edit := admin.EventEdit{
				Name: given(c, "name", name), Destination: given(c, "destination", destination),
				Start: given(c, "start", start), End: given(c, "end", end),
			}
			var v admin.Event
			if err := e.call(c.Context(), "PATCH", address([]string{"events", args[0]}), edit, &v); err != nil {
				return err
			}
			return eventSheet().one(e, format, v)
		},
	}
	c.Flags().StringVar(&name, "name", "", "another name")
	c.Flags().StringVar(&destination, "destination", "", "another page where its tickets are sold")
	c.Flags().StringVar(&start, "start", "", "another begin")
	c.Flags().StringVar(&end, "end", "", "another end")
	addFormat(c, &format)
	return c
}
