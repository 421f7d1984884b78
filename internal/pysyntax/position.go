package pysyntax

import (
	"cmp"
	"regexp"
	"sort"
	"strings"
	"sync"
)

func newFile(src []byte, text string) *File {
	f := &File{Src: src, Encoding: "utf-8", text: text}
	f.lines = sync.OnceValue(func() []int32 {
		starts := []int32{0}
		for at := lineEnd(text, 0); at < len(text); at = lineEnd(text, at) {
			at = skipLineEnd(text, at)
			starts = append(starts, int32(at))
		}
		return starts
	})
	return f
}

// Line is the line of the byte at offset, from 1. Lines end as Python's do: in
// a line feed, a carriage return, or both.
func (f *File) Line(offset int) int {
	lines := f.lines()
	return sort.Search(len(lines), func(i int) bool { return int(lines[i]) > offset })
}

// lineStart is the first byte of a line.
func (f *File) lineStart(line int) int { return int(f.lines()[line-1]) }

// lineOf is the range of the line that holds a byte, without its line end.
func (f *File) lineOf(offset int) (start, end int) {
	start = f.lineStart(f.Line(offset))
	return start, lineEnd(f.text, start)
}

// Newline is the file's own line ending: "\n", "\r\n" or "\r", the most
// frequent where they are mixed, and "\n" where there is none.
func (f *File) Newline() string {
	crlf := strings.Count(f.text, "\r\n")
	lf := strings.Count(f.text, "\n") - crlf
	cr := strings.Count(f.text, "\r") - crlf
	switch {
	case crlf > lf && crlf >= cr:
		return "\r\n"
	case cr > lf:
		return "\r"
	}
	return "\n"
}

// IndentUnit is one level of the file's indentation: that of its first indented
// block, else that of what hangs in brackets, or four spaces.
func (f *File) IndentUnit() string {
	for s, in := range f.Stmts() {
		if len(in.Parents) == 0 {
			continue
		}
		parent := in.Parents[len(in.Parents)-1]
		inner, outer := f.indentOf(s), f.indentOf(parent)
		if f.Line(s.Pos()) > f.Line(parent.Pos()) && strings.HasPrefix(inner, outer) && len(inner) > len(outer) {
			return inner[len(outer):]
		}
	}
	const four = "    "
	unit := ""
	f.Walk(func(n Node) bool {
		c, ok := n.(*Call)
		if !ok || len(c.Args) == 0 || f.Line(c.Args[0].Pos()) == f.Line(c.Func.End()) {
			return unit == ""
		}
		inner, outer := f.leading(c.Args[0].Pos()), f.leading(c.Func.End())
		if hangs, ok := strings.CutPrefix(inner, outer); ok && len(hangs) <= len(four) {
			unit = hangs // more of it would be two levels
		}
		return unit == ""
	})
	return cmp.Or(unit, four)
}

// indentOf is the white space before the line on which a statement begins.
func (f *File) indentOf(s Stmt) string {
	start, _ := f.lineOf(s.Pos())
	if start == 0 && strings.HasPrefix(f.text, bom) {
		start = len(bom)
	}
	end := start
	for end < len(f.text) && class[f.text[end]]&isBlank != 0 {
		end++
	}
	return f.text[start:end]
}

var (
	codingLine = regexp.MustCompile(`^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)`)
	blankLine  = regexp.MustCompile(`^[ \t\f]*(#.*)?$`)

	// The encodings in which a byte below 0x80 is always that ASCII character.
	// In others, such as shift_jis or utf-7, a quote or a backslash may be half
	// of a letter, and Python source cannot be read byte by byte.
	asciiSuperset = regexp.MustCompile(`^(latin.*|l\d|iso-?8859.*|iso-(latin|ir).*|(cp|windows-)?(125\d|437|7\d\d|85\d|86\d|87\d)` +
		`|koi8.*|mac-?(roman|latin2|cyrillic|greek|turkish|iceland).*|euc-?(jp|kr).*|gb2312|tis-620|hp-roman8|ptcp154|kz1048)$`)
)

// coding is the encoding that the first two lines declare (PEP 263), and
// whether it is UTF-8.
func (f *File) coding() (name string, utf8 bool, err *SyntaxError) {
	text := strings.TrimPrefix(f.text, bom)
	hasBOM := len(text) < len(f.text)
	at := len(f.text) - len(text)
	for range 2 {
		end := lineEnd(f.text, at)
		line := f.text[at:end]
		if m := codingLine.FindStringSubmatchIndex(line); m != nil {
			name = strings.ReplaceAll(strings.ToLower(line[m[2]:m[3]]), "_", "-")
			at += m[2]
			break
		}
		if !blankLine.MatchString(line) {
			break
		}
		at = skipLineEnd(f.text, end)
	}
	switch {
	case name == "", name == "utf-8", name == "utf8", name == "u8", strings.HasPrefix(name, "utf-8-"):
		return "utf-8", true, nil
	case hasBOM:
		return name, true, f.errorAt(at, "encoding "+name+" is declared, but the file starts with a UTF-8 byte order mark")
	case name == "ascii" || name == "us-ascii":
		for i := range len(f.text) {
			if f.text[i] >= 0x80 {
				return name, false, f.errorAt(i, "not ASCII, although that encoding is declared")
			}
		}
		return name, false, nil
	case !asciiSuperset.MatchString(name):
		return name, false, f.errorAt(at, "encoding "+name+" is not supported; save the file as UTF-8")
	}
	return name, false, nil
}
