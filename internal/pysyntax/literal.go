package pysyntax

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// StringValue is the value of a string literal, adjacent literals joined and
// escapes decoded. It is false for bytes, for f- and t-strings, for a nil
// expression and for everything else.
func (f *File) StringValue(e Expr) (string, bool) {
	s, ok := e.(*String)
	if !ok || s == nil {
		return "", false
	}
	var b strings.Builder
	for _, part := range s.Parts {
		prefix := strings.ToLower(part.Prefix)
		if strings.ContainsAny(prefix, "bft") {
			return "", false
		}
		body := f.text[part.Pos()+len(part.Prefix) : part.End()]
		quote := 1
		if len(body) >= 6 && (strings.HasPrefix(body, `"""`) || strings.HasPrefix(body, `'''`)) {
			quote = 3
		}
		if len(body) < 2*quote {
			return "", false
		}
		body = body[quote : len(body)-quote]
		if strings.Contains(prefix, "r") || !strings.Contains(body, `\`) {
			b.WriteString(body)
		} else {
			unescape(&b, body)
		}
	}
	return b.String(), true
}

// simpleEscapes are the escapes of one character (Python's reference, "String
// and Bytes literals").
var simpleEscapes = map[byte]string{
	'\\': `\`, '\'': "'", '"': `"`, 'a': "\a", 'b': "\b", 'f': "\f",
	'n': "\n", 'r': "\r", 't': "\t", 'v': "\v", '\n': "",
}

// unescape decodes the escapes of a literal. One that is unknown stays as it
// is, as in Python; \N{...} does too, which no path or module name has.
func unescape(b *strings.Builder, body string) {
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' || i+1 == len(body) {
			b.WriteByte(body[i])
			continue
		}
		i++
		c := body[i]
		if text, ok := simpleEscapes[c]; ok {
			b.WriteString(text)
			continue
		}
		switch {
		case c == '\r':
			if strings.HasPrefix(body[i+1:], "\n") {
				i++
			}
		case c >= '0' && c <= '7':
			end := i + 1
			for end < len(body) && end < i+3 && body[end] >= '0' && body[end] <= '7' {
				end++
			}
			n, _ := strconv.ParseUint(body[i:end], 8, 32)
			b.WriteRune(rune(n))
			i = end - 1
		case c == 'x' || c == 'u' || c == 'U':
			width := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
			if i+1+width <= len(body) {
				if n, err := strconv.ParseUint(body[i+1:i+1+width], 16, 32); err == nil && n <= utf8.MaxRune {
					b.WriteRune(rune(n))
					i += width
					continue
				}
			}
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
}
