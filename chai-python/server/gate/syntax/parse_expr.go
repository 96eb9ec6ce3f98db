package syntax

import (
	"strconv"
	"strings"

	"chaisqld/pgerr"
)

// How tightly operators bind, loosest first, as in PostgreSQL's grammar. There, what precedes an operator may be anything
// that came before, even if that binds more loosely: x IS NULL = true is (x IS NULL) = true.
const (
	bindOr = 1 + iota
	bindAnd
	bindNot
	bindIs
	bindComparison
	bindMembership // BETWEEN, IN
	bindOther      // ||
	bindSum
	bindProduct
	bindSign
)

func (p *parser) expr() Expr {
	defer p.deeper()()
	return p.exprAbove(bindOr)
}

// exprAbove takes an expression whose operators bind at least as tightly as level.
func (p *parser) exprAbove(level int) Expr {
	x := p.operand()
	for taken, before := 0, 0; ; before++ {
		next, found := p.operatorLevel()
		if !found || next < level {
			return x
		}
		if next == taken && !associative[next] {
			p.unexpected()
		}
		if before > 0 {
			defer p.deeper()()
		}
		x, taken = p.operation(x, next)
	}
}

// associative are the levels whose operators may follow each other.
var associative = map[int]bool{bindOr: true, bindAnd: true, bindOther: true, bindSum: true, bindProduct: true}

var operatorLevels = map[string]int{"or": bindOr, "and": bindAnd, "is": bindIs, "isnull": bindIs, "notnull": bindIs,
	"=": bindComparison, "<>": bindComparison, "<": bindComparison, "<=": bindComparison, ">": bindComparison, ">=": bindComparison,
	"in": bindMembership, "between": bindMembership, "like": bindMembership, "ilike": bindMembership, "similar": bindMembership,
	"||": bindOther, "+": bindSum, "-": bindSum, "*": bindProduct, "/": bindProduct, "%": bindProduct}

// operatorLevel says how tightly the operator that comes next binds; found is false where none does.
func (p *parser) operatorLevel() (level int, found bool) {
	t := p.peek()
	if t.is("not") {
		t = p.peekAt(1)
		return bindMembership, t.kind == word && operatorLevels[t.value] == bindMembership
	}
	if t.kind == symbol && !knownSymbols[t.value] {
		p.unsupported(t.at, "operator "+t.value, "Supported are = <> < <= > >= + - * / % ||.")
	}
	if t.kind != word && t.kind != symbol {
		return 0, false
	}
	if next := p.peekAt(1); t.kind == word && !t.is("isnull") && !t.is("notnull") && (next.kind == end || next.is(",") || next.is("from")) {
		return 0, false // the name of an output column
	}
	level, found = operatorLevels[t.value]
	return level, found
}

var knownSymbols = map[string]bool{"=": true, "<>": true, "<": true, "<=": true, ">": true, ">=": true, "+": true, "-": true,
	"*": true, "/": true, "%": true, "||": true, "(": true, ")": true, ",": true, ";": true, ".": true, "::": true, ":": true, "]": true}

// operation takes an operator of a level and what follows it. taken is the level that must not follow at once, 0 for any.
func (p *parser) operation(x Expr, level int) (result Expr, taken int) {
	switch level {
	case bindOr, bindAnd:
		return p.chain(x, level), 0
	case bindIs:
		return p.is(x)
	case bindMembership:
		return p.membership(x)
	}
	op := p.take()
	if t := p.peek(); level == bindComparison && (t.is("any") || t.is("all") || t.is("some")) && p.peekAt(1).is("(") {
		return p.quantified(x, op), level
	}
	return &Binary{at(x.At()), op.value, x, p.exprAbove(level + 1)}, level
}

func (p *parser) chain(first Expr, level int) Expr {
	name := p.peek().value
	chain := &Logical{at: at(first.At()), Or: level == bindOr, Terms: []Expr{first}}
	for p.accept(name) {
		chain.Terms = append(chain.Terms, p.exprAbove(level+1))
	}
	return chain
}

func (p *parser) is(x Expr) (result Expr, taken int) {
	start, t := at(x.At()), p.peek()
	switch {
	case p.accept("isnull"):
		return &IsNull{start, x, false}, 0
	case p.accept("notnull"):
		return &IsNull{start, x, true}, 0
	}
	p.expect("is")
	negated := p.accept("not")
	switch word := p.acceptAny("null", "true", "false", "unknown"); {
	case word == "null":
		return &IsNull{start, x, negated}, 0
	case word != "":
		return &IsTruth{start, x, word == "true", word == "unknown", negated}, 0
	case p.accept("distinct", "from"):
		return &Distinct{start, x, p.exprAbove(bindIs + 1), negated}, bindIs
	}
	p.unsupported(t.at, "this form of IS", "Supported are IS [NOT] NULL, TRUE, FALSE, UNKNOWN and DISTINCT FROM.")
	return nil, 0
}

// membership takes IN, BETWEEN and LIKE, perhaps after NOT.
func (p *parser) membership(x Expr) (result Expr, taken int) {
	negated := p.accept("not")
	switch t := p.take(); t.value {
	case "in":
		return p.in(x, negated), 0
	case "between":
		return p.between(x, negated), bindMembership
	case "like", "ilike":
		n := &Like{at: at(x.At()), X: x, Pattern: p.exprAbove(bindMembership + 1), AnyCase: t.value == "ilike", Not: negated}
		if p.accept("escape") {
			n.Escape = p.exprAbove(bindMembership + 1)
		}
		return n, bindMembership
	default:
		p.unsupported(t.at, upper(t.value), "Write LIKE.")
		return nil, 0
	}
}

// quantified takes ANY (array) or ALL (array) after an operator.
func (p *parser) quantified(x Expr, op token) Expr {
	t := p.take()
	negated := op.value == "<>"
	if t.is("all") != negated || op.value != "=" && !negated {
		p.unsupported(t.at, op.value+" "+upper(t.value)+" (…)", "Supported are = ANY (array) and <> ALL (array).")
	}
	p.expect("(")
	if next := p.peek(); next.is("select") || next.is("values") || next.is("with") {
		p.unsupported(t.at, upper(t.value)+" (SELECT …)", "Write IN (SELECT …).")
	}
	node := &Quantified{at: at(x.At()), X: x, Array: p.expr(), Not: negated}
	p.expect(")")
	return node
}

// array takes ARRAY[…], which may be empty.
func (p *parser) array() Expr {
	node := &Array{at: at(p.take().at)}
	p.expect("[")
	if !p.accept("]") {
		node.Items = []Expr{p.expr()}
		for p.accept(",") {
			node.Items = append(node.Items, p.expr())
		}
		p.expect("]")
	}
	return node
}

func (p *parser) in(x Expr, negated bool) Expr {
	p.expect("(")
	node := &In{at: at(x.At()), X: x, Not: negated}
	if p.holdsQuery(p.next) {
		node.Select = p.query()
		p.expect(")")
		return node
	}
	node.List = []Expr{p.expr()}
	for p.accept(",") {
		node.List = append(node.List, p.expr())
	}
	p.expect(")")
	return node
}

func (p *parser) between(x Expr, negated bool) Expr {
	if t := p.peek(); t.is("symmetric") {
		p.unsupported(t.at, "BETWEEN SYMMETRIC", "Write the lower bound first.")
	}
	p.accept("asymmetric")
	low := p.restricted()
	p.expect("and")
	return &Between{at(x.At()), x, low, p.exprAbove(bindMembership + 1), negated}
}

// restricted takes what PostgreSQL calls a b_expr: arithmetic and comparisons, but nothing with a word in it. It is what may
// stand before the AND of BETWEEN, and as a DEFAULT.
func (p *parser) restricted() Expr {
	x := p.exprAbove(bindOther)
	if t := p.peek(); t.kind != symbol || operatorLevels[t.value] != bindComparison {
		return x
	}
	op := p.take()
	y := p.exprAbove(bindOther)
	if t := p.peek(); t.kind == symbol && operatorLevels[t.value] == bindComparison {
		p.unexpected() // comparisons do not associate
	}
	return &Binary{at(x.At()), op.value, x, y}
}

// operand takes what operators stand between, with the operators before it.
func (p *parser) operand() Expr {
	t := p.peek()
	switch {
	case p.accept("not"):
		defer p.deeper()()
		return &Not{at(t.at), p.exprAbove(bindNot)}
	case p.accept("-"), p.accept("+"):
		defer p.deeper()()
		return signed(t, p.exprAbove(bindSign))
	case t.kind == symbol && !knownSymbols[t.value]:
		p.unsupported(t.at, "operator "+t.value, "Supported before an operand are + and -.")
	}
	return p.primaryWithCasts()
}

// signed makes -5 a constant, so that the smallest integers can be written.
func signed(t token, x Expr) Expr {
	l, ok := x.(*Literal)
	if t.value == "+" || !ok || l.Kind != Integer && l.Kind != Decimal {
		return &Sign{at(t.at), x, t.value == "-"}
	}
	if positive, negative := strings.CutPrefix(l.Text, "-"); negative {
		return &Literal{at(t.at), l.Kind, positive}
	}
	return &Literal{at(t.at), l.Kind, "-" + l.Text}
}

func (p *parser) primaryWithCasts() Expr {
	x := p.primary()
	for p.accept("::") {
		defer p.deeper()()
		x = &Cast{at(x.At()), x, p.typeName()}
	}
	if t := p.peek(); t.is("[") || t.is("collate") {
		p.unsupported(t.at, upper(t.value), "There are no arrays; text is ordered by its bytes.")
	}
	return x
}

func (p *parser) primary() Expr {
	t := p.peek()
	switch t.kind {
	case text:
		p.next++
		return &Literal{at(t.at), String, t.value}
	case integer:
		p.next++
		return &Literal{at(t.at), Integer, t.value}
	case decimal:
		p.next++
		return &Literal{at(t.at), Decimal, t.value}
	case param:
		p.next++
		return &Param{at(t.at), p.paramNumber(t)}
	case word, quoted:
		return p.wordExpr(t)
	}
	if p.accept("(") {
		return p.parenthesized(t)
	}
	p.unexpected()
	return nil
}

func (p *parser) parenthesized(t token) Expr {
	if !p.peek().is("(") && p.beginsQuery(0) {
		x := &Subquery{at: at(t.at), Select: p.query()}
		p.expect(")")
		return x
	}
	x := p.expr()
	if next := p.peek(); afterQuery[next.value] && next.kind == word {
		p.unsupported(next.at, upper(next.value)+" after a query in parentheses", "Write it within the parentheses, or leave them out.")
	}
	if t := p.peek(); t.is(",") {
		p.unsupported(t.at, "a row value", "Compare column by column.")
	}
	p.expect(")")
	return x
}

// afterQuery may follow a query in parentheses that is itself in parentheses, and no other expression.
var afterQuery = WordSet("order limit offset fetch union intersect except")

func (p *parser) paramNumber(t token) int {
	number, err := strconv.Atoi(t.value)
	if err != nil || number < 1 || number > 65535 {
		panic(failure{pgerr.New(pgerr.UndefinedParameter, "there is no parameter $%s", t.value).At(position(p.source, t.at))})
	}
	return number
}
