package flask

import (
	"cmp"
	"os"
	"slices"

	"authfit/internal/edit"
	"authfit/internal/plan"
	"authfit/internal/problem"
	"authfit/internal/project"
	"authfit/internal/pysyntax"
	"authfit/internal/recipe/authkit"
)

// Examine finds callbacks whose route is for POST only, and a session without
// the secret key that Flask signs it with.
func (Recipe) Examine(p *project.Project, _ *project.App) []authkit.Finding {
	found := constructor.ExamineCallbacks(p.Tree)
	use, ok := sessionUse(p.Tree)
	if !ok {
		return found
	}
	key := findSecretKey(p.Tree)
	switch {
	case !key.set:
		found = append(found, withoutKey(p, use))
	case key.variable != "" && !isSet(p, key.variable):
		found = append(found, authkit.Finding{
			ID: "session",
			Problem: problem.New("secret-key-unset", "the session's secret key is read from %s, which is not set", key.variable).
				At(key.at.File, key.at.Line).WithDetail("the session is used at %s:%d", use.File, use.Line).
				WithFix("set %s in %s; `authfit doctor --fix` does", key.variable, p.Env.File),
			Repair: func(*authkit.Draft) {},
			Env:    []plan.EnvKey{secret(p, key.variable)},
		})
	}
	return found
}

func secret(p *project.Project, variable string) plan.EnvKey {
	return plan.EnvKey{File: p.Env.File, Key: variable, Source: plan.EnvSecret, Why: "the key that signs Flask's session"}
}

// withoutKey is the finding of a session without a key. The repair reads the
// key from the environment, so that it is not in the code.
func withoutKey(p *project.Project, use project.Evidence) authkit.Finding {
	finding := authkit.Finding{
		ID: "session",
		Problem: problem.New("secret-key-missing", "Flask's session is used, and the app has no secret key").
			At(use.File, use.Line).WithDetail("seen: %s", use.Fact).
			WithFix(`app.secret_key = os.environ["SECRET_KEY"], with a random value in %s; `+"`authfit doctor --fix` does both", p.Env.File),
	}
	if !isSet(p, "SECRET_KEY") {
		finding.Env = []plan.EnvKey{secret(p, "SECRET_KEY")}
	}
	finding.Repair = func(d *authkit.Draft) {
		constructor.Configure(d, "the key that signs the session", []string{"import os"}, `{app}.secret_key = os.environ["SECRET_KEY"]`)
	}
	return finding
}

// isSet reports whether a variable has a value in the environment file or in
// the environment.
func isSet(p *project.Project, variable string) bool {
	if src, err := p.Tree.Read(p.Env.File); err == nil {
		if value, _, _ := edit.ParseEnv(src).Get(variable); value != "" {
			return true
		}
	}
	return os.Getenv(variable) != ""
}

// sessionUsers are modules that keep something in Flask's session.
var sessionUsers = []string{"flask_login", "flask_wtf"}

// sessionUse finds the first use of Flask's session: the session itself, a
// flashed message, an extension that needs it.
func sessionUse(t *project.Tree) (use project.Evidence, ok bool) {
	for _, module := range sessionUsers {
		if found := t.Importers(module); len(found) > 0 {
			return found[0], true
		}
	}
	for name, f := range t.Sources("session", "flash") {
		names := map[string]bool{"flask.session": true, "flask.flash": true}
		for s := range f.Stmts() {
			from, isFrom := s.(*pysyntax.ImportFrom)
			if !isFrom || from.Module != "flask" || from.Level > 0 {
				continue
			}
			for _, a := range from.Names {
				if a.Name == "session" || a.Name == "flash" {
					names[cmp.Or(a.AsName, a.Name)] = true
				}
			}
		}
		f.Walk(func(n pysyntax.Node) bool {
			e, isExpr := n.(pysyntax.Expr)
			if ok || !isExpr || !names[pysyntax.Dotted(e)] {
				return !ok
			}
			s, _ := f.StmtAt(e.Pos())
			use, ok = project.Evidence{File: name, Line: f.Line(e.Pos()), Fact: f.Text(e)}, true
			if text := f.Text(s); len(text) < 100 {
				use.Fact = text
			}
			return false
		})
		if ok {
			return use, true
		}
	}
	return use, false
}

// A secretKey is what the project says of Flask's SECRET_KEY.
type secretKey struct {
	set      bool
	variable string // the environment variable that it is read from, without a default; else empty
	at       project.Evidence
}

// loaders are the methods of a Flask config that bring keys from elsewhere.
var loaders = map[string]bool{
	"from_pyfile": true, "from_file": true, "from_json": true, "from_envvar": true, "from_prefixed_env": true,
}

// findSecretKey looks wherever Flask's configuration is written down. A key
// that may come from a file that is not Python counts as set.
func findSecretKey(t *project.Tree) secretKey {
	var key secretKey
	for name, f := range t.Sources("secret_key", "SECRET_KEY", ".from_") {
		found := func(at pysyntax.Node, value pysyntax.Expr) {
			variable := ""
			if value != nil {
				variable = environmentVariable(f, value)
			}
			if !key.set || key.variable != "" {
				key = secretKey{true, variable, project.Evidence{File: name, Line: f.Line(at.Pos())}}
			}
		}
		f.Walk(func(n pysyntax.Node) bool {
			switch n := n.(type) {
			case *pysyntax.Assign:
				for _, target := range n.Targets {
					if namesKey(f, target) {
						found(n, n.Value)
					}
				}
			case *pysyntax.AnnAssign:
				if namesKey(f, n.Target) {
					found(n, n.Value)
				}
			case *pysyntax.Dict:
				for i, k := range n.Keys {
					if text, _ := f.StringValue(k); k != nil && text == "SECRET_KEY" {
						found(k, n.Values[i])
					}
				}
			case *pysyntax.Call:
				if value := n.Keyword("SECRET_KEY"); value != nil {
					found(n, value)
				}
				if attr, ok := n.Func.(*pysyntax.Attribute); ok && loaders[attr.Attr.ID] {
					found(n, nil)
				}
			}
			return true
		})
	}
	return key
}

// namesKey reports whether an assignment to target sets the key:
// app.secret_key, app.config["SECRET_KEY"], SECRET_KEY in a config module or class.
func namesKey(f *pysyntax.File, target pysyntax.Expr) bool {
	switch target := target.(type) {
	case *pysyntax.Name:
		return target.ID == "SECRET_KEY"
	case *pysyntax.Attribute:
		return target.Attr.ID == "secret_key" || target.Attr.ID == "SECRET_KEY"
	case *pysyntax.Subscript:
		text, _ := f.StringValue(target.Index)
		return text == "SECRET_KEY"
	}
	return false
}

// environmentVariable is the X of os.environ["X"], os.environ.get("X") and
// os.getenv("X"), where nothing else is given in its place.
func environmentVariable(f *pysyntax.File, value pysyntax.Expr) string {
	name := ""
	switch value := value.(type) {
	case *pysyntax.Subscript:
		if called(value.X, "os.environ", "environ") {
			name, _ = f.StringValue(value.Index)
		}
	case *pysyntax.Call:
		if called(value.Func, "os.environ.get", "environ.get", "os.getenv", "getenv") && len(value.Args) == 1 && value.Positional(0) != nil {
			name, _ = f.StringValue(value.Positional(0))
		}
	}
	return name
}

func called(e pysyntax.Expr, names ...string) bool { return slices.Contains(names, pysyntax.Dotted(e)) }
