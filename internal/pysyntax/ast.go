package pysyntax

// A Node is a part of the tree. Its range is half open and counts bytes of the
// source; it is the range that CPython's ast gives the same node, a leading
// byte order mark counted.
type Node interface {
	Pos() int
	End() int
}

// Span is the range of bytes from Start up to Stop.
type Span struct{ Start, Stop int32 }

// Pos is the first byte of the span.
func (s Span) Pos() int { return int(s.Start) }

// End is the byte behind the span.
func (s Span) End() int { return int(s.Stop) }

// Stmt is a statement. The concrete types are the ones of CPython's ast.
type Stmt interface {
	Node
	stmt()
}

// Expr is an expression.
type Expr interface {
	Node
	expr()
}

// Statements.
type (
	// FunctionDef is a def. As in CPython its range begins at "def" or "async",
	// not at the first decorator.
	FunctionDef struct {
		Span
		Decorators []Expr
		Async      bool
		Name       *Name
		TypeParams []*TypeParam
		Params     []*Param
		Returns    Expr // or nil
		Body       []Stmt
	}
	// Param is a parameter with its annotation and default, either may be nil.
	// The bare * and / are not in the list.
	Param struct {
		Span
		Kind       ParamKind
		Name       *Name
		Annotation Expr
		Default    Expr
	}
	ClassDef struct {
		Span
		Decorators []Expr
		Name       *Name
		TypeParams []*TypeParam
		Args       []*Arg // bases and keywords
		Body       []Stmt
	}
	// TypeParam is one of [T: int, *Ts, **P] behind a name.
	TypeParam struct {
		Span
		Name    *Name
		Bound   Expr
		Default Expr
	}
	Return struct {
		Span
		Value Expr // or nil
	}
	Delete struct {
		Span
		Targets []Expr
	}
	Assign struct {
		Span
		Targets []Expr // a = b = c has two
		Value   Expr
	}
	AugAssign struct {
		Span
		Target Expr
		Op     string // "+="
		Value  Expr
	}
	AnnAssign struct {
		Span
		Target     Expr
		Annotation Expr
		Value      Expr // or nil
	}
	TypeAlias struct {
		Span
		Name       *Name
		TypeParams []*TypeParam
		Value      Expr
	}
	For struct {
		Span
		Async  bool
		Target Expr
		Iter   Expr
		Body   []Stmt
		Else   []Stmt
	}
	While struct {
		Span
		Test Expr
		Body []Stmt
		Else []Stmt
	}
	// If is an if; an elif is an If alone in Else, as in CPython.
	If struct {
		Span
		Test Expr
		Body []Stmt
		Else []Stmt
	}
	With struct {
		Span
		Async bool
		Items []*WithItem
		Body  []Stmt
	}
	WithItem struct {
		Span
		Context Expr
		Vars    Expr // or nil
	}
	Match struct {
		Span
		Subject Expr
		Cases   []*Case
	}
	// Case is one case of a match; its pattern is kept as a range only.
	Case struct {
		Span
		Pattern Span
		Guard   Expr // or nil
		Body    []Stmt
	}
	Raise struct {
		Span
		Exc, Cause Expr // or nil
	}
	Try struct {
		Span
		Body     []Stmt
		Handlers []*Handler
		Else     []Stmt
		Finally  []Stmt
	}
	Handler struct {
		Span
		Star bool
		Type Expr  // or nil
		Name *Name // or nil
		Body []Stmt
	}
	Assert struct {
		Span
		Test, Msg Expr // Msg may be nil
	}
	Import struct {
		Span
		Names []*Alias
	}
	ImportFrom struct {
		Span
		Level  int    // leading dots
		Module string // without the dots, "" in "from . import x"
		Names  []*Alias
	}
	// Alias is "a.b as c"; Name is "*" in a star import.
	Alias struct {
		Span
		Name   string
		AsName string
	}
	Global struct {
		Span
		Names []string
	}
	Nonlocal struct {
		Span
		Names []string
	}
	ExprStmt struct {
		Span
		Value Expr
	}
	Pass     struct{ Span }
	Break    struct{ Span }
	Continue struct{ Span }
)

// ParamKind says how an argument reaches a parameter.
type ParamKind uint8

// The kinds of parameter, as in inspect.Parameter.
const (
	PositionalOnly ParamKind = iota
	PositionalOrKeyword
	VarPositional
	KeywordOnly
	VarKeyword
)

// Expressions.
type (
	Name struct {
		Span
		ID string
	}
	Attribute struct {
		Span
		X    Expr
		Attr *Name
	}
	Call struct {
		Span
		Func Expr
		Args []*Arg // in the order of the source
	}
	// Arg is an argument of a call or of a class. Its range is CPython's: that
	// of the value for a positional one, with "name=" or "**" for a keyword.
	Arg struct {
		Span
		Star    int   // 1 for *value, 2 for **value
		Keyword *Name // or nil
		Value   Expr  // for *value the expression behind the star
	}
	Subscript struct {
		Span
		X     Expr
		Index Expr
	}
	Slice struct {
		Span
		Lower, Upper, Step Expr // any may be nil
	}
	List struct {
		Span
		Elts []Expr
	}
	// Tuple ranges over its parentheses where it has them.
	Tuple struct {
		Span
		Parens bool
		Elts   []Expr
	}
	Set struct {
		Span
		Elts []Expr
	}
	// Dict has a nil key for **value.
	Dict struct {
		Span
		Keys   []Expr
		Values []Expr
	}
	// Comp is a comprehension or a generator expression.
	Comp struct {
		Span
		Kind  byte // '[', '{' or '('
		Key   Expr // of a dict comprehension, else nil
		Elt   Expr
		Parts []*CompFor
	}
	CompFor struct {
		Span
		Async  bool
		Target Expr
		Iter   Expr
		Ifs    []Expr
	}
	// String is one or more adjacent literals, which Python joins.
	String struct {
		Span
		Parts []*StringPart
	}
	// StringPart is a single literal with its prefix and quotes.
	StringPart struct {
		Span
		Prefix string
		Fields []Expr // the expressions in an f- or t-string, format specs included
	}
	// Constant is a number, True, False, None or an ellipsis.
	Constant struct{ Span }
	Starred  struct {
		Span
		X Expr
	}
	// BinOp is an arithmetic operation; X op Y.
	BinOp struct {
		Span
		Op   string
		X, Y Expr
	}
	UnaryOp struct {
		Span
		Op string // "-", "+", "~" or "not"
		X  Expr
	}
	// BoolOp joins all operands of one run of "and" or "or".
	BoolOp struct {
		Span
		Op     string
		Values []Expr
	}
	// Compare is a chain: Values[0] Ops[0] Values[1] ...
	Compare struct {
		Span
		Ops    []string // "not in" and "is not" as one
		Values []Expr
	}
	IfExp struct {
		Span
		Test, Body, Else Expr
	}
	Lambda struct {
		Span
		Params []*Param
		Body   Expr
	}
	NamedExpr struct {
		Span
		Target *Name
		Value  Expr
	}
	Await struct {
		Span
		X Expr
	}
	Yield struct {
		Span
		From bool
		X    Expr // or nil
	}
)
