package syntax

// How a statement begins, which says what it is, and what is said of those that are not taken.

const supportedStatements = "Supported are SELECT, VALUES, TABLE, INSERT, UPDATE, DELETE, EXPLAIN, TRUNCATE, CREATE and DROP TABLE and INDEX, BEGIN, COMMIT, ROLLBACK, " +
	"SET, RESET, SHOW, DISCARD and DEALLOCATE."

// refusedStatements begin statements of PostgreSQL that the gate does not have.
var refusedStatements = WordSet(`alter analyse analyze call checkpoint cluster comment copy declare do execute fetch
	grant import listen load lock merge move notify prepare reassign refresh reindex release revoke savepoint security vacuum
	with`)

// insteadOf says what to do without a statement, where there is more to say than what is supported.
var insteadOf = map[string]string{
	"copy":      "Rows go in with INSERT, many in one statement or in a pipeline, and come out with SELECT.",
	"declare":   "Read in pages: WHERE key > $1 ORDER BY key LIMIT $2; or take a portal's rows bit by bit, in the protocol.",
	"execute":   "Prepare statements in the protocol, as drivers do.",
	"prepare":   "Prepare statements in the protocol, as drivers do.",
	"listen":    "No client hears of another's doings: ask again now and then.",
	"notify":    "No client hears of another's doings: ask again now and then.",
	"savepoint": "Roll back the whole transaction.",
}

func (p *parser) statement() Statement {
	for p.accept(";") {
	}
	t := p.peek()
	if t.kind == end {
		return nil
	}
	s := p.statementBody(t)
	p.accept(";")
	for p.accept(";") {
	}
	if t := p.peek(); t.kind != end {
		if p.tokens[p.next-1].is(";") {
			p.failAt(t.at, "cannot insert multiple commands into a prepared statement")
		}
		p.unexpected()
	}
	return s
}

func (p *parser) statementBody(t token) Statement {
	if t.kind == word {
		if parse := p.grammar(t.value); parse != nil {
			return parse()
		}
	}
	switch {
	case t.kind == word && refusedStatements[t.value]:
		hint := insteadOf[t.value]
		if hint == "" {
			hint = supportedStatements
		}
		p.unsupported(t.at, upper(t.value), hint)
	case t.is("(") && p.beginsQuery(0):
		return p.query()
	}
	p.unexpected()
	return nil
}

// grammar is what parses a statement that begins with a word, nil if nothing does.
func (p *parser) grammar(first string) func() Statement {
	switch first {
	case "select", "values", "table":
		return func() Statement { return p.query() }
	case "truncate":
		return p.truncate
	case "explain":
		return p.explain
	case "insert":
		return p.insert
	case "update":
		return p.update
	case "delete":
		return p.delete
	case "create":
		return p.create
	case "drop":
		return p.drop
	}
	return p.sessionGrammar(first)
}

func (p *parser) sessionGrammar(first string) func() Statement {
	switch first {
	case "begin", "start":
		return p.begin
	case "commit", "end", "rollback", "abort":
		return p.finish
	case "set":
		return p.set
	case "reset":
		return p.reset
	case "show":
		return p.show
	case "discard":
		return p.discard
	case "deallocate":
		return p.deallocate
	case "close", "unlisten":
		return p.nothingToEnd
	}
	return nil
}

// explain takes EXPLAIN and what it is about.
func (p *parser) explain() Statement {
	const hint = "Write EXPLAIN and the statement: it tells how the statement would read, and does not run it."
	s := &Explain{At: p.take().at}
	switch t := p.peek(); {
	case t.is("analyze"), t.is("analyse"), t.is("verbose"):
		p.unsupported(t.at, "EXPLAIN "+upper(t.value), hint)
	case t.is("(") && !p.beginsQuery(0):
		p.unsupported(t.at, "EXPLAIN with options", hint)
	case t.is("("), explainable[t.value] && t.kind == word:
		s.Statement = p.statementBody(t)
	default:
		p.unexpected()
	}
	return s
}

var explainable = WordSet("select values table insert update delete with")
