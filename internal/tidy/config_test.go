package tidy

import (
	"fmt"
	"go/ast"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

const configPage = "docs/config.md"

func TestNoSettingIsMissingInTheDocs(t *testing.T) {
	w := workingCopy(t)
	page, err := w.read(configPage)
	if err != nil {
		t.Fatalf("%v; make update writes it", err)
	}
	problems, err := undocumented(w, page)
	report(t, problems, err)
}

// undocumented finds settings (fields with a koanf tag) that the page of
// settings does not name. That the page is right in every word is the test's of
// the program that generates it, which knows the roles.
func undocumented(w tree, page string) ([]string, error) {
	problems := []string{}
	files, err := w.sources()
	if err != nil {
		return nil, err
	}
	for _, s := range files {
		if s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			field, ok := n.(*ast.Field)
			if !ok || field.Tag == nil {
				return true
			}
			text, err := strconv.Unquote(field.Tag.Value)
			if err != nil {
				return true
			}
			name, doc := reflect.StructTag(text).Get("koanf"), reflect.StructTag(text).Get("doc")
			if name == "" || name == "-" {
				return true
			}
			if _, isName := field.Type.(*ast.Ident); doc == "" && isName && !ast.IsExported(typeName(field.Type)) {
				problems = append(problems, fmt.Sprintf("%s:%d: setting %s has no doc tag", s.name, s.line(field.Pos()), name))
			}
			if !strings.Contains(page, "`"+name+"`") && !isSection(page, name) {
				problems = append(problems, fmt.Sprintf("%s:%d: setting %s is not in %s; make update", s.name, s.line(field.Pos()), name, configPage))
			}
			return true
		})
	}
	return problems, nil
}

// isSection says that a name stands in a heading of the page, in any place of
// it: a section may have nothing but sections.
func isSection(page, name string) bool {
	for _, before := range []string{"[", "."} {
		for _, after := range []string{"]", "."} {
			if strings.Contains(page, before+name+after) {
				return true
			}
		}
	}
	return false
}

func typeName(e ast.Expr) string {
	if name, ok := e.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

func TestAnUndocumentedSettingIsFound(t *testing.T) {
	const text = "package a\n\ntype c struct {\n\tA string `koanf:\"alpha\" doc:\"x\"`\n\tB int `koanf:\"beta\" doc:\"x\"`\n" +
		"\tC int `koanf:\"gamma\"`\n\tD func() `koanf:\"-\"`\n\tE Edge `koanf:\"edge\"`\n\tF int `json:\"f\"`\n}\n"
	problems, err := undocumented(treeOf(map[string]string{"a.go": text}), "## [edge]\n| `alpha` | `gamma` |")
	found(t, problems, err,
		"a.go:5: setting beta is not in docs/config.md; make update",
		"a.go:6: setting gamma has no doc tag")
}
