package gate

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"chaisqld/engine"
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// An inner SELECT that names no column of the statement around it has one result. It runs once, before the statement reads,
// since no row can be read while another is. PostgreSQL runs it when its result is first asked for, and so an error in it is
// told only then.

// inSelect is x IN (SELECT y …).
type inSelect struct {
	x    node
	from *selection
}

func (n *inSelect) typ() Type { return Bool }
func (n *inSelect) eval(s *scope) (any, error) {
	in, err := s.outcomeOf(n.from)
	if err != nil || in == nil {
		return nil, err
	}
	if in.rows == 0 {
		return false, nil // whatever is looked for, even if it cannot be computed
	}
	x, err := n.x.eval(s)
	if err != nil {
		return nil, err
	}
	if err := s.spendOn(x); err != nil {
		return nil, err
	}
	switch {
	case x == nil:
		return nil, nil
	case in.set.has(x):
		return true, nil
	case in.hasNull:
		return nil, nil
	}
	return false, nil
}

// scalarSelect is the value of the one row that an inner SELECT gives, NULL for none.
type scalarSelect struct {
	from *selection
	of   Type
}

func (n *scalarSelect) typ() Type { return n.of }
func (n *scalarSelect) eval(s *scope) (any, error) {
	in, err := s.outcomeOf(n.from)
	if err != nil || in == nil {
		return nil, err
	}
	return in.value, nil
}

// exists is EXISTS (SELECT …).
type exists struct{ from *selection }

func (n *exists) typ() Type { return Bool }
func (n *exists) eval(s *scope) (any, error) {
	in, err := s.outcomeOf(n.from)
	if err != nil || in == nil {
		return nil, err
	}
	return in.rows > 0, nil
}

// selectionOf is the inner SELECT of a node, nil if it has none.
func selectionOf(n node) *selection {
	switch n := n.(type) {
	case *inSelect:
		return n.from
	case *scalarSelect:
		return n.from
	case *exists:
		return n.from
	}
	return nil
}

// selection is an inner SELECT.
type selection struct {
	plan *selectPlan
	use  selectionUse
	of   Type // what the values of IN are compared as
}

type selectionUse uint8

const (
	asSet selectionUse = iota
	asValue
	asExistence
)

// outcome is what an inner SELECT gave.
type outcome struct {
	rows    int
	value   any
	set     *valueSet
	hasNull bool
	err     error
}

// outcomeOf is nil before the inner SELECT has run.
func (s *scope) outcomeOf(from *selection) (*outcome, error) {
	in := s.selected[from]
	if in == nil {
		return nil, nil
	}
	return in, in.err
}

// selections runs inner SELECTs.
func (x *execution) selections(list []*selection) error {
	for _, s := range list {
		result, err := s.run(x)
		if err != nil && !belated(err) {
			return err
		}
		if err != nil {
			result = &outcome{err: err}
		}
		if x.scope.selected == nil {
			x.scope.selected = map[*selection]*outcome{}
		}
		x.scope.selected[s] = result
	}
	return nil
}

// belated tells the errors that come from rows and their values: they are told when somebody asks for the result.
func belated(err error) bool {
	var e *pgerr.Error
	return errors.As(err, &e) && (strings.HasPrefix(e.Code, "21") || strings.HasPrefix(e.Code, "22"))
}

func (s *selection) run(x *execution) (*outcome, error) {
	switch s.use {
	case asSet:
		return s.values(x)
	case asExistence:
		rows, err := s.plan.some(x)
		return &outcome{rows: rows}, err
	}
	rows, err := s.plan.first(x, 2)
	switch {
	case err != nil:
		return nil, err
	case len(rows) == 0:
		return &outcome{}, nil
	case len(rows) > 1:
		return nil, pgerr.New(pgerr.CardinalityViolation, "more than one row returned by a subquery used as an expression")
	}
	return &outcome{rows: 1, value: rows[0][0]}, nil
}

func (s *selection) values(x *execution) (*outcome, error) {
	rows, err := s.plan.rows(x)
	if err != nil {
		return nil, err
	}
	result := &outcome{rows: len(rows), set: newValueSet(len(rows))}
	for _, row := range rows {
		v := row[0]
		if from := s.plan.items[0].x.typ(); v != nil && from.family() != s.of.family() {
			if v, err = castValue(v, from, s.of); err != nil {
				return nil, err
			}
		}
		const entry = 64 // of the map
		if err := x.scope.keep(entry + 2*valueBytes(v)); err != nil {
			return nil, err
		}
		result.hasNull = result.hasNull || v == nil
		result.set.add(v)
	}
	return result, nil
}

// some says whether there is a row: 1 or 0. As in PostgreSQL, what rows are made of is not computed where it does not matter.
func (p *selectPlan) some(x *execution) (int, error) {
	simple, err := p.countsRows(&x.scope)
	if err != nil {
		return 0, err
	}
	if !simple {
		rows, err := p.first(x, 1)
		return len(rows), err
	}
	if err := x.fold(p.foldedConditions); err != nil {
		return 0, err
	}
	if err := x.selections(p.selections); err != nil {
		return 0, err
	}
	found := 0
	err = p.each(x, func([]any) error {
		found = 1
		return engine.Stop
	})
	return found, err
}

// countsRows says whether there is a row just where one meets the condition.
func (p *selectPlan) countsRows(s *scope) (bool, error) {
	if !p.eachRowCounts() {
		return false, nil
	}
	return p.limitLetsRowsCount(s)
}

func (p *selectPlan) eachRowCounts() bool {
	return p.offset == nil && (p.groups == nil || p.groups.plain)
}

func (p *selectPlan) limitLetsRowsCount(s *scope) (bool, error) {
	if p.limit == nil {
		return true, nil
	}
	limit, known, err := foldNode(p.limit, s)
	if err != nil || !known {
		return false, err
	}
	return limit == nil || limit.(int64) > 0, nil
}

// reads says whether a plan needs the database.
func (p *selectPlan) reads() bool {
	return p.scan != nil || slices.ContainsFunc(p.selections, func(s *selection) bool { return s.plan.reads() })
}

// looksThrough says whether a plan reads more than rows by their keys.
func (p *selectPlan) looksThrough() bool {
	return p.scan != nil && p.scan.table.made == nil && !p.scan.byPrimaryKey() || lookThrough(p.selections)
}

func lookThrough(list []*selection) bool {
	return slices.ContainsFunc(list, func(s *selection) bool { return s.plan.looksThrough() })
}

// selection notes an inner SELECT, which the statement runs before it reads.
func (b *binder) selection(plan *selectPlan, use selectionUse, of Type) *selection {
	s := &selection{plan, use, of}
	b.selections = append(b.selections, s)
	return s
}

// sameness is equal for inner SELECTs that are: PostgreSQL counts the names of columns and tables in. It is short however much
// they hold, for each is part of what is around it.
func (b *binder) sameness(p *selectPlan, condition, having node, by, values []node) []byte {
	sum := sha256.New()
	write := func(what string, list ...node) {
		fmt.Fprintf(sum, "%s %d\n", what, len(list))
		for _, n := range list {
			fmt.Fprintf(sum, "%s\n", printed(n))
		}
	}
	if b.table != nil {
		fmt.Fprintf(sum, "FROM %q %q\n", b.table.name, b.alias)
	}
	for _, item := range p.items {
		if c, ok := item.x.(*column); ok { // of which * may make many
			fmt.Fprintf(sum, "column %d", c.place)
		} else {
			fmt.Fprint(sum, printed(item.x))
		}
		fmt.Fprintf(sum, " AS %q\n", item.name)
	}
	for _, k := range p.keys {
		fmt.Fprintf(sum, "ORDER %t %t\n", k.descending, k.nullsFirst)
	}
	fmt.Fprintf(sum, "DISTINCT %t\n", p.distinct)
	write("WHERE", condition, having, p.limit, p.offset)
	write("ORDER BY", sortExpressions(p.keys)...)
	write("GROUP BY", by...)
	write("VALUES", values...)
	return sum.Sum(nil)
}

// subquery binds (SELECT …) as a value, and EXISTS (SELECT …).
func (b *binder) subquery(x *syntax.Subquery) (node, error) {
	inner := b.inner(b)
	inner.existence = x.Exists
	plan, err := inner.selectPlan(x.Select)
	if err == nil {
		err = b.countItems(plan, x)
	}
	if err != nil {
		return nil, err
	}
	if x.Exists {
		return &exists{b.selection(plan, asExistence, Bool)}, nil
	}
	if len(plan.items) != 1 {
		return nil, b.fail(x.At(), pgerr.SyntaxError, "subquery must return only one column")
	}
	x.Column = plan.items[0].name
	of := plan.items[0].x.typ()
	return &scalarSelect{b.selection(plan, asValue, of), of}, nil
}

// inSelect binds x [NOT] IN (SELECT …), the SELECT first.
func (b *binder) inSelect(x *syntax.In) (node, error) {
	plan, err := b.inner(b).selectPlan(x.Select)
	if err != nil {
		return nil, err
	}
	left, err := b.expr(x.X)
	if err != nil {
		return nil, err
	}
	if len(plan.items) == 0 {
		return nil, b.fail(x.At(), pgerr.SyntaxError, "subquery has too few columns")
	}
	if len(plan.items) != 1 {
		return nil, b.fail(plan.items[0].at, pgerr.SyntaxError, "subquery has too many columns")
	}
	right := plan.items[0].x.typ()
	if left, err = b.coerceOpen(left, comparedAs(right), x.X); err != nil {
		return nil, err
	}
	of := left.typ()
	if l, r := of.family(), right.family(); l != r {
		if !l.numeric() || !r.numeric() {
			return nil, b.noOperator("=", of, right, x)
		}
		of = wider(of, right)
		if left, err = b.castNode(left, of, x.X); err != nil {
			return nil, err
		}
	}
	var n node = &inSelect{left, b.selection(plan, asSet, of)}
	if x.Not {
		n = &not{n}
	}
	return n, nil
}
