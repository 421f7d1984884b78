package sdk

import (
	"bytes"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"authfit/internal/pysyntax"
)

// A Signature is how a function or a class of the package is called.
type Signature struct {
	// Path is what was asked for: "UserManagement.get_logout_url".
	Path string `json:"path"`
	// File is relative to the folder that holds the package, with slashes.
	File    string  `json:"file"`
	Line    int     `json:"line"`
	Async   bool    `json:"async,omitempty"`
	Params  []Param `json:"params"`
	Returns string  `json:"returns,omitempty"`
}

// A Param is a parameter; self and cls are left out.
type Param struct {
	Name string `json:"name"`
	// Kind is "positional", "positional-or-keyword", "var-positional",
	// "keyword" or "var-keyword".
	Kind       string `json:"kind"`
	Required   bool   `json:"required"`
	Annotation string `json:"annotation,omitempty"`
}

var kinds = map[pysyntax.ParamKind]string{
	pysyntax.PositionalOnly:      "positional",
	pysyntax.PositionalOrKeyword: "positional-or-keyword",
	pysyntax.VarPositional:       "var-positional",
	pysyntax.KeywordOnly:         "keyword",
	pysyntax.VarKeyword:          "var-keyword",
}

// Takes says whether the function can be called with that keyword argument.
func (s Signature) Takes(name string) bool {
	return slices.ContainsFunc(s.Params, func(p Param) bool {
		return p.Kind == "var-keyword" || p.Name == name && (p.Kind == "keyword" || p.Kind == "positional-or-keyword")
	})
}

// String is the signature as Python writes it, without annotations:
// "UserManagement.get_logout_url(*, session_id, return_to=...)".
func (s Signature) String() string {
	var b strings.Builder
	if s.Async {
		b.WriteString("async ")
	}
	b.WriteString(s.Path + "(")
	starred := false
	for i, p := range s.Params {
		if i > 0 {
			b.WriteString(", ")
		}
		switch p.Kind {
		case "var-positional":
			b.WriteString("*")
			starred = true
		case "var-keyword":
			b.WriteString("**")
		case "keyword":
			if !starred {
				b.WriteString("*, ")
				starred = true
			}
		}
		b.WriteString(p.Name)
		if !p.Required && !strings.HasPrefix(p.Kind, "var-") {
			b.WriteString("=...")
		}
		if p.Kind == "positional" && (i+1 == len(s.Params) || s.Params[i+1].Kind != "positional") {
			b.WriteString(", /")
		}
	}
	b.WriteString(")")
	return b.String()
}

// Signature finds a function by its path. The path begins at a name that the
// package exports ("WorkOSClient"), at a module of it
// ("session.seal_session_from_auth_response"), or at any class in it
// ("UserManagement.get_logout_url"); "workos." before it is allowed. Each
// further name is looked up as Python would: in a module through its imports,
// in a class through its bases, and in a property or a function through the
// class that it says it returns. A class stands for its __init__.
func (s *SDK) Signature(dotted string) (Signature, bool) {
	names := strings.Split(strings.TrimPrefix(dotted, "workos."), ".")
	obj := s.start(names[0])
	for _, name := range names[1:] {
		obj = s.member(obj, name, 0)
	}
	var f *function
	switch o := obj.(type) {
	case *function:
		f = o
	case *class:
		init, ok := s.member(o, "__init__", 0).(*function)
		if !ok {
			return Signature{Path: dotted, File: o.m.public(), Line: o.m.file.Line(o.def.Pos()), Params: []Param{}}, true
		}
		f = init
	default:
		return Signature{}, false
	}
	return f.signature(dotted), true
}

func (f *function) signature(dotted string) Signature {
	sig := Signature{Path: dotted, File: f.m.public(), Line: f.m.file.Line(f.def.Pos()), Async: f.def.Async, Params: []Param{}}
	if f.def.Returns != nil {
		sig.Returns = oneLine(f.m.file.Text(f.def.Returns))
	}
	params := f.def.Params
	if f.method && len(params) > 0 && !f.has("staticmethod") {
		params = params[1:]
	}
	for _, p := range params {
		param := Param{Name: p.Name.ID, Kind: kinds[p.Kind]}
		param.Required = p.Default == nil && p.Kind != pysyntax.VarPositional && p.Kind != pysyntax.VarKeyword
		if p.Annotation != nil {
			param.Annotation = oneLine(f.m.file.Text(p.Annotation))
		}
		sig.Params = append(sig.Params, param)
	}
	return sig
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// What a name in the package can stand for.
type (
	module struct {
		name string // its file, relative to the package's folder: "user_management/_resource.py"
		file *pysyntax.File
	}
	class struct {
		m   *module
		def *pysyntax.ClassDef
	}
	function struct {
		m      *module
		def    *pysyntax.FunctionDef
		method bool
	}
)

// public is the module's file relative to the folder that holds the package.
func (m *module) public() string { return path.Join("workos", m.name) }

// has says whether the function has that decorator.
func (f *function) has(decorator string) bool {
	return slices.ContainsFunc(f.def.Decorators, func(d pysyntax.Expr) bool {
		name := pysyntax.Dotted(d)
		return name[strings.LastIndex(name, ".")+1:] == decorator
	})
}

// module reads and parses a file of the package once.
func (s *SDK) module(name string) (*module, error) {
	if m, ok := s.modules[name]; ok {
		return m, nil
	}
	src, err := readFile(filepath.Join(s.Dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	file, err := pysyntax.Parse(src)
	if err != nil {
		return nil, err
	}
	m := &module{name: name, file: file}
	s.modules[name] = m
	return m, nil
}

// statements are those that a module runs when it is imported: the top level
// and the branches of its ifs and tries.
func (m *module) statements() iter.Seq[pysyntax.Stmt] {
	return func(yield func(pysyntax.Stmt) bool) { flat(m.file.Body, yield) }
}

func flat(body []pysyntax.Stmt, yield func(pysyntax.Stmt) bool) bool {
	for _, stmt := range body {
		if !yield(stmt) {
			return false
		}
		switch stmt := stmt.(type) {
		case *pysyntax.If:
			if !flat(stmt.Body, yield) || !flat(stmt.Else, yield) {
				return false
			}
		case *pysyntax.Try:
			if !flat(stmt.Body, yield) || !flat(stmt.Else, yield) {
				return false
			}
			for _, h := range stmt.Handlers {
				if !flat(h.Body, yield) {
					return false
				}
			}
		}
	}
	return true
}

// strings are the string literals in a list or tuple.
func (m *module) strings(e pysyntax.Expr) []string {
	var elts []pysyntax.Expr
	switch e := e.(type) {
	case *pysyntax.List:
		elts = e.Elts
	case *pysyntax.Tuple:
		elts = e.Elts
	}
	var out []string
	for _, elt := range elts {
		if v, ok := m.file.StringValue(elt); ok {
			out = append(out, v)
		}
	}
	return out
}

func boundName(a *pysyntax.Alias) string {
	if a.AsName != "" {
		return a.AsName
	}
	return a.Name
}

// start finds the object that a path begins at, or nil.
func (s *SDK) start(name string) any {
	root, err := s.module("__init__.py")
	if err != nil {
		return nil
	}
	if obj := s.member(root, name, 0); obj != nil {
		return obj
	}
	return s.search(name)
}

// maxHops ends a chain of imports or bases that leads in a circle.
const maxHops = 20

// member looks a name up in a module, a class, or the class a function returns.
func (s *SDK) member(obj any, name string, hops int) any {
	if hops > maxHops {
		return nil
	}
	switch o := obj.(type) {
	case *module:
		return s.inModule(o, name, hops)
	case *class:
		return s.inClass(o, name, hops)
	case *function:
		if c := s.returned(o, hops); c != nil {
			return s.member(c, name, hops+1)
		}
	}
	return nil
}

// inModule is the last binding of the name, which is the one that counts, or
// a module of that name in the package.
func (s *SDK) inModule(m *module, name string, hops int) any {
	var found any
	for stmt := range m.statements() {
		switch stmt := stmt.(type) {
		case *pysyntax.ClassDef:
			if stmt.Name.ID == name {
				found = &class{m, stmt}
			}
		case *pysyntax.FunctionDef:
			if stmt.Name.ID == name {
				found = &function{m: m, def: stmt}
			}
		case *pysyntax.ImportFrom:
			for _, a := range stmt.Names {
				if a.Name != "*" && boundName(a) != name {
					continue
				}
				if obj := s.imported(m, stmt, a, name, hops); obj != nil {
					found = obj
				}
			}
		}
	}
	if found == nil && path.Base(m.name) == "__init__.py" {
		if sub := s.submodule(path.Join(path.Dir(m.name), name)); sub != nil {
			return sub
		}
	}
	return found
}

// imported follows one name of a "from ... import", where that stays inside
// the package.
func (s *SDK) imported(m *module, stmt *pysyntax.ImportFrom, a *pysyntax.Alias, name string, hops int) any {
	dir := ""
	rest := stmt.Module
	switch {
	case stmt.Level > 0:
		dir = path.Dir(m.name)
		for range stmt.Level - 1 {
			dir = path.Dir(dir)
		}
	case rest == "workos":
		rest = ""
	case strings.HasPrefix(rest, "workos."):
		rest = strings.TrimPrefix(rest, "workos.")
	default:
		return nil
	}
	from := s.submodule(path.Join(dir, strings.ReplaceAll(rest, ".", "/")))
	if from == nil || from == m {
		return nil
	}
	if a.Name != "*" {
		name = a.Name
	}
	return s.member(from, name, hops+1)
}

// submodule is the module or package at a path below the package, or nil.
func (s *SDK) submodule(at string) *module {
	for _, file := range []string{at + ".py", path.Join(at, "__init__.py")} {
		if strings.HasPrefix(file, "..") || file == "..py" {
			continue
		}
		if m, err := s.module(path.Clean(file)); err == nil {
			return m
		}
	}
	return nil
}

// inClass is the method of that name, of the class or of its bases in order.
// Stubs marked @overload do not count.
func (s *SDK) inClass(c *class, name string, hops int) any {
	var found any
	flat(c.def.Body, func(stmt pysyntax.Stmt) bool {
		if def, ok := stmt.(*pysyntax.FunctionDef); ok && def.Name.ID == name {
			if f := (&function{c.m, def, true}); !f.has("overload") {
				found = f
			}
		}
		return true
	})
	if found != nil {
		return found
	}
	for _, base := range c.def.Args {
		if base.Keyword != nil || base.Star != 0 {
			continue
		}
		if b := s.resolve(c.m, pysyntax.Dotted(base.Value), hops+1); b != nil {
			// A class whose base has its own name, as WorkOSClient(_Base).
			if obj := s.member(b, name, hops+1); obj != nil {
				return obj
			}
		}
	}
	return nil
}

// returned is the class in a function's return annotation, or nil.
func (s *SDK) returned(f *function, hops int) *class {
	if f.def.Returns == nil {
		return nil
	}
	name := pysyntax.Dotted(f.def.Returns)
	if text, ok := f.m.file.StringValue(f.def.Returns); ok {
		name = text
	}
	if c, ok := s.resolve(f.m, name, hops+1).(*class); ok {
		return c
	}
	// Imported only inside the function, to avoid a circle of imports.
	c, _ := s.search(name).(*class)
	return c
}

// resolve looks a dotted name up in a module.
func (s *SDK) resolve(m *module, dotted string, hops int) any {
	if dotted == "" {
		return nil
	}
	var obj any = m
	for name := range strings.SplitSeq(dotted, ".") {
		if obj = s.member(obj, name, hops+1); obj == nil {
			return nil
		}
	}
	return obj
}

var className = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// search finds a class by its name alone anywhere in the package; of two the
// one in the folder nearest to the top. The text is searched before a file is
// parsed, as there are hundreds of them.
func (s *SDK) search(name string) any {
	if !className.MatchString(name) {
		return nil
	}
	var found []string
	root := os.DirFS(s.Dir)
	for _, pattern := range []string{"*.py", "*/*.py", "*/*/*.py"} {
		files, err := fs.Glob(root, pattern)
		if err != nil {
			return nil
		}
		for _, file := range files {
			if definesClass(s.text(file), name) {
				found = append(found, file)
			}
		}
		if len(found) > 0 {
			break
		}
	}
	for _, file := range found {
		if m, err := s.module(file); err == nil {
			if obj := s.inModule(m, name, 0); obj != nil {
				return obj
			}
		}
	}
	return nil
}

// definesClass reports whether a line of a source begins with "class name".
func definesClass(src []byte, name string) bool {
	line := []byte("\nclass " + name)
	for rest := src; ; {
		i := bytes.Index(rest, line)
		if i < 0 {
			return bytes.HasPrefix(src, line[1:])
		}
		rest = rest[i+len(line):]
		if len(rest) > 0 && (rest[0] == '(' || rest[0] == ':' || rest[0] == ' ') {
			return true
		}
	}
}

// text reads a file of the package once; nil where that fails.
func (s *SDK) text(name string) []byte {
	src, ok := s.texts[name]
	if !ok {
		src, _ = readFile(filepath.Join(s.Dir, filepath.FromSlash(name)))
		s.texts[name] = src
	}
	return src
}
