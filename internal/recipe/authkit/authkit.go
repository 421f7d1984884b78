// Package authkit has what the rooms of the frameworks share: the part of the
// login that is the same in all of them, and the Draft in which a room writes
// down what it wants changed.
package authkit

import (
	"cmp"
	_ "embed"
	"errors"
	"path"
	"slices"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/pysyntax"
)

// CoreModule is the Python module with the protocol part of the login.
const CoreModule = "workos_authkit"

//go:embed files/workos_authkit.py
var core []byte

// A Draft is what a room wants changed. Changes of one file are made one after
// another, each on the result of the one before.
type Draft struct {
	Project *project.Project
	App     *project.App
	// Prefix goes before the paths of the login routes: "" or "/auth".
	Prefix string
	// Variant is the form of the generated modules.
	Variant Variant
	// Users says where the framework's people look for who is signed in: "" for
	// what fits, "session", "django" or "flask-login".
	Users string
	// Host is the name under which the app is opened on this machine; empty for
	// localhost.
	Host string
	// Login says how to start the app and where its login is.
	Login    *plan.Login
	Probes   []plan.Probe
	Notes    []string
	Problems []problem.Problem

	files []*file
}

type file struct {
	path    string
	before  []byte // nil where there is none
	now     []byte
	reasons []string
}

// Note adds a line for the user to read.
func (d *Draft) Note(line string) { d.Notes = append(d.Notes, line) }

// Refuse adds what keeps the plan from being applied, once.
func (d *Draft) Refuse(p *problem.Problem) {
	if !slices.Contains(d.Problems, *p) {
		d.Problems = append(d.Problems, *p)
	}
}

// RefuseAt is Refuse with a place, for the usual case.
func (d *Draft) RefuseAt(code, file string, line int, fix, format string, args ...any) {
	d.Refuse(problem.New(code, format, args...).At(file, line).WithFix("%s", fix))
}

// Create makes a file of authfit's own, Python in the project's style. Where it is there already it stays as
// it is: it is the user's by now. A file of that name which is not authfit's
// is a problem.
func (d *Draft) Create(name string, content []byte, why string) {
	old, err := d.Project.Tree.Read(name)
	if err != nil {
		if path.Ext(name) == ".py" {
			content = Restyle(content, d.Style(path.Dir(name)))
		}
		d.files = append(d.files, &file{path: name, now: content, reasons: []string{why}})
		return
	}
	if !strings.HasPrefix(string(old), firstLine(content)) {
		d.refuseTaken(name)
	}
}

func (d *Draft) refuseTaken(name string) {
	d.RefuseAt("file-taken", name, 1, "rename that file, then run authfit again",
		"%s is there already and is not a login made by authfit", name)
}

func firstLine(content []byte) string {
	line, _, _ := strings.Cut(string(content), "\n")
	return line
}

// CreateModule makes a generated Python module, and with it the protocol part
// in the same folder. inPackage says whether the folder is a package, where one
// imports the other by a relative import.
func (d *Draft) CreateModule(dir, name string, source []byte, inPackage bool, why string) {
	for _, module := range []string{name, CoreModule} {
		if file := path.Join(dir, module, "__init__.py"); d.Project.Tree.Has(file) {
			d.RefuseAt("file-taken", file, 1, "rename that package, then run authfit again",
				"the package %s would be imported in the place of the login's %s.py", module, module)
		}
	}
	d.refuseShadowed("workos", "dotenv", "jwt", "cryptography")
	d.module(path.Join(dir, CoreModule+".py"), core, Variant.Core, "the protocol part of the login: state, PKCE, sealed session")
	d.module(path.Join(dir, name+".py"), source, d.routes(source, inPackage), why)
}

// AddFeature gives the module of the login's routes, which is there, a feature.
func (d *Draft) AddFeature(feature, name string, source []byte) {
	d.Variant.Features = append(d.Variant.Features, feature)
	d.Variant.Dialect = d.Variant.in(source, d.Source(name)).Dialect
	inPackage := strings.Contains(string(d.Source(name)), "from ."+CoreModule+" import")
	d.module(name, source, d.routes(source, inPackage), "")
}

// routes renders the module of the login's routes.
func (d *Draft) routes(source []byte, inPackage bool) func(Variant) []byte {
	return func(v Variant) []byte {
		rendered := v.Render(source)
		if inPackage {
			rendered = relativeImport(rendered, CoreModule)
		}
		return rendered
	}
}

// Gives reports whether a generated module will have a function: it is yet to be
// made, or has it. One that is there is not extended for what the owner did not
// ask for.
func (d *Draft) Gives(module, function string) bool {
	src := d.Source(module)
	return src == nil || strings.Contains(string(src), "def "+function+"(")
}

// module makes a generated module, or gives the one that is there the features
// that it lacks and the dialect of the project's SDK, where that has changed.
// What somebody has changed in it stays.
func (d *Draft) module(name string, source []byte, plain func(Variant) []byte, why string) {
	style := d.Style(path.Dir(name))
	render := func(v Variant) []byte { return Restyle(plain(v), style) }
	old := d.Source(name)
	if old == nil {
		d.Create(name, plain(d.Variant), why)
		return
	}
	if !strings.HasPrefix(string(old), firstLine(source)) {
		d.refuseTaken(name)
		return
	}
	has := d.Variant.in(source, old)
	wants, what := has, "the login can do "+strings.Join(d.Variant.Features, ", ")
	if wants.Dialect = cmp.Or(d.Variant.Dialect, SDK6); wants.Dialect != has.Dialect {
		what = "the login is for the workos that the project has now"
	}
	wants.Features = slices.Concat(has.Features, d.Variant.Features)
	before, after := render(has), render(wants)
	if string(before) == string(after) {
		return
	}
	d.Edit(name, what, func(src []byte) ([]edit.Edit, error) {
		edits, ok := edit.Rebase(edit.Between(before, src), edit.Between(before, after))
		if !ok {
			return nil, Unplaceable(name, "this file was changed where the login is to be extended").
				WithDetail("%s", edit.Unified(name, before, after)).
				WithFix("make these changes by hand, or move yours to a file of your own")
		}
		return edits, nil
	})
}

// refuseShadowed refuses a project whose own module would be imported in the
// place of a package that the login needs.
func (d *Draft) refuseShadowed(packages ...string) {
	for _, name := range packages {
		at := path.Join(d.App.Dir, name)
		for _, file := range []string{at + ".py", path.Join(at, "__init__.py")} {
			if d.Project.Tree.Has(file) {
				d.RefuseAt("module-shadows", file, 1, "rename that module, then run authfit again",
					"%s would be imported in the place of the package %s, which the login needs", file, name)
			}
		}
	}
}

// relativeImport turns "from module import" into "from .module import".
func relativeImport(source []byte, module string) []byte {
	f, err := pysyntax.Parse(source)
	if err != nil {
		panic("generated module does not parse: " + err.Error())
	}
	for _, s := range f.Body {
		if from, ok := s.(*pysyntax.ImportFrom); ok && from.Module == module && from.Level == 0 {
			at := strings.Index(f.Text(from), module)
			at += from.Pos()
			return slices.Concat(source[:at], []byte("."), source[at:])
		}
	}
	panic("generated module does not import " + module)
}

// EditPython changes a Python file of the user's. A file that does not parse is
// a problem with its place, and so is a change that would not.
func (d *Draft) EditPython(name, why string, change func(*pysyntax.File) ([]edit.Edit, error)) {
	d.Edit(name, why, func(src []byte) ([]edit.Edit, error) {
		parsed, err := d.parse(name, src)
		if err != nil {
			return nil, err
		}
		edits, err := change(parsed)
		if err != nil {
			return nil, err
		}
		after, err := edit.Apply(src, edits...)
		if err != nil {
			return nil, err
		}
		if _, err := pysyntax.Parse(after); err != nil {
			return nil, problem.New("edit-unsafe", "the change would not be valid Python: %v", err).
				At(name, 0).WithFix("this is a defect of authfit: please report it with the file")
		}
		return edits, nil
	})
}

func (d *Draft) parse(name string, src []byte) (*pysyntax.File, error) {
	f, err := pysyntax.Parse(src)
	if err != nil {
		return nil, SyntaxProblem(name, err)
	}
	f.Local = d.Project.Tree.IsLocalModule
	return f, nil
}

// SyntaxProblem says where a Python file is broken.
func SyntaxProblem(name string, err error) *problem.Problem {
	line, msg := 0, err.Error()
	if s := (*pysyntax.SyntaxError)(nil); errors.As(err, &s) {
		line, msg = s.Line, s.Msg
	}
	return problem.New("syntax-error", "not valid Python: %s", msg).
		At(name, line).WithFix("mend the syntax there, then run authfit again")
}

// Edit changes a text file of the user's.
func (d *Draft) Edit(name, why string, change func(src []byte) ([]edit.Edit, error)) {
	f, err := d.open(name)
	if err != nil {
		d.Refuse(problem.New("file-unreadable", "cannot read the file: %v", err).At(name, 0).
			WithFix("make it readable, then run authfit again"))
		return
	}
	edits, err := change(f.now)
	if err == nil {
		var after []byte
		if after, err = edit.Apply(f.now, edits...); err == nil {
			if string(after) != string(f.now) {
				f.now = after
				f.reasons = append(f.reasons, why)
			}
			return
		}
	}
	if p := (*problem.Problem)(nil); errors.As(err, &p) {
		p.File = cmp.Or(p.File, name)
		d.Refuse(p)
		return
	}
	d.Refuse(problem.New("edit-failed", "%v", err).At(name, 0))
}

func (d *Draft) open(name string) (*file, error) {
	for _, f := range d.files {
		if f.path == name {
			return f, nil
		}
	}
	src, err := d.Project.Tree.Read(name)
	if err != nil {
		return nil, err
	}
	f := &file{path: name, before: src, now: src}
	d.files = append(d.files, f)
	return f, nil
}

// Source is the file as the draft has it so far; nil where there is none.
func (d *Draft) Source(name string) []byte {
	f, err := d.open(name)
	if err != nil {
		return nil
	}
	return f.now
}

// Files are the changes, in the order in which they were drafted.
func (d *Draft) Files() ([]plan.File, error) {
	files := []plan.File{}
	for _, f := range d.files {
		if f.before != nil && string(f.before) == string(f.now) {
			continue
		}
		edits := edit.Between(f.before, f.now)
		p, err := plan.NewFile(f.path, f.before, edits)
		if err != nil {
			return nil, err
		}
		p.Why = strings.Join(f.reasons, "; ")
		files = append(files, p)
	}
	return files, nil
}

// Unplaceable says that a change has to be made by hand.
func Unplaceable(file, why string) *problem.Problem {
	return problem.New("edit-unplaceable", "%s", why).At(file, 0)
}
