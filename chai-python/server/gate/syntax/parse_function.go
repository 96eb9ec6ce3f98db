package syntax

// Functions whose arguments have words between them instead of commas. Each becomes a call of the function that it stands for.

// sqlFunction takes EXTRACT, OVERLAY, POSITION, SUBSTRING or TRIM, nil where something else stands.
func (p *parser) sqlFunction(t token) Expr {
	if !p.peekAt(1).is("(") {
		return nil
	}
	node := &Call{at: at(t.at), Name: t.value}
	var arguments func(*Call)
	switch t.value {
	case "extract":
		arguments = p.extract
	case "overlay":
		arguments = p.overlay
	case "position":
		arguments = p.position
	case "substring":
		arguments = p.substring
	case "trim":
		arguments = p.trim
	default:
		return nil
	}
	p.next += 2
	arguments(node)
	p.expect(")")
	return node
}

// extract takes "field FROM x", where the field may be any word or a constant.
func (p *parser) extract(node *Call) {
	t := p.peek()
	if t.kind != word && t.kind != quoted && t.kind != text {
		p.unexpected()
	}
	p.next++
	p.expect("from")
	node.Args = []Expr{&Literal{at(t.at), String, t.value}, p.expr()}
}

// overlay takes "x PLACING y FROM start [FOR length]", or a list.
func (p *parser) overlay(node *Call) {
	if p.argumentList(node); len(node.Args) != 1 || !p.accept("placing") {
		return
	}
	node.Args = append(node.Args, p.expr())
	p.expect("from")
	node.Args = append(node.Args, p.expr())
	if p.accept("for") {
		node.Args = append(node.Args, p.expr())
	}
}

// position takes "part IN whole".
func (p *parser) position(node *Call) {
	part := p.restricted()
	p.expect("in")
	node.Args = []Expr{p.restricted(), part}
}

// substring takes "x FROM start", "x FOR length" or both in any order, or a list.
func (p *parser) substring(node *Call) {
	if p.argumentList(node); len(node.Args) != 1 {
		return
	}
	switch t := p.peek(); {
	case p.accept("from"):
		node.Args = append(node.Args, p.expr())
		if p.accept("for") {
			node.Args = append(node.Args, p.expr())
		}
	case p.accept("for"):
		length := p.expr()
		if p.accept("from") {
			node.Args = append(node.Args, p.expr(), length)
			return
		}
		node.Args = append(node.Args, &Literal{at(t.at), Integer, "1"}, &Cast{at(length.At()), length, TypeName{Name: "int4", At: length.At()}})
	}
}

// trim takes "[BOTH | LEADING | TRAILING] [characters] FROM x", or a list.
func (p *parser) trim(node *Call) {
	switch p.acceptAny("both", "leading", "trailing") {
	case "leading":
		node.Name = "ltrim"
	case "trailing":
		node.Name = "rtrim"
	default:
		node.Name = "btrim"
	}
	if p.accept("from") {
		p.argumentsFrom(node)
		return
	}
	p.argumentsFrom(node)
	if len(node.Args) == 1 && p.accept("from") {
		characters := node.Args[0]
		node.Args = nil
		p.argumentsFrom(node)
		node.Args = append(node.Args, characters)
	}
}

// argumentList takes a list of arguments, which may be empty.
func (p *parser) argumentList(node *Call) {
	if !p.peek().is(")") {
		p.argumentsFrom(node)
	}
}

// argumentsFrom takes a list of one argument or more.
func (p *parser) argumentsFrom(node *Call) {
	node.Args = append(node.Args, p.expr())
	for p.accept(",") {
		node.Args = append(node.Args, p.expr())
	}
}
