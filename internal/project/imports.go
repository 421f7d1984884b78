package project

import (
	"bytes"
	"iter"
	"slices"
	"strings"
	"sync"

	"authfit/internal/pysyntax"
)

// importIndex is what the files of a Tree import: a table of dotted names, of
// which each file has some. It is made from the files' text while they are
// listed, so that only those that matter are read again and parsed.
type importIndex struct {
	mu    sync.Mutex
	ids   map[string]uint32
	names []string // by id
}

// add gives the ids of the names that a source imports, each once.
func (x *importIndex) add(src []byte, scratch []byte) []uint32 {
	var found []uint32
	x.mu.Lock()
	defer x.mu.Unlock()
	scanImports(src, scratch, func(name []byte) {
		id, known := x.ids[string(name)]
		if !known {
			id = uint32(len(x.names))
			x.names = append(x.names, string(name))
			x.ids[x.names[id]] = id
		}
		if !slices.Contains(found, id) {
			found = append(found, id)
		}
	})
	return found
}

// matching are the ids of the names that satisfy is, as a set.
func (x *importIndex) matching(is func(name string) bool) map[uint32]bool {
	found := map[uint32]bool{}
	for id, name := range x.names {
		if is(name) {
			found[uint32(id)] = true
		}
	}
	return found
}

// Importing gives the project's own Python files (those that are not Aside)
// that import one of the modules or something of them, in the order of their
// names, with their trees. A file that cannot be parsed at all is left out; one
// that only seems to import, in a string perhaps, is given too.
func (t *Tree) Importing(modules ...string) iter.Seq2[string, *pysyntax.File] {
	return t.parsed(func(i int, ids map[uint32]bool) bool {
		return slices.ContainsFunc(t.imports[i], func(id uint32) bool { return ids[id] })
	}, func(name string) bool {
		return slices.ContainsFunc(modules, func(m string) bool { return below(name, m) })
	})
}

// Using gives, as Importing does, the files that may have something of the
// modules that some files are: these files, and those with an import in which
// the name of one occurs.
func (t *Tree) Using(files ...string) iter.Seq2[string, *pysyntax.File] {
	var stems []string
	for _, f := range files {
		stems = append(stems, moduleStem(f))
	}
	return t.parsed(func(i int, ids map[uint32]bool) bool {
		return slices.Contains(files, t.files[i]) || slices.ContainsFunc(t.imports[i], func(id uint32) bool { return ids[id] })
	}, func(name string) bool {
		for part := range strings.SplitSeq(name, ".") {
			if slices.Contains(stems, part) {
				return true
			}
		}
		return false
	})
}

// Imported says whether any Python file of the tree, tests too, imports a
// module or something of it.
func (t *Tree) Imported(module string) bool {
	return slices.ContainsFunc(t.index.names, func(name string) bool { return below(name, module) })
}

// Modules are the top-level modules that Python files of the tree import, those
// that match, sorted.
func (t *Tree) Modules(match func(name string) bool) []string {
	var found []string
	for _, name := range t.index.names {
		if top, _, _ := strings.Cut(name, "."); top != "" && match(top) && !slices.Contains(found, top) {
			found = append(found, top)
		}
	}
	slices.Sort(found)
	return found
}

// below says whether a dotted name is the module or something of it.
func below(name, module string) bool {
	rest, ok := strings.CutPrefix(name, module)
	return ok && (rest == "" || rest[0] == '.')
}

// moduleStem is the last part of a module's name: that of the file, or of the
// package whose __init__.py it is.
func moduleStem(file string) string {
	parts := strings.Split(strings.TrimSuffix(strings.TrimSuffix(file, ".py"), "/__init__"), "/")
	return parts[len(parts)-1]
}

// parsed gives those of the project's own files that take says to, by their
// place in the tree and the ids of the names that match.
func (t *Tree) parsed(take func(i int, ids map[uint32]bool) bool, match func(name string) bool) iter.Seq2[string, *pysyntax.File] {
	return func(yield func(string, *pysyntax.File) bool) {
		ids := t.index.matching(match)
		var names []string
		for i, name := range t.files {
			if t.imports[i] != nil && take(i, ids) && !t.Aside(name) {
				names = append(names, name)
			}
		}
		files := make([]*pysyntax.File, len(names))
		inParallel(len(names), func(i int) { files[i], _ = t.Python(names[i]) })
		for i, f := range files {
			if f != nil && !yield(names[i], f) {
				return
			}
		}
	}
}

// scanImports calls emit with each dotted name that a source imports: "a.b" for
// "import a.b", "a.b" and "a.c" for "from a import b, c", "..a" for "from ..
// import a", "a.*" for a star. It looks at the text, not at the syntax: what
// stands in a string counts as well, and nothing that Python would import is
// missed (except by importlib and names that are not normalised). The name is
// made in scratch and only good during the call.
func scanImports(src, scratch []byte, emit func(name []byte)) {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	word := []byte("import")
	for at := 0; ; {
		i := bytes.Index(src[at:], word)
		if i < 0 {
			return
		}
		i += at
		at = i + len(word)
		if i > 0 && isName(src[i-1]) || at >= len(src) || isName(src[at]) {
			continue
		}
		s := importScanner{src: src, at: at}
		if module, ok := fromModule(src, i); ok {
			scratch = appendModule(scratch[:0], module)
			s.from(scratch, emit)
		} else if startsStatement(src, i) {
			s.plain(scratch[:0], emit)
		}
		at = max(at, s.at)
	}
}

// isName says whether a byte can be part of an identifier.
func isName(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= 0x80
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\f' }

// maxModule is how long, in bytes, what stands between a "from" and its "import"
// may be.
const maxModule = 1000

// fromModule is what stands between the "from" and the "import" at i, with the
// blanks and continuation lines that Python lets it have; false where there is
// no such.
func fromModule(src []byte, i int) ([]byte, bool) {
	at := i
	for at > max(0, i-maxModule) {
		switch c := src[at-1]; {
		case isName(c) || c == '.' || isBlank(c):
		case c == '\\' || (c == '\n' || c == '\r') && continued(src, at-1):
		default:
			return afterFrom(src[at:i])
		}
		at--
	}
	return afterFrom(src[at:i])
}

// continued says whether the end of line at i is behind a backslash.
func continued(src []byte, i int) bool {
	if i > 0 && src[i] == '\n' && src[i-1] == '\r' {
		i--
	}
	return i > 0 && src[i-1] == '\\'
}

// afterFrom is what follows the last word "from".
func afterFrom(text []byte) ([]byte, bool) {
	for {
		i := bytes.LastIndex(text, []byte("from"))
		if i < 0 {
			return nil, false
		}
		module := text[i+len("from"):]
		if (i == 0 || !isName(text[i-1])) && len(module) > 0 && !isName(module[0]) {
			return module, true
		}
		text = text[:i]
	}
}

// appendModule appends a module as it is written, without what may stand
// between its parts, and the dot that a name of it needs.
func appendModule(to, module []byte) []byte {
	for _, c := range module {
		if isName(c) || c == '.' {
			to = append(to, c)
		}
	}
	if n := len(to); n > 0 && to[n-1] != '.' {
		to = append(to, '.')
	}
	return to
}

// startsStatement says whether a statement can begin at i.
func startsStatement(src []byte, i int) bool {
	end := i
	for i > max(0, end-maxModule) && (isBlank(src[i-1]) || src[i-1] == '\\' || (src[i-1] == '\n' || src[i-1] == '\r') && continued(src, i-1)) {
		i--
	}
	return i == 0 || bytes.IndexByte([]byte("\n\r;:"), src[i-1]) >= 0
}

// An importScanner reads what follows the word "import".
type importScanner struct {
	src []byte
	at  int
}

// plain reads "a.b as c, d".
func (s *importScanner) plain(name []byte, emit func([]byte)) {
	for {
		name = name[:0]
		for {
			part := s.word(false)
			if part == nil {
				return
			}
			name = append(name, part...)
			if !s.skip('.', false) {
				break
			}
			name = append(name, '.')
		}
		emit(name)
		if s.alias(false); !s.skip(',', false) {
			return
		}
	}
}

// from reads "(a as b, c)" behind the module, which ends with a dot.
func (s *importScanner) from(module []byte, emit func([]byte)) {
	lines := s.skip('(', false)
	if s.skip('*', lines) {
		emit(append(module, '*'))
		return
	}
	for {
		name := s.word(lines)
		if name == nil {
			return
		}
		emit(append(module, name...))
		if s.alias(lines); !s.skip(',', lines) {
			return
		}
	}
}

// alias reads "as name", if it is there.
func (s *importScanner) alias(lines bool) {
	before := s.at
	if string(s.word(lines)) != "as" || s.word(lines) == nil {
		s.at = before
	}
}

// blanks goes over what may stand between two words; between brackets that
// includes ends of lines and comments.
func (s *importScanner) blanks(lines bool) {
	for s.at < len(s.src) {
		switch c := s.src[s.at]; {
		case isBlank(c) || lines && (c == '\n' || c == '\r'):
			s.at++
		case c == '\\' && s.at+1 < len(s.src) && (s.src[s.at+1] == '\n' || s.src[s.at+1] == '\r'):
			s.at += 2
			if s.src[s.at-1] == '\r' && s.at < len(s.src) && s.src[s.at] == '\n' {
				s.at++
			}
		case lines && c == '#':
			end := bytes.IndexAny(s.src[s.at:], "\r\n")
			if end < 0 {
				end = len(s.src) - s.at
			}
			s.at += end
		default:
			return
		}
	}
}

// word is the next word, or nil.
func (s *importScanner) word(lines bool) []byte {
	s.blanks(lines)
	start := s.at
	for s.at < len(s.src) && isName(s.src[s.at]) {
		s.at++
	}
	if s.at == start {
		return nil
	}
	return s.src[start:s.at]
}

// skip goes over one character, if it is the next.
func (s *importScanner) skip(c byte, lines bool) bool {
	s.blanks(lines)
	if s.at < len(s.src) && s.src[s.at] == c {
		s.at++
		return true
	}
	return false
}
