package pysyntax

// Precedences of binary operators, weakest first (section 6.17 of the language
// reference).
const (
	precOr = iota + 1
	precAnd
	precNot
	precCompare
	precBitOr
	precXor
	precBitAnd
	precShift
	precSum
	precTerm
)

var precedence = [256]uint8{
	kwOr: precOr, kwAnd: precAnd,
	kwNot: precCompare, kwIn: precCompare, kwIs: precCompare,
	opLess: precCompare, opGreater: precCompare, opLessEqual: precCompare, opGreaterEqual: precCompare,
	opEqEqual: precCompare, opNotEqual: precCompare,
	opPipe: precBitOr, opCaret: precXor, opAmp: precBitAnd,
	opLshift: precShift, opRshift: precShift, opPlus: precSum, opMinus: precSum,
	opStar: precTerm, opSlash: precTerm, opDoubleSlash: precTerm, opPercent: precTerm, opAt: precTerm,
}

// bad stands for an expression that could not be read.
func (p *parser) bad() Expr { return &Constant{p.from(p.start())} }

// starExprs reads "a, *b, c": one expression, or a tuple without parentheses.
func (p *parser) starExprs() Expr {
	return p.tupleOf((*parser).starExpr, &startsExpr)
}

// tupleOf reads one item, or several with commas as a tuple.
func (p *parser) tupleOf(item func(*parser) Expr, starts *[256]bool) Expr {
	start := p.start()
	first := item(p)
	if p.kind != opComma {
		return first
	}
	mark := p.exprs.mark()
	p.exprs.push(first)
	for p.accept(opComma) && starts[p.kind] {
		p.exprs.push(item(p))
	}
	t := p.tuples.alloc()
	*t = Tuple{Span: p.from(start), Elts: p.exprs.take(mark)}
	return t
}

// starExpr reads an expression or "*bitwise_or".
func (p *parser) starExpr() Expr {
	if p.kind == opStar {
		return p.starred()
	}
	return p.expr()
}

// starNamed reads an element of a display: as starExpr, or with ":=".
func (p *parser) starNamed() Expr {
	if p.kind == opStar {
		return p.starred()
	}
	return p.named()
}

func (p *parser) starred() Expr {
	start := p.start()
	p.next()
	x := p.binary(precBitOr)
	return &Starred{p.from(start), x}
}

// named reads an expression, or "name := expression".
func (p *parser) named() Expr {
	if p.kind == KindName && p.peek(1) == opWalrus {
		start := p.start()
		target := p.name()
		p.next()
		value := p.expr()
		return &NamedExpr{p.from(start), target, value}
	}
	return p.expr()
}

// yieldOrStarExprs reads what may stand on the right of an assignment.
func (p *parser) yieldOrStarExprs() Expr {
	if p.kind == kwYield {
		return p.yield()
	}
	return p.starExprs()
}

func (p *parser) yield() Expr {
	start := p.start()
	p.next()
	y := &Yield{}
	switch {
	case p.accept(kwFrom):
		y.From = true
		y.X = p.expr()
	case startsExpr[p.kind]:
		y.X = p.starExprs()
	}
	y.Span = p.from(start)
	return y
}

// expr reads an expression: a conditional one, or a lambda.
func (p *parser) expr() Expr {
	p.enter()
	x := p.conditional()
	p.leave()
	return x
}

func (p *parser) conditional() Expr {
	if p.kind == kwLambda {
		return p.lambda()
	}
	start := p.start()
	x := p.binary(precOr)
	if p.kind != kwIf {
		return x
	}
	p.next()
	test := p.binary(precOr)
	p.expect(kwElse)
	other := p.expr()
	return &IfExp{Span: p.from(start), Test: test, Body: x, Else: other}
}

func (p *parser) lambda() Expr {
	start := p.start()
	p.next()
	params := p.params(opColon, false)
	p.expect(opColon)
	body := p.expr()
	return &Lambda{p.from(start), params, body}
}

// binary reads an expression of operators that bind at least as strongly as lowest.
func (p *parser) binary(lowest uint8) Expr {
	start := p.start()
	var x Expr
	if p.kind == kwNot {
		x = p.not(lowest)
	} else {
		x = p.unary()
	}
	for {
		prec := precedence[p.kind]
		if prec < lowest || prec == 0 {
			return x
		}
		switch prec {
		case precOr, precAnd:
			x = p.boolOp(x, start, prec)
		case precCompare:
			if p.kind == kwNot && p.peek(1) != kwIn {
				return x
			}
			x = p.compare(x, start)
		default:
			op := p.kind
			p.next()
			y := p.binary(prec + 1)
			n := p.binOps.alloc()
			*n = BinOp{Span: p.from(start), Op: kindText[op], X: x, Y: y}
			x = n
		}
	}
}

func (p *parser) not(lowest uint8) Expr {
	if lowest > precNot {
		p.fail("expected an operand")
		return p.bad()
	}
	start := p.start()
	p.enter()
	p.next()
	x := p.binary(precNot)
	p.leave()
	n := p.unaryOps.alloc()
	*n = UnaryOp{p.from(start), "not", x}
	return n
}

func (p *parser) boolOp(first Expr, start int32, prec uint8) Expr {
	op := p.kind
	mark := p.exprs.mark()
	p.exprs.push(first)
	for p.accept(op) {
		p.exprs.push(p.binary(prec + 1))
	}
	n := p.boolOps.alloc()
	*n = BoolOp{p.from(start), kindText[op], p.exprs.take(mark)}
	return n
}

func (p *parser) compare(first Expr, start int32) Expr {
	mark, words := p.exprs.mark(), p.words.mark()
	p.exprs.push(first)
	for precedence[p.kind] == precCompare {
		op := kindText[p.kind]
		switch p.kind {
		case kwNot:
			p.next()
			p.expect(kwIn)
			op = "not in"
		case kwIs:
			p.next()
			if p.accept(kwNot) {
				op = "is not"
			}
		default:
			p.next()
		}
		p.words.push(op)
		p.exprs.push(p.binary(precCompare + 1))
	}
	n := p.compares.alloc()
	*n = Compare{p.from(start), p.words.take(words), p.exprs.take(mark)}
	return n
}

// unary reads -x, +x, ~x, or a power.
func (p *parser) unary() Expr {
	start := p.start()
	switch p.kind {
	case opMinus, opPlus, opTilde:
		op := p.kind
		p.enter()
		p.next()
		x := p.unary()
		p.leave()
		n := p.unaryOps.alloc()
		*n = UnaryOp{p.from(start), kindText[op], x}
		return n
	}
	var x Expr
	if p.kind == kwAwait {
		p.next()
		x = p.primary()
		x = &Await{p.from(start), x}
	} else {
		x = p.primary()
	}
	if p.kind == opDoubleStar {
		p.enter()
		p.next()
		y := p.unary()
		p.leave()
		n := p.binOps.alloc()
		*n = BinOp{Span: p.from(start), Op: "**", X: x, Y: y}
		x = n
	}
	return x
}

// primary reads an atom and the calls, attributes and subscripts behind it.
func (p *parser) primary() Expr {
	start := p.start()
	x := p.atom()
	for {
		switch p.kind {
		case opDot:
			p.next()
			attr := p.name()
			n := p.attributes.alloc()
			*n = Attribute{p.from(start), x, attr}
			x = n
		case opLparen:
			args := p.arguments()
			n := p.calls.alloc()
			*n = Call{p.from(start), x, args}
			x = n
		case opLbracket:
			p.next()
			index := p.indices()
			p.expect(opRbracket)
			n := p.subscripts.alloc()
			*n = Subscript{p.from(start), x, index}
			x = n
		default:
			return x
		}
	}
}

// name reads an identifier.
func (p *parser) name() *Name {
	n := p.names.alloc()
	if p.kind != KindName {
		p.fail("expected a name")
		n.Span = p.from(p.start())
		return n
	}
	t := p.toks[p.i].Span
	*n = Name{t, p.text[t.Start:t.Stop]}
	p.next()
	return n
}

func (p *parser) atom() Expr {
	switch p.kind {
	case KindName:
		return p.name()
	case KindNumber, kwTrue, kwFalse, kwNone, opEllipsis:
		n := p.constants.alloc()
		n.Span = p.toks[p.i].Span
		p.next()
		return n
	case KindString, KindFStringStart:
		return p.string()
	case opLparen:
		return p.paren()
	case opLbracket:
		return p.list()
	case opLbrace:
		return p.brace()
	}
	p.fail("expected an expression")
	return p.bad()
}

// paren reads what stands in parentheses: a tuple, a generator expression, or
// any expression, which the tree shows without them.
func (p *parser) paren() Expr {
	start := p.start()
	p.next()
	if p.accept(opRparen) {
		t := p.tuples.alloc()
		*t = Tuple{Span: p.from(start), Parens: true}
		return t
	}
	if p.kind == kwYield {
		y := p.yield()
		p.expect(opRparen)
		return y
	}
	first := p.starNamed()
	switch p.kind {
	case kwFor, kwAsync:
		return p.comp(start, '(', nil, first, opRparen)
	case opComma:
		mark := p.exprs.mark()
		p.exprs.push(first)
		for p.accept(opComma) && p.kind != opRparen {
			p.exprs.push(p.starNamed())
		}
		p.expect(opRparen)
		t := p.tuples.alloc()
		*t = Tuple{Span: p.from(start), Parens: true, Elts: p.exprs.take(mark)}
		return t
	}
	if _, ok := first.(*Starred); ok {
		p.failAt(int32(first.Pos()), "cannot use a starred expression here")
	}
	p.expect(opRparen)
	return first
}

func (p *parser) list() Expr {
	start := p.start()
	p.next()
	mark := p.exprs.mark()
	if p.kind != opRbracket {
		first := p.starNamed()
		if p.kind == kwFor || p.kind == kwAsync {
			return p.comp(start, '[', nil, first, opRbracket)
		}
		p.exprs.push(first)
		for p.accept(opComma) && p.kind != opRbracket {
			p.exprs.push(p.starNamed())
		}
	}
	p.expect(opRbracket)
	n := p.listExprs.alloc()
	*n = List{p.from(start), p.exprs.take(mark)}
	return n
}

// brace reads a dictionary, a set, or a comprehension of either.
func (p *parser) brace() Expr {
	start := p.start()
	p.next()
	if p.kind == opRbrace || p.kind == opDoubleStar {
		return p.dict(start, nil)
	}
	first := p.starNamed()
	switch p.kind {
	case opColon:
		return p.dict(start, first)
	case kwFor, kwAsync:
		return p.comp(start, '{', nil, first, opRbrace)
	}
	mark := p.exprs.mark()
	p.exprs.push(first)
	for p.accept(opComma) && p.kind != opRbrace {
		p.exprs.push(p.starNamed())
	}
	p.expect(opRbrace)
	return &Set{p.from(start), p.exprs.take(mark)}
}

// dict reads a dictionary whose first key, if not nil, has been read.
func (p *parser) dict(start int32, key Expr) Expr {
	mark := p.exprs.mark() // keys and values take turns
	for p.kind != opRbrace && !p.failed {
		var value Expr
		if key == nil && p.accept(opDoubleStar) {
			value = p.binary(precBitOr)
		} else {
			if key == nil {
				key = p.expr()
			}
			p.expect(opColon)
			value = p.expr()
		}
		if key != nil && (p.kind == kwFor || p.kind == kwAsync) && p.exprs.mark() == mark {
			return p.comp(start, '{', key, value, opRbrace)
		}
		p.exprs.push(key)
		p.exprs.push(value)
		key = nil
		if !p.accept(opComma) {
			break
		}
	}
	p.expect(opRbrace)
	pairs := p.exprs.take(mark)
	n := p.dicts.alloc()
	n.Span = p.from(start)
	if len(pairs) > 0 {
		half := len(pairs) / 2
		both := make([]Expr, 0, len(pairs))
		for i := 0; i < len(pairs); i += 2 {
			both = append(both, pairs[i])
		}
		for i := 1; i < len(pairs); i += 2 {
			both = append(both, pairs[i])
		}
		n.Keys, n.Values = both[:half:half], both[half:]
	}
	return n
}

// comp reads a comprehension from its first "for" on.
func (p *parser) comp(start int32, kind byte, key, elt Expr, closing Kind) Expr {
	if _, ok := elt.(*Starred); ok {
		p.failAt(int32(elt.Pos()), "iterable unpacking cannot be used in a comprehension")
	}
	c := &Comp{Kind: kind, Key: key, Elt: elt}
	for p.kind == kwFor || p.kind == kwAsync {
		part := &CompFor{}
		start := p.start()
		part.Async = p.accept(kwAsync)
		p.expect(kwFor)
		part.Target = p.forTarget()
		p.expect(kwIn)
		part.Iter = p.binary(precOr)
		mark := p.exprs.mark()
		for p.accept(kwIf) {
			p.exprs.push(p.binary(precOr))
		}
		part.Ifs = p.exprs.take(mark)
		part.Span = p.from(start)
		c.Parts = append(c.Parts, part)
	}
	p.expect(closing)
	c.Span = p.from(start)
	return c
}

// forTarget reads the targets between "for" and "in".
func (p *parser) forTarget() Expr {
	t := p.tupleOf(func(p *parser) Expr {
		if p.kind == opStar {
			return p.starred()
		}
		return p.binary(precBitOr)
	}, &startsExpr)
	p.checkTarget(t)
	return t
}

// arguments reads the arguments of a call or a class, with their parentheses.
func (p *parser) arguments() []*Arg {
	open := p.start()
	p.next()
	mark := p.argLists.mark()
	keyword, unpacked := false, false
	for p.kind != opRparen && !p.failed {
		a := p.args.alloc()
		start := p.start()
		switch {
		case p.kind == opStar:
			if unpacked {
				p.fail("iterable argument unpacking follows keyword argument unpacking")
			}
			p.next()
			a.Star = 1
			a.Value = p.expr()
		case p.kind == opDoubleStar:
			p.next()
			a.Star = 2
			a.Value = p.expr()
			unpacked = true
		case p.kind == KindName && p.toks[p.i+1].Kind == opEqual:
			a.Keyword = p.name()
			p.next()
			a.Value = p.expr()
			keyword = true
		default:
			if unpacked {
				p.fail("positional argument follows keyword argument unpacking")
			} else if keyword {
				p.fail("positional argument follows keyword argument")
			}
			a.Value = p.named()
			if p.kind == kwFor || p.kind == kwAsync {
				if p.argLists.mark() > mark {
					p.failAt(start, "generator expression must be parenthesized")
				}
				a.Value = p.comp(open, '(', nil, a.Value, opRparen)
				a.Span = p.from(open)
				p.argLists.push(a)
				return p.argLists.take(mark)
			}
		}
		if a.Span = p.from(start); a.Star == 0 && a.Keyword == nil {
			a.Span = Span{int32(a.Value.Pos()), int32(a.Value.End())}
		}
		p.argLists.push(a)
		if !p.accept(opComma) {
			break
		}
	}
	p.expect(opRparen)
	return p.argLists.take(mark)
}

// indices reads what stands in the brackets of a subscript.
func (p *parser) indices() Expr {
	x := p.tupleOf((*parser).index, &startsIndex)
	if star, ok := x.(*Starred); ok {
		return &Tuple{Span: star.Span, Elts: p.exprs.one(x)} // a[*b] is a[(*b,)]
	}
	return x
}

func (p *parser) index() Expr {
	if p.kind == opStar {
		return p.starred()
	}
	start := p.start()
	var lower Expr
	if p.kind != opColon {
		lower = p.named()
		if p.kind != opColon {
			return lower
		}
	}
	s := &Slice{Lower: lower}
	p.next()
	if startsExpr[p.kind] {
		s.Upper = p.expr()
	}
	if p.accept(opColon) && startsExpr[p.kind] {
		s.Step = p.expr()
	}
	s.Span = p.from(start)
	return s
}

// string reads adjacent string literals.
func (p *parser) string() Expr {
	start := p.start()
	mark := p.partLists.mark()
	for p.kind == KindString || p.kind == KindFStringStart {
		t := p.toks[p.i]
		n := p.parts.alloc()
		n.Prefix = p.text[t.Start:p.quoteAt(t.Start)]
		if p.kind == KindString {
			n.Span = t.Span
			p.next()
		} else {
			n.Fields = p.fields()
			n.Span = p.from(t.Start)
		}
		p.partLists.push(n)
	}
	n := p.strings.alloc()
	*n = String{p.from(start), p.partLists.take(mark)}
	return n
}

// quoteAt is the first quote of a string that starts at a place.
func (p *parser) quoteAt(at int32) int32 {
	for p.text[at] != '"' && p.text[at] != '\'' {
		at++
	}
	return at
}

// fields reads an f-string, and returns the expressions in it.
func (p *parser) fields() []Expr {
	p.next()
	mark := p.exprs.mark()
	p.fieldsUntil(KindFStringEnd)
	p.expect(KindFStringEnd)
	return p.exprs.take(mark)
}

func (p *parser) fieldsUntil(end Kind) {
	for p.kind != end && !p.failed {
		if p.accept(KindFStringMiddle) {
			continue
		}
		p.expect(opLbrace)
		p.exprs.push(p.yieldOrStarExprs())
		p.accept(opEqual)
		if p.accept(opBang) {
			p.name()
		}
		if p.accept(opColon) {
			p.fieldsUntil(opRbrace)
		}
		p.expect(opRbrace)
	}
}

// startsExpr tells the tokens that can begin an expression, startsIndex those
// that can begin an index or a slice.
var startsExpr, startsIndex = func() (expr, index [256]bool) {
	for _, k := range []Kind{KindName, KindNumber, KindString, KindFStringStart, kwTrue, kwFalse, kwNone,
		opEllipsis, opLparen, opLbracket, opLbrace, opMinus, opPlus, opTilde, opStar, kwNot, kwAwait, kwLambda} {
		expr[k], index[k] = true, true
	}
	index[opColon] = true
	return expr, index
}()
