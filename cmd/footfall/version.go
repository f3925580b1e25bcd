package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"footfall/internal/ops"
)

func newVersionCommand(e *env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:     "version",
		Short:   "Say which version this is",
		Example: "  footfall version --format json",
		Args:    takes(),
		RunE: func(*cobra.Command, []string) error {
			info := ops.Version()
			if format == "table" {
				_, err := fmt.Fprintln(e.Out, info)
				return err
			}
			row := []string{info.Version, info.Commit, info.Go}
			return e.render(format, []string{"version", "commit", "go"}, [][]string{row}, info)
		},
	}
	addFormat(c, &format)
	return c
}
