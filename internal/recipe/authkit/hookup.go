package authkit

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/pysyntax"
)

// authModule is the Python module of a framework's login routes.
const authModule = "workos_auth"

// generatedRoutes reports whether a file is the module of the login routes that
// an earlier run made. Unlike generated it leaves the draft as it is.
func (d *Draft) generatedRoutes(name string) bool {
	if path.Base(name) != authModule+".py" {
		return false
	}
	src, err := d.Project.Tree.Read(name)
	return err == nil && strings.HasPrefix(string(src), madeByAuthfit)
}

// generatedFile is the module of the login routes, where the app has a login.
func generatedFile(d *Draft) string {
	name := path.Join(path.Dir(d.App.Entry.File), authModule+".py")
	src, err := d.Project.Tree.Read(d.App.Entry.File)
	if err != nil || !d.generatedRoutes(name) || !strings.Contains(string(src), authModule+".init_app(") {
		return ""
	}
	return name
}

// generated reports whether a file is one of the modules that the Draft made,
// now or in an earlier run.
func generated(d *Draft, name string) bool {
	return path.Base(name) == authModule+".py" && strings.HasPrefix(string(d.Source(name)), madeByAuthfit)
}

// madeByAuthfit is how the module of the login routes begins in every framework.
const madeByAuthfit = `"""Login with WorkOS AuthKit: `

// clientLines make the client, as WorkOS's quickstart does, in the app's file.
func clientLines(class string) []string {
	return []string{
		"workos = " + class + "(",
		`    api_key=os.getenv("WORKOS_API_KEY"),`,
		`    client_id=os.getenv("WORKOS_CLIENT_ID"),`,
		")",
	}
}

// HookUp makes the module of the framework's routes and calls its init_app
// where the app is made: before the app's own routes, since of two that match
// the first one wins. The draft's Login says where the routes are, and
// prefixArg is what init_app takes for their prefix. It reports whether nothing
// stands in the way.
func (c Constructor) HookUp(d *Draft, module []byte, prefixArg string) bool {
	d.Variant.Async = c.Async
	made := c.instances(d)
	if made != nil && !c.reachable(d, made[0]) {
		return false
	}
	c.refuseTaken(d)
	file := d.App.Entry.File
	pkg := packageOf(d.App, file)
	d.CreateModule(path.Dir(file), authModule, module, pkg != "", "the routes /login, /callback, /logout and /account")
	if strings.Contains(string(d.Source(file)), authModule+".init_app(") {
		return true
	}
	init := authModule + ".init_app({app}, workos"
	if d.Prefix != "" {
		init += fmt.Sprintf(", %s=%q", prefixArg, d.Prefix)
	}
	f, _ := d.Project.Tree.Python(file)
	if p := clash(f); p != nil {
		d.Refuse(p.At(file, p.Line))
		return false
	}
	client := "WorkOSClient"
	if c.Async {
		client = "AsyncWorkOSClient"
	}
	imports := []string{"import os", "from workos import " + client, ImportLine(f, pkg, authModule, pkg != "")}
	c.Configure(d, "the client and the login routes", imports, slices.Concat([]string{""}, clientLines(client), []string{init + ")"})...)
	return len(d.Problems) == 0
}

// Configure writes lines behind the statements that make and set up the app,
// and at the top what they import. They read the environment, so .env is loaded
// before, where the file does not do that. In each line, "{app}" stands for the
// app's name.
func (c Constructor) Configure(d *Draft, why string, imports []string, lines ...string) {
	made := c.instances(d)
	if made == nil {
		d.RefuseAt("app-lost", d.App.Entry.File, d.App.Entry.Line, "name the app with --app FILE:NAME", "%s is not made here", d.App.Entry.Object)
		return
	}
	d.EditPython(d.App.Entry.File, why, func(f *pysyntax.File) ([]edit.Edit, error) {
		at := anchor(f, made)
		if at == nil {
			return nil, problem.New("app-lost", "cannot find again where the app is made").At(made[0].File, made[0].Line)
		}
		imports, block, loading := slices.Clone(imports), []string{}, []edit.Edit{}
		if !loadsDotenv(f) && !c.importsLoaded(d, f) {
			imports = append(imports, "from dotenv import load_dotenv")
			if last := lastImport(f); last != nil {
				e, err := f.InsertAfter(last, spaced(f, last, "", "load_dotenv()")...)
				if err != nil {
					return nil, err
				}
				loading = append(loading, e)
			} else {
				block = append(block, "", "load_dotenv()")
			}
		}
		name := made[0].Name
		if name == "" { // it is returned at once
			name = "app"
			loading = append(loading, edit.Edit{Start: at.Pos(), End: made[0].Call.Pos(), New: name + " = "})
			lines = append(slices.Clone(lines), "return {app}")
		}
		for _, line := range lines {
			if body, indented := strings.CutPrefix(line, "    "); indented {
				line = f.IndentUnit() + body
			}
			if Quote(f) == "'" {
				line = strings.ReplaceAll(line, `"`, "'")
			}
			block = append(block, strings.ReplaceAll(line, "{app}", name))
		}
		edits := append(f.AddImports(imports...), loading...)
		e, err := f.InsertAfter(at, spaced(f, at, block...)...)
		return append(edits, e), err
	})
}

// spaced are lines to insert behind a statement, with an empty one at their end
// where the next statement follows at once.
func spaced(f *pysyntax.File, s pysyntax.Stmt, lines ...string) []string {
	rest := f.Src[s.End():]
	_, rest, _ = bytes.Cut(rest, []byte("\n"))
	next, _, _ := bytes.Cut(rest, []byte("\n"))
	if len(bytes.TrimSpace(next)) > 0 {
		lines = append(lines, "")
	}
	return lines
}

// reachable refuses an app that no server can import.
func (c Constructor) reachable(d *Draft, i project.Instance) bool {
	f, _ := d.Project.Tree.Python(i.File)
	if i.Factory != nil && i.Name != "" && !returns(i.Factory, i.Name) {
		d.RefuseAt("app-unreachable", i.File, i.Line, "make it outside of the function, or return it from the function",
			"%s is made in %s, which does not return it", i.Name, i.Factory.Name.ID)
		return false
	}
	_, place := f.StmtAt(i.Stmt.Pos())
	for _, parent := range place.Parents {
		if s, ok := parent.(*pysyntax.If); ok && strings.Contains(f.Text(s.Test), "__name__") {
			d.RefuseAt("app-unreachable", i.File, i.Line, `make it above "if __name__ == ...", and leave only its start there`,
				"%s is made only where the file is run as a script", i.Name)
			return false
		}
	}
	return true
}

// packageOf is the package that a file is in, below the folder that the app
// runs from; empty for a file in that folder.
func packageOf(app *project.App, file string) string {
	dir := path.Dir(file)
	if app.Dir != "." {
		dir = strings.TrimPrefix(strings.TrimPrefix(dir, app.Dir), "/")
	}
	if dir == "." {
		return ""
	}
	return strings.ReplaceAll(dir, "/", ".")
}

// CreateAddition makes a module that uses the one of the login routes, beside it.
func CreateAddition(d *Draft, name string, source []byte, why string) {
	file := d.App.Entry.File
	if packageOf(d.App, file) != "" {
		source = relativeImport(source, authModule)
	}
	d.Create(path.Join(path.Dir(file), name+".py"), source, why)
}

// ImportRoutes is the import of the module of the login routes, which lie
// beside the app's file, as another file of the project writes it. It says no
// where that file is not below the folder that the app runs from.
func ImportRoutes(app *project.App, f *pysyntax.File, file string) (string, bool) {
	return ImportBeside(app, f, file, authModule)
}

// ImportBeside is ImportRoutes for another module that lies there.
func ImportBeside(app *project.App, f *pysyntax.File, file, module string) (string, bool) {
	if app.Dir != "." && !strings.HasPrefix(file, app.Dir+"/") {
		return "", false
	}
	pkg := packageOf(app, app.Entry.File)
	if path.Dir(file) == path.Dir(app.Entry.File) || pkg == "" {
		return ImportLine(f, pkg, module, pkg != ""), true
	}
	return "from " + pkg + " import " + module, true
}

// clash is a name that the hook-up needs and that the file uses for something
// else.
func clash(f *pysyntax.File) *problem.Problem {
	for _, b := range f.Bindings() {
		if b.Name == "workos" || b.Name == authModule {
			return problem.New("name-taken", "the name %s is already used here, perhaps by a login with WorkOS", b.Name).
				At("", f.Line(b.Pos)).
				WithFix("if that is a login, `authfit doctor` tells how it stands; otherwise rename it")
		}
	}
	return nil
}

// anchor is the statement behind which the app is set up further: the one that
// makes it, or the whole of an if that makes it in each branch, and what
// configures it directly below. The file may have been edited since made was
// read from it; it is nil where the statement is gone.
func anchor(f *pysyntax.File, made []project.Instance) pysyntax.Stmt {
	last := made[len(made)-1]
	var found pysyntax.Stmt
	var place pysyntax.Place
	for s, at := range f.Stmts() {
		if strings.Join(strings.Fields(f.Text(s)), " ") == last.Text && sameFunction(at, last.Factory) {
			found, place = s, at
		}
	}
	for _, parent := range place.Parents {
		if _, ok := parent.(*pysyntax.FunctionDef); !ok && len(made) > 1 {
			found, place = f.StmtAt(parent.Pos())
			break
		}
	}
	if found == nil {
		return nil
	}
	for _, next := range place.Block[place.Index+1:] {
		text := f.Text(next)
		if !strings.HasPrefix(text, last.Name+".config") && !strings.HasPrefix(text, last.Name+".secret_key") {
			break
		}
		found = next
	}
	return found
}

// sameFunction reports whether a place is directly in the function, or in none
// where that is nil.
func sameFunction(place pysyntax.Place, in *pysyntax.FunctionDef) bool {
	for _, parent := range slices.Backward(place.Parents) {
		if def, ok := parent.(*pysyntax.FunctionDef); ok {
			return in != nil && def.Name.ID == in.Name.ID
		}
	}
	return in == nil
}

// ImportLine imports a module of the same folder in the file's own style.
func ImportLine(f *pysyntax.File, pkg, module string, inPackage bool) string {
	if !inPackage {
		return "import " + module
	}
	for s := range f.Stmts() { // a factory imports its blueprints inside
		if from, ok := s.(*pysyntax.ImportFrom); ok && from.Level > 0 {
			return "from . import " + module
		}
	}
	return "from " + pkg + " import " + module
}

// loadsDotenv reports whether a file calls load_dotenv itself when it is
// imported, for the file .env.
func loadsDotenv(f *pysyntax.File) bool {
	for s, place := range f.Stmts() {
		call, ok := value(s).(*pysyntax.Call)
		if !ok || !strings.HasSuffix("."+pysyntax.Dotted(call.Func), ".load_dotenv") {
			continue
		}
		inFunction := slices.ContainsFunc(place.Parents, func(p pysyntax.Stmt) bool { _, ok := p.(*pysyntax.FunctionDef); return ok })
		name, literal := f.StringValue(argument(call, 0, "dotenv_path"))
		if !inFunction && (!literal || path.Base(name) == ".env") {
			return true
		}
	}
	return false
}

// importsLoaded reports whether a module of the project that a file begins with
// importing loads .env, as a config.py does. The app's own folder is searched.
func (c Constructor) importsLoaded(d *Draft, f *pysyntax.File) bool {
	for _, s := range f.Body {
		name := ""
		switch s := s.(type) {
		case *pysyntax.Import:
			name = s.Names[0].Name
		case *pysyntax.ImportFrom:
			if name = s.Module; s.Level > 0 {
				name = strings.Trim(packageOf(d.App, d.App.Entry.File)+"."+name, ".")
			}
		}
		if file, ok := d.Project.Tree.Module(name, d.App.Dir); ok && file != d.App.Entry.File {
			if g, _ := d.Project.Tree.Python(file); g != nil && loadsDotenv(g) {
				return true
			}
		}
	}
	return false
}

// value is what a statement computes: an expression, or what it assigns.
func value(s pysyntax.Stmt) pysyntax.Expr {
	switch s := s.(type) {
	case *pysyntax.ExprStmt:
		return s.Value
	case *pysyntax.Assign:
		return s.Value
	}
	return nil
}

// lastImport is the last of the imports that a file begins with, or nil.
func lastImport(f *pysyntax.File) (last pysyntax.Stmt) {
	for _, s := range f.Body {
		switch s.(type) {
		case *pysyntax.Import, *pysyntax.ImportFrom:
			last = s
		default:
			if last != nil {
				return last
			}
		}
	}
	return last
}
