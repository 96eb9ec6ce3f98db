package syntax

// Expressions that choose one of several values.

// conditional takes CASE, COALESCE, NULLIF, GREATEST or LEAST, nil where something else stands.
func (p *parser) conditional(t token) Expr {
	switch t.value {
	case "case":
		return p.caseExpr()
	case "coalesce", "nullif", "greatest", "least":
		if p.peekAt(1).is("(") {
			return p.choice()
		}
	}
	return nil
}

func (p *parser) caseExpr() Expr {
	node := &Case{at: at(p.take().at)}
	if !p.peek().is("when") {
		node.Operand = p.expr()
	}
	for p.accept("when") {
		condition := p.expr()
		p.expect("then")
		node.Whens = append(node.Whens, When{condition, p.expr()})
	}
	if node.Whens == nil {
		p.unexpected()
	}
	if p.accept("else") {
		node.Else = p.expr()
	}
	p.expect("end")
	return node
}

func (p *parser) choice() Expr {
	t := p.take()
	node := &Choice{at: at(t.at), Name: t.value}
	p.expect("(")
	node.Args = []Expr{p.expr()}
	for p.accept(",") {
		node.Args = append(node.Args, p.expr())
	}
	if t.value == "nullif" && len(node.Args) != 2 {
		p.unexpected()
	}
	p.expect(")")
	return node
}
