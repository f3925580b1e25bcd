package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"footfall/reporter/catalog"
)

func newRestoreCommand(e *env) *cobra.Command {
	var lakeDir, format string
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in the place of the catalog",
		Long: `Put a backup in the place of the catalog, with Footfall stopped. The catalog that
stands there is kept beside it under another name. New ids begin far above all
that backup and lake know, so that none is ever used twice; collectors take a
full copy of the routes.`,
		Example: "  footfall restore /backups/catalog-2026-11-22.db",
		Args:    takes("file"),
		RunE: func(c *cobra.Command, args []string) error {
			if lakeDir == "" {
				lakeDir = filepath.Join(e.Data, "lake")
			}
			seen, err := catalog.SeenInLake(lakeDir)
			if err != nil {
				return err
			}
			config := catalog.DefaultConfig()
			config.Dir = e.Data
			done, err := catalog.Restore(c.Context(), config, e.Now, "uid "+strconv.Itoa(os.Getuid()), args[0], seen)
			if err != nil {
				return err
			}
			recovered := make([]string, len(done.Recovered))
			for i, id := range done.Recovered {
				recovered[i] = strconv.FormatUint(uint64(id), 10)
			}
			if len(recovered) > 0 {
				if _, err := fmt.Fprintf(e.Err, "The backup doesn't know the collectors %s, whose logs are open: give each a new token (footfall collector token ID) or retire it.\n", strings.Join(recovered, ", ")); err != nil {
					return fmt.Errorf("writing a warning: %w", err)
				}
			}
			return e.render(format, []string{"Revision", "Former catalog", "Recovered collectors"},
				[][]string{{done.Revision.String(), done.Aside, strings.Join(recovered, " ")}},
				map[string]any{"revision": done.Revision.String(), "aside": done.Aside, "recovered": done.Recovered})
		},
	}
	c.Flags().StringVar(&lakeDir, "lake", "", "directory of the lake; lake/ in the data directory when left out")
	addFormat(c, &format)
	return c
}
