package authkit

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/project"
)

// Links is what a template needs to say who is signed in, in the template's
// own language.
type Links struct {
	If, Else, EndIf string // "{% if workos_user %}"
	Email           string // "{{ workos_user.email }}"
	Login, Logout   string // what goes into href
	SignUp          string // the same; empty where there is no link to sign up
	Account         string // the same; empty where the account is no page
}

// For are the links of a login in this form.
func (l Links) For(v Variant) Links {
	if !slices.Contains(v.Features, "sign-up") {
		l.SignUp = ""
	}
	return l
}

var (
	inTemplates = regexp.MustCompile(`(^|/)templates/`)
	mail        = regexp.MustCompile(`(?i)e?mails?[-_./]`)

	extendsTag = regexp.MustCompile(`\{%-?\s*extends\s+["']([^"']+)["']`)
	includeTag = regexp.MustCompile(`\{%-?\s*include\s+["']([^"']+)["']`)
	// blind is what looks like tags but is not the page: comments and scripts.
	blind      = regexp.MustCompile(`(?is)<!--.*?-->|\{#.*?#\}|\{%-?\s*comment.*?endcomment\s*-?%\}|<script\b.*?</script>|<style\b.*?</style>`)
	navRegion  = regexp.MustCompile(`(?is)<nav\b[^>]*>.*?</nav\s*>`)
	headRegion = regexp.MustCompile(`(?is)<header\b[^>]*>.*?</header\s*>`)
	bodyTag    = regexp.MustCompile(`(?is)<body\b[^>]*>`)
	listTag    = regexp.MustCompile(`(?i)<(/?)[uo]l\b[^>]*>`)
	itemTag    = regexp.MustCompile(`(?i)<li\b[^>]*>`)
	linkTag    = regexp.MustCompile(`(?i)<a\b[^>]*>`)
	separated  = regexp.MustCompile(`(?i)</a>\s*([|/·•–-]|&middot;|&bull;)\s*<a\b`)
	// conditional are the tags around what some pages lack, or show many times.
	conditional = regexp.MustCompile(`\{%-?\s*(end)?(if|ifchanged|for)\b.*?%\}`)
	classAttr   = regexp.MustCompile(`(?i)\sclass\s*=\s*("[^"{]*"|'[^'{]*')`)
	// navClass is on a list that is a navigation outside of a <nav>, otherNav on one
	// that leads elsewhere than through the site.
	navClass  = regexp.MustCompile(`(?i)\s(class|id)\s*=\s*["'][^"']*nav`)
	otherNav  = regexp.MustCompile(`(?i)foot|tabs|crumb|pagina`)
	notAtOnce = regexp.MustCompile(`(?i)mobile|\shidden\b|display:\s*none`)
	ownLogin  = regexp.MustCompile(`(?i)(log|sign)[-_ ]?(in|out)\b`)
	brand     = regexp.MustCompile(`(?i)brand|logo`)
)

// Template finds a template by the name that code gives it, in a folder called
// templates before any other, nearest to the app first.
func Template(t *project.Tree, near, name string) (string, bool) {
	best := ""
	for _, f := range t.Files() {
		if f != name && !strings.HasSuffix(f, "/"+name) {
			continue
		}
		is, was := inFolder(f, name), inFolder(best, name)
		if best == "" || is && !was || is == was && shared(f, near) > shared(best, near) {
			best = f
		}
	}
	return best, best != ""
}

// inFolder reports whether a file has the name from a folder called templates on:
// shop/templates/shop/base.html is "shop/base.html", and not "base.html".
func inFolder(file, name string) bool {
	return strings.HasSuffix("/"+file, "/templates/"+name)
}

// shared counts the leading folders that two paths have in common.
func shared(a, b string) int {
	x, y := strings.Split(a, "/"), strings.Split(b, "/")
	n := 0
	for n < len(x) && n < len(y) && x[n] == y[n] {
		n++
	}
	return n
}

// BaseTemplate follows a template's inheritance to the one that has the page's
// frame. Without a start it takes the template that most others extend.
func BaseTemplate(t *project.Tree, near, start string) (string, bool) {
	if start == "" {
		if start = mostExtended(t, near); start == "" {
			return "", false
		}
	}
	seen := map[string]bool{}
	for !seen[start] {
		seen[start] = true
		src, err := t.Read(start)
		if err != nil {
			return "", false
		}
		m := extendsTag.FindSubmatch(src)
		if m == nil {
			return start, true
		}
		parent, ok := Template(t, start, string(m[1]))
		if !ok {
			return start, true // extends one of an installed package
		}
		start = parent
	}
	return "", false
}

func mostExtended(t *project.Tree, near string) string {
	votes := map[string]int{}
	var pages []string
	for _, f := range t.Files() {
		if ext := path.Ext(f); ext != ".html" && ext != ".htm" && ext != ".jinja2" && ext != ".j2" {
			continue
		}
		src, err := t.Read(f)
		if err != nil {
			continue
		}
		if m := extendsTag.FindSubmatch(src); m != nil {
			if parent, ok := Template(t, f, string(m[1])); ok {
				votes[parent]++
			}
		} else if inTemplates.MatchString(f) && !mail.MatchString(f) && bodyTag.Match(src) {
			pages = append(pages, f)
		}
	}
	best := ""
	for _, f := range pages {
		if best == "" || votes[f] > votes[best] || votes[f] == votes[best] && shared(f, near) > shared(best, near) {
			best = f
		}
	}
	return best
}

// NavTemplate is the template to put the links into: base itself, or what base
// includes where only that has the navigation.
func NavTemplate(t *project.Tree, base string) string {
	src, err := t.Read(base)
	if err != nil || navRegion.Match(blank(src)) {
		return base
	}
	for _, m := range includeTag.FindAllSubmatch(src, -1) {
		name, ok := Template(t, base, string(m[1]))
		if !ok {
			continue
		}
		if part, err := t.Read(name); err == nil && navRegion.Match(blank(part)) {
			return name
		}
	}
	return base
}

// blank overwrites with spaces what only looks like a part of the page, so that
// places in the result are places in src.
func blank(src []byte) []byte {
	return blind.ReplaceAllFunc(src, func(m []byte) []byte { return bytes.Repeat([]byte{' '}, len(m)) })
}

// always overwrites with spaces what a template shows only sometimes, such as
// {% if user.is_authenticated %}, so that the links do not go in there. Places
// in the result are places in src.
func always(src []byte) []byte {
	out := bytes.Clone(src)
	depth, from := 0, 0
	for _, tag := range conditional.FindAllSubmatchIndex(src, -1) {
		switch end := tag[2] >= 0; {
		case end && depth > 0:
			depth--
			if depth == 0 {
				for i := from; i < tag[1]; i++ {
					if out[i] != '\n' && out[i] != '\r' {
						out[i] = ' '
					}
				}
			}
		case !end:
			if depth == 0 {
				from = tag[0]
			}
			depth++
		}
	}
	return out
}

// Insert puts the links where a page's navigation ends: as a last list item, as
// a last link, or, without navigation, at the top of the body. It says no where
// there is no such place, and nothing is to do where the links are.
func (l Links) Insert(src []byte) ([]edit.Edit, bool) {
	if at := bytes.Index(src, []byte(l.Login)); at >= 0 {
		return l.signUpBeside(src, at), true
	}
	page := always(blank(src))
	for _, region := range []*regexp.Regexp{navRegion, headRegion} {
		if loc := seenFirst(region.FindAllIndex(page, -1), page); loc != nil {
			return []edit.Edit{l.atEnd(src, page, loc[0], loc[1])}, true
		}
	}
	navs := slices.DeleteFunc(outerLists(page, 0, len(page)), func(list [2]int) bool {
		opening := listTag.Find(page[list[0]:])
		return !navClass.Match(opening) || otherNav.Match(opening)
	})
	if len(navs) > 0 {
		return []edit.Edit{l.inList(src, page, withLogin(src, navs, navs[0]))}, true
	}
	if loc := bodyTag.FindIndex(page); loc != nil {
		return []edit.Edit{l.underBody(src, loc[1])}, true
	}
	return nil, false
}

// signUpBeside adds the link to sign up where only the one to sign in is: on a
// line like its, or behind it.
func (l Links) signUpBeside(src []byte, login int) []edit.Edit {
	if l.SignUp == "" || bytes.Contains(src, []byte(l.SignUp)) {
		return nil
	}
	asSignUp := strings.NewReplacer(l.Login, l.SignUp, "Sign in", "Sign up").Replace
	start := bytes.LastIndexByte(src[:login], '\n') + 1
	end := len(src)
	if i := bytes.IndexByte(src[login:], '\n'); i >= 0 {
		end = login + i + 1
	}
	line := string(src[start:end])
	alone := !strings.Contains(line, l.If) && !strings.Contains(line, l.Else) && !strings.Contains(line, l.EndIf)
	if strings.Count(line, "</a>") == 1 && alone {
		return []edit.Edit{{Start: end, End: end, New: asSignUp(line)}}
	}
	start = bytes.LastIndex(src[:login], []byte("<a"))
	end = bytes.Index(src[login:], []byte("</a>"))
	if start < 0 || end < 0 {
		return nil
	}
	end += login + len("</a>")
	return []edit.Edit{{Start: end, End: end, New: " " + asSignUp(string(src[start:end]))}}
}

// atEnd inserts before the end tag of the region, or of a list in it.
func (l Links) atEnd(src, page []byte, start, end int) edit.Edit {
	if lists := outerLists(page, start, end); lists != nil {
		return l.inList(src, page, withLogin(src, lists, lists[len(lists)-1]))
	}
	at := start + bytes.LastIndex(page[start:end], []byte("</"))
	put := between(separator(page[start:at]), "")
	return insertBefore(src, start, at, l.html(like(linkTag, src, page, start, at), put))
}

// inList inserts as the last items of a list. A list of which a template makes
// all items has none to be like.
func (l Links) inList(src, page []byte, list [2]int) edit.Edit {
	start, at := list[0], list[0]+bytes.LastIndex(page[list[0]:list[1]], []byte("</"))
	inner := outerLists(page, start+1, at)
	src, page, whole := blankOut(src, inner), blankOut(page, inner), src
	put := items(like(itemTag, src, page, start, at))
	return insertBefore(whole, start, at, l.html(like(linkTag, src, page, start, at), put))
}

// like is the last opening tag of a kind between two places to be written like:
// one that is always shown, else one that is shown sometimes; but not the site's
// name.
func like(tag *regexp.Regexp, src, page []byte, start, end int) string {
	for _, text := range [][]byte{page, blank(src)} {
		all := tag.FindAll(text[start:end], -1)
		all = slices.DeleteFunc(all, func(tag []byte) bool { return brand.Match(tag) })
		if len(all) > 0 {
			return string(all[len(all)-1])
		}
	}
	return ""
}

// insertBefore puts lines before the end tag at a place of a region that begins
// at start. An end tag behind something on its line gets a line of its own.
func insertBefore(src []byte, start, at int, html []string) edit.Edit {
	lineStart := bytes.LastIndexByte(src[:at], '\n') + 1
	if strings.TrimSpace(string(src[lineStart:at])) == "" {
		indent := lastIndent(src[start:lineStart])
		if indent == "" {
			indent = string(src[lineStart:at])
		}
		return edit.Edit{Start: lineStart, End: lineStart, New: lines(src, indent, html)}
	}
	outer := indentOf(src[lineStart:])
	inner := outer
	if start >= lineStart {
		inner += indentUnit(src)
	}
	return edit.Edit{Start: at, End: at, New: edit.Newline(src) + lines(src, inner, html) + outer}
}

// outerLists are the lists between two places that are in no other list there,
// each from its opening tag to the end of its end tag.
func outerLists(page []byte, start, end int) (lists [][2]int) {
	depth, from := 0, 0
	for _, tag := range listTag.FindAllSubmatchIndex(page[start:end], -1) {
		switch closes := tag[2] < tag[3]; {
		case !closes && depth == 0:
			from, depth = start+tag[0], 1
		case !closes:
			depth++
		case depth == 1:
			lists, depth = append(lists, [2]int{from, start + tag[1]}), 0
		case depth > 1:
			depth--
		}
	}
	return lists
}

// seenFirst is the first region that a desktop shows from the start, or else the
// first.
func seenFirst(regions [][]int, page []byte) []int {
	for _, r := range regions {
		opening, _, _ := bytes.Cut(page[r[0]:r[1]], []byte(">"))
		if !notAtOnce.Match(opening) && !otherNav.Match(opening) {
			return r
		}
	}
	if regions == nil {
		return nil
	}
	return regions[0]
}

// withLogin is the list in which the app has a login of its own, or the other.
func withLogin(src []byte, lists [][2]int, other [2]int) [2]int {
	for _, list := range lists {
		if ownLogin.Match(blank(src)[list[0]:list[1]]) {
			return list
		}
	}
	return other
}

// blankOut overwrites regions with spaces.
func blankOut(src []byte, regions [][2]int) []byte {
	out := bytes.Clone(src)
	for _, r := range regions {
		copy(out[r[0]:r[1]], bytes.Repeat([]byte{' '}, r[1]-r[0]))
	}
	return out
}

func (l Links) underBody(src []byte, at int) edit.Edit {
	html := l.html("", between("<p>", "</p>"))
	rest := src[at:]
	end := bytes.IndexByte(rest, '\n')
	if end < 0 || strings.TrimSpace(string(rest[:end])) != "" {
		lineStart := bytes.LastIndexByte(src[:at], '\n') + 1
		inner := indentOf(src[lineStart:]) + indentUnit(src)
		return edit.Edit{Start: at, End: at, New: edit.Newline(src) + lines(src, inner, html) + inner}
	}
	return edit.Edit{Start: at + end + 1, End: at + end + 1, New: lines(src, indentOf(rest[end+1:]), html)}
}

// html are the links as lines, with the class of another link of the page. What
// belongs together is made a line, or lines, by put.
func (l Links) html(link string, put func(parts ...string) []string) []string {
	a := func(href, text string) string { return "<a" + class(link) + ` href="` + href + `">` + text + "</a>" }
	who := l.Email
	if l.Account != "" { // a link has the navigation's colour, which a text may lack
		who = a(l.Account, l.Email)
	}
	html := slices.Concat([]string{l.If}, put(who, a(l.Logout, "Sign out")), []string{l.Else}, put(a(l.Login, "Sign in")))
	if l.SignUp != "" {
		html = append(html, put(a(l.SignUp, "Sign up"))...)
	}
	return append(html, l.EndIf)
}

// between puts something before and behind what belongs together.
func between(before, behind string) func(parts ...string) []string {
	return func(parts ...string) []string { return []string{before + strings.Join(parts, " ") + behind} }
}

// items makes each thing an item of a list, like another one.
func items(like string) func(parts ...string) []string {
	return func(parts ...string) []string {
		for i := range parts {
			parts[i] = "<li" + class(like) + ">" + parts[i] + "</li>"
		}
		return parts
	}
}

// separator is what stands between the last two links of a region, such as a
// bar, with a blank behind it; empty where that is nothing but blanks.
func separator(region []byte) string {
	m := separated.FindAllSubmatch(region, -1)
	if m == nil {
		return ""
	}
	return string(m[len(m)-1][1]) + " "
}

// indentUnit is a level of a page's indentation: its smallest; nothing in a
// page without any.
func indentUnit(src []byte) string {
	unit := ""
	for line := range strings.Lines(string(src)) {
		indent := indentOf([]byte(line))
		if strings.HasPrefix(indent, "\t") {
			return "\t"
		}
		if len(indent) > 1 && strings.TrimSpace(line) != "" && (unit == "" || len(indent) < len(unit)) {
			unit = indent
		}
	}
	return unit
}

// indentOf is the white space that a line begins with.
func indentOf(line []byte) string {
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

func lines(src []byte, indent string, html []string) string {
	newline := edit.Newline(src)
	var b strings.Builder
	for _, line := range html {
		b.WriteString(indent + line + newline)
	}
	return b.String()
}

// class is the class attribute of an opening tag, without what marks the
// current page; empty where it has none, or one that a template computes.
func class(tag string) string {
	m := classAttr.FindString(tag)
	if m == "" {
		return ""
	}
	_, value, _ := strings.Cut(m, "=")
	var names []string
	for _, name := range strings.Fields(strings.Trim(strings.TrimSpace(value), `"'`)) {
		if name != "active" {
			names = append(names, name)
		}
	}
	if names == nil {
		return ""
	}
	return ` class="` + strings.Join(names, " ") + `"`
}

// lastIndent is the indentation of the last line that holds something.
func lastIndent(src []byte) string {
	all := strings.Split(strings.TrimRight(string(src), " \t\r\n"), "\n")
	return indentOf([]byte(all[len(all)-1]))
}

// AddLinks puts the links into the template that has the page's navigation,
// found from the template start, or from all there are. It reports whether the
// page that start is will show them.
func AddLinks(d *Draft, near, start string, l Links) bool {
	t := d.Project.Tree
	base, ok := BaseTemplate(t, near, start)
	if !ok {
		return false
	}
	name, done := NavTemplate(t, base), false
	d.Edit(name, "links to sign in and out", func(src []byte) ([]edit.Edit, error) {
		edits, ok := l.For(d.Variant).Insert(src)
		done = ok
		return edits, nil
	})
	if !done {
		d.Note(name + ": there is no <nav>, <header> or <body> to put the links into; the login is at " + d.Login.LoginURL)
	}
	return done
}
