// Package problem is the one way in which authfit says that something is
// wrong: what, where, and the way out.
package problem

import (
	"fmt"
	"strings"
)

// A Problem is something that a person has to know or decide. It is an error,
// so that it can be returned as one; the command line prints it whole.
type Problem struct {
	// Code is stable, for programs: lower case words joined by hyphens.
	Code string `json:"code"`
	// Summary is one line, in lower case and without a full stop.
	Summary string `json:"summary"`
	// Detail is what was seen, perhaps over several lines.
	Detail string `json:"detail,omitempty"`
	// Fix is the way out: a sentence, or a command to type.
	Fix string `json:"fix,omitempty"`
	// File is relative to the project's folder, with slashes; Line counts from 1.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// New returns a Problem with a formatted summary.
func New(code, format string, args ...any) *Problem {
	return &Problem{Code: code, Summary: fmt.Sprintf(format, args...)}
}

// At says where the problem is. A line of 0 means the file as a whole.
func (p *Problem) At(file string, line int) *Problem {
	p.File, p.Line = file, line
	return p
}

// WithDetail adds what was seen.
func (p *Problem) WithDetail(format string, args ...any) *Problem {
	p.Detail = fmt.Sprintf(format, args...)
	return p
}

// WithFix adds the way out.
func (p *Problem) WithFix(format string, args ...any) *Problem {
	p.Fix = fmt.Sprintf(format, args...)
	return p
}

// Where is "file:line", "file" or empty.
func (p *Problem) Where() string {
	if p.File == "" || p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Error is the summary with its place before it, as compilers print it.
func (p *Problem) Error() string {
	if w := p.Where(); w != "" {
		return w + ": " + p.Summary
	}
	return p.Summary
}

// Text is the whole problem for a terminal: the line of Error, then detail and
// fix, each indented.
func (p *Problem) Text() string {
	var b strings.Builder
	b.WriteString(p.Error())
	for line := range strings.Lines(p.Detail) {
		b.WriteString("\n  " + strings.TrimRight(line, "\n"))
	}
	if p.Fix != "" {
		b.WriteString("\n  fix: " + p.Fix)
	}
	return b.String()
}
