package django

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"authfit/internal/project"
	"authfit/internal/pysyntax"
)

// code is a Python file, and where its imports lead.
type code struct {
	source
	tree *project.Tree
	dir  string // on sys.path
}

// A bound is a statement that adds to urlpatterns, or makes it.
type bound struct {
	stmt  pysyntax.Stmt
	place pysyntax.Place
	value pysyntax.Expr // nil where the name is imported
	// terms are what it sums up: "[...] + static(...)" has two.
	terms []pysyntax.Expr
	// anew says that what urlpatterns was before is gone.
	anew bool
}

// topLevel reports whether the statement is always run.
func (b bound) topLevel() bool { return len(b.place.Parents) == 0 }

// namespaced reports whether it puts all that urlpatterns was into a namespace:
// [path("", include((urlpatterns, "shop")))].
func (b bound) namespaced() bool {
	found := false
	pysyntax.Walk(b.value, func(n pysyntax.Node) bool {
		if call, ok := n.(*pysyntax.Call); ok && last(pysyntax.Dotted(call.Func)) == "include" {
			tuple, ok := call.Positional(0).(*pysyntax.Tuple)
			found = found || ok && takesIn(tuple)
		}
		return !found
	})
	return found
}

// routes are the elements that it adds, as far as they are to be seen.
func (b bound) routes() (all []pysyntax.Expr) {
	for _, term := range b.terms {
		all = append(all, routesOf(term)...)
	}
	return all
}

func (u code) bindings() []bound {
	var found []bound
	for stmt, place := range u.Stmts() {
		if inFunction(place) {
			continue
		}
		if value := assigned(stmt, "urlpatterns"); value != nil {
			found = append(found, bound{stmt: stmt, place: place, value: value, terms: terms(value), anew: !takesIn(value)})
		}
		switch stmt := stmt.(type) {
		case *pysyntax.AugAssign:
			if pysyntax.Dotted(stmt.Target) == "urlpatterns" {
				found = append(found, bound{stmt: stmt, place: place, value: stmt.Value, terms: terms(stmt.Value)})
			}
		case *pysyntax.ImportFrom:
			if slices.ContainsFunc(stmt.Names, func(a *pysyntax.Alias) bool { return orText(a.AsName, a.Name) == "urlpatterns" }) {
				found = append(found, bound{stmt: stmt, place: place, anew: true})
			}
		}
	}
	return found
}

// takesIn reports whether a value is made of what urlpatterns was, perhaps by a
// function: format_suffix_patterns(urlpatterns).
func takesIn(value pysyntax.Expr) bool {
	found := false
	pysyntax.Walk(value, func(n pysyntax.Node) bool {
		name, ok := n.(*pysyntax.Name)
		found = found || ok && name.ID == "urlpatterns"
		return !found
	})
	return found
}

// terms are the operands of a sum.
func terms(e pysyntax.Expr) []pysyntax.Expr {
	if sum, ok := e.(*pysyntax.BinOp); ok && sum.Op == "+" {
		return append(terms(sum.X), terms(sum.Y)...)
	}
	return []pysyntax.Expr{e}
}

// routesOf are the elements of a term: of a list, a tuple, and of
// i18n_patterns(...) where these are served without a language too.
func routesOf(term pysyntax.Expr) []pysyntax.Expr {
	if call, ok := i18n(term); ok && call.Keyword("prefix_default_language") != nil {
		return values(call)
	}
	return elements(term)
}

func i18n(term pysyntax.Expr) (*pysyntax.Call, bool) {
	call, ok := term.(*pysyntax.Call)
	return call, ok && last(pysyntax.Dotted(call.Func)) == "i18n_patterns"
}

// values are a call's positional arguments.
func values(call *pysyntax.Call) []pysyntax.Expr {
	var out []pysyntax.Expr
	for _, arg := range call.Args {
		if arg.Keyword == nil && arg.Star == 0 {
			out = append(out, arg.Value)
		}
	}
	return out
}

// routes are all that is in urlpatterns, below a language too, as far as it is
// to be seen.
func (u code) routes() []pysyntax.Expr {
	var all []pysyntax.Expr
	for _, b := range u.bindings() {
		for _, term := range b.terms {
			if call, ok := i18n(term); ok {
				all = append(all, values(call)...)
			} else {
				all = append(all, elements(term)...)
			}
		}
	}
	return all
}

// A route is one call of path, re_path or url.
type route struct {
	call    *pysyntax.Call
	pattern string
	regex   bool
	view    pysyntax.Expr // or nil
	name    string
	prefix  bool // the view is include(...), or the like
}

func (u code) route(e pysyntax.Expr) (route, bool) {
	call, ok := e.(*pysyntax.Call)
	if !ok {
		return route{}, false
	}
	r := route{call: call}
	arg := "route"
	switch last(pysyntax.Dotted(call.Func)) {
	case "path", "url_path":
	case "re_path", "url":
		r.regex, arg = true, "regex"
	default:
		return route{}, false
	}
	first := or(or(call.Positional(0), call.Keyword(arg)), call.Keyword("route"))
	if first == nil {
		return route{}, false
	}
	if r.pattern, ok = u.text(first); !ok {
		return route{}, false
	}
	r.view = or(call.Positional(1), call.Keyword("view"))
	if name := or(call.Positional(3), call.Keyword("name")); name != nil {
		r.name, _ = u.StringValue(name)
	}
	if inner, ok := r.view.(*pysyntax.Call); ok {
		r.prefix = last(pysyntax.Dotted(inner.Func)) == "include"
	} else if r.view != nil {
		r.prefix = last(pysyntax.Dotted(r.view)) == "urls" // admin.site.urls
	}
	return r, true
}

// formatted is an f-string that only names what is in it.
var formatted = regexp.MustCompile(`^[fF](["'])((?:[^"'{}\\]|\{\w+\})*)["']$`)

// text is a string that is written out, or that a name at the top of the file
// stands for: a prefix for all routes that is empty unless the settings say more.
func (u code) text(e pysyntax.Expr) (string, bool) {
	if s, ok := u.StringValue(e); ok {
		return s, true
	}
	switch e := e.(type) {
	case *pysyntax.Name:
		for _, s := range u.Body {
			if v := assigned(s, e.ID); v != nil {
				return u.StringValue(v)
			}
		}
	case *pysyntax.String:
		m := formatted.FindStringSubmatch(u.Text(e))
		if m == nil {
			return "", false
		}
		known := true
		text := reName.ReplaceAllStringFunc(m[2], func(name string) string {
			value, ok := u.text(&pysyntax.Name{ID: strings.Trim(name, "{}")})
			known = known && ok
			return value
		})
		return text, known
	}
	return "", false
}

var reName = regexp.MustCompile(`\{\w+\}`)

var converter = regexp.MustCompile(`<(?:([a-zA-Z_]\w*):)?[a-zA-Z_]\w*>`)

// converters are the patterns of Django's path converters; one of the
// project's own may take anything.
var converters = map[string]string{
	"": `[^/]+`, "str": `[^/]+`, "int": `[0-9]+`, "slug": `[-a-zA-Z0-9_]+`,
	"uuid": `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`,
}

// regexp is what a route is matched with, and whether it is plain text. It is
// nil where Go has no such regular expression, as with a lookahead.
func (r route) regexp() (re *regexp.Regexp, plain bool) {
	if r.regex {
		re, _ = regexp.Compile(strings.ReplaceAll(r.pattern, `\Z`, `\z`))
		text := strings.TrimSuffix(strings.TrimPrefix(r.pattern, "^"), "$")
		return re, strings.HasPrefix(r.pattern, "^") && !strings.ContainsAny(text, `.*+?[](){}|\^$`)
	}
	var b strings.Builder
	at := 0
	for _, m := range converter.FindAllStringSubmatchIndex(r.pattern, -1) {
		b.WriteString(regexp.QuoteMeta(r.pattern[at:m[0]]))
		kind := ""
		if m[2] >= 0 {
			kind = r.pattern[m[2]:m[3]]
		}
		if part, ok := converters[kind]; ok {
			b.WriteString(part)
		} else {
			b.WriteString(".+")
		}
		at = m[1]
	}
	b.WriteString(regexp.QuoteMeta(r.pattern[at:]))
	end := "$"
	if r.prefix {
		end = ""
	}
	re, _ = regexp.Compile("^" + b.String() + end) // what is no UTF-8 has none
	return re, re != nil && at == 0
}

// A hit says how a route takes a path.
type hit int

const (
	miss  hit = iota
	wide      // it takes many, and this one among them
	exact     // it is meant for this one, or for a folder of such
)

// takes says whether an element of urlpatterns takes a path, such as
// "auth/login/", and which call is the one that does.
func (u code) takes(e pysyntax.Expr, p string, depth int) (hit, project.Evidence) {
	if _, spread := e.(*pysyntax.Starred); spread {
		return wide, u.evidence(e) // *static("/") takes every path
	}
	r, ok := u.route(e)
	if !ok || depth == 0 {
		return miss, project.Evidence{}
	}
	here := u.evidence(r.call)
	re, plain := r.regexp()
	if re == nil {
		return wide, here
	}
	m := re.FindStringIndex(p)
	switch {
	case m == nil:
		return miss, here
	case !r.prefix && plain && m[1] > 0:
		return exact, here
	case !r.prefix:
		return wide, here
	}
	inner, known := u.included(r)
	if !known {
		if plain && m[1] > 0 {
			return exact, here
		}
		return wide, here
	}
	best := miss
	for _, e := range inner.elements {
		h, at := inner.takes(e, p[m[1]:], depth-1)
		if h == exact && !plain {
			h = wide
		}
		if h > best {
			best, here = h, at
		}
	}
	return best, here
}

// An inclusion is what a route includes: another URLconf, or a list in place.
type inclusion struct {
	code
	elements  []pysyntax.Expr
	namespace bool
}

// included finds what a route includes, if that is in the project.
func (u code) included(r route) (inclusion, bool) {
	call, ok := r.view.(*pysyntax.Call)
	if !ok {
		return inclusion{}, false
	}
	target := call.Positional(0)
	space := call.Keyword("namespace") != nil
	if pair, ok := target.(*pysyntax.Tuple); ok && len(pair.Elts) > 0 {
		target, space = pair.Elts[0], true
	}
	if list, ok := target.(*pysyntax.List); ok {
		return inclusion{u, list.Elts, space}, true
	}
	if target == nil {
		return inclusion{}, false
	}
	if list := u.assigned(pysyntax.Dotted(target)); list != nil && isList(list) { // include(api_patterns)
		return inclusion{u, elements(list), space}, true
	}
	file := ""
	if module, ok := u.StringValue(target); ok {
		file, _ = moduleFile(u.tree, u.dir, module)
	} else if name := pysyntax.Dotted(target); name != "" {
		file = u.moduleNamed(name)
	}
	src, ok := open(u.tree, file)
	if file == "" || !ok {
		return inclusion{}, false
	}
	conf := code{src, u.tree, u.dir}
	space = space || strings.Contains(string(src.Src), "app_name")
	return inclusion{conf, conf.routes(), space}, true
}

// moduleNamed finds the file of the module that a dotted name means here.
func (u code) moduleNamed(name string) string {
	for _, s := range u.Body {
		switch s := s.(type) {
		case *pysyntax.Import:
			for _, a := range s.Names {
				if name == a.AsName || a.AsName == "" && name == a.Name {
					file, _ := moduleFile(u.tree, u.dir, a.Name)
					return file
				}
			}
		case *pysyntax.ImportFrom:
			for _, a := range s.Names {
				if name == orText(a.AsName, a.Name) {
					file, _ := importedFile(u.tree, u.dir, u.path, s.Level, strings.Trim(s.Module+"."+a.Name, "."))
					return file
				}
			}
		}
	}
	return ""
}

// home finds the view of "/", in the URLconf itself or in one that it includes.
func (u code) home(routes []pysyntax.Expr, depth int) (code, pysyntax.Expr) {
	for _, e := range routes {
		r, ok := u.route(e)
		if !ok || depth == 0 {
			continue
		}
		empty := strings.Trim(r.pattern, "^$") == ""
		switch {
		case !empty || r.view == nil:
		case !r.prefix:
			return u, r.view
		default:
			if inner, ok := u.included(r); ok {
				if found, view := inner.home(inner.elements, depth-1); view != nil {
					return found, view
				}
			}
		}
	}
	return u, nil
}

// lacks reports whether it is certain that nothing takes a path.
func (u code) lacks(p string) bool {
	all := u.bindings()
	for _, b := range all {
		for _, term := range b.terms {
			if !isList(term) {
				return false
			}
			for _, e := range elements(term) {
				if _, ok := u.route(e); !ok {
					return false
				}
				if h, _ := u.takes(e, p, depth); h != miss {
					return false
				}
			}
		}
		if b.value == nil {
			return false
		}
	}
	return len(all) > 0
}

// inPackage is the package that the URLconf is in, where relative imports work;
// empty for a module in no package.
func (u code) inPackage(module string) string {
	if path.Base(u.path) == "__init__.py" {
		return module
	}
	return module[:max(strings.LastIndexByte(module, '.'), 0)]
}

func or(a, b pysyntax.Expr) pysyntax.Expr {
	if a != nil {
		return a
	}
	return b
}

func orText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
