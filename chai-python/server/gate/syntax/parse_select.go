package syntax

// The clauses of a SELECT, in their order, and the names that output columns and tables may be given.

func (p *parser) distinct() bool {
	if !p.accept("distinct") {
		p.accept("all")
		return false
	}
	if t := p.peek(); t.is("on") {
		p.unsupported(t.at, "DISTINCT ON", "Select the rows in order, and take the first of each in the client; or GROUP BY with min or max.")
	}
	return true
}

// groupBy takes GROUP BY's list. ALL and DISTINCT tell what to do about grouping sets that are alike.
func (p *parser) groupBy() []Expr {
	_ = p.acceptAny("all", "distinct")
	list := []Expr{p.groupItem()}
	for p.accept(",") {
		list = append(list, p.groupItem())
	}
	return list
}

func (p *parser) groupItem() Expr {
	t, next := p.peek(), p.peekAt(1)
	if (t.is("rollup") || t.is("cube")) && next.is("(") || t.is("grouping") && next.is("sets") || t.is("(") && next.is(")") {
		p.unsupported(t.at, "GROUP BY with grouping sets", "Group by one list at a time.")
	}
	return p.expr()
}

// afterItems may follow SELECT at once: PostgreSQL allows a select list of nothing.
var afterItems = WordSet("from where group having window order limit offset fetch for union intersect except ; )")

// refuseClauses tells apart what PostgreSQL allows after WHERE.
func (p *parser) refuseClauses() {
	const hint = "Supported is SELECT … FROM table WHERE … GROUP BY … HAVING … ORDER BY … LIMIT … OFFSET … on one table."
	t := p.peek()
	if t.kind != word {
		return
	}
	switch t.value {
	case "window", "union", "intersect", "except", "for":
		p.unsupported(t.at, upper(t.value), hint)
	}
}

func (p *parser) items() []Item {
	list := []Item{p.item()}
	for p.accept(",") {
		list = append(list, p.item())
	}
	return list
}

// onlyAfterAs are the words that name an output column after AS alone.
var onlyAfterAs = WordSet(`array as char character create day except fetch filter for from grant group having hour intersect into isnull
	limit minute month notnull offset on order over overlaps precision returning second to union varying where window with within
	without year`)

func (p *parser) item() Item {
	t := p.peek()
	if p.accept("*") {
		return Item{At: t.at}
	}
	if p.peekAt(1).is(".") && p.peekAt(2).is("*") {
		n := p.name()
		p.next += 2
		p.outputName() // names nothing
		return Item{Star: n.Text, At: t.at}
	}
	return Item{Expr: p.expr(), Alias: p.outputName(), At: t.at}
}

// outputName takes the name of an output column, "" if there is none.
func (p *parser) outputName() string {
	next := p.peek()
	if p.accept("as") || next.kind == quoted || next.kind == word && !onlyAfterAs[next.value] {
		return p.label().Text
	}
	return ""
}

func (p *parser) from() *Table {
	const hint = "Name one table; join in the client."
	if t := p.peek(); t.is("(") || t.is("lateral") {
		p.unsupported(t.at, "a subquery in FROM", hint)
	}
	p.accept("only")
	table := p.withAlias(p.relationName())
	if t := p.peek(); t.is(",") || t.kind == word && joins[t.value] {
		p.unsupported(t.at, "a join", hint)
	}
	return &table
}

var joins = WordSet("join inner left right full cross natural")

func (p *parser) aliased() Table { return p.withAlias(p.tableName()) }

func (p *parser) withAlias(name Name) Table {
	table := Table{Name: name}
	if t := p.peek(); t.is("(") {
		p.unsupported(t.at, "a function in FROM", "Name one table.")
	}
	p.accept("*") // with the tables that inherit it: there are none
	if p.accept("as") {
		table.Alias = p.name().Text
	} else if t := p.peek(); t.kind == quoted || t.kind == word && !reserved[t.value] && t.value != "set" {
		table.Alias = p.name().Text
	}
	return table
}

func (p *parser) orderBy() []Order {
	var list []Order
	for {
		o := Order{Expr: p.expr()}
		if t := p.peek(); p.accept("using") {
			p.unsupported(t.at, "ORDER BY … USING", "Write ASC or DESC.")
		}
		o.Descending = p.acceptAny("asc", "desc") == "desc"
		if p.accept("nulls") {
			first := p.accept("first")
			if !first {
				p.expect("last")
			}
			o.NullsFirst = &first
		}
		list = append(list, o)
		if !p.accept(",") {
			return list
		}
	}
}

// limits takes LIMIT, OFFSET and FETCH FIRST in any order.
func (p *parser) limits(s *Select) {
	for {
		switch t := p.peek(); {
		case t.is("limit") && s.Limit == nil:
			p.next++
			if !p.accept("all") {
				s.Limit = p.expr()
			}
		case t.is("offset") && s.Offset == nil:
			p.next++
			s.Offset = p.expr()
			_ = p.acceptAny("row", "rows")
		case t.is("fetch") && s.Limit == nil:
			s.Limit = p.fetchFirst()
		default:
			return
		}
	}
}

func (p *parser) fetchFirst() Expr {
	p.expect("fetch")
	if p.acceptAny("first", "next") == "" {
		p.unexpected()
	}
	var count Expr = &Literal{at(p.peek().at), Integer, "1"}
	if t := p.peek(); !t.is("row") && !t.is("rows") {
		count = p.primary()
	}
	if p.acceptAny("row", "rows") == "" {
		p.unexpected()
	}
	p.expect("only")
	return count
}
