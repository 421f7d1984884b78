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
	// The bare * and / are not in the list. As in CPython the range covers name
	// and annotation, not the stars and not the default.
	Param struct {
		Span
		Kind       ParamKind
		Name       *Name
		Annotation Expr
		Default    Expr
	}
	// ClassDef is a class. Its range begins at "class".
	ClassDef struct {
		Span
		Decorators []Expr
		Name       *Name
		TypeParams []*TypeParam
		Args       []*Arg // bases and keywords
		Body       []Stmt
	}
	// TypeParam is one of [T: int, *Ts, **P] behind a name; Star counts the
	// stars before it.
	TypeParam struct {
		Span
		Star    int
		Name    *Name
		Bound   Expr
		Default Expr
	}
	// Return is a return, with a value or without.
	Return struct {
		Span
		Value Expr // or nil
	}
	// Delete is a del with its targets.
	Delete struct {
		Span
		Targets []Expr
	}
	// Assign gives one value to each of its targets.
	Assign struct {
		Span
		Targets []Expr // a = b = c has two
		Value   Expr
	}
	// AugAssign is an assignment such as x += 1.
	AugAssign struct {
		Span
		Target Expr
		Op     string // "+="
		Value  Expr
	}
	// AnnAssign is "target: annotation", perhaps with a value.
	AnnAssign struct {
		Span
		Target     Expr
		Annotation Expr
		Value      Expr // or nil
	}
	// TypeAlias is the type statement of PEP 695.
	TypeAlias struct {
		Span
		Name       *Name
		TypeParams []*TypeParam
		Value      Expr
	}
	// For is a for loop with its else.
	For struct {
		Span
		Async  bool
		Target Expr
		Iter   Expr
		Body   []Stmt
		Else   []Stmt
	}
	// While is a while loop with its else.
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
	// With is a with statement; its items may stand in parentheses.
	With struct {
		Span
		Async bool
		Items []*WithItem
		Body  []Stmt
	}
	// WithItem is "context as vars"; its range covers both.
	WithItem struct {
		Span
		Context Expr
		Vars    Expr // or nil
	}
	// Match is a match statement (PEP 634).
	Match struct {
		Span
		Subject Expr
		Cases   []*Case
	}
	// Case is one case of a match. Its pattern is kept as a range, with the
	// names that it binds, and the values and classes that it looks up.
	Case struct {
		Span
		Pattern  Span
		Captures []*Name
		Refs     []Expr
		Guard    Expr // or nil
		Body     []Stmt
	}
	// Raise is a raise; a bare one has neither.
	Raise struct {
		Span
		Exc, Cause Expr // or nil
	}
	// Try is a try statement.
	Try struct {
		Span
		Body     []Stmt
		Handlers []*Handler
		Else     []Stmt
		Finally  []Stmt
	}
	// Handler is an except clause; Star tells except* (PEP 654).
	Handler struct {
		Span
		Star bool
		Type Expr  // or nil
		Name *Name // or nil
		Body []Stmt
	}
	// Assert is an assert.
	Assert struct {
		Span
		Test, Msg Expr // Msg may be nil
	}
	// Import is "import a, b.c as d".
	Import struct {
		Span
		Names []*Alias
	}
	// ImportFrom is "from ..module import names".
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
	// Global is a global declaration.
	Global struct {
		Span
		Names []string
	}
	// Nonlocal is a nonlocal declaration.
	Nonlocal struct {
		Span
		Names []string
	}
	// ExprStmt is an expression that stands as a statement.
	ExprStmt struct {
		Span
		Value Expr
	}
	// Pass is a pass.
	Pass struct{ Span }
	// Break is a break.
	Break struct{ Span }
	// Continue is a continue.
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
	// Name is an identifier, as written: Python would normalise it to NFKC.
	Name struct {
		Span
		ID string
	}
	// Attribute is X.Attr.
	Attribute struct {
		Span
		X    Expr
		Attr *Name
	}
	// Call is Func(Args).
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
	// Subscript is X[Index]; several indices are a Tuple.
	Subscript struct {
		Span
		X     Expr
		Index Expr
	}
	// Slice is lower:upper:step in a subscript.
	Slice struct {
		Span
		Lower, Upper, Step Expr // any may be nil
	}
	// List is [a, b].
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
	// Set is {a, b}.
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
	// CompFor is one "for target in iter if ..." of a comprehension.
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
		Prefix string // as written, such as "Rb"
		Fields []Expr // the expressions in an f- or t-string, format specs included
	}
	// Constant is a number, True, False, None or an ellipsis.
	Constant struct{ Span }
	// Starred is *x outside of a call.
	Starred struct {
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
	// IfExp is "Body if Test else Else".
	IfExp struct {
		Span
		Test, Body, Else Expr
	}
	// Lambda is a lambda.
	Lambda struct {
		Span
		Params []*Param
		Body   Expr
	}
	// NamedExpr is target := value.
	NamedExpr struct {
		Span
		Target *Name
		Value  Expr
	}
	// Await is await x.
	Await struct {
		Span
		X Expr
	}
	// Yield is yield or yield from.
	Yield struct {
		Span
		From bool
		X    Expr // or nil
	}
)

func (*FunctionDef) stmt() {}
func (*ClassDef) stmt()    {}
func (*Return) stmt()      {}
func (*Delete) stmt()      {}
func (*Assign) stmt()      {}
func (*AugAssign) stmt()   {}
func (*AnnAssign) stmt()   {}
func (*TypeAlias) stmt()   {}
func (*For) stmt()         {}
func (*While) stmt()       {}
func (*If) stmt()          {}
func (*With) stmt()        {}
func (*Match) stmt()       {}
func (*Raise) stmt()       {}
func (*Try) stmt()         {}
func (*Assert) stmt()      {}
func (*Import) stmt()      {}
func (*ImportFrom) stmt()  {}
func (*Global) stmt()      {}
func (*Nonlocal) stmt()    {}
func (*ExprStmt) stmt()    {}
func (*Pass) stmt()        {}
func (*Break) stmt()       {}
func (*Continue) stmt()    {}

func (*Name) expr()      {}
func (*Attribute) expr() {}
func (*Call) expr()      {}
func (*Subscript) expr() {}
func (*Slice) expr()     {}
func (*List) expr()      {}
func (*Tuple) expr()     {}
func (*Set) expr()       {}
func (*Dict) expr()      {}
func (*Comp) expr()      {}
func (*String) expr()    {}
func (*Constant) expr()  {}
func (*Starred) expr()   {}
func (*BinOp) expr()     {}
func (*UnaryOp) expr()   {}
func (*BoolOp) expr()    {}
func (*Compare) expr()   {}
func (*IfExp) expr()     {}
func (*Lambda) expr()    {}
func (*NamedExpr) expr() {}
func (*Await) expr()     {}
func (*Yield) expr()     {}

// Keyword is the value of the argument given as name=value, or nil.
func (c *Call) Keyword(name string) Expr {
	for _, a := range c.Args {
		if a.Keyword != nil && a.Keyword.ID == name {
			return a.Value
		}
	}
	return nil
}

// Positional is the value of the i-th positional argument, counted from 0, or
// nil. What follows a *value has no certain place, and is not found.
func (c *Call) Positional(i int) Expr {
	for _, a := range c.Args {
		switch {
		case a.Star == 1:
			return nil
		case a.Star == 2 || a.Keyword != nil:
			continue
		case i == 0:
			return a.Value
		}
		i--
	}
	return nil
}

// Dotted is "a.b.c" for a name or a chain of attributes that starts at a name,
// and empty for any other expression.
func Dotted(e Expr) string {
	tail := ""
	for {
		switch x := e.(type) {
		case *Name:
			return x.ID + tail
		case *Attribute:
			tail = "." + x.Attr.ID + tail
			e = x.X
		default:
			return ""
		}
	}
}
