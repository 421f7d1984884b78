package pysyntax

// Kind is what a token is.
type Kind uint8

// The kinds of token. Operators, brackets and keywords have a kind each, which
// Kind.String shows as it is written.
const (
	KindEOF Kind = iota
	// KindError is text that is no Python token.
	KindError
	// KindNewline ends a logical line. It is empty at the end of a file that
	// has no last newline.
	KindNewline
	// KindIndent and KindDedent are empty, and stand before the first token of
	// a line that is indented differently.
	KindIndent
	KindDedent
	KindName
	KindNumber
	KindString
	// KindFStringStart is the prefix and the opening quotes of an f- or
	// t-string, KindFStringMiddle text in it, KindFStringEnd its closing quotes
	// (PEP 701). Between them stand the tokens of its fields.
	KindFStringStart
	KindFStringMiddle
	KindFStringEnd

	// What lies between those tokens, found in Tokens only.

	// KindSpace is blanks, tabs and form feeds.
	KindSpace
	// KindComment is a comment, without the end of its line.
	KindComment
	// KindLineEnd is a line end that ends no logical line.
	KindLineEnd
	// KindContinuation is a backslash with the line end after it.
	KindContinuation
	// KindBOM is the byte order mark at the start of the file.
	KindBOM

	opLparen
	opRparen
	opLbracket
	opRbracket
	opLbrace
	opRbrace
	opColon
	opComma
	opSemi
	opDot
	opEllipsis
	opArrow
	opAt
	opBang
	opWalrus
	opEqual
	opPlus
	opMinus
	opStar
	opDoubleStar
	opSlash
	opDoubleSlash
	opPercent
	opAmp
	opPipe
	opCaret
	opTilde
	opLshift
	opRshift
	opLess
	opGreater
	opLessEqual
	opGreaterEqual
	opEqEqual
	opNotEqual
	opPlusEqual
	opMinusEqual
	opStarEqual
	opSlashEqual
	opDoubleSlashEqual
	opPercentEqual
	opAtEqual
	opAmpEqual
	opPipeEqual
	opCaretEqual
	opLshiftEqual
	opRshiftEqual
	opDoubleStarEqual

	kwFalse
	kwNone
	kwTrue
	kwAnd
	kwAs
	kwAssert
	kwAsync
	kwAwait
	kwBreak
	kwClass
	kwContinue
	kwDef
	kwDel
	kwElif
	kwElse
	kwExcept
	kwFinally
	kwFor
	kwFrom
	kwGlobal
	kwIf
	kwImport
	kwIn
	kwIs
	kwLambda
	kwNonlocal
	kwNot
	kwOr
	kwPass
	kwRaise
	kwReturn
	kwTry
	kwWhile
	kwWith
	kwYield

	kindCount
)

var kindText = [kindCount]string{
	KindEOF: "end of file", KindError: "error", KindNewline: "newline", KindIndent: "indent",
	KindDedent: "dedent", KindName: "name", KindNumber: "number", KindString: "string",
	KindFStringStart: "f-string start", KindFStringMiddle: "f-string text", KindFStringEnd: "f-string end",
	KindSpace: "space", KindComment: "comment", KindLineEnd: "line end",
	KindContinuation: "continuation", KindBOM: "byte order mark",

	opLparen: "(", opRparen: ")", opLbracket: "[", opRbracket: "]", opLbrace: "{", opRbrace: "}",
	opColon: ":", opComma: ",", opSemi: ";", opDot: ".", opEllipsis: "...", opArrow: "->", opAt: "@",
	opBang: "!", opWalrus: ":=", opEqual: "=", opPlus: "+", opMinus: "-", opStar: "*",
	opDoubleStar: "**", opSlash: "/", opDoubleSlash: "//", opPercent: "%", opAmp: "&", opPipe: "|",
	opCaret: "^", opTilde: "~", opLshift: "<<", opRshift: ">>", opLess: "<", opGreater: ">",
	opLessEqual: "<=", opGreaterEqual: ">=", opEqEqual: "==", opNotEqual: "!=", opPlusEqual: "+=",
	opMinusEqual: "-=", opStarEqual: "*=", opSlashEqual: "/=", opDoubleSlashEqual: "//=",
	opPercentEqual: "%=", opAtEqual: "@=", opAmpEqual: "&=", opPipeEqual: "|=", opCaretEqual: "^=",
	opLshiftEqual: "<<=", opRshiftEqual: ">>=", opDoubleStarEqual: "**=",

	kwFalse: "False", kwNone: "None", kwTrue: "True", kwAnd: "and", kwAs: "as", kwAssert: "assert",
	kwAsync: "async", kwAwait: "await", kwBreak: "break", kwClass: "class", kwContinue: "continue",
	kwDef: "def", kwDel: "del", kwElif: "elif", kwElse: "else", kwExcept: "except",
	kwFinally: "finally", kwFor: "for", kwFrom: "from", kwGlobal: "global", kwIf: "if",
	kwImport: "import", kwIn: "in", kwIs: "is", kwLambda: "lambda", kwNonlocal: "nonlocal",
	kwNot: "not", kwOr: "or", kwPass: "pass", kwRaise: "raise", kwReturn: "return", kwTry: "try",
	kwWhile: "while", kwWith: "with", kwYield: "yield",
}

// String is how the kind is written, or a word for it.
func (k Kind) String() string { return kindText[k] }

// Token is a piece of the source.
type Token struct {
	Span
	Kind Kind
}

// Keywords are found by a hash of their first and last letter and their length
// that has no collisions among them; keywordOf checks the candidate.
var keywords [128]struct {
	text string
	kind Kind
}

func init() {
	for k := kwFalse; k <= kwYield; k++ {
		slot := &keywords[keywordHash(kindText[k])]
		if slot.text != "" {
			panic("pysyntax: keywords " + slot.text + " and " + kindText[k] + " collide")
		}
		slot.text, slot.kind = kindText[k], k
	}
}

func keywordHash(word string) int {
	return (int(word[0])*1 + int(word[len(word)-1])*11 + len(word)*1) & 127
}

// keywordOf is the kind of a word: a keyword's own, or KindName.
func keywordOf(word string) Kind {
	if len(word) < 2 || len(word) > 8 {
		return KindName
	}
	if slot := &keywords[keywordHash(word)]; slot.text == word {
		return slot.kind
	}
	return KindName
}

// Tokens lists all of the source, in order and without gaps: the texts of the
// tokens, joined, are the file. It scans the source anew.
func (f *File) Tokens() []Token {
	var out []Token
	at := 0
	for _, t := range scan(f.text+"\x00", f.utf8).toks {
		out = appendGap(out, f.text, at, t.Pos())
		if t.Kind != KindEOF {
			out = append(out, t)
		}
		at = t.End()
	}
	return out
}

// appendGap adds what lies between two tokens that the parser sees.
func appendGap(out []Token, text string, at, end int) []Token {
	for at < end {
		kind, stop := gapToken(text[:end], at)
		out = append(out, Token{Span{int32(at), int32(stop)}, kind})
		at = stop
	}
	return out
}

// gapToken is the first token at a place between tokens that the parser sees.
func gapToken(text string, at int) (kind Kind, stop int) {
	isSpace := func(c byte) bool { return c == ' ' || c == '\t' || c == '\f' }
	rest := text[at:]
	switch c := rest[0]; {
	case at == 0 && len(rest) >= len(bom) && rest[:len(bom)] == bom:
		return KindBOM, len(bom)
	case isSpace(c):
		for at < len(text) && isSpace(text[at]) {
			at++
		}
		return KindSpace, at
	case c == '#':
		return KindComment, lineEnd(text, at)
	case c == '\n' || c == '\r':
		return KindLineEnd, skipLineEnd(text, at)
	case c == '\\' && lineEnd(text, at) == at+1 && at+1 < len(text):
		return KindContinuation, skipLineEnd(text, at+1)
	}
	// Text that an error made the scanner skip.
	return KindError, max(at+1, lineEnd(text, at))
}
