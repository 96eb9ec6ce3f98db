package syntax

// INSERT, UPDATE, DELETE and RETURNING.

func (p *parser) insert() Statement {
	p.expect("insert", "into")
	s := &Insert{Table: Table{Name: p.tableName()}}
	if p.accept("as") {
		s.Table.Alias = p.name().Text
	}
	if t := p.peek(); t.is("(") && !p.beginsQuery(1) {
		s.Columns = p.names()
	}
	if t := p.peek(); p.accept("overriding") {
		p.unsupported(t.at, "OVERRIDING", "There are no identity columns.")
	}
	switch t := p.peek(); {
	case p.accept("default", "values"):
		s.Rows, s.Columns = [][]Expr{{}}, []Name{}
	case p.beginsQuery(0):
		p.insertQuery(s)
	case t.is("values"):
		p.next++
		p.unexpected()
	default:
		p.unexpected()
	}
	if t := p.peek(); p.accept("on", "conflict") {
		s.Conflict = p.conflict(t.at)
	}
	s.Returning = p.returning()
	return s
}

// insertQuery takes what is inserted. VALUES alone is not a query: only there DEFAULT may stand.
func (p *parser) insertQuery(s *Insert) {
	q := p.query()
	if q.Values == nil || q.OrderBy != nil || q.Limit != nil || q.Offset != nil {
		s.Query = q
		return
	}
	s.Rows = q.Values
}

func (p *parser) valueRows() [][]Expr {
	var rows [][]Expr
	for {
		p.expect("(")
		row := []Expr{p.value()}
		for p.accept(",") {
			row = append(row, p.value())
		}
		p.expect(")")
		rows = append(rows, row)
		if !p.accept(",") {
			return rows
		}
	}
}

// value is an expression or DEFAULT.
func (p *parser) value() Expr {
	if t := p.peek(); p.accept("default") {
		return &Default{at(t.at)}
	}
	return p.expr()
}

func (p *parser) conflict(start int) *Conflict {
	c := &Conflict{At: start}
	if t := p.peek(); t.is("(") {
		c.Target = p.names()
	} else if p.accept("on") {
		p.unsupported(t.at, "ON CONFLICT ON CONSTRAINT", "Name the key column: ON CONFLICT (column).")
	}
	if t := p.peek(); t.is("where") {
		p.unsupported(t.at, "a WHERE after the conflict target", "There are no partial indexes.")
	}
	p.expect("do")
	if p.accept("nothing") {
		return c
	}
	p.expect("update", "set")
	c.Update, c.Set = true, p.assignments()
	if p.accept("where") {
		c.Where = p.expr()
	}
	return c
}

func (p *parser) assignments() []Assignment {
	var list []Assignment
	for {
		if t := p.peek(); t.is("(") {
			p.unsupported(t.at, "SET with a list of columns", "Write SET a = …, b = ….")
		}
		column := p.name()
		if t := p.peek(); t.is(".") || t.is("[") {
			p.unsupported(t.at, "SET of a part of a column", "Set the whole column.")
		}
		p.expect("=")
		list = append(list, Assignment{Column: column, Value: p.value()})
		if !p.accept(",") {
			return list
		}
	}
}

func (p *parser) returning() []Item {
	if !p.accept("returning") {
		return nil
	}
	return p.items()
}

func (p *parser) update() Statement {
	p.expect("update")
	p.accept("only")
	s := &Update{Table: p.aliased()}
	p.expect("set")
	s.Set = p.assignments()
	if t := p.peek(); t.is("from") {
		p.unsupported(t.at, "UPDATE … FROM", "Update one table by a condition on its own columns.")
	}
	s.Where = p.where()
	s.Returning = p.returning()
	return s
}

func (p *parser) delete() Statement {
	p.expect("delete", "from")
	p.accept("only")
	s := &Delete{Table: p.aliased()}
	if t := p.peek(); t.is("using") {
		p.unsupported(t.at, "DELETE … USING", "Delete from one table by a condition on its own columns.")
	}
	s.Where = p.where()
	s.Returning = p.returning()
	return s
}

func (p *parser) where() Expr {
	if !p.accept("where") {
		return nil
	}
	if t := p.peek(); t.is("current") && p.peekAt(1).is("of") {
		p.unsupported(t.at, "WHERE CURRENT OF", "There are no cursors.")
	}
	return p.expr()
}
