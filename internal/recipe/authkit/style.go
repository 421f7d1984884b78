package authkit

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"authfit/internal/pysyntax"
)

// A Style is how a project writes Python.
type Style struct {
	Single bool   // quotes
	Indent string // one level; four spaces where it is empty
}

// Restyle writes a generated module in a style. Its source has double quotes and
// four spaces, as the formatters have them by default. As theirs, docstrings and
// other strings in triple quotes keep their quotes, and so does a string with a
// quote in it.
func Restyle(src []byte, style Style) []byte {
	if style == (Style{}) {
		return src
	}
	f, err := pysyntax.Parse(src)
	if err != nil {
		panic("generated module does not parse: " + err.Error())
	}
	docs := docstrings(f)
	var out strings.Builder
	atStart := true // of a line
	tokens := f.Tokens()
	swap := swapped(tokens, src, style)
	for i, t := range tokens {
		text := string(src[t.Pos():t.End()])
		switch {
		case t.Kind == pysyntax.KindSpace && atStart:
			text = reindent(text, style.Indent)
		case docs[t.Pos()]:
			lines := strings.Split(text, "\n")
			for i, line := range lines[1:] {
				lines[i+1] = reindentDoc(line, f, t.Pos(), style.Indent)
			}
			text = strings.Join(lines, "\n")
		case swap[i]:
			text = swapQuotes.Replace(text)
		}
		out.WriteString(text)
		if text != "" {
			atStart = strings.HasSuffix(text, "\n")
		}
	}
	return []byte(out.String())
}

var swapQuotes = strings.NewReplacer(`"`, "'", "'", `"`)

// swapped are the tokens whose quotes change: strings without another quote in
// them, and f-strings without one in their text, with the strings in their fields.
func swapped(tokens []pysyntax.Token, src []byte, style Style) map[int]bool {
	found := map[int]bool{}
	if !style.Single {
		return found
	}
	text := func(i int) string { return string(src[tokens[i].Pos():tokens[i].End()]) }
	first, depth := 0, 0
	for i, t := range tokens {
		switch {
		case t.Kind == pysyntax.KindFStringStart:
			if depth++; depth == 1 {
				first = i
			}
		case t.Kind == pysyntax.KindFStringEnd:
			if depth--; depth > 0 || text(i) != `"` {
				continue
			}
			quoted := []int{first, i}
			for in := first + 1; in < i; in++ {
				if strings.ContainsAny(text(in), `'"`) {
					quoted = append(quoted, in)
				}
			}
			if !slices.ContainsFunc(quoted[2:], func(in int) bool { return tokens[in].Kind != pysyntax.KindString || !only(text(in), "'") }) {
				for _, in := range quoted {
					found[in] = true
				}
			}
		case t.Kind == pysyntax.KindString && depth == 0:
			found[i] = only(text(i), `"`)
		}
	}
	return found
}

// only reports whether a string has no quotes but the two around it, of a kind.
func only(text, quote string) bool {
	return strings.Count(text, `"`)+strings.Count(text, "'") == 2 && strings.HasSuffix(text, quote)
}

// reindent gives every level of four spaces the form of the style.
func reindent(space, unit string) string {
	if unit == "" {
		return space
	}
	levels := len(space) / 4
	return strings.Repeat(unit, levels) + space[4*levels:]
}

// reindentDoc gives a line of a docstring the indentation of its statement. What
// is indented further stays so by spaces.
func reindentDoc(line string, f *pysyntax.File, at int, unit string) string {
	text := strings.TrimLeft(line, " ")
	if unit == "" || text == "" {
		return line
	}
	start := strings.LastIndexByte(string(f.Src[:at]), '\n') + 1
	outer := at - start
	indent := len(line) - len(text)
	return reindent(line[:min(outer, indent)], unit) + line[min(outer, indent):indent] + text
}

// docstrings are the places where a docstring begins.
func docstrings(f *pysyntax.File) map[int]bool {
	found := map[int]bool{}
	add := func(body []pysyntax.Stmt) {
		if len(body) > 0 {
			if s, ok := value(body[0]).(*pysyntax.String); ok {
				found[s.Pos()] = true
			}
		}
	}
	add(f.Body)
	for s := range f.Stmts() {
		switch s := s.(type) {
		case *pysyntax.FunctionDef:
			add(s.Body)
		case *pysyntax.ClassDef:
			add(s.Body)
		}
	}
	return found
}

// formatters are the parts of pyproject.toml and ruff.toml that say how Python
// is written.
type formatters struct {
	Ruff  *ruff  `toml:"ruff"`
	Black *black `toml:"black"`
}

type ruff struct {
	Width  int `toml:"indent-width"`
	Format *struct {
		Quotes string `toml:"quote-style"`
		Indent string `toml:"indent-style"`
	} `toml:"format"`
	Lint struct {
		Quotes struct {
			Inline string `toml:"inline-quotes"`
		} `toml:"flake8-quotes"`
	} `toml:"lint"`
}

type black struct {
	AsItIs bool `toml:"skip-string-normalization"`
}

// Style is that of the Python files in a folder, as the nearest configuration of
// a formatter has it, or else .editorconfig. Without either it is what formatters
// do by default.
func (d *Draft) Style(dir string) Style {
	for at := dir; ; at = path.Dir(at) {
		if style, ok := d.configured(at); ok {
			return style
		}
		if at == "." {
			return d.editorconfig(dir)
		}
	}
}

// configured is the style that a formatter's configuration in a folder sets.
func (d *Draft) configured(dir string) (Style, bool) {
	var found formatters
	for _, name := range []string{".ruff.toml", "ruff.toml"} {
		if src, err := d.Project.Tree.Read(path.Join(dir, name)); err == nil && found.Ruff == nil {
			found.Ruff = &ruff{}
			_ = toml.Unmarshal(src, found.Ruff) // one that is broken says nothing
		}
	}
	var project struct {
		Tool formatters `toml:"tool"`
	}
	if src, err := d.Project.Tree.Read(path.Join(dir, "pyproject.toml")); err == nil {
		_ = toml.Unmarshal(src, &project)
	}
	if found.Ruff == nil {
		found.Ruff = project.Tool.Ruff
	}
	found.Black = project.Tool.Black
	switch {
	case found.Black != nil && (found.Ruff == nil || found.Ruff.Format == nil):
		return Style{Single: found.Black.AsItIs && d.writesSingle()}, true
	case found.Ruff != nil:
		return found.Ruff.style(d), true
	}
	return Style{}, false
}

func (r *ruff) style(d *Draft) Style {
	style := Style{Single: r.Lint.Quotes.Inline == "single"}
	if r.Width > 0 && r.Width != 4 {
		style.Indent = strings.Repeat(" ", r.Width)
	}
	if r.Format == nil {
		return style
	}
	switch r.Format.Quotes {
	case "single":
		style.Single = true
	case "double":
		style.Single = false
	case "preserve":
		style.Single = d.writesSingle()
	}
	if r.Format.Indent == "tab" {
		style.Indent = "\t"
	}
	return style
}

// writesSingle reports whether the app's own file has more single quotes.
func (d *Draft) writesSingle() bool {
	f, _ := d.Project.Tree.Python(d.App.Entry.File)
	return f != nil && Quote(f) == "'"
}

// editorconfig is the style that the .editorconfig files above a folder set for
// Python; the nearest wins, and in it the last section.
func (d *Draft) editorconfig(dir string) Style {
	var files []string
	for at := dir; ; at = path.Dir(at) {
		src, err := d.Project.Tree.Read(path.Join(at, ".editorconfig"))
		if err == nil {
			files = append(files, string(src))
		}
		if at == "." || err == nil && rootConfig(string(src)) {
			break
		}
	}
	set := map[string]string{}
	for _, file := range slices.Backward(files) {
		python := false
		for line := range strings.Lines(file) {
			line = strings.TrimSpace(line)
			if section, ok := strings.CutPrefix(line, "["); ok {
				python = ofPython(strings.TrimSuffix(section, "]"))
				continue
			}
			if name, value, ok := strings.Cut(line, "="); ok && python {
				set[strings.ToLower(strings.TrimSpace(name))] = strings.ToLower(strings.TrimSpace(value))
			}
		}
	}
	style := Style{Single: set["quote_type"] == "single"}
	if set["indent_style"] == "tab" {
		style.Indent = "\t"
	} else if n, err := strconv.Atoi(set["indent_size"]); err == nil && n > 0 && n != 4 && n <= 8 {
		style.Indent = strings.Repeat(" ", n)
	}
	return style
}

// rootConfig reports whether an .editorconfig says that those above it do not count.
func rootConfig(src string) bool {
	top, _, _ := strings.Cut("\n"+src, "\n[")
	return strings.Contains(strings.ToLower(strings.ReplaceAll(top, " ", "")), "root=true")
}

// ofPython reports whether a section of an .editorconfig is about Python files.
func ofPython(section string) bool {
	names := []string{section}
	if before, rest, ok := strings.Cut(section, "{"); ok {
		inside, after, _ := strings.Cut(rest, "}")
		names = nil
		for name := range strings.SplitSeq(inside, ",") {
			names = append(names, before+strings.TrimSpace(name)+after)
		}
	}
	return slices.ContainsFunc(names, func(name string) bool {
		switch strings.TrimPrefix(name, "**/") {
		case "*", "**", "*.py", "**.py":
			return true
		}
		return false
	})
}
