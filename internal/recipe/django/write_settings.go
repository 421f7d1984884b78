package django

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/problem"
	"authfit/internal/pysyntax"
)

// names are the settings of the login. The views read them from Django's
// settings, and these from the environment.
var names = []string{"WORKOS_API_KEY", "WORKOS_CLIENT_ID", "WORKOS_REDIRECT_URI", "WORKOS_COOKIE_PASSWORD"}

// A step is one of several changes of a file, made on the result of the one
// before.
type step func(*pysyntax.File) ([]edit.Edit, error)

func inSteps(f *pysyntax.File, steps ...step) ([]edit.Edit, error) {
	now := f
	for _, s := range steps {
		edits, err := s(now)
		if err != nil {
			return nil, err
		}
		after, err := edit.Apply(now.Src, edits...)
		if err != nil {
			return nil, err
		}
		if now, err = pysyntax.Parse(after); err != nil {
			return nil, err
		}
		now.Local = f.Local
	}
	return edit.Between(f.Src, now.Src), nil
}

func addImport(line string) step {
	return func(f *pysyntax.File) ([]edit.Edit, error) { return f.AddImport(line), nil }
}

// editSettings loads the environment file, and takes the settings of the login
// from the environment.
func (r *room) editSettings() {
	r.EditPython(r.app.Settings, "the credentials of WorkOS, from the environment", func(f *pysyntax.File) ([]edit.Edit, error) {
		steps := []step{r.addSettings, addImport("import os")}
		if !r.loadsDotenv(f) {
			call := r.loadDotenv()
			if strings.Contains(call, "Path(") {
				steps = append(steps, addImport("from pathlib import Path"))
			}
			steps = append(steps, addImport("from dotenv import load_dotenv"), func(f *pysyntax.File) ([]edit.Edit, error) {
				return underImports(f, call)
			})
		}
		return inSteps(f, steps...)
	})
}

// loadsDotenv reports whether the file itself loads .env when it is imported:
// other files may do so too late, or not in all environments.
func (r *room) loadsDotenv(f *pysyntax.File) bool {
	found := false
	for s, place := range f.Stmts() {
		expr, ok := s.(*pysyntax.ExprStmt)
		if !ok || inFunction(place) {
			continue
		}
		call, ok := expr.Value.(*pysyntax.Call)
		if !ok || last(pysyntax.Dotted(call.Func)) != "load_dotenv" {
			continue
		}
		file := ""
		pysyntax.Walk(call, func(n pysyntax.Node) bool {
			if s, ok := n.(*pysyntax.String); ok {
				part, _ := f.StringValue(s)
				file = path.Join(file, part)
			}
			return true
		})
		found = found || file == "" || file == ".env"
	}
	return found
}

// loadDotenv is the call that loads the environment file. Without an argument
// it loads the next one above the settings file.
func (r *room) loadDotenv() string {
	env := r.Project.Env.File
	if env == "" {
		env = path.Join(r.app.Dir, ".env")
	}
	for dir := path.Dir(r.app.Settings); ; dir = path.Dir(dir) {
		next := path.Join(dir, ".env")
		if next == env {
			return "load_dotenv()"
		}
		if dir == "." || r.Project.Tree.Has(next) {
			break
		}
	}
	rel, err := filepath.Rel(path.Dir(r.app.Settings), env)
	if err != nil {
		return "load_dotenv()"
	}
	up := strings.Count(rel, "../")
	return fmt.Sprintf(`load_dotenv(Path(__file__).resolve().parents[%d] / "%s")`, up, strings.ReplaceAll(rel, "../", ""))
}

// underImports puts a line behind the imports that a file begins with, or else
// behind the first ones further down.
func underImports(f *pysyntax.File, line string) ([]edit.Edit, error) {
	var after pysyntax.Stmt
	for i, s := range f.Body {
		_, docstring := value(s).(*pysyntax.String)
		try, tries := s.(*pysyntax.Try) // try: import tomllib
		switch {
		case isImport(s):
			after = s
		case docstring && i == 0, tries && !slices.ContainsFunc(try.Body, func(s pysyntax.Stmt) bool { return !isImport(s) }):
		case after != nil:
			return insertAfter(f, after, "", line)
		}
	}
	return insertAfter(f, after, "", line)
}

func isImport(s pysyntax.Stmt) bool {
	switch s.(type) {
	case *pysyntax.Import, *pysyntax.ImportFrom:
		return true
	}
	return false
}

// value is the expression that stands as a statement, or nil.
func value(s pysyntax.Stmt) pysyntax.Expr {
	if s, ok := s.(*pysyntax.ExprStmt); ok {
		return s.Value
	}
	return nil
}

// insertAfter is pysyntax's, with an empty line at the end where the next line
// is not empty.
func insertAfter(f *pysyntax.File, s pysyntax.Stmt, lines ...string) ([]edit.Edit, error) {
	e, err := f.InsertAfter(s, lines...)
	rest, _, _ := strings.Cut(string(f.Src[e.End:]), "\n")
	if strings.TrimSpace(rest) != "" {
		e.New += f.Newline()
	}
	return []edit.Edit{e}, err
}

// addSettings puts the settings of the login that are not there yet at the end
// of the settings: of the class that has ROOT_URLCONF, or of the file, though
// before what is taken over from local settings.
func (r *room) addSettings(f *pysyntax.File) ([]edit.Edit, error) {
	var lines []string
	st := styleOf(f)
	for _, name := range names {
		if r.settings.bindings(name) == nil {
			lines = append(lines, name+" = os.environ.get("+st.str(name)+", "+st.str("")+")")
		}
	}
	comment := "# WorkOS AuthKit"
	if lines == nil {
		comment = "# The users of WorkOS AuthKit"
	}
	lines = append(lines, r.userSettings(st, f.IndentUnit())...)
	if lines == nil {
		return nil, nil
	}
	// The login is in Django's session, whose cookie is not to travel in the clear.
	if r.settings.bindings("WORKOS_REDIRECT_URI") == nil && r.settings.bindings("SESSION_COOKIE_SECURE") == nil {
		lines = append(lines, "SESSION_COOKIE_SECURE = WORKOS_REDIRECT_URI.startswith("+st.str("https:")+")")
	}
	classes := classesOf(f)
	if len(classes) > 1 {
		return nil, problem.New("settings-apart", "%s and %s have a ROOT_URLCONF each, and no base class in common that has it", classes[0].Name.ID, classes[1].Name.ID).
			At(r.app.Settings, f.Line(classes[1].Pos())).
			WithDetail("each class needs these lines, below `import os`, `from dotenv import load_dotenv` and `load_dotenv()` at the top:\n%s", strings.Join(lines, "\n")).
			WithFix("put the lines in by hand, or ROOT_URLCONF into a base class, then run authfit again for the rest")
	}
	lines = append([]string{"", comment}, lines...)
	if len(classes) == 1 {
		body := classes[0].Body
		e, err := f.InsertAfter(body[len(body)-1], lines...)
		return []edit.Edit{e}, err
	}
	rest := len(f.Body)
	for rest > 0 && takesOver(f, f.Body[rest-1]) {
		rest--
	}
	if rest < len(f.Body) {
		e, err := f.InsertBefore(f.Body[rest], append(lines[1:], "")...)
		return []edit.Edit{e}, err
	}
	return atEnd(f, lines), nil
}

// atEnd appends lines to a file that starts them with an empty one, unless it
// is there already. A file whose last line does not end stays so.
func atEnd(f *pysyntax.File, lines []string) []edit.Edit {
	newline := f.Newline()
	text := strings.TrimRight(string(f.Src), " \t")
	switch {
	case !strings.HasSuffix(text, "\n") && !strings.HasSuffix(text, "\r"):
		return []edit.Edit{{Start: len(f.Src), End: len(f.Src), New: newline + strings.Join(lines, newline)}}
	case strings.HasSuffix(text, newline+newline):
		lines = lines[1:]
	}
	return edit.AppendLines(f.Src, lines...)
}

// classesOf are the classes of settings (django-configurations) that have a
// ROOT_URLCONF.
func classesOf(f *pysyntax.File) []*pysyntax.ClassDef {
	var classes []*pysyntax.ClassDef
	for s, place := range f.Stmts() {
		if assigned(s, "ROOT_URLCONF") == nil {
			continue
		}
		for _, parent := range place.Parents {
			if class, ok := parent.(*pysyntax.ClassDef); ok && !slices.Contains(classes, class) {
				classes = append(classes, class)
				break
			}
		}
	}
	return classes
}

// takesOver reports whether a statement at the end of the settings only lets
// others change them: "from .local import *", alone or in an if or try, or a
// call that is given locals().
func takesOver(f *pysyntax.File, s pysyntax.Stmt) bool {
	block := []pysyntax.Stmt{s}
	switch s := s.(type) {
	case *pysyntax.Try:
		block = s.Body
	case *pysyntax.If:
		block = slices.Concat(s.Body, s.Else)
	}
	changes := false
	for _, s := range block {
		switch s := s.(type) {
		case *pysyntax.ImportFrom:
			changes = changes || slices.ContainsFunc(s.Names, func(a *pysyntax.Alias) bool { return a.Name == "*" })
		case *pysyntax.ExprStmt:
			text := f.Text(s)
			changes = changes || strings.Contains(text, "locals()") || strings.Contains(text, "globals()") || strings.Contains(text, "exec(")
		case *pysyntax.Import, *pysyntax.Pass:
		default:
			return false
		}
	}
	return changes
}
