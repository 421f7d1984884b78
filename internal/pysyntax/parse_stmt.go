package pysyntax

import "strings"

// module reads all statements of the file.
func (p *parser) module() []Stmt {
	mark := p.stmts.mark()
	for p.kind != KindEOF {
		p.statements()
		if p.kind == KindDedent { // the end of an unexpected indent
			p.i++
			p.kind = p.toks[p.i].Kind
		}
	}
	return p.stmts.take(mark)
}

// statements reads statements onto the stack, up to the end of the block.
func (p *parser) statements() {
	for p.kind != KindEOF && p.kind != KindDedent {
		first, mark := p.i, p.stmts.mark()
		p.statement()
		if p.failed {
			clear(p.stmts.stack[mark:])
			p.stmts.stack = p.stmts.stack[:mark]
			p.recover(first)
		}
	}
}

// block reads what follows a colon: an indented block, or simple statements on
// the same line.
func (p *parser) block(colon Kind) []Stmt {
	p.expect(colon)
	mark := p.stmts.mark()
	if !p.accept(KindNewline) {
		p.simpleStatements()
		return p.stmts.take(mark)
	}
	if p.kind != KindIndent {
		p.fail("expected an indented block")
		return nil
	}
	p.enter()
	p.next()
	if !p.failed {
		p.statements()
		p.accept(KindDedent)
	}
	p.leave()
	return p.stmts.take(mark)
}

// fromTo is the range from start up to the end of the last token that is
// neither a newline nor a dedent, which is where a compound statement ends. A
// semicolon behind its last statement is part of it, as in CPython.
func (p *parser) fromTo(start int32) Span {
	i := p.i - 1
	for i > 0 && (p.toks[i].Kind == KindNewline || p.toks[i].Kind == KindDedent) {
		i--
	}
	return Span{start, max(start, p.toks[i].Stop)}
}

// statement reads a compound statement, or a line of simple ones.
func (p *parser) statement() {
	var s Stmt
	switch p.kind {
	case KindIndent:
		// Say so, and read the block as if it were not indented.
		p.fail("unexpected indent")
		p.failed = false
		p.i++
		p.kind = p.toks[p.i].Kind
		p.enter()
		p.statements()
		p.leave()
		p.accept(KindDedent)
		return
	case kwIf:
		s = p.ifStmt()
	case kwDef:
		s = p.function(p.start(), nil)
	case kwClass:
		s = p.class(nil)
	case opAt:
		s = p.decorated()
	case kwFor:
		s = p.forStmt(p.start(), false)
	case kwWhile:
		s = p.while()
	case kwTry:
		s = p.try()
	case kwWith:
		s = p.with(p.start(), false)
	case kwAsync:
		s = p.async(nil)
	case KindName:
		if p.isWord("match") && p.isMatch() {
			s = p.match()
		}
	}
	if s == nil {
		p.simpleStatements()
		return
	}
	p.stmts.push(s)
}

// simpleStatements reads the statements of one line onto the stack.
func (p *parser) simpleStatements() {
	for {
		s := p.simple()
		if p.failed {
			return
		}
		p.stmts.push(s)
		if !p.accept(opSemi) {
			break
		}
		if p.kind == KindNewline {
			break
		}
	}
	if p.kind != KindNewline {
		p.fail("expected the end of the statement")
		return
	}
	p.next()
}

func (p *parser) simple() Stmt {
	start := p.start()
	switch p.kind {
	case kwReturn:
		p.next()
		n := p.returns.alloc()
		if startsExpr[p.kind] {
			n.Value = p.starExprs()
		}
		n.Span = p.from(start)
		return n
	case kwImport:
		return p.importStmt()
	case kwFrom:
		return p.fromImport()
	case kwRaise:
		p.next()
		n := &Raise{}
		if startsExpr[p.kind] {
			n.Exc = p.expr()
			if p.accept(kwFrom) {
				n.Cause = p.expr()
			}
		}
		n.Span = p.from(start)
		return n
	case kwPass:
		p.next()
		return &Pass{p.from(start)}
	case kwBreak:
		p.next()
		return &Break{p.from(start)}
	case kwContinue:
		p.next()
		return &Continue{p.from(start)}
	case kwDel:
		return p.del()
	case kwAssert:
		p.next()
		n := &Assert{Test: p.expr()}
		if p.accept(opComma) {
			n.Msg = p.expr()
		}
		n.Span = p.from(start)
		return n
	case kwGlobal:
		names := p.identifiers()
		return &Global{p.from(start), names}
	case kwNonlocal:
		names := p.identifiers()
		return &Nonlocal{p.from(start), names}
	case KindName:
		if p.isWord("type") && p.peek(1) == KindName && (p.peek(2) == opEqual || p.peek(2) == opLbracket) {
			return p.typeAlias()
		}
	}
	return p.exprStmt()
}

// exprStmt reads an expression, or an assignment of any kind.
func (p *parser) exprStmt() Stmt {
	start := p.start()
	paren := p.kind == opLparen
	x := p.yieldOrStarExprs()
	switch k := p.kind; {
	case k == opEqual:
		return p.assign(start, x)
	case k == opColon:
		switch t := x.(type) {
		case *Name, *Attribute, *Subscript:
		default:
			p.failAt(int32(t.Pos()), "only single target can be annotated")
		}
		p.next()
		n := &AnnAssign{Target: x, Annotation: p.expr()}
		if p.accept(opEqual) {
			n.Value = p.yieldOrStarExprs()
		}
		n.Span = p.from(start)
		return n
	case opPlusEqual <= k && k <= opDoubleStarEqual:
		switch t := x.(type) {
		case *Name, *Attribute, *Subscript:
		default:
			p.failAt(int32(t.Pos()), "illegal target for augmented assignment")
		}
		p.next()
		value := p.yieldOrStarExprs()
		return &AugAssign{p.from(start), x, kindText[k], value}
	case k == KindName || k == KindString || k == KindNumber:
		if n, ok := x.(*Name); ok && !paren && (n.ID == "print" || n.ID == "exec") {
			p.fail("missing parentheses in call to '%s' (is this Python 2?)", n.ID)
		}
	}
	n := p.exprStmts.alloc()
	*n = ExprStmt{p.from(start), x}
	return n
}

func (p *parser) assign(start int32, first Expr) Stmt {
	mark := p.exprs.mark()
	value := first
	for p.accept(opEqual) {
		p.checkTarget(value)
		p.exprs.push(value)
		value = p.yieldOrStarExprs()
	}
	n := p.assigns.alloc()
	*n = Assign{p.from(start), p.exprs.take(mark), value}
	return n
}

// checkTarget fails unless x can be assigned to.
func (p *parser) checkTarget(x Expr) {
	switch x := x.(type) {
	case *Name, *Attribute, *Subscript:
	case *Starred:
		p.checkTarget(x.X)
	case *List:
		for _, e := range x.Elts {
			p.checkTarget(e)
		}
	case *Tuple:
		for _, e := range x.Elts {
			p.checkTarget(e)
		}
	default:
		p.failAt(int32(x.Pos()), "cannot assign to this expression")
	}
}

func (p *parser) del() Stmt {
	start := p.start()
	p.next()
	x := p.starExprs()
	p.checkTarget(x)
	n := &Delete{Span: p.from(start)}
	if t, ok := x.(*Tuple); ok && !t.Parens {
		n.Targets = t.Elts
	} else {
		n.Targets = p.exprs.one(x)
	}
	return n
}

func (p *parser) identifiers() []string {
	p.next()
	mark := p.words.mark()
	p.words.push(p.name().ID)
	for p.accept(opComma) {
		p.words.push(p.name().ID)
	}
	return p.words.take(mark)
}

func (p *parser) typeAlias() Stmt {
	start := p.start()
	p.next()
	n := &TypeAlias{Name: p.name()}
	n.TypeParams = p.typeParams()
	p.expect(opEqual)
	n.Value = p.expr()
	n.Span = p.from(start)
	return n
}

// dottedName reads "a.b.c"; blanks and comments in it are left out.
func (p *parser) dottedName() string {
	first := p.toks[p.i]
	p.name()
	if p.kind != opDot {
		return p.text[first.Start:first.Stop]
	}
	joined := []string{p.text[first.Start:first.Stop]}
	for p.accept(opDot) {
		joined = append(joined, p.name().ID)
	}
	whole := p.text[first.Start:p.from(first.Start).Stop]
	name := strings.Join(joined, ".")
	if name == whole {
		return whole // shares memory with the source
	}
	return name
}

func (p *parser) importStmt() Stmt {
	start := p.start()
	p.next()
	mark := p.aliasLists.mark()
	for {
		a := p.aliases.alloc()
		at := p.start()
		a.Name = p.dottedName()
		p.asName(a, at)
		if !p.accept(opComma) {
			break
		}
	}
	n := p.imports.alloc()
	*n = Import{p.from(start), p.aliasLists.take(mark)}
	return n
}

// asName reads "as name", and pushes the alias that it ends.
func (p *parser) asName(a *Alias, start int32) {
	if p.accept(kwAs) {
		a.AsName = p.name().ID
	}
	a.Span = p.from(start)
	p.aliasLists.push(a)
}

func (p *parser) fromImport() Stmt {
	start := p.start()
	p.next()
	n := p.froms.alloc()
	for {
		if p.accept(opDot) {
			n.Level++
		} else if p.accept(opEllipsis) {
			n.Level += 3
		} else {
			break
		}
	}
	if p.kind == KindName || n.Level == 0 {
		n.Module = p.dottedName()
	}
	p.expect(kwImport)
	mark := p.aliasLists.mark()
	if p.kind == opStar {
		a := p.aliases.alloc()
		*a = Alias{Span: p.toks[p.i].Span, Name: "*"}
		p.aliasLists.push(a)
		p.next()
	} else {
		parens := p.accept(opLparen)
		for {
			a := p.aliases.alloc()
			at := p.start()
			a.Name = p.name().ID
			p.asName(a, at)
			if !p.accept(opComma) || parens && p.kind == opRparen {
				break
			}
		}
		if parens {
			p.expect(opRparen)
		}
	}
	n.Span = p.from(start)
	n.Names = p.aliasLists.take(mark)
	return n
}

// ifStmt reads an if with its elifs, without recursion: there may be many.
func (p *parser) ifStmt() Stmt {
	var first, last *If
	for p.kind == kwIf && first == nil || p.kind == kwElif {
		n := p.ifs.alloc()
		n.Start = p.start()
		p.next()
		n.Test = p.named()
		n.Body = p.block(opColon)
		if first == nil {
			first = n
		} else {
			last.Else = p.stmts.one(n)
		}
		last = n
	}
	last.Else = p.elseBlock()
	for n := first; ; n = n.Else[0].(*If) {
		n.Span = p.fromTo(n.Start)
		if n == last {
			return first
		}
	}
}

// elseBlock reads an else, if there is one.
func (p *parser) elseBlock() []Stmt {
	if !p.accept(kwElse) {
		return nil
	}
	return p.block(opColon)
}

func (p *parser) forStmt(start int32, async bool) Stmt {
	p.next()
	n := &For{Async: async, Target: p.forTarget()}
	p.expect(kwIn)
	n.Iter = p.starExprs()
	n.Body = p.block(opColon)
	n.Else = p.elseBlock()
	n.Span = p.fromTo(start)
	return n
}

func (p *parser) while() Stmt {
	start := p.start()
	p.next()
	n := &While{Test: p.named()}
	n.Body = p.block(opColon)
	n.Else = p.elseBlock()
	n.Span = p.fromTo(start)
	return n
}

func (p *parser) try() Stmt {
	start := p.start()
	p.next()
	n := &Try{Body: p.block(opColon)}
	for p.kind == kwExcept {
		n.Handlers = append(n.Handlers, p.handler())
	}
	if len(n.Handlers) > 0 {
		n.Else = p.elseBlock()
	}
	if p.accept(kwFinally) {
		n.Finally = p.block(opColon)
	} else if len(n.Handlers) == 0 {
		p.fail("expected 'except' or 'finally' block")
	}
	n.Span = p.fromTo(start)
	return n
}

// handler reads an except clause. Since Python 3.14 several types need no
// parentheses where no name follows (PEP 758).
func (p *parser) handler() *Handler {
	h := &Handler{}
	start := p.start()
	p.next()
	h.Star = p.accept(opStar)
	if p.kind != opColon || h.Star {
		h.Type = p.tupleOf((*parser).expr, &startsExpr)
		if t, ok := h.Type.(*Tuple); ok && !t.Parens && p.kind == kwAs {
			p.fail("multiple exception types must be parenthesized when using 'as'")
		}
		if p.accept(kwAs) {
			h.Name = p.name()
		}
	}
	h.Body = p.block(opColon)
	h.Span = p.fromTo(start)
	return h
}

func (p *parser) with(start int32, async bool) Stmt {
	p.next()
	n := &With{Async: async}
	if p.kind == opLparen && p.parenthesizedItems() {
		n.Items = p.withItemsInParens()
	}
	if n.Items == nil {
		n.Items = append(n.Items, p.withItem())
		for p.accept(opComma) {
			n.Items = append(n.Items, p.withItem())
		}
	}
	n.Body = p.block(opColon)
	n.Span = p.fromTo(start)
	return n
}

// parenthesizedItems reports whether the parenthesis here is closed directly
// before a colon, so that it may be around the items of a with statement.
func (p *parser) parenthesizedItems() bool {
	depth := 0
	for i := p.i; i < len(p.toks)-1; i++ {
		switch p.toks[i].Kind {
		case opLparen, opLbracket, opLbrace:
			depth++
		case opRparen, opRbracket, opRbrace:
			if depth--; depth == 0 {
				return p.toks[i+1].Kind == opColon
			}
		case KindNewline, KindError:
			return false
		}
	}
	return false
}

// withItemsInParens tries to read "(a as b, c)". Where that fails, as in
// "(yield)", it returns nil and reads nothing: the parentheses are part of an
// expression.
func (p *parser) withItemsInParens() []*WithItem {
	first, err := p.i, p.err
	p.next()
	var items []*WithItem
	for p.kind != opRparen && !p.failed {
		items = append(items, p.withItem())
		if !p.accept(opComma) {
			break
		}
	}
	if p.accept(opRparen) && p.kind == opColon && len(items) > 0 {
		return items
	}
	p.i, p.kind, p.err, p.failed = first, p.toks[first].Kind, err, false
	return nil
}

func (p *parser) withItem() *WithItem {
	start := p.start()
	item := &WithItem{Context: p.expr()}
	if p.accept(kwAs) {
		if p.kind == opStar {
			p.fail("expected a target")
		}
		item.Vars = p.binary(precBitOr)
		p.checkTarget(item.Vars)
	}
	item.Span = p.from(start)
	return item
}

func (p *parser) async(decorators []Expr) Stmt {
	start := p.start()
	p.next()
	switch {
	case p.kind == kwDef:
		return p.function(start, decorators)
	case p.kind == kwFor && decorators == nil:
		return p.forStmt(start, true)
	case p.kind == kwWith && decorators == nil:
		return p.with(start, true)
	}
	p.fail("expected 'def', 'with' or 'for' after 'async'")
	return nil
}

func (p *parser) decorated() Stmt {
	mark := p.exprs.mark()
	for p.accept(opAt) {
		p.exprs.push(p.named())
		p.expect(KindNewline)
	}
	decorators := p.exprs.take(mark)
	switch p.kind {
	case kwDef:
		return p.function(p.start(), decorators)
	case kwAsync:
		return p.async(decorators)
	case kwClass:
		return p.class(decorators)
	}
	p.fail("expected a function or a class after the decorator")
	return nil
}

// function reads a def; its "async", if any, has been read.
func (p *parser) function(start int32, decorators []Expr) Stmt {
	n := p.functions.alloc()
	n.Decorators = decorators
	n.Async = start != p.start()
	p.next()
	n.Name = p.name()
	n.TypeParams = p.typeParams()
	p.expect(opLparen)
	n.Params = p.params(opRparen, true)
	p.expect(opRparen)
	if p.accept(opArrow) {
		n.Returns = p.starExprs()
	}
	n.Body = p.block(opColon)
	n.Span = p.fromTo(start)
	return n
}

func (p *parser) class(decorators []Expr) Stmt {
	start := p.start()
	n := p.classes.alloc()
	n.Decorators = decorators
	p.next()
	n.Name = p.name()
	n.TypeParams = p.typeParams()
	if p.kind == opLparen {
		n.Args = p.arguments()
	}
	n.Body = p.block(opColon)
	n.Span = p.fromTo(start)
	return n
}

// params reads parameters up to a closing token; only those of a def may have
// annotations.
func (p *parser) params(end Kind, annotated bool) []*Param {
	mark := p.paramLists.mark()
	kind := PositionalOrKeyword
	defaults, slash, last := false, false, false
	for p.kind != end && !p.failed {
		if last {
			p.fail("parameters cannot follow the var-keyword parameter")
		}
		switch {
		case p.kind == opSlash:
			all := p.paramLists.stack[mark:]
			if slash || len(all) == 0 || kind != PositionalOrKeyword {
				p.fail("misplaced '/' among the parameters")
			}
			slash = true
			for _, q := range all {
				q.Kind = PositionalOnly
			}
			p.next()
		case p.kind == opStar && p.peek(1) == opComma:
			if kind == KeywordOnly || p.peek(2) == end || p.peek(2) == opDoubleStar {
				p.fail("named parameters must follow bare '*'")
			}
			kind = KeywordOnly
			p.next()
		case p.kind == opStar:
			if kind == KeywordOnly {
				p.fail("'*' may appear only once")
			}
			p.next()
			p.param(VarPositional, annotated)
			kind = KeywordOnly
		case p.kind == opDoubleStar:
			p.next()
			p.param(VarKeyword, annotated)
			last = true
		default:
			q := p.param(kind, annotated)
			if q.Default != nil {
				defaults = true
			} else if defaults && kind == PositionalOrKeyword {
				p.failAt(q.Start, "parameter without a default follows parameter with a default")
			}
		}
		if !p.accept(opComma) {
			break
		}
	}
	return p.paramLists.take(mark)
}

// param reads a parameter, and pushes it.
func (p *parser) param(kind ParamKind, annotated bool) *Param {
	q := p.paramSlab.alloc()
	q.Kind = kind
	start := p.start()
	q.Name = p.name()
	if annotated && p.accept(opColon) {
		if kind == VarPositional {
			q.Annotation = p.starExpr()
		} else {
			q.Annotation = p.expr()
		}
	}
	q.Span = p.from(start)
	if kind != VarPositional && kind != VarKeyword && p.accept(opEqual) {
		q.Default = p.expr()
	}
	p.paramLists.push(q)
	return q
}

// typeParams reads type parameters with their brackets, if there are any (PEP
// 695, and PEP 696 for the defaults).
func (p *parser) typeParams() []*TypeParam {
	if !p.accept(opLbracket) {
		return nil
	}
	var out []*TypeParam
	for p.kind != opRbracket && !p.failed {
		t := &TypeParam{}
		start := p.start()
		if p.accept(opStar) {
			t.Star = 1
		} else if p.accept(opDoubleStar) {
			t.Star = 2
		}
		t.Name = p.name()
		if t.Star == 0 && p.accept(opColon) {
			t.Bound = p.expr()
		}
		if p.accept(opEqual) {
			t.Default = p.starExpr()
		}
		t.Span = p.from(start)
		out = append(out, t)
		if !p.accept(opComma) {
			break
		}
	}
	if len(out) == 0 {
		p.fail("expected a type parameter")
	}
	p.expect(opRbracket)
	return out
}
