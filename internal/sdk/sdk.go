// Package sdk knows what the workos package that is installed can do: its
// version, its README and the signatures of what a login calls. All of it is
// read from the files of the installed wheel; no Python runs.
package sdk

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"authfit/internal/problem"
	"authfit/internal/pysyntax"
)

// An SDK is an installed workos package.
type SDK struct {
	// Version is the one in the wheel's metadata: "10.8.0".
	Version string `json:"version"`
	// Dialect is "5" for 5.x, "6" for 6 and later, and empty for older ones,
	// which authfit does not write code for.
	Dialect string `json:"dialect"`
	// Dir is the package's folder, absolute.
	Dir string `json:"dir"`
	// RequiresPython is the wheel's own specifier: ">=3.10".
	RequiresPython string `json:"requires_python,omitempty"`
	// Exports are the public names of the package itself, sorted.
	Exports []string `json:"exports"`
	// Errors are the classes it raises, as they are imported: "workos.WorkOSError".
	Errors []string `json:"errors"`
	// Signatures are those of the functions in Reported that there are.
	Signatures []Signature `json:"signatures"`
	// Problems are the known defects of this version.
	Problems []*problem.Problem `json:"problems"`
	// README is the wheel's own, in Markdown.
	README string `json:"-"`

	modules map[string]*module // by file, relative to Dir, with slashes
	texts   map[string][]byte  // the same files as they are searched
}

// Reported are the functions that an SDK lists of itself: what a login is made
// of. Any other can be asked for with Signature.
var Reported = []string{
	"WorkOSClient",
	"UserManagement.get_authorization_url",
	"UserManagement.authenticate_with_code",
	"UserManagement.authenticate_with_refresh_token",
	"UserManagement.load_sealed_session",
	"UserManagement.get_logout_url",
	"session.seal_session_from_auth_response",
	"Session.authenticate",
	"Session.refresh",
}

// Read finds the workos package in the folders, of which the first that has it
// counts, as in sys.path. The error is a *problem.Problem: "sdk-not-installed"
// where no folder has it, "sdk-unreadable" where what is there is no whole
// installation.
func Read(sitePackages []string) (*SDK, error) {
	for _, dir := range sitePackages {
		found, err := filepath.Glob(filepath.Join(globEscape(dir), "workos-*.dist-info", "METADATA"))
		if err != nil || len(found) == 0 {
			continue
		}
		// An interrupted upgrade can leave two; the newer one is what the
		// installer wrote last.
		newest := slices.MaxFunc(found, func(a, b string) int { return modTime(a) - modTime(b) })
		return read(newest, filepath.Join(dir, "workos"))
	}
	p := problem.New("sdk-not-installed", "the workos package is not installed in the project's environment").
		WithFix("run `authfit add`, which installs it, or install it with the project's package manager: uv add workos, poetry add workos, pip install workos")
	if len(sitePackages) > 0 {
		p = p.WithDetail("looked in %s", strings.Join(sitePackages, ", "))
	}
	return nil, p
}

func read(metadata, dir string) (*SDK, error) {
	raw, err := readFile(metadata)
	if err != nil {
		return nil, unreadable(metadata, err)
	}
	header, readme := splitMetadata(string(raw))
	s := &SDK{
		Version:        header["version"],
		RequiresPython: header["requires-python"],
		README:         readme,
		Dir:            dir,
		modules:        map[string]*module{},
		texts:          map[string][]byte{},
	}
	if s.Version == "" {
		return nil, unreadable(metadata, errors.New("no Version in it"))
	}
	s.Dialect = Dialect(s.Version)
	if _, err := s.module("__init__.py"); err != nil {
		return nil, unreadable(filepath.Join(dir, "__init__.py"), err)
	}
	s.Exports = s.exports()
	s.Errors = s.errorClasses()
	s.Signatures = []Signature{}
	for _, path := range Reported {
		if sig, ok := s.Signature(path); ok {
			s.Signatures = append(s.Signatures, sig)
		}
	}
	s.Problems = Defects(s.Version, s.Version)
	return s, nil
}

// readFile reads a file of an installed package. uv may have put links to its cache
// there, which keep the name; a link to a file of another name would have us
// show what is no part of the package.
func readFile(file string) ([]byte, error) {
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(real); err != nil || !info.Mode().IsRegular() || filepath.Base(real) != filepath.Base(file) {
		return nil, &os.PathError{Op: "read", Path: file, Err: cmp.Or(err, errors.New("not a file of the package"))}
	}
	return os.ReadFile(real)
}

func unreadable(file string, err error) *problem.Problem {
	var perr *os.PathError
	if errors.As(err, &perr) {
		err = perr.Err
	}
	return problem.New("sdk-unreadable", "the installed workos package cannot be read: %s: %v", file, err).
		WithFix("install it again with the project's package manager: uv sync --reinstall-package workos, pip install --force-reinstall workos")
}

// splitMetadata takes a wheel's METADATA apart, which has the form of an email
// message (PEP 566): header names in lower case, the first of each, and the body.
func splitMetadata(raw string) (map[string]string, string) {
	raw = strings.ReplaceAll(raw, "\r\n", "\n")
	head, body, _ := strings.Cut(raw, "\n\n")
	header := map[string]string{}
	for line := range strings.Lines(head) {
		name, value, ok := strings.Cut(line, ":")
		name = strings.ToLower(strings.TrimSpace(name))
		if _, seen := header[name]; ok && !seen {
			header[name] = strings.TrimSpace(value)
		}
	}
	return header, body
}

// errorClasses are the exported classes that are named as exceptions are, and
// those of workos.exceptions, where 5.x keeps them.
func (s *SDK) errorClasses() []string {
	out := []string{}
	for _, name := range s.Exports {
		if isError(name) {
			out = append(out, "workos."+name)
		}
	}
	if m, err := s.module("exceptions.py"); err == nil {
		for stmt := range m.statements() {
			if c, ok := stmt.(*pysyntax.ClassDef); ok && isError(c.Name.ID) {
				out = append(out, "workos.exceptions."+c.Name.ID)
			}
		}
	}
	slices.Sort(out)
	return out
}

func isError(name string) bool {
	return strings.HasSuffix(name, "Error") || strings.HasSuffix(name, "Exception")
}

// exports are the names in __all__, or else every public name that the package binds.
func (s *SDK) exports() []string {
	m, err := s.module("__init__.py")
	if err != nil {
		return []string{}
	}
	all, bound := []string{}, []string{}
	for stmt := range m.statements() {
		switch stmt := stmt.(type) {
		case *pysyntax.ImportFrom:
			for _, a := range stmt.Names {
				bound = append(bound, boundName(a))
			}
		case *pysyntax.ClassDef:
			bound = append(bound, stmt.Name.ID)
		case *pysyntax.FunctionDef:
			bound = append(bound, stmt.Name.ID)
		case *pysyntax.Assign:
			if pysyntax.Dotted(stmt.Targets[0]) == "__all__" {
				all = append(all, m.strings(stmt.Value)...)
			}
		}
	}
	if len(all) == 0 {
		all = slices.DeleteFunc(bound, func(name string) bool { return strings.HasPrefix(name, "_") || name == "*" })
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func modTime(file string) int {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return int(info.ModTime().UnixNano())
}

// globEscape lets a folder's own name hold what filepath.Glob takes for a pattern.
func globEscape(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// String is the version with its dialect, for a line of text.
func (s *SDK) String() string {
	if s.Dialect == "" {
		return fmt.Sprintf("workos %s", s.Version)
	}
	return fmt.Sprintf("workos %s (dialect %s)", s.Version, s.Dialect)
}

// Text is all of it but the README, for a terminal.
func (s *SDK) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in %s\n", s, s.Dir)
	if s.RequiresPython != "" {
		fmt.Fprintf(&b, "needs Python %s\n", s.RequiresPython)
	}
	b.WriteString("\nsignatures\n")
	for _, sig := range s.Signatures {
		fmt.Fprintf(&b, "  %s\n      %s:%d\n", sig, sig.File, sig.Line)
	}
	fmt.Fprintf(&b, "\nexports\n  %s\n", strings.Join(s.Exports, ", "))
	fmt.Fprintf(&b, "\nerrors\n  %s\n", strings.Join(s.Errors, ", "))
	for _, p := range s.Problems {
		fmt.Fprintf(&b, "\n%s\n", p.Text())
	}
	return b.String()
}
