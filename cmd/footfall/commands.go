package main

import "github.com/spf13/cobra"

// commandGroup is the commands that the help text lists under one title.
type commandGroup struct {
	id       string
	commands []*cobra.Command
}

// commandGroups is every command, in the order of the help text.
func commandGroups(e *env) []commandGroup {
	return []commandGroup{
		{"run", []*cobra.Command{
			newAllCommand(e), newDemoCommand(e), newCollectorCommand(e), newConsumerCommand(e), newReporterCommand(e),
		}},
		{"sell", []*cobra.Command{
			newOrganizerCommand(e), newEventCommand(e), newAffiliateCommand(e), newCodeCommand(e), newLinkCommand(e), newCouponCommand(e), newPolicyCommand(e),
			newImportCommand(e),
		}},
		{"ask", []*cobra.Command{newReportCommand(e), newWaterfallCommand(e), newExplainCommand(e), newExceptionsCommand(e), newSQLCommand(e)}},
		{"care", []*cobra.Command{
			newBackupCommand(e), newRestoreCommand(e), newCatalogCommand(e), newAuditCommand(e), newPersonCommand(e), newSetupLinkCommand(e), newKeyCommand(e), newDoctorCommand(e), newConfigCommand(e), newJournalCommand(e), newVersionCommand(e),
		}},
	}
}
