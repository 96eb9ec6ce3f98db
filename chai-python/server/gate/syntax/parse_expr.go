package syntax

import (
	"strconv"

	"chaisqld/pgerr"
)

// Expressions by precedence, loosest first: OR, AND, NOT, IS, comparison, IN and BETWEEN, + -, * / %, unary minus, ::.

func (p *parser) expr() Expr {
	defer p.deeper()()
	return p.chain("or", func() Expr { return p.chain("and", p.not) })
}

func (p *parser) chain(word string, operand func() Expr) Expr {
	first := operand()
	if !p.peek().is(word) {
		return first
	}
	chain := &Logical{at: at(first.At()), Or: word == "or", Terms: []Expr{first}}
	for p.accept(word) {
		chain.Terms = append(chain.Terms, operand())
	}
	return chain
}

func (p *parser) not() Expr {
	t := p.peek()
	if !p.accept("not") {
		return p.is()
	}
	defer p.deeper()()
	return &Not{at(t.at), p.not()}
}

func (p *parser) is() Expr {
	x := p.comparison()
	for {
		start := at(x.At())
		switch {
		case p.accept("isnull"), p.accept("is", "null"):
			x = &IsNull{start, x, false}
		case p.accept("notnull"), p.accept("is", "not", "null"):
			x = &IsNull{start, x, true}
		case p.accept("is", "true"), p.accept("is", "false"):
			x = &IsTruth{start, x, p.tokens[p.next-1].value == "true", false}
		case p.accept("is", "not", "true"), p.accept("is", "not", "false"):
			x = &IsTruth{start, x, p.tokens[p.next-1].value == "true", true}
		case p.peek().is("is"):
			p.unsupported(p.peek().at, "this form of IS", "Supported are IS [NOT] NULL, TRUE and FALSE.")
		default:
			return x
		}
		defer p.deeper()()
	}
}

func (p *parser) comparison() Expr {
	left := p.membership()
	op := p.acceptAny("=", "<>", "<", "<=", ">", ">=")
	if op == "" {
		return left
	}
	if t := p.peek(); (t.is("any") || t.is("all") || t.is("some")) && p.peekAt(1).is("(") {
		p.unsupported(t.at, upper(t.value)+" (…)", "Write IN with a list of values.")
	}
	right := p.membership()
	if t := p.peek(); t.kind == symbol && comparisons[t.value] {
		p.unexpected() // comparisons do not associate
	}
	return &Binary{at(left.At()), op, left, right}
}

var comparisons = map[string]bool{"=": true, "<>": true, "<": true, "<=": true, ">": true, ">=": true}

// membership takes [NOT] IN and [NOT] BETWEEN.
func (p *parser) membership() Expr {
	x := p.sum()
	negated := p.peek().is("not") && !p.peekAt(1).is("null")
	ahead := p.peek()
	if negated {
		ahead = p.peekAt(1)
	}
	switch ahead.value {
	case "in", "between":
	case "like", "ilike", "similar":
		if ahead.kind == word {
			p.unsupported(ahead.at, upper(ahead.value), "Compare with = < <= > >= or BETWEEN.")
		}
		return x
	default:
		return x
	}
	if ahead.kind != word {
		return x
	}
	if negated {
		p.next++
	}
	p.next++
	if ahead.value == "in" {
		return p.in(x, negated)
	}
	return p.between(x, negated)
}

func (p *parser) in(x Expr, negated bool) Expr {
	p.expect("(")
	node := &In{at: at(x.At()), X: x, Not: negated}
	if p.peek().is("select") {
		node.Select = p.selectStatement()
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
	low := p.sum()
	p.expect("and")
	return &Between{at(x.At()), x, low, p.sum(), negated}
}

func (p *parser) sum() Expr {
	return p.binary([]string{"+", "-"}, func() Expr { return p.binary([]string{"*", "/", "%"}, p.unary) })
}

func (p *parser) binary(ops []string, operand func() Expr) Expr {
	left := operand()
	for {
		op := p.acceptAny(ops...)
		if op == "" {
			break
		}
		defer p.deeper()()
		left = &Binary{at(left.At()), op, left, operand()}
	}
	if t := p.peek(); t.kind == symbol && !knownSymbols[t.value] {
		p.unsupported(t.at, "operator "+t.value, "Supported are = <> < <= > >= + - * / %.")
	}
	return left
}

var knownSymbols = map[string]bool{"=": true, "<>": true, "<": true, "<=": true, ">": true, ">=": true, "+": true, "-": true,
	"*": true, "/": true, "%": true, "(": true, ")": true, ",": true, ";": true, ".": true, "::": true, ":": true, "]": true}

func (p *parser) unary() Expr {
	t := p.peek()
	switch {
	case p.accept("-"):
		defer p.deeper()()
		return &Negate{at(t.at), p.unary()}
	case p.accept("+"):
		defer p.deeper()()
		return p.unary()
	}
	return p.primaryWithCasts()
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
	if next := p.peek(); next.is("select") || next.is("values") || next.is("with") {
		p.unsupported(t.at, "a subquery here", "Only DELETE … WHERE key IN (SELECT key …) takes one.")
	}
	x := p.expr()
	if t := p.peek(); t.is(",") {
		p.unsupported(t.at, "a row value", "Compare column by column.")
	}
	p.expect(")")
	return x
}

func (p *parser) paramNumber(t token) int {
	number, err := strconv.Atoi(t.value)
	if err != nil || number < 1 || number > 65535 {
		panic(failure{pgerr.New(pgerr.UndefinedParameter, "there is no parameter $%s", t.value).At(position(p.source, t.at))})
	}
	return number
}
