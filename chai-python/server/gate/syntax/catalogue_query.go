package syntax

import "strings"

// A query of PostgreSQL's catalogue uses more of the grammar than the parser takes. It is not parsed here but cut into its
// clauses, in a spelling that does not depend on spaces, case and schema names, so that package gate can look them up.

// Term is a token of such a query: a word in lower case, a "quoted name", a.b as one, an operator or a constant.
type Term struct {
	Text     string
	Constant bool // Text is the value of a string
}

// Terms are a piece of a query.
type Terms []Term

// String is the spelling in which pieces are looked up; a constant of digits alone, which is an OID, is '#' in it.
func (t Terms) String() string {
	var b strings.Builder
	for i, term := range t {
		if i > 0 {
			b.WriteByte(' ')
		}
		switch {
		case !term.Constant:
			b.WriteString(term.Text)
		case term.Text != "" && strings.Trim(term.Text, "0123456789") == "":
			b.WriteString("'#'")
		default:
			b.WriteString("'" + strings.ReplaceAll(term.Text, "'", "''") + "'")
		}
	}
	return b.String()
}

func (t Terms) is(at int, texts ...string) bool {
	if at < 0 || at >= len(t) || t[at].Constant {
		return false
	}
	for _, text := range texts {
		if t[at].Text == text {
			return true
		}
	}
	return false
}

// CatalogueItem is one of a select list, and the name of the result's column.
type CatalogueItem struct {
	Terms
	Name string
}

// CatalogueQuery is a SELECT: what FROM lists and joins, and what WHERE wants together.
type CatalogueQuery struct {
	Items                []CatalogueItem
	From, Where, OrderBy []Terms
}

const maxCatalogueQuery = 8 << 10 // bytes; psql's longest is a third of it

// CatalogueQueries cuts a query up, which is several where UNION joins them; nil for what has other clauses or a parameter.
func CatalogueQueries(source string, depth int) []CatalogueQuery {
	if len(source) > maxCatalogueQuery {
		return nil
	}
	l := lexer{source: source, depth: depth}
	tokens, err := l.tokens()
	if err != nil {
		return nil
	}
	terms := termsOf(tokens)
	c := clauses{terms: terms}
	var list []CatalogueQuery
	for {
		q, ok := c.query()
		if !ok {
			return nil
		}
		list = append(list, q)
		if !c.accept("union") {
			break
		}
		c.accept("all")
	}
	c.accept(";")
	if c.next < len(terms) {
		return nil
	}
	return list
}

// termsOf leaves out what says nothing: the schema pg_catalog, OPERATOR(…) around an operator, the default collation. A
// parameter leaves a term that is nowhere looked up.
func termsOf(tokens []token) Terms {
	var terms Terms
	isName := func(t token) bool { return t.kind == word || t.kind == quoted }
	for i := 0; tokens[i].kind != end; i++ {
		t := tokens[i]
		switch {
		case isName(t) && t.value == "pg_catalog" && tokens[i+1].is("."):
			i++
		case t.is(".") && len(terms) > 0 && !terms[len(terms)-1].Constant && isName(tokens[i-1]) && isName(tokens[i+1]):
			terms[len(terms)-1].Text += "." + nameText(tokens[i+1])
			i++
		case t.kind == text:
			terms = append(terms, Term{t.value, true})
		case t.kind == param:
			terms = append(terms, Term{"$" + t.value, false})
		default:
			terms = append(terms, Term{nameText(t), false})
		}
		terms = simplified(terms)
	}
	return terms
}

func nameText(t token) string {
	if t.kind == quoted && Quoted(t.value) != t.value {
		return `"` + t.value + `"`
	}
	return t.value
}

func simplified(t Terms) Terms {
	last := len(t) - 1
	switch {
	case t.is(last, ")") && t.is(last-2, "(") && t.is(last-3, "operator"):
		return append(t[:last-3], t[last-1])
	case t.is(last, "default") && t.is(last-1, "collate"):
		return t[:last-1]
	}
	return t
}

// clauses goes through a query.
type clauses struct {
	terms Terms
	next  int
}

func (c *clauses) accept(text string) bool {
	if !c.terms.is(c.next, text) {
		return false
	}
	c.next++
	return true
}

var clauseWords = []string{"from", "where", "group", "having", "window", "order", "limit", "offset", "fetch", "for", "union",
	"intersect", "except", ";"}

func (c *clauses) query() (q CatalogueQuery, ok bool) {
	if !c.accept("select") || c.terms.is(c.next, "distinct", "all") {
		return q, false
	}
	for _, item := range split(c.clause(), false, ",") {
		q.Items = append(q.Items, named(item))
	}
	if !c.accept("from") {
		return q, false
	}
	q.From = split(c.clause(), true, ",")
	if c.accept("where") {
		q.Where = split(c.clause(), false, "and")
	}
	if c.accept("order") {
		if !c.accept("by") {
			return q, false
		}
		q.OrderBy = split(c.clause(), false, ",")
	}
	return q, true
}

// clause takes the terms up to the next clause.
func (c *clauses) clause() Terms {
	start, open := c.next, 0
	for ; c.next < len(c.terms); c.next++ {
		if open += nesting(c.terms, c.next); open <= 0 && c.terms.is(c.next, clauseWords...) {
			break
		}
	}
	return c.terms[start:c.next]
}

// nesting is what a term adds to the depth.
func nesting(t Terms, at int) int {
	switch {
	case t.is(at, "(", "[", "case"):
		return 1
	case t.is(at, ")", "]", "end"):
		return -1
	}
	return 0
}

var joinWords = []string{"natural", "left", "right", "full", "inner", "cross", "outer", "join"}

// split cuts terms at a separator, and where a join begins, outside of parentheses.
func split(t Terms, joins bool, separator string) (list []Terms) {
	start, open := 0, 0
	for i := range t {
		open += nesting(t, i)
		switch {
		case open != 0:
		case t.is(i, separator):
			list = append(list, t[start:i])
			start = i + 1
		case joins && t.is(i, joinWords...) && !t.is(i-1, joinWords...):
			list = append(list, t[start:i])
			start = i
		}
	}
	return append(list, t[start:])
}

// named finds the name of a result's column.
func named(t Terms) CatalogueItem {
	if last := len(t) - 1; last > 1 && t.is(last-1, "as") && !t[last].Constant {
		return CatalogueItem{t[:last-1], unquoted(t[last].Text)}
	}
	return CatalogueItem{t, figuredName(t)}
}

// figuredName is what PostgreSQL calls a column without AS, as far as it matters.
func figuredName(t Terms) string {
	for t.is(0, "(") && t.is(1, "select") {
		t = t[2:]
	}
	switch {
	case t.is(0, "case"):
		return "case"
	case len(t) == 0 || t[0].Constant || t.is(0, "(", "null", "true", "false") || isDigit(t[0].Text[0]):
		return "?column?"
	}
	name := t[0].Text
	return unquoted(name[strings.LastIndexByte(name, '.')+1:])
}

// unquoted takes back what nameText did.
func unquoted(name string) string {
	return strings.TrimSuffix(strings.TrimPrefix(name, `"`), `"`)
}
