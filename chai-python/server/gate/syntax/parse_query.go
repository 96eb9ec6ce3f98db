package syntax

// Queries: SELECT, VALUES and TABLE, with what may follow each of them.

// beginsQuery says whether the tokens from there on are a query, perhaps in parentheses.
func (p *parser) beginsQuery(ahead int) bool {
	t := p.peekAt(ahead)
	for t.is("(") {
		ahead++
		t = p.peekAt(ahead)
	}
	return t.is("select") || t.is("with") || t.is("table") || t.is("values") && p.peekAt(ahead+1).is("(")
}

// holdsQuery says whether the parenthesis that is open before the token of that number holds a query, and not a list that begins
// with one, as in ((SELECT 1), 2). It looks ahead, since to take a nested text twice at every level would take for ever.
func (p *parser) holdsQuery(from int) bool {
	for p.tokens[from].is("(") {
		switch after := p.tokens[p.shutAfter(from)]; {
		case after.kind == word && afterQuery[after.value]:
		case !after.is(")"):
			return false
		}
		from++
	}
	return p.beginsQuery(from - p.next)
}

// shutAfter is the number of the token after the parenthesis that shuts the one of that number.
func (p *parser) shutAfter(number int) int {
	for open := 0; number < len(p.tokens)-1; number++ {
		switch t := p.tokens[number]; {
		case t.is("("):
			open++
		case t.is(")"):
			open--
		}
		if open == 0 {
			return number + 1
		}
	}
	return number
}

// query takes a SELECT, VALUES or TABLE.
func (p *parser) query() *Select {
	defer p.deeper()()
	switch t := p.peek(); {
	case t.is("("):
		return p.queryInParentheses()
	case t.is("with"):
		p.unsupported(t.at, "WITH", "Send the statements one after the other.")
	}
	s := &Select{At: p.peek().at}
	switch {
	case p.accept("values"):
		s.Values, s.Items = p.valueRows(), []Item{{At: s.At}}
	case p.accept("table"):
		s.Items = []Item{{At: s.At}}
		s.Table = &Table{Name: p.relation(p.relationName)}
	default:
		p.selectClauses(s)
	}
	p.refuseClauses()
	if p.accept("order", "by") {
		s.OrderBy = p.orderBy()
	}
	p.limits(s)
	p.refuseClauses()
	return s
}

// relation takes a table with or without those that inherit it: there are none.
func (p *parser) relation(name func() Name) Name {
	if !p.accept("only") {
		n := name()
		p.accept("*")
		return n
	}
	if !p.accept("(") {
		return name()
	}
	n := name()
	p.expect(")")
	return n
}

func (p *parser) queryInParentheses() *Select {
	const hint = "Write what follows within the parentheses, or leave them out."
	p.expect("(")
	s := p.query()
	p.expect(")")
	p.refuseClauses()
	if t := p.peek(); t.is("order") || t.is("limit") || t.is("offset") || t.is("fetch") {
		p.unsupported(t.at, upper(t.value)+" after a query in parentheses", hint)
	}
	return s
}

// selectClauses takes a SELECT up to ORDER BY.
func (p *parser) selectClauses(s *Select) {
	p.expect("select")
	s.Distinct = p.distinct()
	if t := p.peek(); s.Distinct || t.kind != end && !(afterItems[t.value] && (t.kind == word || t.kind == symbol)) {
		s.Items = p.items()
	}
	if p.accept("from") {
		s.Table = p.from()
	}
	if p.accept("where") {
		s.Where = p.expr()
	}
	if p.accept("group", "by") {
		s.GroupBy = p.groupBy()
	}
	if p.accept("having") {
		s.Having = p.expr()
	}
}
