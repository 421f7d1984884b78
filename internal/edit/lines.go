package edit

import (
	"bytes"
	"strings"
)

// Newline is the newline of the last line of src that has one: "\n", "\r\n" or
// "\r"; "\n" where none has.
func Newline(src []byte) string {
	i := bytes.LastIndexAny(src, "\r\n")
	switch {
	case i < 0:
		return "\n"
	case src[i] == '\r':
		return "\r"
	case i > 0 && src[i-1] == '\r':
		return "\r\n"
	}
	return "\n"
}

// AppendLines returns the edit that puts the lines at the end of src, with its
// own newline. A missing last newline is supplied first.
func AppendLines(src []byte, lines ...string) []Edit {
	if len(lines) == 0 {
		return nil
	}
	nl := Newline(src)
	text := strings.Join(lines, nl) + nl
	if body := bytes.TrimPrefix(src, []byte("\ufeff")); len(body) > 0 && !endsLine(body) {
		text = nl + text
	}
	return []Edit{{Start: len(src), End: len(src), New: text}}
}

// endsLine says whether src ends in a newline.
func endsLine(src []byte) bool {
	return bytes.HasSuffix(src, []byte("\n")) || bytes.HasSuffix(src, []byte("\r"))
}

// endsBlank says whether the last line of src is empty.
func endsBlank(src []byte) bool {
	lines := splitLines(src)
	return len(lines) > 0 && endsLine(src) && strings.TrimSpace(lines[len(lines)-1].text) == ""
}

// A textLine is a line with its newline, and where it starts.
type textLine struct {
	start int
	text  string
}

// splitLines cuts src after each "\n", "\r\n" and "\r".
func splitLines(src []byte) []textLine {
	var lines []textLine
	start := 0
	for i := 0; i < len(src); i++ {
		if src[i] == '\r' && i+1 < len(src) && src[i+1] == '\n' {
			continue
		}
		if src[i] == '\n' || src[i] == '\r' {
			lines = append(lines, textLine{start, string(src[start : i+1])})
			start = i + 1
		}
	}
	if start < len(src) {
		lines = append(lines, textLine{start, string(src[start:])})
	}
	return lines
}
