package edit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
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

// AddedLines are the SHA-256 sums, in hex, of the lines that AppendEnv or
// AppendLines adds to src, without their newlines: enough to know a line again,
// and no secret.
func AddedLines(src []byte, edits []Edit) []string {
	sums := []string{}
	for _, e := range edits {
		lines := splitLines([]byte(e.New))
		if len(src) > 0 && !endsLine(src) && len(lines) > 0 && lines[0].body() == "" {
			lines = lines[1:] // only the last line's own newline
		}
		for _, l := range lines {
			sums = append(sums, lineSum(l.body()))
		}
	}
	return sums
}

// RemoveLines returns the edits that take lines out of an environment file
// again: sums are what AddedLines gave. Only lines that are still as they were
// added go; missing is the number of the others. Of equal lines the last goes.
// An empty line goes only from just above the first of the others. Where one is
// now within quotes, so that another value would change, all stay.
func RemoveLines(src []byte, sums []string) (edits []Edit, missing int) {
	lines := splitLines(src)
	gone := make([]bool, len(lines))
	blank := lineSum("")
	for _, sum := range sums {
		if sum == blank {
			continue
		}
		if i := lastLine(lines, gone, sum); i >= 0 {
			gone[i] = true
		} else {
			missing++
		}
	}
	if slices.Contains(sums, blank) {
		if i := slices.Index(gone, true); i > 0 && lines[i-1].body() == "" {
			gone[i-1] = true
		}
	}
	for i, l := range lines {
		if gone[i] {
			edits = append(edits, Edit{Start: l.start, End: l.start + len(l.text)})
		}
	}
	if !keepsBindings(src, edits, gone) {
		return nil, len(sums)
	}
	return edits, missing
}

// keepsBindings says whether an environment file has, after the edits, the
// bindings that it had but for those in the lines that are gone.
func keepsBindings(src []byte, edits []Edit, gone []bool) bool {
	after, err := Apply(src, edits...)
	kept := slices.DeleteFunc(ParseEnv(src).bindings, func(b envBinding) bool { return gone[b.line-1] })
	return err == nil && slices.EqualFunc(kept, ParseEnv(after).bindings, func(a, b envBinding) bool {
		return a.key == b.key && a.value == b.value
	})
}

func lineSum(line string) string {
	sum := sha256.Sum256([]byte(line))
	return hex.EncodeToString(sum[:])
}

// lastLine finds the last line with the sum that is not gone yet, or -1.
func lastLine(lines []textLine, gone []bool, sum string) int {
	for i, l := range slices.Backward(lines) {
		if !gone[i] && lineSum(l.body()) == sum {
			return i
		}
	}
	return -1
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

// body is the line without its newline.
func (l textLine) body() string { return strings.TrimRight(l.text, "\r\n") }

// splitLines cuts src after each "\n", "\r\n" and "\r". A byte order mark is
// in no line.
func splitLines(src []byte) []textLine {
	var lines []textLine
	start := 0
	if bytes.HasPrefix(src, []byte("\ufeff")) {
		start = len("\ufeff")
	}
	for i := start; i < len(src); i++ {
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
