package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// finding is what one look of the doctor found.
type finding struct {
	State string `json:"state"` // ok, warn or fail
	What  string `json:"what"`
	Text  string `json:"text"` // with the remedy where there is something to do
}

// States of findings: warn is worth a look, fail needs somebody to act.
const (
	stateOK   = "ok"
	stateWarn = "warn"
	stateFail = "fail"
)

func ok(what, format string, args ...any) finding {
	return finding{stateOK, what, fmt.Sprintf(format, args...)}
}

func warn(what, format string, args ...any) finding {
	return finding{stateWarn, what, fmt.Sprintf(format, args...)}
}

func fail(what, format string, args ...any) finding {
	return finding{stateFail, what, fmt.Sprintf(format, args...)}
}

func newDoctorCommand(e *env) *cobra.Command {
	var format string
	var deep bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong, and say what to do",
		Long: `Looks at the configuration, the machine, the catalog, the journals and the lake,
with or without a running server, and changes nothing. The exit code is 1 where
something has to be done.`,
		Example: "  footfall doctor\n  footfall doctor --deep --format json",
		Args:    takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			findings := e.examine(c.Context(), deep)
			rows, failed := make([][]string, len(findings)), 0
			for i, f := range findings {
				rows[i] = []string{f.State, f.What, f.Text}
				if f.State == stateFail {
					failed++
				}
			}
			if err := e.render(format, []string{"State", "What", "Found"}, rows, findings); err != nil {
				return err
			}
			if failed > 0 {
				return fmt.Errorf("%w: %d of %d findings", errUnwell, failed, len(findings))
			}
			return nil
		},
	}
	c.Flags().BoolVar(&deep, "deep", false, "read every file of the lake and every record of the journals")
	addFormat(c, &format)
	return c
}

var errUnwell = errors.New("something has to be done")

// examine looks at everything, the machine first: what comes later depends on
// what comes before.
func (e *env) examine(ctx context.Context, deep bool) []finding {
	s, err := e.settings()
	if err != nil {
		return []finding{fail("configuration", "%v", err)}
	}
	runs := e.serverRuns(ctx)
	findings := []finding{ok("configuration", "can be used")}
	findings = append(findings, e.examineMachine(s)...)
	findings = append(findings, e.examineCatalog(ctx))
	findings = append(findings, examineJournals(s, deep)...)
	findings = append(findings, e.examineLake(deep, runs)...)
	if runs {
		findings = append(findings, examineAPI(ctx, s))
	}
	return append(findings, examineReadiness(ctx, s, runs)...)
}
