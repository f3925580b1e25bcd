package tidy

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"footfall/internal/testkit"
)

// tree is the files that belong to the repository.
type tree struct {
	fsys  fs.FS
	files []string // slash-separated, sorted
}

// workingCopy lists the tracked files, or, in an unpacked archive, all files but
// what .gitignore names.
func workingCopy(t *testing.T) tree {
	t.Helper()
	root := testkit.ModuleRoot(t)
	all := tree{fsys: os.DirFS(root)}
	cmd := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "-z")
	if out, err := cmd.Output(); err == nil && len(out) > 0 {
		for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
			if _, err := fs.Stat(all.fsys, name); err == nil { // deleted, not yet committed
				all.files = append(all.files, name)
			}
		}
		slices.Sort(all.files)
		return all
	}
	err := fs.WalkDir(all.fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", "bin", "data", ".cache"}, name) {
			return fs.SkipDir
		}
		if d.Type().IsRegular() {
			all.files = append(all.files, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// treeOf is a made-up tree, for the tests of the checks themselves.
func treeOf(files map[string]string) tree {
	made := fstest.MapFS{}
	all := tree{fsys: made}
	for name, text := range files {
		made[name] = &fstest.MapFile{Data: []byte(text)}
		all.files = append(all.files, name)
	}
	slices.Sort(all.files)
	return all
}

func (w tree) read(name string) (string, error) {
	text, err := fs.ReadFile(w.fsys, name)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	return string(text), nil
}

// has says that a name is a file of the repository or a folder that holds one.
func (w tree) has(name string) bool {
	if name == "." {
		return true
	}
	i, found := slices.BinarySearch(w.files, name)
	if found {
		return true
	}
	for ; i < len(w.files) && strings.HasPrefix(w.files[i], name); i++ {
		if strings.HasPrefix(w.files[i], name+"/") {
			return true
		}
	}
	return false
}

// source is a parsed Go file.
type source struct {
	name string
	text string
	fset *token.FileSet
	file *ast.File
	test bool
}

// sources parses the Go files, generated ones and test data left out.
func (w tree) sources() ([]source, error) {
	all := []source{}
	for _, name := range w.files {
		if path.Ext(name) != ".go" || strings.Contains(name, "testdata/") {
			continue
		}
		text, err := w.read(name)
		if err != nil {
			return nil, err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parsing: %w", err)
		}
		if !ast.IsGenerated(file) {
			all = append(all, source{name, text, fset, file, strings.HasSuffix(name, "_test.go")})
		}
	}
	return all, nil
}

func (s source) line(p token.Pos) int { return s.fset.Position(p).Line }

// report fails the test with each problem on a line.
func report(t *testing.T, problems []string, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
}

// found checks what a check says about a made-up tree.
func found(t *testing.T, problems []string, err error, want ...string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(problems, want) {
		t.Errorf("found\n\t%s\nwant\n\t%s", strings.Join(problems, "\n\t"), strings.Join(want, "\n\t"))
	}
}
