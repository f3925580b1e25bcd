package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"footfall/collector/journal"
	"footfall/reporter/catalog"
	"footfall/schemas/ids"
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
			s, err := e.settings()
			if err != nil {
				return err
			}
			seen, err := catalog.SeenInLake(lakeDir)
			if err != nil {
				return err
			}
			if seen.Recognized, err = embeddedIn(s.Collector.VisitsJournal.Dir); err != nil {
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
			if !done.LostTo.IsZero() {
				if _, err := fmt.Fprintf(e.Err, "What was changed in the catalog after the backup, from %s to %s, is gone: a report as of an instant between may differ from what was answered then. The former catalog is kept: %s\n",
					done.LostFrom.Format(time.RFC3339Nano), done.LostTo.Format(time.RFC3339Nano), done.Aside); err != nil {
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

// embeddedIn names the collector that the journal here is bound to: the
// one-process product's. Under another id its journals would have no reader.
func embeddedIn(dir string) (map[ids.CollectorID]string, error) {
	reader, err := journal.OpenReader(dir)
	if err != nil {
		return nil, err
	}
	epochs, err := reader.Epochs()
	if err != nil || len(epochs) == 0 {
		return nil, err
	}
	newest := epochs[len(epochs)-1]
	return map[ids.CollectorID]string{ids.CollectorID(newest.Collector): catalog.EmbeddedName}, nil
}
