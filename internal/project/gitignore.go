package project

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// ignores are the patterns that hold in a folder, the nearest first. The rules
// are those of gitignore(5); core.excludesFile, which is not the project's, is
// left out. A nil *ignores ignores nothing.
type ignores struct {
	outer    *ignores
	dir      string // folder of the .gitignore relative to the root; ".." and so on above it
	prefix   string // for a folder above the root: the root's path relative to it, with a slash behind
	patterns []pattern
}

type pattern struct {
	glob     string
	negate   bool
	dirOnly  bool
	anchored bool // matches the path from the folder of the .gitignore, else the name at any depth
	plain    bool // glob has no special character
}

// with adds the patterns of the .gitignore in dir.
func (g *ignores) with(dir string, src []byte) *ignores {
	patterns := parseIgnore(src)
	if len(patterns) == 0 {
		return g
	}
	return &ignores{outer: g, dir: dir, patterns: patterns}
}

// match says whether git would ignore the file or folder. That a folder above
// it is ignored is for the caller to know: nothing in there is asked about.
func (g *ignores) match(file string, isDir bool) bool {
	for ; g != nil; g = g.outer {
		rel := g.prefix + file
		if g.prefix == "" && g.dir != "." {
			rel = strings.TrimPrefix(file, g.dir+"/")
		}
		for i := len(g.patterns) - 1; i >= 0; i-- { // the last one that matches decides
			if p := g.patterns[i]; p.match(rel, isDir) {
				return !p.negate
			}
		}
	}
	return false
}

func (p pattern) match(rel string, isDir bool) bool {
	if p.dirOnly && !isDir {
		return false
	}
	if !p.anchored {
		rel = path.Base(rel)
	}
	if p.plain {
		return rel == p.glob
	}
	return globMatch(p.glob, rel)
}

func parseIgnore(src []byte) []pattern {
	var out []pattern
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	for line := range strings.Lines(string(src)) {
		line = strings.TrimRight(line, "\r\n")
		// Trailing spaces do not count unless a backslash stands before them.
		for strings.HasSuffix(line, " ") && !strings.HasSuffix(line, `\ `) {
			line = line[:len(line)-1]
		}
		if line == "" || line[0] == '#' {
			continue
		}
		var p pattern
		line, p.negate = strings.CutPrefix(line, "!")
		line, p.dirOnly = strings.CutSuffix(line, "/")
		p.anchored = strings.Contains(line, "/")
		p.glob = strings.TrimPrefix(line, "/")
		p.plain = !strings.ContainsAny(p.glob, `*?[\`)
		if p.glob != "" {
			out = append(out, p)
		}
	}
	return out
}

// globMatch matches a whole path against a gitignore pattern, component by
// component; ** stands for any number of components, at the end for at least
// one. As with a star in a name, only the last ** ever has to be tried anew.
func globMatch(glob, file string) bool {
	if !strings.Contains(glob, "/") {
		return nameMatch(glob, file)
	}
	ps, ss := strings.Split(glob, "/"), strings.Split(file, "/")
	if ps[len(ps)-1] == "**" {
		ps[len(ps)-1] = "*"
		ps = slices.Insert(ps, len(ps)-1, "**")
	}
	pi, si, retryP, retryS := 0, 0, -1, 0
	for si < len(ss) {
		switch {
		case pi < len(ps) && ps[pi] == "**":
			pi++
			retryP, retryS = pi, si
		case pi < len(ps) && nameMatch(ps[pi], ss[si]):
			pi++
			si++
		case retryP >= 0:
			retryS++
			pi, si = retryP, retryS
		default:
			return false
		}
	}
	for pi < len(ps) && ps[pi] == "**" {
		pi++
	}
	return pi == len(ps)
}

// nameMatch matches one name. Only the last star ever has to be tried anew,
// so that patterns of many stars take no longer than others.
func nameMatch(glob, s string) bool {
	gi, si, retryG, retryS := 0, 0, -1, 0
	for si < len(s) {
		width := 0
		if gi < len(glob) && s[si] != '/' {
			if glob[gi] == '*' {
				gi++
				retryG, retryS = gi, si
				continue
			}
			width = charMatch(glob[gi:], s[si])
		}
		switch {
		case width > 0:
			gi += width
			si++
		case retryG >= 0 && s[retryS] != '/':
			retryS++
			gi, si = retryG, retryS
		default:
			return false
		}
	}
	return strings.Trim(glob[gi:], "*") == ""
}

// charMatch matches c against what glob begins with, and says how much of glob
// that is; 0 when it does not match.
func charMatch(glob string, c byte) int {
	switch {
	case glob[0] == '?':
		return 1
	case glob[0] == '[':
		ok, width := classMatch(glob, c)
		if !ok {
			return 0
		}
		return width
	case glob[0] == '\\' && len(glob) > 1 && glob[1] == c:
		return 2
	case glob[0] == c && c != '\\':
		return 1
	}
	return 0
}

// classMatch matches c against the bracket expression that glob begins with,
// and says how long that is; 0 when it is not closed.
func classMatch(glob string, c byte) (ok bool, width int) {
	i := 1
	negate := i < len(glob) && (glob[i] == '!' || glob[i] == '^')
	if negate {
		i++
	}
	for first := true; i < len(glob); first = false {
		if glob[i] == ']' && !first {
			return ok != negate, i + 1
		}
		lo, next := classChar(glob, i)
		hi := lo
		if next+1 < len(glob) && glob[next] == '-' && glob[next+1] != ']' {
			hi, next = classChar(glob, next+1)
		}
		ok = ok || lo <= c && c <= hi
		i = next
	}
	return false, 0
}

func classChar(glob string, i int) (c byte, next int) {
	if glob[i] == '\\' && i+1 < len(glob) {
		i++
	}
	return glob[i], i + 1
}

// outerIgnores are the patterns of the repository that dir lies in, from the
// folders above dir and from .git/info/exclude. Where they ignore dir itself
// they do not count: it was named, so it is meant.
func outerIgnores(dir string) *ignores {
	repo := repository(dir)
	if repo == "" {
		return nil
	}
	rel, err := filepath.Rel(repo, dir)
	if err != nil {
		return nil
	}
	rel = filepath.ToSlash(rel)
	var g *ignores
	add := func(at, file string) {
		root, err := os.OpenRoot(at)
		if err != nil {
			return
		}
		defer root.Close()
		src, err := readRegular(root, file)
		if err != nil {
			return
		}
		prefix := ""
		if below, _ := filepath.Rel(at, dir); below != "." {
			prefix = filepath.ToSlash(below) + "/"
		}
		g = &ignores{outer: g, dir: ".", prefix: prefix, patterns: parseIgnore(src)}
	}
	add(repo, ".git/info/exclude")
	if rel == "." {
		return g // its own .gitignore is read with the folder
	}
	at := repo
	for _, name := range strings.Split(rel, "/") {
		add(at, ".gitignore")
		at = filepath.Join(at, name)
		// Whether the folder on the way down is ignored, as seen from dir: its
		// path is given relative to where each pattern stands.
		if g.matchAbove(dir, at) {
			return nil
		}
	}
	return g
}

// matchAbove is match for dir or a folder above it, by absolute path.
func (g *ignores) matchAbove(dir, at string) bool {
	for ; g != nil; g = g.outer {
		full := strings.TrimSuffix(g.prefix, "/")
		up, err := filepath.Rel(at, dir)
		if err != nil {
			return false
		}
		rel := full
		if up != "." {
			rel = strings.TrimSuffix(full, "/"+filepath.ToSlash(up))
		}
		for i := len(g.patterns) - 1; i >= 0; i-- {
			if p := g.patterns[i]; p.match(rel, true) {
				return !p.negate
			}
		}
	}
	return false
}

// repository is the nearest folder at or above dir that holds .git (a folder,
// or a file in a worktree or submodule); empty where there is none.
func repository(dir string) string {
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}
