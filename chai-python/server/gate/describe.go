package gate

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// psql's \d and its kind ask PostgreSQL's catalogue in joins of its tables. There are none here, but what psql can ask is
// known: questions lists it by FROM, with the expressions and conditions that go with it. A query is answered when every
// piece of it is known, and refused as all of the catalogue is when one is not; a condition is never passed over.

// explained takes a statement that could not be planned. If it is a question about the catalogue that has an answer, that is
// the plan. If it asks the catalogue for more, which may use all of PostgreSQL's grammar, the error says so: not the grammar
// but the catalogue is what is missing.
func (g *Gate) explained(sql string, declared []uint32, err error) (*Plan, error) {
	name, at := syntax.CatalogueTable(sql, g.limits.Nesting)
	if name == "" || views[name] != nil {
		return nil, err
	}
	if len(declared) == 0 {
		p, err := g.describePlan(syntax.CatalogueQueries(sql, g.limits.Nesting))
		if p != nil || err != nil {
			return p, err
		}
	}
	return nil, pgerr.New(pgerr.FeatureNotSupported, "catalogue queries are not supported: there is no %s", name).
		At(syntax.Position(sql, at)).WithHint(catalogueHint)
}

// describePlan is the plan for a question; nil for what is none.
func (g *Gate) describePlan(queries []syntax.CatalogueQuery) (*Plan, error) {
	if p := emptyPlan(queries); p != nil || len(queries) != 1 {
		return p, nil
	}
	query := queries[0]
	for i := range questions {
		if q := &questions[i]; q.matches(query.From) {
			run := &describePlan{question: q, identity: g.identity}
			ok, err := run.bind(query)
			if !ok || err != nil {
				return nil, err
			}
			return &Plan{Verb: Select, Access: Read, Columns: run.columns, run: run}, nil
		}
	}
	return nil, nil
}

// matches tells a question by what FROM lists, and what may be joined to it without a change in the number of rows.
func (q *question) matches(from []syntax.Terms) bool {
	if len(from) < len(q.from) {
		return false
	}
	for i, piece := range from {
		text := piece.String()
		if i < len(q.from) && text != q.from[i] || i >= len(q.from) && !slices.Contains(q.joins, text) {
			return false
		}
	}
	return true
}

// describePlan is a question with what a query wants of its rows.
type describePlan struct {
	question *question
	identity Identity
	columns  []Column
	items    []field
	where    []rowCondition
	order    []rowOrder
}

// rowCondition is one of those that WHERE wants together.
type rowCondition struct {
	of      field
	among   []string // as text
	pattern *namePattern
	not     bool
}

type rowOrder struct {
	of         field
	descending bool
}

// bind looks up all pieces of the query; false if one is unknown.
func (p *describePlan) bind(query syntax.CatalogueQuery) (ok bool, err error) {
	for _, item := range query.Items {
		f, ok := p.question.field(item.Terms)
		if !ok {
			return false, nil
		}
		p.items = append(p.items, f)
		p.columns = append(p.columns, Column{item.Name, f.of})
	}
	for _, terms := range query.Where {
		switch text := terms.String(); {
		case slices.Contains(p.question.holds, text), slices.Contains(p.question.requires, text):
		default:
			c, ok, err := p.question.condition(terms)
			if !ok || err != nil {
				return false, err
			}
			p.where = append(p.where, c)
		}
	}
	for _, text := range p.question.requires {
		if !slices.ContainsFunc(query.Where, func(t syntax.Terms) bool { return t.String() == text }) {
			return false, nil
		}
	}
	return p.bindOrder(query.OrderBy), nil
}

func (p *describePlan) bindOrder(order []syntax.Terms) bool {
	for _, terms := range order {
		last := len(terms) - 1
		descending := last > 0 && terms[last] == syntax.Term{Text: "desc"}
		if descending {
			terms = terms[:last]
		}
		f, ok := p.question.field(terms)
		if n, err := strconv.Atoi(terms.String()); err == nil && n > 0 && n <= len(p.items) {
			f, ok = p.items[n-1], true
		}
		if !ok {
			return false
		}
		p.order = append(p.order, rowOrder{f, descending})
	}
	return true
}

// field finds an expression: one of the question's, a constant, or CASE over one of the question's.
func (q *question) field(t syntax.Terms) (field, bool) {
	text := t.String()
	if f, ok := q.fields[text]; ok {
		return f, true
	}
	switch {
	case len(t) == 1 && t[0].Constant:
		return always(Text, t[0].Text), true
	case text == "false":
		return always(Bool, false), true
	case text == "null", text == "null :: text":
		return always(Text, nil), true
	case strings.HasPrefix(text, "case "):
		return q.choice(t[1:])
	}
	return field{}, false
}

// choice is CASE field WHEN 'a' THEN 'b' … END.
func (q *question) choice(t syntax.Terms) (field, bool) {
	at := slices.Index(t, syntax.Term{Text: "when"})
	if at < 1 {
		return field{}, false
	}
	of, ok := q.fields[t[:at].String()]
	words := map[string]string{}
	for t = t[at:]; ok && len(t) > 4 && t[1].Constant && t[3].Constant; t = t[4:] {
		if t[0] != (syntax.Term{Text: "when"}) || t[2] != (syntax.Term{Text: "then"}) {
			return field{}, false
		}
		words[t[1].Text] = t[3].Text
	}
	if !ok || len(t) != 1 || t.String() != "end" {
		return field{}, false
	}
	return field{Text, func(r *described) any {
		if word, ok := words[fieldText(of.value(r))]; ok {
			return word
		}
		return nil
	}}, true
}

// condition is a field that is compared with constants: = <> ~ !~ IN.
func (q *question) condition(t syntax.Terms) (c rowCondition, known bool, err error) {
	last := len(t) - 1
	if last > 3 && t[last] == (syntax.Term{Text: ")"}) {
		return q.membership(t)
	}
	if last < 2 || !t[last].Constant || t[last-1].Constant {
		return c, false, nil
	}
	if c.of, known = q.fields[t[:last-1].String()]; !known || c.of.of == Bool {
		return c, false, nil
	}
	value := t[last].Text
	switch op := t[last-1].Text; op {
	case "=", "<>":
		c.among, c.not = []string{value}, op == "<>"
	case "~", "!~":
		c.pattern, err = newNamePattern(value)
		c.not = op == "!~"
	default:
		return c, false, nil
	}
	return c, true, err
}

func (q *question) membership(t syntax.Terms) (c rowCondition, known bool, err error) {
	at := slices.Index(t, syntax.Term{Text: "in"})
	if at < 1 || len(t) < at+4 || t[at+1] != (syntax.Term{Text: "("}) {
		return c, false, nil
	}
	if c.of, known = q.fields[t[:at].String()]; !known || c.of.of == Bool {
		return c, false, nil
	}
	list := t[at+2:]
	for i, term := range list {
		separator := term == syntax.Term{Text: ","} || i == len(list)-1
		if i%2 == 0 && !term.Constant || i%2 == 1 && !separator {
			return c, false, nil
		}
		if term.Constant {
			c.among = append(c.among, term.Text)
		}
	}
	return c, len(list)%2 == 0, nil
}

func (c *rowCondition) holds(x *execution, r *described) (bool, error) {
	v := c.of.value(r)
	if v == nil {
		return false, nil
	}
	text := fieldText(v)
	if c.pattern == nil {
		return slices.Contains(c.among, text) != c.not, nil
	}
	if err := x.meter.spend(c.pattern.units(text)); err != nil {
		return false, err
	}
	return c.pattern.MatchString(text) != c.not, nil
}

// fieldText is a value as a client would write it in a constant.
func fieldText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)[:1]
	}
	return ""
}

func (p *describePlan) bytes([]any) int { return 0 }

func (p *describePlan) execute(x *execution) (*Result, error) {
	var found []*described
	kept := buffer{x: x}
	err := p.question.rows(x.reader.Catalogue(), func(r described) error {
		r.identity = &p.identity
		if err := x.meter.spend(rowUnits); err != nil {
			return err
		}
		for i := range p.where {
			if ok, err := p.where[i].holds(x, &r); err != nil || !ok {
				return err
			}
		}
		found = append(found, &r)
		return kept.count()
	})
	if err != nil {
		return nil, err
	}
	if err := p.sort(x, found); err != nil {
		return nil, err
	}
	rows := make([][]any, len(found))
	for i, r := range found {
		for _, f := range p.items {
			rows[i] = append(rows[i], f.value(r))
		}
		if err := x.meter.keep(rowBytes(rows[i])); err != nil {
			return nil, err
		}
	}
	return &Result{Tag: selectTags.of(len(rows)), Rows: rows}, nil
}

// sort puts rows in order; names as their bytes are.
func (p *describePlan) sort(x *execution, rows []*described) error {
	if err := x.meter.spend(rowUnits * len(rows)); err != nil {
		return err
	}
	slices.SortStableFunc(rows, func(a, b *described) int {
		for _, o := range p.order {
			c := compareFields(o.of.value(a), o.of.value(b))
			if o.descending {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	return nil
}

func compareFields(a, b any) int {
	if a == nil || b == nil {
		return cmp.Compare(nullRank(a), nullRank(b))
	}
	if x, ok := a.(int64); ok {
		return cmp.Compare(x, b.(int64))
	}
	return strings.Compare(fieldText(a), fieldText(b))
}

// nullRank puts NULL last.
func nullRank(v any) int {
	if v == nil {
		return 1
	}
	return 0
}
