package pysyntax

import "strings"

// isStringPrefix reports whether a word may stand before a quote: b, r, u, f,
// t, and r with b, f or t, in any order and case.
func isStringPrefix(word string) bool {
	switch len(word) {
	case 1:
		return strings.IndexByte("bruft", word[0]|0x20) >= 0
	case 2:
		a, b := word[0]|0x20, word[1]|0x20
		if b == 'r' {
			a, b = b, a
		}
		return a == 'r' && (b == 'b' || b == 'f' || b == 't')
	}
	return false
}

// stringLiteral scans a string whose quote is at the current position and whose
// prefix begins at start.
func (s *scanner) stringLiteral(start int, prefix string) {
	src := s.src
	quote := src[s.pos]
	triple := src[s.pos+1] == quote && src[s.pos+2] == quote
	if triple {
		s.pos += 3
	} else {
		s.pos++
	}
	raw, formatted := false, false
	for i := range len(prefix) {
		switch prefix[i] | 0x20 {
		case 'r':
			raw = true
		case 'f', 't':
			formatted = true
		}
	}
	switch {
	case formatted:
		if len(s.fstrings) >= maxFStrings {
			s.fail(start, "too many nested f-strings")
			return
		}
		s.fstrings = append(s.fstrings, fstring{quote, triple, raw, len(s.brackets), len(s.toks)})
		s.emit(KindFStringStart, start)
		s.fstringText()
	case triple:
		s.tripleQuoted(start, quote)
	default:
		s.singleQuoted(start, quote)
	}
}

func (s *scanner) singleQuoted(start int, quote byte) {
	src := s.src
	for at := s.pos; ; at++ {
		switch c := src[at]; {
		case c == quote:
			s.pos = at + 1
			s.emit(KindString, start)
			return
		case c == '\\':
			at = skipEscaped(src, at) - 1
		case class[c]&isEnd != 0:
			if c == 0 && at < len(src)-1 {
				continue // fail names the null byte's place nowhere better
			}
			s.pos = at
			s.fail(start, "unterminated string literal")
			return
		}
	}
}

func (s *scanner) tripleQuoted(start int, quote byte) {
	src := s.src
	at, next := s.pos, s.pos-1 // next is the first quote that is not before at
	for {
		if next < at {
			i := strings.IndexByte(src[at:], quote)
			if i < 0 {
				s.pos = len(src) - 1
				s.fail(start, "unterminated triple-quoted string literal")
				return
			}
			next = at + i
		}
		if b := strings.IndexByte(src[at:next], '\\'); b >= 0 {
			at = skipEscaped(src, at+b)
			continue
		}
		if src[next+1] == quote && src[next+2] == quote {
			s.pos = next + 3
			s.emit(KindString, start)
			return
		}
		at = next + 1
	}
}

// skipEscaped is the place behind a backslash and what it escapes.
func skipEscaped(src string, at int) int {
	at++
	switch c := src[at]; {
	case c == '\r' && src[at+1] == '\n':
		return at + 2
	case at == len(src)-1:
		return at
	}
	return at + 1
}

// fstringText scans text of the innermost f-string, up to the next field or the
// end of the string, or of a format specification.
func (s *scanner) fstringText() {
	src := s.src
	fs := s.fstrings[len(s.fstrings)-1]
	spec := len(s.brackets) > fs.base
	start := s.pos
	text := func() {
		if s.pos > start {
			s.emit(KindFStringMiddle, start)
		}
	}
	for {
		switch c := src[s.pos]; {
		case c == fs.quote && (!fs.triple || src[s.pos+1] == c && src[s.pos+2] == c):
			if spec {
				s.fail(s.pos, "f-string: expecting '}'")
				return
			}
			text()
			start = s.pos
			s.pos++
			if fs.triple {
				s.pos += 2
			}
			s.emit(KindFStringEnd, start)
			s.fstrings = s.fstrings[:len(s.fstrings)-1]
			return
		case c == '{':
			if !spec && src[s.pos+1] == '{' {
				s.pos += 2
				continue
			}
			text()
			if len(s.brackets) >= maxBrackets {
				s.fail(s.pos, "too many nested parentheses")
				return
			}
			s.brackets = append(s.brackets, bracket{open: '{', field: true, tok: len(s.toks)})
			s.pos++
			s.emit(opLbrace, s.pos-1)
			return
		case c == '}':
			switch {
			case spec:
				text()
				s.closeBracket(opRbrace, c)
				return
			case src[s.pos+1] == '}':
				s.pos += 2
			default:
				s.fail(s.pos, "f-string: single '}' is not allowed")
				return
			}
		case c == '\\':
			s.fstringEscape(fs.raw)
		case class[c]&isEnd != 0:
			if s.atEOF() || c != 0 && !fs.triple {
				first := s.toks[fs.tok].Pos()
				s.toks = s.toks[:fs.tok]
				s.fail(first, "unterminated f-string literal")
				return
			}
			s.pos++
		default:
			s.pos++
		}
	}
}

// fstringEscape skips a backslash and what it escapes: never a brace, but the
// whole of \N{...}.
func (s *scanner) fstringEscape(raw bool) {
	switch c := s.src[s.pos+1]; {
	case c == '{' || c == '}':
		s.pos++
	case c == 'N' && !raw && s.src[s.pos+2] == '{':
		end := s.pos + 3
		for s.src[end] != '}' && s.src[end] != '\'' && s.src[end] != '"' && class[s.src[end]]&isEnd == 0 {
			end++
		}
		if s.src[end] == '}' {
			end++
		}
		s.pos = end
	default:
		s.pos = skipEscaped(s.src, s.pos)
	}
}
