package project

import (
	"cmp"
	"context"
	"encoding/base64"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"time"

	"authfit/internal/edit"
	"authfit/internal/git"
	"authfit/internal/problem"
)

// EnvKeys are the names that a login needs in the environment file.
var EnvKeys = []string{"WORKOS_API_KEY", "WORKOS_CLIENT_ID", "WORKOS_REDIRECT_URI", "WORKOS_COOKIE_PASSWORD"}

// CheckEnvValue says what is to be made of a value for one of EnvKeys.
func CheckEnvValue(key, value string) KeyState {
	ok := value != ""
	switch {
	case value == "":
		return KeyMissing
	case key == "WORKOS_API_KEY":
		ok = strings.HasPrefix(value, "sk_") && len(value) > len("sk_") && !strings.ContainsAny(value, " \t\n")
	case key == "WORKOS_CLIENT_ID":
		ok = strings.HasPrefix(value, "client_") && len(value) > len("client_") && !strings.ContainsAny(value, " \t\n")
	case key == "WORKOS_REDIRECT_URI":
		u, err := url.Parse(value)
		ok = err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
	case key == "WORKOS_COOKIE_PASSWORD":
		// A Fernet key: 32 bytes in URL-safe base64 with padding.
		b, err := base64.URLEncoding.DecodeString(value)
		ok = err == nil && len(b) == 32 && len(value) == 44
	}
	if !ok {
		return KeyMalformed
	}
	return KeyOK
}

// env finds the environment file: .env where the app starts, else the one
// beside the manifest, else the one that is to be made where the app starts.
func (s *scan) env(ctx context.Context, dir string, m Manager) (Env, []problem.Problem) {
	e := Env{File: path.Join(dir, ".env"), Keys: map[string]KeyState{}}
	var problems []problem.Problem
	for _, file := range []string{e.File, path.Join(m.Dir, ".env")} {
		src, err := s.read(file)
		if notExist(err) {
			continue
		}
		e.File, e.Exists = file, true
		if err != nil {
			problems = append(problems, *problem.New("env-unreadable", "cannot read the environment file: %v", reason(err)).
				At(file, 0).WithFix("make it a readable file"))
			break
		}
		values := edit.ParseEnv(src)
		if p := values.Problem(); p != nil {
			problems = append(problems, *p.At(file, p.Line))
		}
		for _, key := range EnvKeys {
			value, _, _ := values.Get(key)
			e.Keys[key] = CheckEnvValue(key, value)
		}
		break
	}
	for _, key := range EnvKeys {
		if e.Keys[key] == "" {
			e.Keys[key] = KeyMissing
		}
	}
	e.Target = s.target(e.File)
	e.IgnoredByGit, e.TrackedByGit = s.git(ctx, cmp.Or(e.Target, e.File), e.Exists)
	return e, problems
}

// target is the file of the project that a link leads to.
func (s *scan) target(file string) string {
	real, err := filepath.EvalSymlinks(s.abs(file))
	if err != nil {
		return ""
	}
	root, err := filepath.EvalSymlinks(s.tree.Root)
	if err != nil {
		return ""
	}
	rel, err := filepath.Rel(root, real)
	if rel = filepath.ToSlash(rel); err != nil || rel == path.Clean(file) || !filepath.IsLocal(rel) {
		return "" // what leads out of the project is not written
	}
	return rel
}

// git says whether git would leave the file out of a commit, and whether it
// has it already. Where git or a repository is missing, the .gitignore files
// alone are asked.
func (s *scan) git(ctx context.Context, file string, exists bool) (ignored, tracked bool) {
	byRule := s.ignoredByRule(file)
	program := s.lookPath("git")
	if program == "" || s.runsOwn(program) || repository(s.tree.Root) == "" {
		return byRule, false
	}
	ask := func(args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return git.Ask(ctx, program, s.tree.Root, append(args, "--", s.abs(file))...)
	}
	// Git may have a file that is no longer there, and gets all that is put there.
	out, err := ask("ls-files", "-c", "-o", "--exclude-standard", "-t")
	switch {
	case err != nil:
		return byRule, false
	case out != "":
		return false, !strings.HasPrefix(out, "? ")
	case exists || byRule:
		return true, false
	}
	_, err = ask("check-ignore", "-q") // knows core.excludesFile, too
	return err == nil, false
}

// ignoredByRule asks the .gitignore files on the way down to the file.
func (s *scan) ignoredByRule(file string) bool {
	top, full := s.path, path.Join(s.rel, file)
	if !within(full) {
		return false
	}
	var g *ignores
	dir := "."
	parts := strings.Split(full, "/")
	for i, name := range parts {
		if src, err := readOutside(filepath.Join(top, filepath.FromSlash(dir), ".gitignore")); err == nil {
			g = g.with(dir, src)
		}
		dir = path.Join(dir, name)
		if g.match(dir, i < len(parts)-1) {
			return true
		}
	}
	return false
}
