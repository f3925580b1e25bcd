package tidy

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// metric is what the sources say about one.
type metric struct {
	pkg, place       string
	name, help, kind string
	labels           []string
}

// function is a declared function, a method, or a literal that a variable holds.
type function struct {
	name   string
	params []string
	last   bool // the last parameter takes all further arguments
	body   *ast.BlockStmt
	place  *source
}

// values is what names stand for: a string, or a list of strings.
type values map[string][]string

// scan reads the metrics of one package. It evaluates string expressions, and
// where a name depends on the parameters of the function around it, it does so
// for each call of that function.
type scan struct {
	pkg       string
	files     []source
	constants values
	functions []*function
	found     map[string]metric
	problems  []string
}

func newScan(pkg string, files []source) *scan {
	s := &scan{pkg: pkg, files: files, constants: values{}, found: map[string]metric{}}
	for i := range files {
		s.collect(&files[i])
	}
	return s
}

// collect notes the constants and the functions of a file.
func (s *scan) collect(file *source) {
	add := func(name string, kind *ast.FuncType, body *ast.BlockStmt) {
		f := &function{name: name, body: body, place: file}
		for _, field := range kind.Params.List {
			_, f.last = field.Type.(*ast.Ellipsis)
			for _, param := range field.Names {
				f.params = append(f.params, param.Name)
			}
		}
		s.functions = append(s.functions, f)
	}
	ast.Inspect(file.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Body != nil {
				add(n.Name.Name, n.Type, n.Body)
			}
		case *ast.AssignStmt:
			for i, right := range n.Rhs {
				name, named := n.Lhs[min(i, len(n.Lhs)-1)].(*ast.Ident)
				if literal, ok := right.(*ast.FuncLit); ok && named {
					add(name.Name, literal.Type, literal.Body)
				}
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if i < len(n.Values) {
					if value, ok := s.text(n.Values[i], nil); ok {
						s.constants[name.Name] = []string{value}
					}
				}
			}
		}
		return true
	})
}

// run looks into every function without knowing its arguments; what can't be
// read that way is tried again from each of the function's calls.
func (s *scan) run() {
	for _, f := range s.functions {
		s.look(f, nil, 0)
	}
}

// look finds the metrics of a function's own body with its parameters bound.
func (s *scan) look(f *function, bound values, depth int) {
	ast.Inspect(f.body, func(n ast.Node) bool {
		if assigned, ok := n.(*ast.AssignStmt); ok && s.holdsFunction(assigned) {
			return false // looked into as a function of its own
		}
		switch n := n.(type) {
		case *ast.CompositeLit:
			if kind := optsKind(n.Type); kind != "" {
				s.opts(f, n, kind, bound, depth)
			}
		case *ast.CallExpr:
			if calls(n, "prometheus", "NewDesc") && len(n.Args) == 4 {
				s.desc(f, n, bound, depth)
			}
		}
		return true
	})
}

func (s *scan) holdsFunction(assigned *ast.AssignStmt) bool {
	return slices.ContainsFunc(assigned.Rhs, func(e ast.Expr) bool {
		_, ok := e.(*ast.FuncLit)
		return ok
	})
}

// optsKind is "counter" for prometheus.CounterOpts, and so on.
func optsKind(e ast.Expr) string {
	selector, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	kind, isOpts := strings.CutSuffix(selector.Sel.Name, "Opts")
	kind = strings.ToLower(kind)
	if from, ok := selector.X.(*ast.Ident); !ok || from.Name != "prometheus" || !isOpts ||
		!slices.Contains([]string{"counter", "gauge", "histogram", "summary"}, kind) {
		return ""
	}
	return kind
}

func calls(call *ast.CallExpr, pkg, name string) bool {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != name {
		return false
	}
	from, ok := selector.X.(*ast.Ident)
	return ok && from.Name == pkg
}

// opts reads one literal of options.
func (s *scan) opts(f *function, literal *ast.CompositeLit, kind string, bound values, depth int) {
	fields := map[string]ast.Expr{}
	for _, e := range literal.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := pair.Key.(*ast.Ident); ok {
				fields[key.Name] = pair.Value
			}
		}
	}
	name, help, known := "", "", true
	for _, part := range []string{"Namespace", "Subsystem", "Name"} {
		text, ok := s.text(fields[part], bound)
		known = known && (ok || fields[part] == nil)
		if text != "" {
			name = strings.TrimPrefix(name+"_"+text, "_")
		}
	}
	if fields["Help"] != nil {
		var ok bool
		help, ok = s.text(fields["Help"], bound)
		known = known && ok
	}
	if !known || name == "" {
		s.again(f, literal.Pos(), depth)
		return
	}
	if fields["ConstLabels"] == nil {
		fields["ConstLabels"] = lateLabels(f)
	}
	labels := append(s.constLabels(fields["ConstLabels"], bound), s.vecLabels(f, literal, bound)...)
	s.add(f, literal.Pos(), metric{name: name, help: help, kind: kind, labels: labels})
}

// desc reads a call of prometheus.NewDesc, whose kind only its name tells.
func (s *scan) desc(f *function, call *ast.CallExpr, bound values, depth int) {
	name, known := s.text(call.Args[0], bound)
	help, helpKnown := s.text(call.Args[1], bound)
	if !known || !helpKnown {
		s.again(f, call.Pos(), depth)
		return
	}
	kind := "gauge"
	if strings.HasSuffix(name, "_total") {
		kind = "counter"
	}
	s.add(f, call.Pos(), metric{name: name, help: help, kind: kind, labels: append(s.constLabels(call.Args[3], bound), s.list(call.Args[2], bound)...)})
}

func (s *scan) add(f *function, at token.Pos, m metric) {
	m.pkg, m.place = s.pkg, fmt.Sprintf("%s:%d", f.place.name, f.place.line(at))
	if before, ok := s.found[m.name]; ok && len(before.labels) >= len(m.labels) {
		return
	}
	s.found[m.name] = m
}

// again looks into a function once for each of its calls, up the callers. A
// name that stays unknown is a problem.
func (s *scan) again(f *function, at token.Pos, depth int) {
	problem := fmt.Sprintf("%s:%d: the name of a metric cannot be read off the source", f.place.name, f.place.line(at))
	if depth > 0 {
		return // the caller goes on to its own callers
	}
	for _, bound := range s.bindings(f, 0) {
		before := len(s.found)
		s.look(f, bound, 1)
		if len(s.found) > before || s.knownFor(f, bound) {
			problem = ""
		}
	}
	if problem != "" && !slices.Contains(s.problems, problem) {
		s.problems = append(s.problems, problem)
	}
}

// knownFor says that a call's metric was found before: the same name twice.
func (s *scan) knownFor(f *function, bound values) bool {
	for _, param := range f.params {
		for name := range s.found {
			if text := bound[param]; len(text) == 1 && text[0] != "" && strings.HasSuffix(name, text[0]) {
				return true
			}
		}
	}
	return false
}

// maxCallers bounds how many functions a name is handed through.
const maxCallers = 4

// bindings gives the parameters' values for every call of f in the package.
func (s *scan) bindings(f *function, depth int) []values {
	all := []values{}
	if depth > maxCallers {
		return nil
	}
	for _, caller := range s.functions {
		outer := []values{nil}
		if handed := s.bindings1(f, caller, nil); len(handed) == 0 {
			continue
		}
		if caller != f && len(caller.params) > 0 {
			outer = append(outer, s.bindings(caller, depth+1)...)
		}
		for _, bound := range outer {
			all = append(all, s.bindings1(f, caller, bound)...)
		}
	}
	return all
}

// bindings1 gives the parameters' values for every call of f in one caller.
func (s *scan) bindings1(f, caller *function, outer values) []values {
	all := []values{}
	ast.Inspect(caller.body, func(n ast.Node) bool {
		if assigned, ok := n.(*ast.AssignStmt); ok && s.holdsFunction(assigned) {
			return false
		}
		call, ok := n.(*ast.CallExpr)
		if !ok || calledName(call) != f.name {
			return true
		}
		bound := values{}
		for i, param := range f.params {
			if f.last && i == len(f.params)-1 {
				bound[param] = s.texts(call.Args[min(i, len(call.Args)):], outer)
			} else if i < len(call.Args) {
				if text, ok := s.text(call.Args[i], outer); ok {
					bound[param] = []string{text}
				} else if list := s.list(call.Args[i], outer); len(list) > 0 {
					bound[param] = list
				}
			}
		}
		all = append(all, bound)
		return true
	})
	return all
}

func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	default:
		return ""
	}
}

// text evaluates a string expression.
func (s *scan) text(e ast.Expr, bound values) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.ParenExpr:
		return s.text(e.X, bound)
	case *ast.Ident:
		if value, ok := bound[e.Name]; ok && len(value) == 1 {
			return value[0], true
		}
		if value, ok := s.constants[e.Name]; ok {
			return value[0], true
		}
	case *ast.IndexExpr:
		name, named := e.X.(*ast.Ident)
		at, literal := e.Index.(*ast.BasicLit)
		if named && literal {
			if i, err := strconv.Atoi(at.Value); err == nil && i < len(bound[name.Name]) {
				return bound[name.Name][i], true
			}
		}
	case *ast.BinaryExpr:
		left, leftKnown := s.text(e.X, bound)
		right, rightKnown := s.text(e.Y, bound)
		return left + right, leftKnown && rightKnown && e.Op == token.ADD
	case *ast.CallExpr:
		if calls(e, "prometheus", "BuildFQName") {
			parts := s.texts(e.Args, bound)
			return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "_"), len(parts) > 0
		}
	}
	return "", false
}

func (s *scan) texts(list []ast.Expr, bound values) []string {
	all := []string{}
	for _, e := range list {
		if text, ok := s.text(e, bound); ok {
			all = append(all, text)
		}
	}
	return all
}

// list evaluates a list of strings: a literal, or a parameter.
func (s *scan) list(e ast.Expr, bound values) []string {
	switch e := e.(type) {
	case *ast.CompositeLit:
		return s.texts(e.Elts, bound)
	case *ast.Ident:
		return bound[e.Name]
	}
	return nil
}

// constLabels are the keys of a literal of labels.
func (s *scan) constLabels(e ast.Expr, bound values) []string {
	labels := []string{}
	if literal, ok := e.(*ast.CompositeLit); ok {
		for _, pair := range literal.Elts {
			if pair, ok := pair.(*ast.KeyValueExpr); ok {
				labels = append(labels, s.texts([]ast.Expr{pair.Key}, bound)...)
			}
		}
	}
	return labels
}

// lateLabels are the ConstLabels that a function sets after the literal.
func lateLabels(f *function) (labels ast.Expr) {
	ast.Inspect(f.body, func(n ast.Node) bool {
		if assigned, ok := n.(*ast.AssignStmt); ok && len(assigned.Lhs) == 1 && len(assigned.Rhs) == 1 {
			if field, ok := assigned.Lhs[0].(*ast.SelectorExpr); ok && field.Sel.Name == "ConstLabels" {
				labels = assigned.Rhs[0]
			}
		}
		return true
	})
	return labels
}

// vecLabels are those of the call NewXVec that the options go into, at once or
// by a variable.
func (s *scan) vecLabels(f *function, opts *ast.CompositeLit, bound values) []string {
	labels := []string{}
	ast.Inspect(f.body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 2 || !strings.HasSuffix(calledName(call), "Vec") {
			return true
		}
		_, byName := call.Args[0].(*ast.Ident)
		if call.Args[0] == ast.Expr(opts) || byName {
			labels = s.list(call.Args[1], bound)
		}
		return true
	})
	return labels
}

// metrics are what was found, by name.
func (s *scan) metrics() []metric {
	all := []metric{}
	for _, m := range s.found {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b metric) int { return cmp.Compare(a.name, b.name) })
	return all
}
