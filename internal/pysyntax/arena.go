package pysyntax

// slab gives out nodes from arrays, which is much cheaper than allocating each.
type slab[T any] struct {
	free []T
	size int
}

func (s *slab[T]) alloc() *T {
	if len(s.free) == 0 {
		s.grow()
	}
	n := &s.free[0]
	s.free = s.free[1:]
	return n
}

func (s *slab[T]) grow() {
	s.size = min(max(4, s.size*2), 512)
	s.free = make([]T, s.size)
}

// lists builds slices: push on a common stack, then take what lies above a mark.
type lists[T any] struct {
	stack []T
	free  []T
	size  int
}

func (l *lists[T]) mark() int { return len(l.stack) }
func (l *lists[T]) push(x T)  { l.stack = append(l.stack, x) }

// take copies what was pushed since the mark into a slice of its own.
func (l *lists[T]) take(mark int) []T {
	items := l.stack[mark:]
	n := len(items)
	if n == 0 {
		return nil
	}
	if n > len(l.free) {
		l.size = min(max(8, l.size*2), 512)
		l.free = make([]T, max(n, l.size))
	}
	out := l.free[:n:n]
	l.free = l.free[n:]
	copy(out, items)
	clear(items)
	l.stack = l.stack[:mark]
	return out
}

// one is a list of a single item.
func (l *lists[T]) one(x T) []T {
	mark := l.mark()
	l.push(x)
	return l.take(mark)
}

// arena has a slab for each frequent type of node. The others are allocated
// one by one.
type arena struct {
	names      slab[Name]
	attributes slab[Attribute]
	calls      slab[Call]
	args       slab[Arg]
	subscripts slab[Subscript]
	tuples     slab[Tuple]
	listExprs  slab[List]
	dicts      slab[Dict]
	strings    slab[String]
	parts      slab[StringPart]
	constants  slab[Constant]
	binOps     slab[BinOp]
	unaryOps   slab[UnaryOp]
	boolOps    slab[BoolOp]
	compares   slab[Compare]
	paramSlab  slab[Param]
	aliases    slab[Alias]
	functions  slab[FunctionDef]
	classes    slab[ClassDef]
	assigns    slab[Assign]
	exprStmts  slab[ExprStmt]
	returns    slab[Return]
	ifs        slab[If]
	imports    slab[Import]
	froms      slab[ImportFrom]

	exprs      lists[Expr]
	stmts      lists[Stmt]
	argLists   lists[*Arg]
	partLists  lists[*StringPart]
	paramLists lists[*Param]
	aliasLists lists[*Alias]
	words      lists[string]
}
