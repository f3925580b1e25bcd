package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"footfall/internal/conf"
)

func newConfigCommand(e *env) *cobra.Command {
	check := &cobra.Command{
		Use:   "check",
		Short: "Say whether the configuration can be used",
		Long: `Reads the configuration as a role would: defaults, then the file, then the
environment. Prints a line for each problem; exit code 2 where there is any.`,
		Example: "  footfall config check --config /etc/footfall.toml",
		Args:    takes(),
		RunE: func(*cobra.Command, []string) error {
			if _, err := e.settings(); err != nil {
				return err
			}
			_, err := fmt.Fprintln(e.Out, "the configuration can be used")
			return err
		},
	}
	show := &cobra.Command{
		Use:     "print",
		Short:   "Print the settings in force as a file to begin with; secrets are left out",
		Example: "  footfall config print > footfall.toml",
		Args:    takes(),
		RunE: func(*cobra.Command, []string) error {
			s, err := e.settings()
			if err != nil {
				return err
			}
			return conf.Print(e.Out, &s)
		},
	}
	return group("config", "Check and print the configuration",
		"Settings come from defaults, the file of --config, and the environment, each\nstronger than the one before it.", check, show)
}
