package project

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

// sdk is the workos package in the environment, and what the project asks for.
func (s *scan) sdk(p *Project) SDK {
	sdk := installedSDK(p.Python.SitePackages)
	sdk.Declared, sdk.Locked = p.Dependency("workos"), s.locked(p.Manager)
	return sdk
}

// installedSDK finds the workos package by its *.dist-info folder, whose name
// holds the version (PEP 376 and the wheel format).
func installedSDK(sitePackages []string) SDK {
	sdk := SDK{Installed: InstalledVersion(sitePackages, "workos")}
	if n, _ := release(sdk.Installed); len(n) > 0 {
		switch {
		case n[0] > 5:
			sdk.Dialect = "6"
		case n[0] == 5:
			sdk.Dialect = "5"
		}
	}
	return sdk
}

// reLocked finds the releases of workos in the lock files of uv, Poetry and PDM
// (TOML), of pipenv (JSON), and of Rye (a requirements file). They are written by
// programs, always in the same form, and may be large.
var reLocked = map[string]*regexp.Regexp{
	".toml": regexp.MustCompile(`(?m)^name = "workos"\r?\nversion = "([^"]+)"`),
	".json": regexp.MustCompile(`"workos": \{[^{}]*?"version": "==([^"]+)"`),
	"":      regexp.MustCompile(`(?m)^workos==([^\s;]+)`),
}

// locked are the releases of workos in the manager's lock file.
func (s *scan) locked(m Manager) []Locked {
	if m.Lock == "" {
		return nil
	}
	file := path.Join(m.Dir, m.Lock)
	src, err := s.read(file)
	if err != nil {
		return nil
	}
	form := map[string]string{"uv": ".toml", "poetry": ".toml", "pdm": ".toml", "pipenv": ".json"}[m.Name]
	var out []Locked
	line := lineCounter(src)
	for _, at := range reLocked[form].FindAllSubmatchIndex(src, -1) {
		v := string(src[at[2]:at[3]])
		if !slices.ContainsFunc(out, func(l Locked) bool { return l.Version == v }) { // pipenv may have it twice
			out = append(out, Locked{Version: v, File: file, Line: line(at[2])})
		}
	}
	return out
}

// InstalledVersion is the version of a package in the first of the folders
// that has it; empty where none does.
func InstalledVersion(sitePackages []string, name string) string {
	name = NormalizeName(name)
	for _, dir := range sitePackages {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			stem, ok := strings.CutSuffix(e.Name(), ".dist-info")
			if !ok {
				continue
			}
			if pkg, version, ok := strings.Cut(stem, "-"); ok && NormalizeName(pkg) == name {
				return version
			}
		}
	}
	return ""
}
