package tidy

import (
	"fmt"
	"go/ast"
	"slices"
	"testing"
)

func TestNoTestIsSkippedOrSleeps(t *testing.T) {
	problems, err := idle(workingCopy(t))
	report(t, problems, err)
}

// idle finds tests that may choose not to run, as green would not mean tested,
// and tests that sleep in real time, as they are slow on a quick machine and
// fail on a slow one. In a file that uses testing/synctest a sleep moves the
// bubble's clock.
func idle(w tree) ([]string, error) {
	problems := []string{}
	files, err := w.sources()
	if err != nil {
		return nil, err
	}
	for _, s := range files {
		if !s.test {
			continue
		}
		bubble := slices.ContainsFunc(s.file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing/synctest"` })
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			on, ok := method.X.(*ast.Ident)
			switch name := method.Sel.Name; {
			case !ok:
			case slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, name) && slices.Contains([]string{"t", "b", "f", "tb"}, on.Name):
				problems = append(problems, fmt.Sprintf("%s:%d: a test is skipped", s.name, s.line(call.Pos())))
			case name == "Sleep" && on.Name == "time" && !bubble:
				problems = append(problems, fmt.Sprintf("%s:%d: a test sleeps; wait for what it waits for", s.name, s.line(call.Pos())))
			}
			return true
		})
	}
	return problems, nil
}

func TestASkippedOrSleepingTestIsFound(t *testing.T) {
	problems, err := idle(treeOf(map[string]string{
		"a_test.go": "package a\n\nfunc f() {\n\tt.Skip(1)\n\tq.Skip()\n\ttime.Sleep(1)\n}\n",
		"b_test.go": "package a\n\nimport \"testing/synctest\"\n\nfunc f() {\n\ttime.Sleep(1)\n}\n",
		"c.go":      "package a\n\nfunc f() {\n\tt.Skip()\n}\n",
	}))
	found(t, problems, err, "a_test.go:4: a test is skipped", "a_test.go:6: a test sleeps; wait for what it waits for")
}
