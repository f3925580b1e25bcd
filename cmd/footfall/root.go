package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"footfall/internal/ops"

	"footfall/collector"
)

// Exit codes. They are part of the command line's contract: scripts tell a
// failure, which may pass, from a mistake in what was asked.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// env is what every command gets: where it writes, where the data is, and the
// clock.
type env struct {
	Out, Err io.Writer
	Now      func() time.Time

	Data   string // data directory of the embedded product
	Config string // configuration file; empty: defaults, environment and flags only

	adjust func(*settings) // what the program itself decides, above all else; may be nil
}

// usageError marks what the person at the keyboard asked wrongly: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run is main without the process: tests call it too.
func run(args []string, out, errw io.Writer) int {
	e := &env{Out: out, Err: errw, Now: collector.SystemClock}
	root := newRoot(e)
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errw)
	err := root.Execute()
	if err == nil {
		return exitOK
	}
	_, _ = fmt.Fprintf(errw, "footfall: %v\n", err)
	var usage usageError
	if errors.As(err, &usage) || errors.Is(err, ops.ErrConfig) {
		return exitUsage
	}
	return exitFailure
}

func newRoot(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "footfall",
		Short: "Affiliate tracking for ticket sellers: clicks in, credited orders out",
		Long: `Footfall records each click on an affiliate's link, takes the ticketing
site's orders, and reports who brought how many visits, orders and tickets.

Start it with "footfall all"; ask it with "footfall report".`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	const typos = 2 // letters that a mistyped command may differ by
	root.SuggestionsMinimumDistance = typos
	root.Args = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef("there is no command %q%s: see footfall --help", args[0], suggestion(root, args[0]))
		}
		return nil
	}
	root.PersistentFlags().StringVar(&e.Data, "data", defaultData(), "data directory (FOOTFALL_DATA)")
	root.PersistentFlags().StringVar(&e.Config, "config", os.Getenv("FOOTFALL_CONFIG"), "configuration file, TOML (FOOTFALL_CONFIG)")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run it:"},
		&cobra.Group{ID: "sell", Title: "Set up what is sold and who is credited:"},
		&cobra.Group{ID: "ask", Title: "Ask it:"},
		&cobra.Group{ID: "care", Title: "Look after it:"},
	)
	for _, group := range commandGroups(e) {
		for _, c := range group.commands {
			c.GroupID = group.id
			root.AddCommand(c)
		}
	}
	argumentsAreUsage(root)
	return root
}

// suggestion names the command that was probably meant.
func suggestion(root *cobra.Command, typed string) string {
	if near := root.SuggestionsFor(typed); len(near) > 0 {
		return " (did you mean " + near[0] + "?)"
	}
	return ""
}

// argumentsAreUsage makes wrong arguments of every command the asker's mistake.
func argumentsAreUsage(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usageError{err}
			}
			return nil
		}
	}
	for _, below := range c.Commands() {
		argumentsAreUsage(below)
	}
}

func defaultData() string {
	if dir := os.Getenv("FOOTFALL_DATA"); dir != "" {
		return dir
	}
	return "data"
}
