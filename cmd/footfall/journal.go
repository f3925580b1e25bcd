package main

import (
	"bufio"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"footfall/collector/journal"
)

func newJournalCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use:   "journal",
		Short: "Look into a journal directory, without changing it",
		Long: `The journals of visits and of orders lie in journal/visits and journal/orders
below the data directory. Both commands work beside a running server.`,
		Args: takes(),
	}
	c.AddCommand(newJournalVerifyCommand(e), newJournalDumpCommand(e))
	return c
}

func newJournalVerifyCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "verify DIR",
		Short: "Check every record, and name what is damaged or missing",
		Long: `Reads every byte of the journal in DIR, also while it is in use, and prints
its epochs and segments with what is damaged or missing in them. The exit code
is 1 where there is any. Damage at the very end of a segment in use may be a
record that is being written: ask again.`,
		Example: "  footfall journal verify data/journal/visits",
		Args:    takes("journal's directory"),
		RunE: func(_ *cobra.Command, args []string) error {
			out := bufio.NewWriter(e.Out)
			trouble, err := journal.Verify(args[0], out)
			if err = errors.Join(err, out.Flush()); err != nil {
				return err
			}
			if trouble > 0 {
				return fmt.Errorf("verifying journal %s: %d ranges are damaged or missing", args[0], trouble)
			}
			return nil
		},
	}
}

func newJournalDumpCommand(e *env) *cobra.Command {
	var bodies bool
	c := &cobra.Command{
		Use:   "dump DIR",
		Short: "Print every good record as a line of JSON",
		Long: `Prints each record's place, kind, number and time. A body is what the formats of
visit and order say; without --bodies only its length is printed.`,
		Example: "  footfall journal dump data/journal/visits\n  footfall journal dump data/journal/orders --bodies",
		Args:    takes("journal's directory"),
		RunE: func(_ *cobra.Command, args []string) error {
			out := bufio.NewWriter(e.Out)
			return errors.Join(journal.Dump(args[0], out, bodies), out.Flush())
		},
	}
	c.Flags().BoolVar(&bodies, "bodies", false, "print the records' bodies, as hexadecimal digits")
	return c
}
