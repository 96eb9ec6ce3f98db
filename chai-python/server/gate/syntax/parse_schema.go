package syntax

// CREATE, DROP and TRUNCATE.

func (p *parser) create() Statement {
	start := p.take() // CREATE
	t := p.peek()
	switch {
	case p.accept("table"):
		return p.createTable()
	case p.accept("unique", "index"):
		return p.createIndex(start.at, true)
	case p.accept("index"):
		return p.createIndex(start.at, false)
	case t.kind == word:
		p.unsupported(t.at, "CREATE "+upper(t.value), "Supported are CREATE TABLE and CREATE INDEX.")
	}
	p.unexpected()
	return nil
}

func (p *parser) createTable() Statement {
	s := &CreateTable{IfNotExists: p.accept("if", "not", "exists")}
	s.Name = p.tableName()
	if t := p.peek(); t.is("as") || t.is("of") || t.is("partition") {
		p.unsupported(t.at, "CREATE TABLE "+upper(t.value), "List the columns.")
	}
	p.expect("(")
	for {
		p.tableElement(s)
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	if t := p.peek(); t.kind == word {
		p.unsupported(t.at, upper(t.value)+" after the columns", "CREATE TABLE takes columns and a primary key alone.")
	}
	return s
}

const constraintHint = "Supported are PRIMARY KEY, NOT NULL and DEFAULT."

func (p *parser) tableElement(s *CreateTable) {
	t := p.peek()
	if p.accept("constraint") {
		p.name()
		t = p.peek()
	}
	switch {
	case p.accept("primary", "key"):
		if s.PrimaryKey != nil {
			p.failAt(t.at, "multiple primary keys for table \"%s\" are not allowed", s.Name.Text)
		}
		s.KeyAt, s.PrimaryKey = t.at, p.names()
	case t.is("unique") || t.is("check") || t.is("foreign") || t.is("exclude") && p.peekAt(1).is("using") || t.is("like"):
		p.unsupported(t.at, upper(t.value), constraintHint)
	default:
		s.Columns = append(s.Columns, p.columnDef())
	}
}

func (p *parser) columnDef() ColumnDef {
	c := ColumnDef{Name: p.name(), Type: p.typeName()}
	for nullable := false; ; {
		t := p.peek()
		switch {
		case p.accept("not", "null"):
			c.NotNull = true
		case p.accept("null"):
			nullable = true
		case p.accept("primary", "key"):
			c.KeyTwice = c.PrimaryKey
			c.PrimaryKey = true
		case t.is("default") && c.Default != nil:
			p.next++
			p.restricted()
			c.Wrong = "multiple default values specified for column"
		case p.accept("default"):
			c.Default = p.restricted()
		case p.accept("constraint"):
			p.name()
		case t.is(",") || t.is(")"):
			if nullable && c.NotNull {
				c.Wrong = "conflicting NULL/NOT NULL declarations for column"
			}
			return c
		case t.kind == word:
			p.unsupported(t.at, upper(t.value)+" in a column definition", constraintHint)
		default:
			p.unexpected()
		}
	}
}

func (p *parser) createIndex(start int, unique bool) Statement {
	s := &CreateIndex{Unique: unique, At: start}
	if t := p.peek(); p.accept("concurrently") {
		p.unsupported(t.at, "CREATE INDEX CONCURRENTLY", "Create the index while the table is small.")
	}
	s.IfNotExists = p.accept("if", "not", "exists")
	if s.IfNotExists || !p.peek().is("on") {
		s.Name = p.name()
	}
	p.expect("on")
	p.accept("only")
	s.Table = p.tableName()
	if p.accept("using") {
		if t := p.peek(); !p.accept("btree") {
			p.unsupported(t.at, "USING "+upper(t.value), "All indexes are ordered: leave out USING.")
		}
	}
	p.expect("(")
	for {
		s.Columns = append(s.Columns, p.indexColumn())
		if !p.accept(",") {
			break
		}
	}
	p.expect(")")
	if t := p.peek(); t.kind == word {
		p.unsupported(t.at, upper(t.value)+" on an index", "CREATE INDEX takes one column.")
	}
	return s
}

func (p *parser) indexColumn() IndexColumn {
	const hint = "CREATE INDEX takes one column."
	if t := p.peek(); t.is("(") {
		p.unsupported(t.at, "an index on an expression", hint)
	}
	c := IndexColumn{Name: p.name()}
	if t := p.peek(); t.is("(") {
		p.unsupported(t.at, "an index on an expression", hint)
	}
	c.Descending = p.acceptAny("asc", "desc") == "desc"
	if t := p.peek(); t.kind == word {
		p.unsupported(t.at, upper(t.value)+" in an index", hint)
	}
	return c
}

func (p *parser) drop() Statement {
	p.take() // DROP
	s := &Drop{}
	switch t := p.peek(); {
	case p.accept("table"):
	case p.accept("index"):
		s.Index = true
	case t.kind == word:
		p.unsupported(t.at, "DROP "+upper(t.value), "Supported are DROP TABLE and DROP INDEX.")
	default:
		p.unexpected()
	}
	s.IfExists = p.accept("if", "exists")
	s.Names = []Name{p.dropped(s.IfExists)}
	for p.accept(",") {
		s.Names = append(s.Names, p.dropped(s.IfExists))
	}
	_ = p.acceptAny("cascade", "restrict") // nothing depends on a table or an index but a table's own indexes
	return s
}

// truncate takes TRUNCATE. There are no sequences to restart, and nothing refers to a table.
func (p *parser) truncate() Statement {
	p.expect("truncate")
	p.accept("table")
	s := &Truncate{}
	s.Names = []Name{p.relation(p.tableName)}
	for p.accept(",") {
		s.Names = append(s.Names, p.relation(p.tableName))
	}
	if p.acceptAny("restart", "continue") != "" {
		p.expect("identity")
	}
	_ = p.acceptAny("cascade", "restrict")
	return s
}

// dropped takes a name, which may be in a schema that is not there if the relation need not be.
func (p *parser) dropped(ifExists bool) Name {
	schema := p.peek()
	if !ifExists || !p.peekAt(1).is(".") || schema.value == "public" || catalogueSchemas[schema.value] {
		return p.tableName()
	}
	n := p.name()
	p.expect(".")
	p.label()
	n.Schema = n.Text
	return n
}
