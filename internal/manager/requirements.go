package manager

import (
	"bytes"
	"cmp"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"authfit/internal/edit"
	"authfit/internal/problem"
	"authfit/internal/project"
)

// RequirementLines returns the edits that add the packages to a requirements
// file in its own style: pinned by == where most lines are, by >= or ~= where
// most are that, without a version otherwise; in their places where the file is
// sorted, else at the end; with its newlines, and without a last one where
// there was none. What the file lists already is left out.
//
// The error is a *problem.Problem without a File: a file with hashes, one that
// a program writes anew, or one in UTF-16 cannot be added to by hand.
func RequirementLines(src []byte, pkgs []Requirement) ([]edit.Edit, error) {
	f, err := project.ParseRequirements(src)
	if err != nil {
		return nil, problem.New("requirements-encoding", "%v", err).WithFix("save it as UTF-8")
	}
	if p := notByHand(f); p != nil {
		return nil, p
	}
	if text := src[:endOfText(src)]; bytes.HasSuffix(text, []byte("\\")) {
		return nil, problem.New("requirements-broken", "the last line goes on, but nothing follows").
			At("", bytes.Count(text, []byte("\n"))+1).WithFix("take the backslash at its end away")
	}
	pkgs = slices.DeleteFunc(slices.Clone(pkgs), func(r Requirement) bool {
		return slices.ContainsFunc(f.Lines, func(l project.RequirementLine) bool {
			return project.NormalizeName(l.Name) == project.NormalizeName(r.Name)
		})
	})
	slices.SortFunc(pkgs, func(a, b Requirement) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	nl := "\n"
	if bytes.Count(src, []byte("\r\n"))*2 > bytes.Count(src, []byte("\n")) {
		nl = "\r\n"
	}
	op := style(f)
	sorted := isSorted(f)
	var out []edit.Edit
	for _, r := range pkgs {
		text := specifier(r, op)
		at, before := endOfText(src), f.Lines == nil && len(bytes.TrimSpace(bytes.TrimPrefix(src, []byte("\xef\xbb\xbf")))) == 0
		if sorted {
			at, before = place(f, r)
		}
		if before {
			text += nl
		} else { // the newline of the line before, or the lack of one, stays behind us
			text = nl + text
		}
		out = append(out, edit.Edit{Start: at, End: at, New: text})
	}
	return out, nil
}

// reBase is what a requirements file for every environment is called.
var reBase = regexp.MustCompile(`(?i)^(?:requirements[-_.])?(?:base|common|core)\.(?:txt|in)$`)

// Listing is the file, relative to the root, in which the owner of a project
// with a requirements file would list a package that all environments need: the
// manifest, or the one file that it only passes on to or takes its base from.
func Listing(p *project.Project) string {
	file := path.Join(p.Manager.Dir, p.Manager.Manifest)
	for range 5 { // a circle has no end
		src, err := p.Tree.Read(file)
		if err != nil {
			return file
		}
		f, err := project.ParseRequirements(src)
		if err != nil {
			return file
		}
		includes := slices.DeleteFunc(f.Includes, func(i project.RequirementsInclude) bool { return i.Constraint })
		if len(includes) != 1 || len(f.Lines) > 0 && !reBase.MatchString(path.Base(includes[0].File)) {
			return file
		}
		next := path.Join(path.Dir(file), includes[0].File)
		if !p.Tree.Exists(next) {
			return file
		}
		file = next
	}
	return file
}

// MovedLine returns the edit that gives a package of a requirements file another
// version, in the line's own style and with all else that is in it: extras, a
// marker, a comment. The error is as that of RequirementLines.
func MovedLine(src []byte, r Requirement) ([]edit.Edit, error) {
	f, err := project.ParseRequirements(src)
	if err != nil {
		return nil, problem.New("requirements-encoding", "%v", err).WithFix("save it as UTF-8")
	}
	if p := notByHand(f); p != nil {
		return nil, p
	}
	for i, l := range f.Lines {
		if project.NormalizeName(l.Name) != project.NormalizeName(r.Name) || l.URL != "" {
			continue
		}
		start, end := specifierRange(string(src[l.Start:l.End]))
		e := edit.Edit{Start: l.Start + start, End: l.Start + end, New: moved(r, l.Specifier)}
		f.Lines[i].Specifier = e.New
		if !readsAs(src, e, f) {
			return nil, problem.New("edit-unplaceable", "the requirement %s is written over several lines", r.Name).
				At("", l.Line).WithFix("write it on one line, then run authfit again")
		}
		return []edit.Edit{e}, nil
	}
	return nil, problem.New("edit-unplaceable", "there is no line for %s", r.Name)
}

// readsAs says whether a file has, after an edit, the requirements that it is
// meant to have.
func readsAs(src []byte, e edit.Edit, want *project.RequirementsFile) bool {
	after, err := edit.Apply(src, e)
	if err != nil {
		return false
	}
	got, err := project.ParseRequirements(after)
	return err == nil && slices.EqualFunc(got.Lines, want.Lines, func(a, b project.RequirementLine) bool {
		return reflect.DeepEqual(a.Requirement, b.Requirement)
	})
}

// moved is the specifier of a package that is moved, in the style of its old one.
func moved(r Requirement, old string) string {
	one := project.RequirementLine{Requirement: project.Requirement{Specifier: old}}
	op := style(&project.RequirementsFile{Lines: []project.RequirementLine{one}})
	return strings.TrimPrefix(specifier(r, cmp.Or(op, ">=")), strings.ToLower(r.Name))
}

// reSpecifier finds the name and the extras of a requirement, and its specifier,
// which may each be on a line of its own.
var reSpecifier = regexp.MustCompile(`^[\s\\]*([A-Za-z0-9][A-Za-z0-9._-]*(?:[\s\\]*\[[^\]]*\])?)[\s\\]*(\(?[^;#@"'\\]*)`)

// specifierRange is where a requirement's specifier is in its text, between the
// extras and what follows: a marker, a comment, an option, a quotation mark.
func specifierRange(text string) (start, end int) {
	text, _, _ = strings.Cut(text, " -")
	at := reSpecifier.FindStringSubmatchIndex(text)
	if at == nil {
		return len(text), len(text)
	}
	spec := strings.TrimRight(text[at[4]:at[5]], " \t")
	if spec == "" { // right behind the name, before what parts a comment from it
		return at[3], at[3]
	}
	return at[4], at[4] + len(spec)
}

// notByHand says why a file may not be added to, or is nil.
func notByHand(f *project.RequirementsFile) *problem.Problem {
	switch {
	case f.UTF16:
		return problem.New("requirements-encoding", "the requirements file is UTF-16").
			WithFix("save it as UTF-8 (PowerShell's > writes UTF-16)")
	case f.Compiled > 0:
		by := f.CompiledBy
		if by == "" {
			by = "the command in its header"
		}
		return problem.New("requirements-compiled", "the requirements file is written by a program, so added lines would be lost").
			At("", f.Compiled).WithFix("add workos and python-dotenv to the file it is made from (requirements.in, for instance), run `%s`, install, and run authfit again", by)
	case f.Hashed > 0:
		return problem.New("requirements-hashed", "the requirements file has hashes, so pip refuses lines without one").
			At("", f.Hashed).WithFix("add workos and python-dotenv with their hashes: `pip-compile --generate-hashes`, or `pip hash` on the downloaded wheels; then run authfit again")
	}
	return nil
}

// style is the operator that most lines have; empty where most have none.
func style(f *project.RequirementsFile) string {
	count := map[string]int{}
	for _, l := range f.Lines {
		if l.URL != "" {
			continue
		}
		op := ""
		for _, o := range []string{"==", "~=", ">="} {
			if strings.HasPrefix(l.Specifier, o) || op == "" && strings.Contains(l.Specifier, o) {
				op = o
			}
		}
		count[op]++
	}
	best := ""
	for _, o := range []string{"==", "~=", ">="} {
		if count[o] > count[best] {
			best = o
		}
	}
	return best
}

// reLastNumber is the last number of a version.
var reLastNumber = regexp.MustCompile(`\.[0-9]+$`)

// specifier is a line for the package. "~=" lets all of a major version in:
// that is what the SDK keeps compatible.
func specifier(r Requirement, op string) string {
	name, version := strings.ToLower(r.Name), r.Version
	if version == "" {
		return name
	}
	if op == "" || op == ">=" && r.Range != "" {
		return name + r.Range
	}
	if op == "~=" && strings.Count(version, ".") == 2 {
		version = reLastNumber.ReplaceAllString(version, "")
	}
	return name + op + version
}

// isSorted says whether the file's names are in order, of at least two.
func isSorted(f *project.RequirementsFile) bool {
	return len(f.Lines) > 1 && slices.IsSortedFunc(f.Lines, func(a, b project.RequirementLine) int {
		return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
}

// place is where a package goes in a sorted file: behind the last line that
// comes before it, or before the first.
func place(f *project.RequirementsFile, r Requirement) (at int, before bool) {
	at, before = f.Lines[0].Start, true
	for _, l := range f.Lines {
		if strings.ToLower(l.Name) < strings.ToLower(r.Name) {
			at, before = l.End, false
		}
	}
	return at, before
}

// endOfText is behind the last line that is not empty, before its newline.
func endOfText(src []byte) int { return len(bytes.TrimRight(src, " \t\r\n\f")) }
