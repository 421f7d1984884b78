package pysyntax

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds the recursion of the parser where brackets do not: for "not
// not ...", nested lambdas and the like.
const maxDepth = 1000

// maxSize is the largest source that is read, in bytes; a position has to fit
// an int32.
const maxSize = 1 << 30

// parser builds the tree by recursive descent, with operator precedence for
// expressions. After an error, kind stays KindError until the statement is
// given up, so that all loops end; no function needs to look for errors.
type parser struct {
	text   string
	toks   []Token
	i      int  // the current token
	kind   Kind // its kind, or KindError after an error
	depth  int
	failed bool
	errs   []scanError
	err    *SyntaxError // the first one

	arena
}

// Parse reads source. The error is a *SyntaxError and tells of the first thing
// wrong; the File is never nil, and has the statements that could be read.
//
// Parse finds what no statement of any Python from 3.8 on is. It does not
// compile: that a "return" stands outside of a function is not found.
func Parse(src []byte) (*File, error) {
	if len(src) > maxSize {
		return newFile(nil, ""), &SyntaxError{Line: 1, Column: 1, Msg: "file is too large"}
	}
	var b strings.Builder
	b.Grow(len(src) + 1)
	b.Write(src)
	b.WriteByte(0)
	text := b.String()
	f := newFile(src, text[:len(src)])

	var codingErr *SyntaxError
	f.Encoding, f.utf8, codingErr = f.coding()
	if at := bytes.IndexByte(src, 0); at >= 0 {
		codingErr = f.errorAt(at, "source code cannot contain null bytes")
	} else if codingErr == nil && f.utf8 && !utf8.Valid(src) {
		codingErr = f.errorAt(invalidUTF8(src), "not valid UTF-8, and no other encoding is declared")
	}

	s := scan(text, f.utf8)
	p := &parser{text: f.text, toks: s.toks, errs: s.errs}
	p.kind = p.toks[0].Kind
	f.Body = p.module()
	switch {
	case codingErr != nil:
		return f, codingErr
	case p.err != nil:
		return f, f.errorAt(p.err.Offset, p.err.Msg)
	}
	return f, nil
}

func (f *File) errorAt(offset int, msg string) *SyntaxError {
	line := f.Line(offset)
	return &SyntaxError{Offset: offset, Line: line, Column: offset - f.lineStart(line) + 1, Msg: msg}
}

func invalidUTF8(src []byte) int {
	at := 0
	for at < len(src) {
		r, n := utf8.DecodeRune(src[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	return at
}

// next goes to the next token.
func (p *parser) next() {
	if p.kind == KindError || p.kind == KindEOF {
		return
	}
	p.i++
	p.kind = p.toks[p.i].Kind
}

// peek is the kind of the token n places ahead.
func (p *parser) peek(n int) Kind {
	if p.failed || p.i+n >= len(p.toks) {
		return KindEOF
	}
	return p.toks[p.i+n].Kind
}

// start is where the current token starts.
func (p *parser) start() int32 { return p.toks[p.i].Start }

// from is the range from start up to the end of the token before the current one.
func (p *parser) from(start int32) Span {
	if p.i == 0 {
		return Span{start, start}
	}
	return Span{start, max(start, p.toks[p.i-1].Stop)}
}

func (p *parser) accept(kind Kind) bool {
	if p.kind != kind {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(kind Kind) {
	if !p.accept(kind) {
		p.fail("expected '%s'", kind)
	}
}

// isWord reports whether the current token is a soft keyword.
func (p *parser) isWord(word string) bool {
	return p.kind == KindName && p.tokenText(p.i) == word
}

func (p *parser) tokenText(i int) string {
	t := p.toks[i]
	return p.text[t.Start:t.Stop]
}

// fail gives up the current statement. The message is for the current token;
// one of the scanner's own comes first.
func (p *parser) fail(format string, args ...any) {
	if p.failed {
		return
	}
	t := p.toks[p.i]
	switch {
	case t.Kind == KindError:
		for _, e := range p.errs {
			if e.at >= t.Start || e.at < t.Stop {
				p.failAt(e.at, e.msg)
				return
			}
		}
	case t.Kind == KindIndent:
		p.failAt(t.Start, "unexpected indent")
		return
	}
	msg := fmt.Sprintf(format, args...)
	switch {
	case t.Kind == KindEOF:
		msg += ", got the end of the file"
	case t.Kind == KindNewline:
		msg += ", got the end of the line"
	case t.Kind != KindDedent:
		word := p.tokenText(p.i)
		if r := []rune(word); len(r) > 20 {
			word = string(r[:20]) + "..."
		}
		msg += ", got '" + word + "'"
	}
	p.failAt(t.Start, msg)
}

func (p *parser) failAt(at int32, msg string) {
	if p.failed {
		return
	}
	if p.err == nil {
		p.err = &SyntaxError{Offset: int(at), Msg: msg}
	}
	p.failed = true
	p.kind = KindError
}

// enter counts a level of recursion, and fails when there are too many; leave
// must follow in any case.
func (p *parser) enter() {
	if p.depth++; p.depth > maxDepth {
		p.fail("too deeply nested")
	}
}

func (p *parser) leave() { p.depth-- }

// recover goes on after a statement that began at token first and was given up:
// behind its line, and behind the block that may follow.
func (p *parser) recover(first int) {
	p.failed = false
	if prev := p.toks[max(p.i-1, 0)].Kind; p.i > first && (prev == KindNewline || prev == KindDedent) {
		// The error is that this line does not continue the statement.
		p.kind = p.toks[p.i].Kind
		return
	}
	for p.toks[p.i].Kind != KindNewline && p.toks[p.i].Kind != KindEOF {
		p.i++
	}
	if p.toks[p.i].Kind == KindNewline {
		p.i++
	}
	depth := 0
	for _, t := range p.toks[first:p.i] {
		switch t.Kind {
		case KindIndent:
			depth++
		case KindDedent:
			depth--
		}
	}
	for p.toks[p.i].Kind != KindEOF && (depth > 0 || p.toks[p.i].Kind == KindIndent) {
		switch p.toks[p.i].Kind {
		case KindIndent:
			depth++
		case KindDedent:
			depth--
		}
		p.i++
	}
	p.kind = p.toks[p.i].Kind
}
