package tidy

import (
	"fmt"
	"go/ast"
	"io/fs"
	"strings"
	"testing"
)

const (
	// largeBytes: a clone stays quick, and a diff readable.
	largeBytes = 256 << 10
	// fileLines and functionLines: what can be read at one sitting, and seen at
	// one glance.
	fileLines         = 500
	functionLines     = 70
	testFunctionLines = 120
)

// largeFiles are the exceptions, each with its reason.
func largeFiles() map[string]string {
	return map[string]string{
		"collector/consumer/bots/crawler-user-agents.json": "the published list of crawlers, vendored as it is",
	}
}

// traces are words that betray the machine that something was written on. They
// are put together here so that this file does not hold them.
func traces() []string {
	return []string{
		"/ro" + "ot/", "/ho" + "me/", "/Us" + "ers/", "/wo" + "rk/", `C:\Us` + "ers",
		"proxy." + "golang.org", "sum." + "golang.org", "goproxy" + ".io",
		"pypi" + ".org", "files.python" + "hosted.org", "registry." + "npmjs.org",
		"repo1." + "maven.org", "repo." + "maven.apache.org", "crates" + ".io/api",
	}
}

// tracesAllowed are files that may hold such a word, each with its reason.
func tracesAllowed() map[string]string {
	return map[string]string{
		"collector/consumer/bots/crawler-user-agents.json": "crawlers name their owners' sites",
	}
}

func TestNoLargeFileIsTracked(t *testing.T) {
	w := workingCopy(t)
	problems, err := large(w, largeFiles())
	report(t, problems, err)
}

func large(w tree, allowed map[string]string) ([]string, error) {
	problems := []string{}
	for _, name := range w.files {
		info, err := fs.Stat(w.fsys, name)
		if err != nil {
			return nil, fmt.Errorf("looking at a file: %w", err)
		}
		if info.Size() > largeBytes && allowed[name] == "" {
			problems = append(problems, fmt.Sprintf("%s: %d bytes; at most %d, or a reason in largeFiles", name, info.Size(), largeBytes))
		}
	}
	for name := range allowed {
		if !w.has(name) {
			problems = append(problems, name+": allowed to be large, but not there")
		}
	}
	return problems, nil
}

func TestALargeFileIsFound(t *testing.T) {
	big := strings.Repeat("x", largeBytes+1)
	problems, err := large(treeOf(map[string]string{"a": big, "b": big, "c": big[1:]}), map[string]string{"b": "why"})
	found(t, problems, err, fmt.Sprintf("a: %d bytes; at most %d, or a reason in largeFiles", largeBytes+1, largeBytes))
}

func TestNoFileBetraysTheMachineItWasWrittenOn(t *testing.T) {
	problems, err := betrayals(workingCopy(t), tracesAllowed())
	report(t, problems, err)
}

func betrayals(w tree, allowed map[string]string) ([]string, error) {
	problems := []string{}
	for _, name := range w.files {
		if allowed[name] != "" {
			continue
		}
		text, err := w.read(name)
		if err != nil {
			return nil, err
		}
		for _, word := range traces() {
			if before, _, held := strings.Cut(text, word); held {
				problems = append(problems, fmt.Sprintf("%s:%d: holds %q", name, 1+strings.Count(before, "\n"), word))
			}
		}
	}
	return problems, nil
}

func TestABetrayalIsFound(t *testing.T) {
	word := traces()[0]
	problems, err := betrayals(treeOf(map[string]string{"a.md": "x\n" + word, "b.md": word, "c.md": "root"}), map[string]string{"b.md": "why"})
	found(t, problems, err, fmt.Sprintf("a.md:2: holds %q", word))
}

func TestNoGoFileOrFunctionIsTooLong(t *testing.T) {
	problems, err := overlong(workingCopy(t))
	report(t, problems, err)
}

func overlong(w tree) ([]string, error) {
	problems := []string{}
	files, err := w.sources()
	if err != nil {
		return nil, err
	}
	for _, s := range files {
		if lines := strings.Count(s.text, "\n"); lines > fileLines && !s.test {
			problems = append(problems, fmt.Sprintf("%s: %d lines; at most %d", s.name, lines, fileLines))
		}
		limit := functionLines
		if s.test {
			limit = testFunctionLines
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			if lines := bodyLines(s, f); lines > limit {
				problems = append(problems, fmt.Sprintf("%s:%d: %s has %d lines; at most %d", s.name, s.line(f.Pos()), f.Name.Name, lines, limit))
			}
		}
	}
	return problems, nil
}

// bodyLines counts the lines between a function's braces, comments left out, as
// the linter does.
func bodyLines(s source, f *ast.FuncDecl) int {
	lines := max(0, s.line(f.Body.Rbrace)-s.line(f.Body.Lbrace)-1)
	text := strings.Split(s.text, "\n")
	for _, group := range s.file.Comments {
		for _, c := range group.List {
			own := strings.HasPrefix(strings.TrimSpace(text[s.line(c.Pos())-1]), "/")
			if own && c.Pos() > f.Body.Lbrace && c.End() < f.Body.Rbrace {
				lines -= s.line(c.End()) - s.line(c.Pos()) + 1
			}
		}
	}
	return lines
}

func TestAnOverlongFileOrFunctionIsFound(t *testing.T) {
	function := func(lines int) string {
		return "package a\n\nfunc f() {\n\t// why\n" + strings.Repeat("\t_ = 0 // x\n", lines) + "}\n"
	}
	problems, err := overlong(treeOf(map[string]string{
		"a.go": function(70), "b.go": function(71), "c_test.go": function(120), "d_test.go": function(121),
		"e.go": "package a\n" + strings.Repeat("\n", 500), "f.go": "// Code generated by x. DO NOT EDIT.\n" + function(600),
		"testdata/g.go": function(99),
	}))
	found(t, problems, err,
		"b.go:3: f has 71 lines; at most 70",
		"d_test.go:3: f has 121 lines; at most 120",
		"e.go: 501 lines; at most 500")
}
