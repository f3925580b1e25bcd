package main

import (
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"footfall/schemas/admin"
)

func newBackupCommand(e *env) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write catalog and keys to a new file",
		Long: `Write the catalog and its keys to a new file, also while Footfall runs. The file
holds secrets: keep it as you keep passwords. Day keys of visitors are in no
backup. Visits and orders are in the lake's files, which are copied as they are.`,
		Example: "  footfall backup /backups/catalog-2026-11-22.db",
		Args:    takes("file"),
		RunE: func(c *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[0])
			if err != nil {
				return fmt.Errorf("finding %s: %w", args[0], err)
			}
			var b admin.Backup
			if err := e.call(c.Context(), "POST", address([]string{"backup"}), admin.BackupRequest{Path: path}, &b); err != nil {
				return err
			}
			return sheet[admin.Backup]{
				columns: []string{"File", "Revision", "Bytes", "SHA-256"},
				row: func(b admin.Backup) []string {
					return []string{b.Path, b.Revision, strconv.FormatInt(b.Bytes, 10), b.SHA256}
				},
			}.one(e, format, b)
		},
	}
	addFormat(c, &format)
	return c
}
