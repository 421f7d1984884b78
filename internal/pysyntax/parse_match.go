package pysyntax

// isMatch reports whether the name "match" here is the keyword: its line ends
// in a colon, and "case" begins the block below.
func (p *parser) isMatch() bool {
	for i := p.i + 1; i+2 < len(p.toks); i++ {
		switch p.toks[i].Kind {
		case KindError, KindEOF:
			return false
		case KindNewline:
			return p.toks[i-1].Kind == opColon && p.toks[i+1].Kind == KindIndent &&
				p.toks[i+2].Kind == KindName && p.tokenText(i+2) == "case"
		case opEqual, opSemi, opDot, opComma:
			if i == p.i+1 {
				return false
			}
		}
	}
	return false
}

func (p *parser) match() Stmt {
	start := p.start()
	p.next()
	n := &Match{Subject: p.tupleOf((*parser).starNamed, &startsExpr)}
	p.expect(opColon)
	p.expect(KindNewline)
	p.expect(KindIndent)
	for p.isWord("case") {
		n.Cases = append(n.Cases, p.matchCase())
	}
	if p.kind != KindDedent {
		p.fail("expected 'case'")
	}
	p.accept(KindDedent)
	n.Span = p.fromTo(start)
	return n
}

func (p *parser) matchCase() *Case {
	c := &Case{}
	start := p.start()
	p.next()
	c.Pattern = p.openPattern(c)
	if p.accept(kwIf) {
		c.Guard = p.named()
	}
	c.Body = p.block(opColon)
	c.Span = p.fromTo(start)
	return c
}

// openPattern reads a pattern, or a sequence without brackets.
func (p *parser) openPattern(c *Case) Span {
	start := p.start()
	first := p.starPattern(c)
	if p.kind != opComma {
		return first
	}
	for p.accept(opComma) && p.kind != opColon && p.kind != kwIf {
		p.starPattern(c)
	}
	return p.from(start)
}

func (p *parser) starPattern(c *Case) Span {
	start := p.start()
	if !p.accept(opStar) {
		return p.pattern(c)
	}
	p.capture(c)
	return p.from(start)
}

// pattern reads "a | b as name".
func (p *parser) pattern(c *Case) Span {
	p.enter()
	defer p.leave()
	start := p.start()
	span := p.closedPattern(c)
	for p.accept(opPipe) {
		p.closedPattern(c)
		span = p.from(start)
	}
	if p.accept(kwAs) {
		p.capture(c)
		span = p.from(start)
	}
	return span
}

// capture reads a name that the pattern binds; the wildcard binds nothing.
func (p *parser) capture(c *Case) {
	if name := p.name(); name.ID != "_" {
		c.Captures = append(c.Captures, name)
	}
}

func (p *parser) closedPattern(c *Case) Span {
	start := p.start()
	switch p.kind {
	case kwNone, kwTrue, kwFalse:
		p.next()
	case KindNumber, KindString, KindFStringStart, opMinus:
		c.Refs = append(c.Refs, p.binary(precSum))
	case opLbracket:
		p.sequencePattern(c, opRbracket)
	case opLparen:
		if span, ok := p.sequencePattern(c, opRparen); ok {
			return span
		}
	case opLbrace:
		p.mappingPattern(c)
	case KindName:
		if k := p.peek(1); k != opDot && k != opLparen {
			p.capture(c)
			break
		}
		c.Refs = append(c.Refs, p.dottedExpr())
		if p.kind == opLparen {
			p.classPattern(c)
		}
	default:
		p.fail("expected a pattern")
	}
	return p.from(start)
}

// dottedExpr reads "a.b.c" as an expression.
func (p *parser) dottedExpr() Expr {
	start := p.start()
	var x Expr = p.name()
	for p.accept(opDot) {
		attr := p.name()
		x = &Attribute{p.from(start), x, attr}
	}
	return x
}

// sequencePattern reads patterns in brackets. One pattern in parentheses is
// that pattern: its own range and true are returned.
func (p *parser) sequencePattern(c *Case, closing Kind) (Span, bool) {
	p.next()
	n, commas := 0, 0
	var only Span
	starred := false
	for p.kind != closing && !p.failed {
		starred = p.kind == opStar
		only = p.starPattern(c)
		n++
		if !p.accept(opComma) {
			break
		}
		commas++
	}
	p.expect(closing)
	return only, n == 1 && commas == 0 && !starred
}

func (p *parser) mappingPattern(c *Case) {
	p.next()
	for p.kind != opRbrace && !p.failed {
		if p.accept(opDoubleStar) {
			p.capture(c)
		} else {
			if p.kind == KindName {
				c.Refs = append(c.Refs, p.dottedExpr())
			} else {
				c.Refs = append(c.Refs, p.binary(precSum))
			}
			p.expect(opColon)
			p.pattern(c)
		}
		if !p.accept(opComma) {
			break
		}
	}
	p.expect(opRbrace)
}

func (p *parser) classPattern(c *Case) {
	p.next()
	for p.kind != opRparen && !p.failed {
		if p.kind == KindName && p.peek(1) == opEqual {
			p.next()
			p.next()
		}
		p.pattern(c)
		if !p.accept(opComma) {
			break
		}
	}
	p.expect(opRparen)
}
