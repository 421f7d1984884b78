package authkit

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"authfit/internal/problem"
	"authfit/internal/project"
)

// A Listed route is one of the app's as `protect --list` shows it.
type Listed struct {
	Path    string   `json:"path"`    // with all prefixes
	Methods []string `json:"methods"` // empty for any
	View    string   `json:"view"`
	// File and Line are where the view is, or the route where the view is not
	// the project's own.
	File string `json:"file"`
	Line int    `json:"line"`
	// Protected is "open", "login", "role NAME", "permission NAME" or "other",
	// and By says what was seen that makes it so.
	Protected string `json:"protected"`
	By        string `json:"by"`

	Guards []Guard  `json:"-"` // those of authfit's that hold
	Others []string `json:"-"` // what else guards it
	Login  bool     `json:"-"` // it is the login's own
	Below  bool     `json:"-"` // it is all below Path, which something else serves
}

// Guarded notes a guard of authfit's.
func (l *Listed) Guarded(g Guard, by string) {
	if !g.in(l.Guards) || g != (Guard{}) {
		l.Guards = append(l.Guards, g)
	}
	l.by(by)
}

// Other notes a guard of somebody else's.
func (l *Listed) Other(by string) {
	if !slices.Contains(l.Others, by) {
		l.Others = append(l.Others, by)
	}
	l.by(by)
}

func (l *Listed) by(by string) {
	if !slices.Contains(strings.Split(l.By, ", "), by) {
		l.By = strings.TrimPrefix(l.By+", "+by, ", ")
	}
}

// Sum says in a word how it is protected: what is narrower than a login counts.
func (l *Listed) Sum() {
	var narrow []string
	for _, g := range l.Guards {
		if g != (Guard{}) && !slices.Contains(narrow, g.String()) {
			narrow = append(narrow, g.String())
		}
	}
	switch {
	case narrow != nil:
		l.Protected = strings.Join(narrow, ", ")
	case l.Guards != nil:
		l.Protected = "login"
	case l.Others != nil:
		l.Protected = "other"
	default:
		l.Protected = "open"
	}
}

// Holds reports whether the route is guarded by g.
func (l Listed) Holds(g Guard) bool { return g.in(l.Guards) }

// Protect has a guard put on the routes that the target means and that lack it.
// It gives those that have it then; put says whether one gets it.
func (t Target) Protect(d *Draft, l Listing, put func(i int, c *Changes) bool) (guarded []Listed) {
	c := &Changes{}
	changed := map[int]bool{}
	for _, i := range t.Pick(d, l) {
		r := l.Routes[i]
		if t.Guard.in(r.Guards) {
			guarded = append(guarded, r)
			continue
		}
		if changed[i] = put(i, c); !changed[i] {
			continue
		}
		guarded = append(guarded, r)
		if r.Others != nil {
			d.Note(fmt.Sprintf("%s:%d: %s is also guarded by %s; whoever asks for it has to get past both", r.File, r.Line, r.Path, strings.Join(r.Others, ", ")))
		}
	}
	if !l.PerRoute {
		t.noteAlso(d, l, changed)
	}
	c.draft(d, t.Name+" is for "+t.Guard.who())
	return guarded
}

// noteAlso names the other routes that the changed views answer: a guard of the
// view holds for these, too.
func (t Target) noteAlso(d *Draft, l Listing, changed map[int]bool) {
	for i, r := range l.Routes {
		for j, is := range changed {
			if view := l.Routes[j]; is && !changed[i] && view.File == r.File && view.Line == r.Line && view.View == r.View {
				d.Note(fmt.Sprintf("%s:%d: %s also answers %s, which is guarded with it", r.File, r.Line, r.View, r.Path))
				break
			}
		}
	}
}

// A Listing is all that is to be seen of an app's routes.
type Listing struct {
	Routes []Listed `json:"routes"`
	// Unseen are the places that make routes when the app runs.
	Unseen []project.Evidence `json:"unseen"`
	Notes  []string           `json:"notes"`
	// Module is the generated module that has the guards; empty where the app
	// has no login of authfit's.
	Module string `json:"-"`
	// PerRoute says that a guard is the route's own, and not its view's.
	PerRoute bool `json:"-"`
}

// A Target is what `authfit protect` is asked for: a route's path, the path of
// a folder of routes with a "/" or "/*" at its end, or FILE:VIEW.
type Target struct {
	Name  string
	Guard Guard
}

// Prefix is the path that all of the routes lie below; it says no where the
// target is none of a folder.
func (t Target) Prefix() (string, bool) {
	name, star := strings.CutSuffix(t.Name, "/*")
	if _, _, view := t.view(); view || !star && (name == "/" || !strings.HasSuffix(name, "/")) {
		return "", false
	}
	return strings.TrimSuffix(name, "/"), true
}

// view is the file and the name of FILE:VIEW.
func (t Target) view() (file, name string, ok bool) {
	i := strings.LastIndexByte(t.Name, ':')
	if i < 0 || path.Ext(t.Name[:i]) != ".py" {
		return "", "", false
	}
	return path.Clean(t.Name[:i]), t.Name[i+1:], true
}

// Pick gives the routes that the target means, by their index. What is wrong
// with it is refused in the draft.
func (t Target) Pick(d *Draft, l Listing) []int {
	if l.Module == "" {
		d.Refuse(problem.New("no-login", "the app has no login of authfit's that could keep a route").
			At(d.App.Entry.File, d.App.Entry.Line).WithFix("run authfit add first"))
		return nil
	}
	picked, unsure := t.meant(l)
	switch {
	case len(picked) == 0:
		d.Refuse(t.unknown(l))
	case unsure:
		d.Refuse(problem.New("several-routes", "%s can mean %d routes", t.Name, len(picked)).
			WithDetail("%s", choices(l, picked)).WithFix("name the one by its path as it stands there, or by FILE:LINE"))
		return nil
	}
	open := slices.DeleteFunc(slices.Clone(picked), func(i int) bool {
		return l.Routes[i].Login && !t.Guard.in(l.Routes[i].Guards)
	})
	if strings.HasSuffix(t.Name, "/") && len(picked) > 1 && slices.ContainsFunc(picked, func(i int) bool { return plain(l.Routes[i].Path) == t.Name }) {
		d.Note(t.Name + " means all below it, too; " + strings.TrimSuffix(t.Name, "/") + " is that route alone")
	}
	if _, below := t.Prefix(); len(open) < len(picked) {
		if !below || len(open) == 0 {
			d.Refuse(problem.New("login-route", "%s is one of the login's own routes, which have to be open", t.Name).
				At(l.Routes[picked[0]].File, l.Routes[picked[0]].Line).WithFix("name a route of the app"))
			return nil
		}
		d.Note("the login's own routes stay as they are")
	}
	return open
}

// meant are the routes that the target means. It is unsure where a path that is
// written out is taken by several patterns.
func (t Target) meant(l Listing) (picked []int, unsure bool) {
	all := func(is func(Listed) bool) (found []int) {
		for i, r := range l.Routes {
			if is(r) {
				found = append(found, i)
			}
		}
		return found
	}
	if file, name, ok := t.view(); ok {
		picked = all(func(r Listed) bool { return r.File == file && (r.View == name || strconv.Itoa(r.Line) == name) })
		return picked, slices.ContainsFunc(picked, func(i int) bool { return l.Routes[i].Line != l.Routes[picked[0]].Line })
	}
	if prefix, ok := t.Prefix(); ok {
		prefix = plain(prefix)
		picked = all(func(r Listed) bool { return r.Path == prefix || strings.HasPrefix(plain(r.Path), prefix+"/") })
		if picked != nil || strings.HasSuffix(t.Name, "*") {
			return picked, false
		}
	}
	name := "/" + strings.Trim(plain(t.Name), "/")
	same := func(r Listed) bool { return "/"+strings.Trim(strings.TrimSuffix(plain(r.Path), "*"), "/") == name }
	if picked = all(same); picked != nil {
		return picked, false
	}
	picked = all(func(r Listed) bool { return !r.Below && takes("/"+strings.Trim(plain(r.Path), "/"), name) })
	return picked, slices.ContainsFunc(picked, func(i int) bool { return l.Routes[i].Path != l.Routes[picked[0]].Path })
}

// plain is a path without the language code.
func plain(p string) string { return strings.TrimPrefix(p, language) }

// language stands at the beginning of a path for the language code that
// Django's i18n_patterns put there.
const language = "/<language>"

// Language is a path below the language code.
func Language(p string) string { return language + p }

var parameter = regexp.MustCompile(`<[^<>]*>|\{[^{}]*\}`)

// takes reports whether a route takes a path: each of its parameters stands for
// a part of one.
func takes(pattern, p string) bool {
	var re strings.Builder
	at := 0
	for _, m := range parameter.FindAllStringIndex(pattern, -1) {
		re.WriteString(regexp.QuoteMeta(pattern[at:m[0]]))
		if strings.Contains(pattern[m[0]:m[1]], "path") {
			re.WriteString(".+")
		} else {
			re.WriteString("[^/]+")
		}
		at = m[1]
	}
	ok, err := regexp.MatchString("^"+re.String()+regexp.QuoteMeta(pattern[at:])+"$", p)
	return ok && err == nil
}

// unknown says that there is no such route, and what there is like it.
func (t Target) unknown(l Listing) *problem.Problem {
	like, wanted := func(r Listed) string { return r.Path }, strings.TrimSuffix(t.Name, "*")
	if file, name, ok := t.view(); ok {
		wanted = name
		like = func(r Listed) string {
			if r.File != file {
				return r.File + ":" + r.View
			}
			return r.View
		}
	}
	var near []int
	for i, r := range l.Routes {
		if distance(like(r), wanted) <= max(2, len(wanted)/2) {
			near = append(near, i)
		}
	}
	slices.SortStableFunc(near, func(a, b int) int {
		return cmp.Compare(distance(like(l.Routes[a]), wanted), distance(like(l.Routes[b]), wanted))
	})
	const most = 5
	detail := choices(l, near[:min(most, len(near))])
	for _, e := range l.Unseen {
		detail += fmt.Sprintf("\nnot seen: %s:%d  %s", e.File, e.Line, e.Fact)
	}
	return problem.New("unknown-route", "no route is known as %s", t.Name).
		WithDetail("%s", strings.TrimPrefix(detail, "\n")).
		WithFix("`authfit protect --list` lists the routes; a target is a path, a path with /* for all below it, or FILE:VIEW")
}

// choices lists routes to choose from.
func choices(l Listing, which []int) string {
	var out []string
	for _, i := range which {
		r := l.Routes[i]
		out = append(out, fmt.Sprintf("%s:%d  %s  %s", r.File, r.Line, r.Path, r.View))
	}
	return strings.Join(out, "\n")
}

// distance is how many characters have to be changed to make one text of
// another (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			step := before
			if a[i] != b[j] {
				step++
			}
			before = row[j+1]
			row[j+1] = min(step, before+1, row[j]+1)
		}
	}
	return row[len(b)]
}
