package plan

import (
	"io/fs"
	"slices"
	"strings"
	"unicode"

	"authfit/internal/problem"
)

// Check says whether the plan can be obeyed: every path lies in the project and
// none in .git or .authfit, no file is changed twice, and actions, sums and
// sources are known ones. What it refuses is a *problem.Problem. It looks at
// the plan only, at no file.
func (p *Plan) Check() error {
	if p.Schema != "" && p.Schema != Schema {
		return refuse("its schema is %q, wanted is %q", p.Schema, Schema)
	}
	seen := map[string]bool{}
	for _, f := range p.Files {
		if err := f.check(); err != nil {
			return err
		}
		if seen[f.Path] {
			return refuse("%s is changed twice", f.Path)
		}
		seen[f.Path] = true
	}
	restored := map[string]bool{}
	for _, r := range p.Restores {
		if err := checkPath(r.Path); err != nil {
			return err
		}
		if r.SHA256Before != "" && !isSum(r.SHA256Before) {
			return refuse("%s: a SHA-256 is not one", r.Path)
		}
		restored[r.Path] = true
	}
	for _, e := range p.Env {
		if err := e.check(); err != nil {
			return err
		}
		if seen[e.File] || restored[e.File] {
			return refuse("%s is an environment file and a changed file at once", e.File)
		}
	}
	if err := p.checkWords(); err != nil {
		return err
	}
	return p.checkCommands()
}

// checkWords refuses what a terminal would obey instead of showing it: a plan is
// read before it is applied, and may be somebody else's.
func (p *Plan) checkWords() error {
	words := slices.Clone(p.Notes)
	for _, c := range p.Commands {
		words = append(append(words, c.Why), c.Argv...)
	}
	for _, f := range p.Files {
		words = append(words, f.Why)
	}
	for _, k := range p.Env {
		words = append(words, k.Key, k.Value, k.Why)
	}
	for _, w := range words {
		if strings.ContainsFunc(w, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
			return refuse("%q has characters that are not to be seen", w)
		}
	}
	return nil
}

func (p *Plan) checkCommands() error {
	dirs := []string{}
	for _, c := range p.Commands {
		if len(c.Argv) == 0 || c.Argv[0] == "" {
			return refuse("a command has no program")
		}
		dirs = append(dirs, c.Dir)
	}
	for _, pr := range p.Probes {
		dirs = append(dirs, pr.Dir)
	}
	if p.Login != nil {
		dirs = append(append(dirs, p.Login.Dir), p.Login.Paths...)
	}
	for _, dir := range dirs {
		if dir != "" && (!fs.ValidPath(dir) || strings.ContainsAny(dir, "\\\x00")) {
			return refuse("the folder %q is not in the project", dir)
		}
	}
	return nil
}

func (f File) check() error {
	if err := checkPath(f.Path); err != nil {
		return err
	}
	switch {
	case f.Action != Create && f.Action != Modify:
		return refuse("%s: the action %q is not known", f.Path, f.Action)
	case (f.Action == Create) != (f.SHA256Before == ""):
		return refuse("%s: sha256_before does not go with the action %q", f.Path, f.Action)
	case !isSum(f.SHA256After) || f.Action == Modify && !isSum(f.SHA256Before):
		return refuse("%s: a SHA-256 is not one", f.Path)
	}
	return nil
}

func (e EnvKey) check() error {
	if err := checkPath(e.File); err != nil {
		return err
	}
	sources := []EnvSource{EnvLiteral, EnvFernet, EnvSecret, EnvLocal}
	switch {
	case e.Key == "":
		return refuse("%s: a key has no name", e.File)
	case !slices.Contains(sources, e.Source):
		return refuse("%s: the source %q of %s is not known", e.File, e.Source, e.Key)
	case e.Source != EnvLiteral && e.Value != "":
		return refuse("%s: a plan has no secrets, but there is a value for %s", e.File, e.Key)
	}
	return nil
}

func checkPath(path string) error {
	if !OwnPath(path) {
		return refuse("the path %q is not one of the project's own files", path)
	}
	return nil
}

// OwnPath says whether path is one of a file below the project's folder, as
// io/fs has them (with slashes, not rooted, without "." and ".." elements), and
// neither in git's folder nor in authfit's, by whatever name a file system knows
// these.
func OwnPath(path string) bool {
	if !fs.ValidPath(path) || path == "." || strings.ContainsAny(path, "\\\x00") {
		return false
	}
	for part := range strings.SplitSeq(path, "/") {
		if name := plainName(part); name == ".git" || name == "git~1" || name == ".authfit" {
			return false
		}
	}
	return true
}

// plainName is a name as file systems compare it that know no case, pass over
// characters that are not seen (HFS+), or drop dots and spaces at the end and what
// follows a colon (NTFS).
func plainName(name string) string {
	name, _, _ = strings.Cut(name, ":")
	name = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
	return strings.TrimRight(name, ". ")
}

func isSum(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

func refuse(format string, args ...any) error {
	return problem.New("plan-invalid", "the plan cannot be applied: "+format, args...).
		WithFix("make it anew: authfit plan -o FILE")
}
