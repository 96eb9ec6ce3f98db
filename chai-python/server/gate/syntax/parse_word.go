package syntax

import "chaisqld/pgerr"

// Expressions that begin with a word: constants, functions, casts and columns.

var keywordFunctions = WordSet(`current_timestamp localtimestamp current_user session_user user current_catalog current_schema
	current_role current_date current_time localtime`)

func (p *parser) wordExpr(t token) Expr {
	if t.kind == quoted {
		return p.columnOrCall()
	}
	switch t.value {
	case "null":
		p.next++
		return &Literal{at(t.at), Null, ""}
	case "true", "false":
		p.next++
		kind := True
		if t.value == "false" {
			kind = False
		}
		return &Literal{at(t.at), kind, t.value}
	case "cast":
		return p.cast()
	case "array":
		if p.peekAt(1).is("[") {
			return p.array()
		}
		p.unsupported(t.at, "ARRAY", "Compute it in the client and pass it as a parameter.")
	case "exists":
		if p.peekAt(1).is("(") {
			return p.exists()
		}
	case "row":
		if p.peekAt(1).is("(") || p.peekAt(1).kind == text {
			p.unsupported(t.at, upper(t.value), "Compute it in the client and pass it as a parameter.")
		}
	}
	if x := p.conditional(t); x != nil {
		return x
	}
	if x := p.sqlFunction(t); x != nil {
		return x
	}
	if keywordFunctions[t.value] {
		return p.keywordFunction(t)
	}
	if p.peekAt(1).kind == text || p.typeOfSeveralWords(t) {
		return p.typedConstant(t)
	}
	return p.columnOrCall()
}

// keywordFunction takes current_timestamp and its like, with a precision that only 6 can be. PostgreSQL lets one of them be
// called like any other function.
func (p *parser) keywordFunction(t token) Expr {
	if t.value == "current_schema" && p.peekAt(1).is("(") {
		p.next++
		return p.call(Name{Text: t.value, At: t.at})
	}
	p.next++
	if p.peek().is("(") {
		modifiers := p.modifiers()
		if len(modifiers) != 1 || modifiers[0] != "6" {
			p.unsupported(t.at, upper(t.value)+" with a precision", "Timestamps have microseconds.")
		}
	}
	return &Call{at: at(t.at), Name: t.value, Keyword: true}
}

func (p *parser) exists() Expr {
	t := p.take()
	p.expect("(")
	x := &Subquery{at: at(t.at), Select: p.query(), Exists: true}
	p.expect(")")
	return x
}

func (p *parser) cast() Expr {
	t := p.take()
	p.expect("(")
	x := p.expr()
	p.expect("as")
	target := p.typeName()
	p.expect(")")
	return &Cast{at(t.at), x, target}
}

// typeOfSeveralWords says whether a word begins the name of a type that has more of them.
func (p *parser) typeOfSeveralWords(t token) bool {
	next := p.peekAt(1)
	switch t.value {
	case "timestamp":
		return next.is("with") || next.is("without")
	case "double":
		return next.is("precision")
	case "character", "char":
		return next.is("varying")
	case "interval": // with a precision
		return next.is("(") && p.peekAt(2).kind == integer && p.peekAt(3).is(")") && p.peekAt(4).kind == text
	}
	return false
}

// typedConstant takes "type 'text'".
func (p *parser) typedConstant(t token) Expr {
	target := p.typeName()
	constant := p.peek()
	if constant.kind != text {
		p.unexpected()
	}
	p.next++
	if t.is("interval") && target.Modifiers == nil {
		p.intervalFields(&target)
	}
	return &Cast{at(t.at), &Literal{at(constant.at), String, constant.value}, target}
}

func (p *parser) columnOrCall() Expr {
	t := p.peek()
	if t.kind == word && (t.value == "left" || t.value == "right") && p.peekAt(1).is("(") { // which name no column
		p.next++
		return p.call(Name{Text: t.value, At: t.at})
	}
	first := p.name()
	if p.peek().is("(") {
		return p.call(first)
	}
	if !p.accept(".") {
		return &Column{at(first.At), "", first.Text}
	}
	if p.peek().is("*") {
		p.unsupported(first.At, "a whole row as a value", "Name its columns.")
	}
	second := p.label()
	if p.peek().is("(") && first.Text == "pg_catalog" {
		return p.call(second)
	}
	if p.accept(".") { // schema.table.column
		if first.Text != "public" {
			panic(failure{pgerr.New(pgerr.UndefinedTable, "missing FROM-clause entry for table \"%s\"", second.Text).At(position(p.source, first.At))})
		}
		third := p.label()
		return &Column{at(first.At), second.Text, third.Text}
	}
	return &Column{at(first.At), first.Text, second.Text}
}

func (p *parser) call(name Name) Expr {
	node := &Call{at: at(name.At), Name: name.Text}
	p.expect("(")
	switch {
	case p.accept("*"):
		node.Star = true
	case p.peek().is(")"):
	default:
		node.Distinct = p.acceptAny("all", "distinct") == "distinct"
		p.argumentsFrom(node)
		if p.accept("order", "by") {
			node.OrderBy = p.orderBy()
		}
	}
	p.expect(")")
	p.afterCall(node)
	return node
}

// afterCall takes what says which rows an aggregate takes in.
func (p *parser) afterCall(node *Call) {
	if t := p.peek(); t.is("within") {
		p.unsupported(t.at, "WITHIN GROUP", "Take the rows in order, and pick in the client.")
	}
	if p.accept("filter") {
		p.expect("(", "where")
		node.Filter = p.expr()
		p.expect(")")
	}
	if t := p.peek(); t.is("over") {
		p.unsupported(t.at, "OVER", "There are no window functions: aggregate with GROUP BY.")
	}
}
