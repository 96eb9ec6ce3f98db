package syntax

import (
	"strings"

	"chaisqld/pgerr"
)

// parser walks the tokens of one statement. Its methods fail by panicking with a failure, which Parse recovers: a parser by
// recursive descent checks at every token, and an error result at each would bury the grammar.
type parser struct {
	source   string
	tokens   []token
	next     int
	depth    int
	maxDepth int
}

type failure struct{ err error }

// Parse parses one statement; a semicolon may end it. It returns nil without an error when there is nothing to parse.
// depth limits nesting of parentheses, operators and comments.
func Parse(source string, depth int) (statement Statement, err error) {
	err = parseWith(source, depth, func(p *parser) { statement = p.statement() })
	if err != nil {
		return nil, err
	}
	return statement, nil
}

// Split cuts source at its top-level semicolons and leaves out parts without a token.
func Split(source string, depth int) ([]string, error) {
	if err := checkEncoding(source); err != nil {
		return nil, err
	}
	l := lexer{source: source, depth: depth}
	tokens, err := l.tokens()
	if err != nil {
		return nil, err
	}
	var statements []string
	first, parens := 0, 0
	for i, t := range tokens {
		switch {
		case t.is("("):
			parens++
		case t.is(")"):
			parens--
		}
		if t.kind == end || t.is(";") && parens <= 0 {
			if i > first {
				statements = append(statements, source[tokens[first].at:tokens[i-1].until])
			}
			first, parens = i+1, 0
		}
	}
	return statements, nil
}

// is says whether the token is this symbol or this keyword (which a quoted identifier never is).
func (t token) is(value string) bool {
	return (t.kind == symbol || t.kind == word) && t.value == value
}

func (p *parser) peek() token { return p.tokens[p.next] }

func (p *parser) peekAt(ahead int) token {
	return p.tokens[min(p.next+ahead, len(p.tokens)-1)]
}

func (p *parser) take() token {
	t := p.peek()
	if t.kind != end {
		p.next++
	}
	return t
}

// accept takes the given words or symbols if all of them come next.
func (p *parser) accept(values ...string) bool {
	for i, value := range values {
		if !p.peekAt(i).is(value) {
			return false
		}
	}
	p.next += len(values)
	return true
}

func (p *parser) acceptAny(values ...string) string {
	for _, value := range values {
		if p.accept(value) {
			return value
		}
	}
	return ""
}

func (p *parser) expect(values ...string) {
	for _, value := range values {
		if !p.accept(value) {
			p.unexpected()
		}
	}
}

// unexpected fails at the next token.
func (p *parser) unexpected() {
	t := p.peek()
	if t.kind == end {
		p.failAt(t.at, "syntax error at end of input")
	}
	p.failAt(t.at, "syntax error at or near \"%s\"", near(p.source[t.at:t.until]))
}

func (p *parser) failAt(at int, format string, args ...any) {
	panic(failure{pgerr.New(pgerr.SyntaxError, format, args...).At(position(p.source, at))})
}

// unsupported fails because PostgreSQL knows what stands at this place but the gate does not.
func (p *parser) unsupported(at int, what, hint string) {
	panic(failure{pgerr.New(pgerr.FeatureNotSupported, "%s is not supported", what).At(position(p.source, at)).WithHint(hint)})
}

// deeper guards one level of nesting; call the result when leaving it.
func (p *parser) deeper() func() {
	p.depth++
	if p.depth > p.maxDepth {
		panic(failure{tooDeep(p.source, p.peek().at, p.maxDepth)})
	}
	return func() { p.depth-- }
}

// name takes an identifier that may be used as a table or column.
func (p *parser) name() Name {
	t := p.peek()
	if t.kind != quoted && (t.kind != word || reserved[t.value]) {
		p.unexpected()
	}
	p.next++
	return p.checkedName(t)
}

// label takes an identifier after AS, where PostgreSQL allows every word.
func (p *parser) label() Name {
	t := p.peek()
	if t.kind != quoted && t.kind != word {
		p.unexpected()
	}
	p.next++
	return p.checkedName(t)
}

const nameBytes = 63

func (p *parser) checkedName(t token) Name {
	if len(t.value) > nameBytes {
		panic(failure{pgerr.New("42622", "identifier \"%s…\" has %d bytes, the limit is %d", near(t.value), len(t.value), nameBytes).
			At(position(p.source, t.at))})
	}
	return Name{Text: t.value, At: t.at}
}

// relationName takes what FROM can name: a table, or one of PostgreSQL's own.
func (p *parser) relationName() Name {
	t := p.peek()
	if !catalogueSchemas[t.value] || t.kind != word && t.kind != quoted || !p.peekAt(1).is(".") {
		return p.tableName()
	}
	p.next += 2
	n := p.label()
	n.Schema, n.At = t.value, t.at
	return n
}

// tableName takes [public.]name.
func (p *parser) tableName() Name {
	n := p.name()
	if !p.accept(".") {
		return n
	}
	if n.Text != "public" {
		panic(failure{pgerr.New("3F000", "schema \"%s\" does not exist", n.Text).At(position(p.source, n.At)).
			WithHint("There is one schema, public; catalogue tables are not supported.")})
	}
	return p.label()
}

func (p *parser) names() []Name {
	p.expect("(")
	list := []Name{p.name()}
	for p.accept(",") {
		list = append(list, p.name())
	}
	p.expect(")")
	return list
}

// reserved words cannot name a table or column without quotes. The list is PostgreSQL's, reserved and type_func_name.
var reserved = WordSet(`all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate
	collation column concurrently constraint create cross current_catalog current_date current_role current_schema current_time
	current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze from full
	grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit localtime
	localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references returning right
	select session_user similar some symmetric table tablesample then to trailing true union unique user using variadic verbose
	when where window with`)

// WordSet makes a set of the words of a text.
func WordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// ParseExpr parses one expression, such as the text of a column's default.
func ParseExpr(source string, depth int) (x Expr, err error) {
	err = parseWith(source, depth, func(p *parser) {
		x = p.expr()
		if p.peek().kind != end {
			p.unexpected()
		}
	})
	return x, err
}

// parseWith runs part of the grammar and turns its failure into an error.
func parseWith(source string, depth int, grammar func(*parser)) (err error) {
	if err := checkEncoding(source); err != nil {
		return err
	}
	l := lexer{source: source, depth: depth}
	tokens, err := l.tokens()
	if err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(failure)
			if !ok {
				panic(r)
			}
			err = f.err
		}
	}()
	grammar(&parser{source: source, tokens: tokens, maxDepth: depth})
	return nil
}

// Position turns a byte offset into a position as clients count it: characters from 1.
func Position(source string, at int) int { return position(source, at) }

func upper(s string) string { return strings.ToUpper(s) }
