package authkit

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"authfit/internal/problem"
	"authfit/internal/pysyntax"
)

// A Guard says whom a route is kept for: everybody who is signed in, or those
// of them who have a role or a permission, or signed in a short while ago.
type Guard struct {
	Role, Permission string
	Recent           bool
}

// String is the guard as `protect --list` has it.
func (g Guard) String() string {
	switch {
	case g.Role != "":
		return "role " + g.Role
	case g.Permission != "":
		return "permission " + g.Permission
	case g.Recent:
		return "recent login"
	}
	return "login"
}

// who are the people that it lets through.
func (g Guard) who() string {
	if g == (Guard{}) {
		return "people who are signed in"
	}
	return "people with the " + g.String()
}

// Feature is the optional part of the generated module that has the guard;
// empty for the one that is always there.
func (g Guard) Feature() string {
	if g == (Guard{}) {
		return ""
	}
	return "roles"
}

// in reports whether a route that others guard is guarded by g already: each of
// them wants a login, too.
func (g Guard) in(others []Guard) bool {
	return slices.Contains(others, g) || g == (Guard{}) && len(others) > 0
}

// Guards is how a framework's generated module calls its guards.
type Guards struct {
	Module string // "workos_auth"
	Login  string // "login_required"
}

// function is the generated function that makes the guard, and what it is
// called with, in the file's own quotes.
func (n Guards) function(f *pysyntax.File, g Guard) (name, arguments string) {
	quoted := func(text string) string { return "(" + Quote(f) + text + Quote(f) + ")" }
	switch {
	case g.Role != "":
		return "require_role", quoted(g.Role)
	case g.Permission != "":
		return "require_permission", quoted(g.Permission)
	}
	return n.Login, ""
}

// Call is the guard as it is written in a file, without its module.
func (n Guards) Call(f *pysyntax.File, g Guard) string {
	name, arguments := n.function(f, g)
	return name + arguments
}

// Read is the guard that an expression means in a file: that of a decorator or
// of Depends(...). In the generated module itself names stand alone.
func (n Guards) Read(f *pysyntax.File, e pysyntax.Expr, generated bool) (Guard, bool) {
	called, argument := e, ""
	if call, ok := e.(*pysyntax.Call); ok {
		called = call.Func
		if len(call.Args) > 0 {
			if argument, ok = f.StringValue(call.Args[0].Value); !ok {
				argument = f.Text(call.Args[0].Value)
			}
		}
	}
	origin := Origin(f, pysyntax.Dotted(called))
	name, own := strings.CutPrefix("."+origin, "."+n.Module+".")
	if !own {
		if i := strings.LastIndex(origin, "."+n.Module+"."); i >= 0 {
			name, own = origin[i+len(n.Module)+2:], true
		}
	}
	if generated {
		name, own = origin, true
	}
	switch {
	case !own:
	case name == n.Login || name == "CurrentUser":
		return Guard{}, true
	case name == "require_role":
		return Guard{Role: argument}, true
	case name == "require_permission":
		return Guard{Permission: argument}, true
	case name == "recent_login_required" || name == "require_recent_login":
		return Guard{Recent: true}, true
	}
	return Guard{}, false
}

// Quote is the quote that a file has its strings in: the one that more of them
// have.
func Quote(f *pysyntax.File) string {
	single := 0
	f.Walk(func(n pysyntax.Node) bool {
		if s, ok := n.(*pysyntax.String); ok {
			for _, part := range s.Parts {
				switch text := strings.TrimPrefix(f.Text(part), part.Prefix); {
				case strings.HasPrefix(text, `'''`), strings.HasPrefix(text, `"""`):
				case strings.HasPrefix(text, `'`):
					single++
				default:
					single--
				}
			}
		}
		return true
	})
	if single > 0 {
		return `'`
	}
	return `"`
}

// guardName is what people call what keeps others out.
var guardName = regexp.MustCompile(`(?i)` +
	`(login|auth\w*|user|admin|staff|superuser|member|roles?|permissions?|jwt|token|scopes?|account|api_?key|session)s?_(required|needed|only)$` +
	`|^(requires?d?|needs?|ensures?|checks?|verify|verifies|protect(s|ed)?|restrict\w*)_?\w*(login|auth|user|admin|staff|roles?|permissions?|token|jwt|scopes?|session|api_?key)` +
	`|^(authenticated|protected|login|permission|roles?)_?(only|required)?$|^user_passes_test$|^loginrequired|^(requires?|requires_auth)$`)

// IsGuardName reports whether a function of that name is likely to keep people
// out: the last part counts.
func IsGuardName(dotted string) bool {
	return guardName.MatchString(dotted[strings.LastIndexByte(dotted, '.')+1:])
}

// Refuses reports whether code turns a request away for want of a login or of a
// right: by one of the two statuses, or an error named so.
func Refuses(f *pysyntax.File, n pysyntax.Node) (found bool) {
	pysyntax.Walk(n, func(n pysyntax.Node) bool {
		switch n := n.(type) {
		case *pysyntax.Constant:
			found = found || f.Text(n) == "401" || f.Text(n) == "403"
		case *pysyntax.Name:
			found = found || refusal.MatchString(n.ID)
		case *pysyntax.Attribute:
			found = found || refusal.MatchString(n.Attr.ID)
		}
		return !found
	})
	return found
}

var refusal = regexp.MustCompile(`^HTTP_40[13]_|^(UNAUTHORIZED|FORBIDDEN)$|Unauthori[sz]ed|Forbidden|NotAuthenticated|PermissionDenied|Credentials?(Error|Exception)|credentials_exception`)

// Origin is where a dotted name of a file comes from, by the file's imports:
// "flask_login.login_required" for a login_required, ".deps.current_user" for
// what a relative import brings. A name that is not imported stays as it is.
func Origin(f *pysyntax.File, dotted string) string {
	first, rest, _ := strings.Cut(dotted, ".")
	for s := range f.Stmts() {
		switch s := s.(type) {
		case *pysyntax.Import:
			for _, a := range s.Names {
				if a.AsName == first && first != "" {
					return join(a.Name, rest)
				}
			}
		case *pysyntax.ImportFrom:
			for _, a := range s.Names {
				if a.AsName != first && (a.AsName != "" || a.Name != first) {
					continue
				}
				return strings.Repeat(".", s.Level) + join(join(s.Module, a.Name), rest)
			}
		}
	}
	return dotted
}

// A Module is a generated module as the files of a project import it.
type Module struct {
	Guards
	File string
	// Is says whether an import in a file means the module.
	Is func(file string, level int, module string) bool
	// Line is the import of a member of the module in a file, or of the module
	// itself where member is empty. It says no where the file cannot import it.
	Line func(f *pysyntax.File, file, member string) (string, bool)
	// Members says that the framework's people import a guard by its name, and
	// not the module.
	Members bool
}

// Name is how a file calls a guard, in the style in which it imports the
// module already, and the import that it lacks for that.
func (m Module) Name(file string, f *pysyntax.File, g Guard) (name, line string, err *problem.Problem) {
	function, arguments := m.function(f, g)
	module, from := m.imported(file, f)
	if from != nil {
		for _, a := range from.Names {
			if a.Name == function {
				return or(a.AsName, a.Name) + arguments, "", nil
			}
		}
	}
	if module != "" {
		return module + "." + function + arguments, "", nil
	}
	member, ok := m.Line(f, file, function)
	whole, _ := m.Line(f, file, "")
	if from != nil {
		member = "from " + strings.Repeat(".", from.Level) + from.Module + " import " + function
	}
	switch {
	case !ok:
		return "", "", problem.New("guard-unreachable", "this file is not below the folder that the app runs from, and cannot import %s", m.Module).
			At(file, 0).WithFix("put the guard there by hand")
	case (from != nil || m.Members) && !f.IsBound(function):
		return function + arguments, member, nil
	case !f.IsBound(m.Module):
		return m.Module + "." + function + arguments, whole, nil
	}
	return "workos_" + function + arguments, member + " as workos_" + function, nil
}

// imported is what the module is called in a file, and the statement that
// imports something of it; both only where they are run before all else.
func (m Module) imported(file string, f *pysyntax.File) (name string, from *pysyntax.ImportFrom) {
	for _, s := range f.Body {
		switch s := s.(type) {
		case *pysyntax.Import:
			for _, a := range s.Names {
				if m.Is(file, 0, a.Name) {
					name = or(a.AsName, a.Name)
				}
			}
		case *pysyntax.ImportFrom:
			if m.Is(file, s.Level, s.Module) {
				from = s
			}
			for _, a := range s.Names {
				if m.Is(file, s.Level, join(s.Module, a.Name)) {
					name = or(a.AsName, a.Name)
				}
			}
		}
	}
	return name, from
}

// ImportMember turns the import of a module into that of one of its members;
// without a member it is the import of the module.
func ImportMember(line, module, member string) string {
	from, ok := strings.CutSuffix(line, " import "+module)
	switch {
	case member == "":
		return line
	case !ok: // "import module"
		from = "from " + module
	case strings.HasSuffix(from, "."):
		from += module
	default:
		from += "." + module
	}
	return from + " import " + member
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// ByHand is the problem of a route whose guard somebody has to write: patch is
// what to write.
func ByHand(l Listed, why, patch string) *problem.Problem {
	return problem.New("guard-unplaceable", "%s", fmt.Sprintf("%s: %s", l.Path, why)).
		At(l.File, l.Line).WithDetail("%s", patch).WithFix("write it by hand")
}
