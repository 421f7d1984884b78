package pysyntax

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	bom = "\xef\xbb\xbf"

	// CPython's own limits (MAXLEVEL, MAXINDENT and MAXFSTRINGLEVEL in its
	// tokenizer); they bound the recursion of the parser, too.
	maxBrackets = 200
	maxIndents  = 100
	maxFStrings = 150

	// maxRestarts is how often scanning starts again behind a bracket that is
	// never closed; each time may read the rest of the file.
	maxRestarts = 8
)

// scanner cuts source into tokens. Blanks, comments and line ends inside of
// brackets are left out; they are what lies between two tokens.
type scanner struct {
	src      string // ends in a zero byte, which is not part of the source
	pos      int
	utf8     bool // names can be checked
	toks     []Token
	errs     []scanError
	indents  []indent
	brackets []bracket
	fstrings []fstring
	restarts int
}

type scanError struct {
	at  int32
	msg string
}

// indent is the width of an indentation with tabs of 8 and of 1 columns. If
// both do not order two lines the same way, tabs and blanks are mixed.
type indent struct{ col, alt int }

// bracket is an open bracket. That of a field in an f-string has field set, and
// spec once its format specification has begun.
type bracket struct {
	open        byte
	field, spec bool
	tok         int // its index in toks
}

// fstring is an open f- or t-string.
type fstring struct {
	quote       byte
	triple, raw bool
	base        int // the number of brackets open around it
	tok         int
}

// What a byte may begin, or be part of.
const (
	isIdent uint8 = 1 << iota // a letter, a digit, _ or beyond ASCII
	isDigit
	isBlank
	isEnd // zero, a line feed or a carriage return
)

var class = func() (t [256]uint8) {
	for c := range t {
		switch {
		case '0' <= c && c <= '9':
			t[c] = isIdent | isDigit
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_', c >= 0x80:
			t[c] = isIdent
		case c == ' ', c == '\t', c == '\f':
			t[c] = isBlank
		case c == 0, c == '\n', c == '\r':
			t[c] = isEnd
		}
	}
	return t
}()

// scan cuts src, which ends in a zero byte, into tokens. The last one is a
// KindEOF.
func scan(src string, utf8 bool) *scanner {
	s := &scanner{src: src, utf8: utf8, toks: make([]Token, 0, len(src)/5+16), indents: []indent{{}}}
	if strings.HasPrefix(src, bom) {
		s.pos = len(bom)
	}
	for !s.line() {
	}
	return s
}

// emit adds the token from start up to the current position.
func (s *scanner) emit(kind Kind, start int) {
	s.toks = append(s.toks, Token{Span{int32(start), int32(s.pos)}, kind})
}

// fail adds an error token from start up to the end of its line, and leaves all
// brackets and strings.
func (s *scanner) fail(start int, format string, args ...any) {
	s.errs = append(s.errs, scanError{int32(start), fmt.Sprintf(format, args...)})
	s.pos = lineEnd(s.src[:len(s.src)-1], max(s.pos, start))
	s.brackets, s.fstrings = s.brackets[:0], s.fstrings[:0]
	if n := len(s.toks); n > 0 {
		start = max(start, s.toks[n-1].End())
	}
	s.emit(KindError, start)
}

// line scans one logical line, and reports whether the file ends with it.
func (s *scanner) line() bool {
	if s.blankLines() {
		return s.finish()
	}
	first := len(s.toks)
	for {
		for class[s.src[s.pos]]&isBlank != 0 {
			s.pos++
		}
		c := s.src[s.pos]
		switch {
		case class[c]&isIdent != 0:
			if class[c]&isDigit != 0 {
				s.number()
			} else {
				s.word()
			}
		case class[c]&isEnd != 0:
			if c == 0 && !s.atEOF() {
				s.fail(s.pos, "source code cannot contain null bytes")
				continue
			}
			if len(s.brackets) > 0 && c != 0 {
				s.pos++
				continue
			}
			if len(s.brackets) > 0 && s.restart() {
				return false
			}
			start := s.pos
			s.pos = skipLineEnd(s.src, s.pos)
			if len(s.toks) > first || c != 0 {
				s.emit(KindNewline, start)
			}
			return c == 0 && s.finish()
		case c == '#':
			s.pos = lineEnd(s.src[:len(s.src)-1], s.pos)
		case c == '\\':
			s.continuation()
		case c == '"' || c == '\'':
			s.stringLiteral(s.pos, "")
		default:
			s.operator(c)
		}
	}
}

func (s *scanner) atEOF() bool { return s.pos == len(s.src)-1 }

// finish ends the file: all indentations, and the EOF.
func (s *scanner) finish() bool {
	for ; len(s.indents) > 1; s.indents = s.indents[:len(s.indents)-1] {
		s.emit(KindDedent, s.pos)
	}
	s.emit(KindEOF, s.pos)
	return true
}

// restart goes on behind the line of an outermost bracket that is not closed
// up to the end of the file, so that the statements after it can be read.
func (s *scanner) restart() bool {
	open := s.brackets[0]
	at := s.toks[open.tok].Pos()
	if len(s.fstrings) > 0 && s.fstrings[0].tok < open.tok {
		open.tok = s.fstrings[0].tok
	}
	s.toks = s.toks[:open.tok]
	s.pos = at
	s.fail(at, "'%c' was never closed", open.open)
	if s.restarts++; s.restarts > maxRestarts {
		s.pos = len(s.src) - 1
		s.toks[len(s.toks)-1].Stop = int32(s.pos)
	}
	start := s.pos
	s.pos = skipLineEnd(s.src, s.pos)
	s.emit(KindNewline, start)
	return true
}

// blankLines skips lines without a token, takes the indentation of the first
// one that has, and reports whether the file ends before.
func (s *scanner) blankLines() bool {
	src := s.src
	for {
		start := s.pos
		var in indent
		col, continued := 0, 0
	width:
		for {
			switch src[s.pos] {
			case ' ':
				in.col++
				in.alt++
			case '\t':
				in.col = (in.col/8 + 1) * 8
				in.alt++
			case '\f':
				in = indent{}
			case '\\':
				// The indentation of a line that a backslash continues is
				// that before the first backslash.
				if continued == 0 {
					continued = in.col
				}
				end := lineEnd(src[:len(src)-1], s.pos)
				if end != s.pos+1 || end == len(src)-1 {
					break width
				}
				s.pos = skipLineEnd(src, end)
				continue
			default:
				break width
			}
			s.pos++
		}
		if col = in.col; continued > 0 {
			col, in.alt = continued, continued
		}
		in.col = col
		switch c := src[s.pos]; {
		case c == '#':
			s.pos = skipLineEnd(src, lineEnd(src[:len(src)-1], s.pos))
		case c == '\n' || c == '\r':
			s.pos = skipLineEnd(src, s.pos)
		case c == 0 && s.atEOF():
			return true
		default:
			s.indent(in, start)
			return false
		}
	}
}

// indent compares the indentation of a line with that of the lines before.
func (s *scanner) indent(in indent, lineStart int) {
	top := s.indents[len(s.indents)-1]
	switch {
	case in.col == top.col:
		if in.alt != top.alt {
			s.tabError(lineStart)
		}
	case in.col > top.col:
		if len(s.indents) >= maxIndents {
			s.fail(lineStart, "too many levels of indentation")
			return
		}
		if in.alt <= top.alt {
			s.tabError(lineStart)
			return
		}
		s.indents = append(s.indents, in)
		s.emit(KindIndent, s.pos)
	default:
		for in.col < top.col {
			s.indents = s.indents[:len(s.indents)-1]
			top = s.indents[len(s.indents)-1]
			s.emit(KindDedent, s.pos)
		}
		if in.col != top.col {
			s.fail(lineStart, "unindent does not match any outer indentation level")
		} else if in.alt != top.alt {
			s.tabError(lineStart)
		}
	}
}

func (s *scanner) tabError(at int) {
	s.fail(at, "inconsistent use of tabs and spaces in indentation")
}

// continuation skips a backslash and the line end after it.
func (s *scanner) continuation() {
	switch c := s.src[s.pos+1]; {
	case c == '\n' || c == '\r':
		end := skipLineEnd(s.src, s.pos+1)
		if end == len(s.src)-1 {
			s.fail(s.pos, "unexpected end of file after line continuation character")
			return
		}
		s.pos = end
	case s.pos+1 == len(s.src)-1:
		s.fail(s.pos, "unexpected end of file after line continuation character")
	default:
		s.fail(s.pos, "unexpected character after line continuation character")
	}
}

// word scans a name, a keyword, or the prefix of a string with the string.
func (s *scanner) word() {
	src, start := s.src, s.pos
	end := start + 1
	ascii := src[start]
	for class[src[end]]&isIdent != 0 {
		ascii |= src[end]
		end++
	}
	s.pos = end
	word := src[start:end]
	if c := src[end]; (c == '"' || c == '\'') && isStringPrefix(word) {
		s.stringLiteral(start, word)
		return
	}
	if ascii >= utf8.RuneSelf {
		s.checkName(start)
		return
	}
	s.emit(keywordOf(word), start)
}

// checkName emits a name with letters beyond ASCII, if Python allows them.
func (s *scanner) checkName(start int) {
	word := s.src[start:s.pos]
	if s.utf8 {
		for i, r := range word {
			if r == '_' || unicode.In(r, unicode.L, unicode.Nl, unicode.Other_ID_Start) ||
				i > 0 && unicode.In(r, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc, unicode.Other_ID_Continue) {
				continue
			}
			s.fail(start+i, "invalid character %q (%U)", r, r)
			return
		}
	}
	s.emit(KindName, start)
}

// number scans a number (section 2.6 of the language reference).
func (s *scanner) number() {
	src, start := s.src, s.pos
	if src[start] == '0' {
		valid := ""
		switch src[start+1] | 0x20 {
		case 'x':
			valid = "0123456789abcdefABCDEF"
		case 'o':
			valid = "01234567"
		case 'b':
			valid = "01"
		}
		if valid != "" {
			s.pos = start + 2
			n := s.digits(valid, true)
			if n == 0 {
				s.fail(start, "invalid number")
				return
			}
			s.endNumber(start)
			return
		}
	}
	whole := s.digits(decimals, false)
	float := false
	if src[s.pos] == '.' {
		s.pos++
		float = true
		s.digits(decimals, false)
	}
	if c := src[s.pos] | 0x20; c == 'e' {
		exp := s.pos + 1
		if src[exp] == '+' || src[exp] == '-' {
			exp++
		}
		if class[src[exp]]&isDigit != 0 {
			s.pos = exp
			float = true
			s.digits(decimals, false)
		}
	}
	if src[s.pos]|0x20 == 'j' {
		s.pos++
		float = true
	}
	if src[start] == '0' && !float && whole > 1 && strings.Trim(src[start:s.pos], "0_") != "" {
		s.fail(start, "leading zeros in decimal integer literals are not permitted; use an 0o prefix for octal integers")
		return
	}
	s.endNumber(start)
}

const decimals = "0123456789"

// digits scans digits with single underscores between them (PEP 515), and
// before them if lead is set; it counts the digits.
func (s *scanner) digits(valid string, lead bool) int {
	n := 0
	for {
		c := s.src[s.pos]
		if valid == decimals && class[c]&isDigit != 0 || valid != decimals && strings.IndexByte(valid, c) >= 0 {
			n++
			s.pos++
			continue
		}
		next := s.src[min(s.pos+1, len(s.src)-1)]
		if c == '_' && (n > 0 || lead) && next != 0 && strings.IndexByte(valid, next) >= 0 {
			s.pos++
			continue
		}
		return n
	}
}

// endNumber emits a number. Only a keyword may follow without a blank.
func (s *scanner) endNumber(start int) {
	if class[s.src[s.pos]]&isIdent != 0 {
		rest := s.src[s.pos:]
		ok := false
		for _, word := range [...]string{"and", "else", "for", "if", "in", "is", "not", "or"} {
			ok = ok || strings.HasPrefix(rest, word)
		}
		if !ok {
			s.fail(start, "invalid number")
			return
		}
	}
	s.emit(KindNumber, start)
}

// operator scans an operator or a bracket.
func (s *scanner) operator(c byte) {
	start := s.pos
	kind, n := operatorAt(s.src, s.pos)
	switch {
	case kind == opDot && class[s.src[start+1]]&isDigit != 0:
		s.number()
		return
	case kind == opLparen || kind == opLbracket || kind == opLbrace:
		if len(s.brackets) >= maxBrackets {
			s.fail(start, "too many nested parentheses")
			return
		}
		s.brackets = append(s.brackets, bracket{open: c, tok: len(s.toks)})
	case kind == opRparen || kind == opRbracket || kind == opRbrace:
		s.closeBracket(kind, c)
		return
	case len(s.fstrings) > 0 && (kind == opColon || kind == opWalrus || kind == opBang):
		top := &s.brackets[len(s.brackets)-1]
		if top.field && kind != opBang {
			// The first colon outside of brackets begins the format
			// specification, even that of ":=".
			s.pos++
			s.emit(opColon, start)
			top.spec = true
			s.fstringText()
			return
		}
		if !top.field && kind == opBang {
			s.fail(start, "invalid syntax")
			return
		}
	case kind == KindError || kind == opBang:
		r, _ := utf8.DecodeRuneInString(s.src[start:])
		s.fail(start, "invalid character %q", r)
		return
	}
	s.pos += n
	s.emit(kind, start)
}

func (s *scanner) closeBracket(kind Kind, c byte) {
	start := s.pos
	if len(s.brackets) == 0 || len(s.fstrings) > 0 && len(s.brackets) == s.fstrings[len(s.fstrings)-1].base {
		s.fail(start, "unmatched '%c'", c)
		return
	}
	top := s.brackets[len(s.brackets)-1]
	if closing(top.open) != c {
		s.fail(start, "closing parenthesis '%c' does not match opening parenthesis '%c'", c, top.open)
		return
	}
	s.brackets = s.brackets[:len(s.brackets)-1]
	s.pos++
	s.emit(kind, start)
	if top.field {
		s.fstringText()
	}
}

// closing is the bracket that closes another.
func closing(open byte) byte {
	if open == '(' {
		return ')'
	}
	return open + 2 // in ASCII, both [] and {}
}

// operatorAt is the longest operator at a place, and its length.
func operatorAt(src string, at int) (Kind, int) {
	c := src[at]
	one := oneByte[c]
	if one == KindError {
		return KindError, 1
	}
	next := src[at+1] // there is the zero byte at least
	switch one {
	case opColon, opPlus, opPercent, opAt, opAmp, opPipe, opCaret, opEqual, opBang:
		if next == '=' {
			return withEqual[c], 2
		}
	case opMinus:
		if next == '=' {
			return opMinusEqual, 2
		}
		if next == '>' {
			return opArrow, 2
		}
	case opStar, opSlash, opLess, opGreater:
		if next == '=' {
			return withEqual[c], 2
		}
		if next == c {
			if src[at+2] == '=' {
				return doubledEqual[c], 3
			}
			return doubled[c], 2
		}
	case opDot:
		if next == '.' && src[at+2] == '.' {
			return opEllipsis, 3
		}
	}
	return one, 1
}

var (
	oneByte = func() (t [256]Kind) {
		for i := range t {
			t[i] = KindError
		}
		for k := opLparen; k <= opDoubleStarEqual; k++ {
			if text := kindText[k]; len(text) == 1 {
				t[text[0]] = k
			}
		}
		return t
	}()
	withEqual = [128]Kind{':': opWalrus, '+': opPlusEqual, '%': opPercentEqual, '@': opAtEqual, '&': opAmpEqual,
		'|': opPipeEqual, '^': opCaretEqual, '=': opEqEqual, '!': opNotEqual, '*': opStarEqual,
		'/': opSlashEqual, '<': opLessEqual, '>': opGreaterEqual}
	doubled      = [128]Kind{'*': opDoubleStar, '/': opDoubleSlash, '<': opLshift, '>': opRshift}
	doubledEqual = [128]Kind{'*': opDoubleStarEqual, '/': opDoubleSlashEqual, '<': opLshiftEqual, '>': opRshiftEqual}
)

// lineEnd is the first line feed or carriage return at or after a place, or the
// end of the text.
func lineEnd(text string, at int) int {
	for at < len(text) && text[at] != '\n' && text[at] != '\r' {
		at++
	}
	return at
}

// skipLineEnd is the place behind a line end, if there is one.
func skipLineEnd(text string, at int) int {
	switch rest := text[at:]; {
	case strings.HasPrefix(rest, "\r\n"):
		return at + 2
	case rest != "" && (rest[0] == '\n' || rest[0] == '\r'):
		return at + 1
	}
	return at
}
