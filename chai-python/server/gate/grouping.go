package gate

import (
	"slices"

	"chaisqld/gate/syntax"
)

// grouping is what GROUP BY, HAVING and aggregates make of a SELECT's rows.
type grouping struct {
	by         []node // none: all rows are one group, which is there without any
	aggregates []*aggregate
	having     node
	plain      bool  // it is only GROUP BY
	kept       []int // places of the columns that are named outside of aggregates
	units      int   // of work for each group
	first      bool  // the first row settles all
	perGroup   []node
	fallible   bool // an aggregate's arguments may fail to be computed
}

// groupBy binds GROUP BY: like ORDER BY an expression, a name or a number, but a name is a column's first.
func (b *binder) groupBy(list []syntax.Expr, items []outputItem) (by []node, err error) {
	defer b.without("GROUP BY")()
	output := namedItems{"GROUP BY", items, map[string]node{}}
	for _, x := range list {
		var n node
		if c, named := x.(*syntax.Column); named && c.Table == "" && b.table != nil && b.hasColumn(c.Name) {
			n, err = b.settled(x)
		} else {
			n, err = b.outputExpr(x, output)
		}
		if err != nil {
			return nil, err
		}
		if hasAggregate(n) {
			return nil, b.fail(x.At(), groupingError, "aggregate functions are not allowed in GROUP BY")
		}
		by = append(by, n)
	}
	return by, nil
}

func (b *binder) hasColumn(name string) bool {
	_, known := b.table.places[name]
	return known
}

// group settles how the rows are grouped, if they are.
func (b *binder) group(p *selectPlan, by []node, having node) error {
	if by == nil && having == nil && b.found.list == nil {
		return nil
	}
	g := &grouping{by: by, aggregates: b.found.list, having: having, plain: having == nil && b.found.list == nil}
	perGroup := append(expressions(p.items), sortExpressions(p.keys)...)
	if err := b.checkGrouped(append(append(perGroup, by...), having), by); err != nil {
		return err
	}
	g.perGroup = append(perGroup, having)
	g.fallible = slices.ContainsFunc(g.aggregates, func(a *aggregate) bool { return slices.ContainsFunc(a.inputs(), mayFail) })
	g.units = rowUnits + nodeUnits*nodes(g.perGroup...)
	if b.table != nil {
		g.kept = columnsIn(len(b.table.names), g.perGroup...)
	}
	p.groups = g
	return nil
}

// columnsIn are the places of the columns that expressions name outside of aggregates.
func columnsIn(width int, list ...node) (places []int) {
	used := make([]bool, width)
	for _, n := range list {
		markColumns(n, used)
	}
	for place, is := range used {
		if is {
			places = append(places, place)
		}
	}
	return places
}

// checkGrouped refuses a column that may differ within a group: all but those inside of aggregates, those that are grouped by,
// alone or within an expression, and all of a table's that is grouped by its key.
func (b *binder) checkGrouped(list, by []node) error {
	isColumn := func(n node) bool { _, is := n.(*column); return is }
	same, byExpression := map[string]bool{}, false
	for _, n := range by {
		same[printed(n)] = true
		byExpression = byExpression || !isColumn(n)
		if c, is := n.(*column); is && b.table.made == nil && c.place == b.table.key {
			return nil
		}
	}
	var wrong *column
	for _, n := range list {
		walk(n, func(n node) bool {
			_, inside := n.(*aggregate)
			if inside || wrong != nil || (byExpression || isColumn(n)) && same[printed(n)] {
				return false
			}
			if c, is := n.(*column); is {
				wrong = c
			}
			return true
		})
	}
	if wrong == nil {
		return nil
	}
	return b.fail(b.columnsAt[wrong], groupingError, "column \"%s.%s\" must appear in the GROUP BY clause or be used in an aggregate function",
		b.alias, b.table.names[wrong.place])
}

// mayFail says whether computing an expression can fail.
func mayFail(n node) (may bool) {
	walk(n, func(n node) bool {
		may = may || canFail(n)
		return !may
	})
	return may
}

// needed are the aggregates that have a part in the result. The others PostgreSQL does not compute, so that they cannot fail:
// CASE WHEN false THEN sum(1 / a) END.
func (g *grouping) needed(s *scope) (map[*aggregate]bool, error) {
	found := map[*aggregate]bool{}
	for _, n := range g.perGroup {
		if err := neededIn(n, s, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func neededIn(n node, s *scope, found map[*aggregate]bool) error {
	if a, ok := n.(*aggregate); ok {
		found[a] = true
		return nil
	}
	if n == nil || !hasAggregate(n) {
		return nil
	}
	if v, known, err := foldNode(n, s); err != nil || known || v == nil && alwaysNull(n, s) {
		return err
	}
	parts, err := openParts(n, s)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err := neededIn(part, s, found); err != nil {
			return err
		}
	}
	return nil
}

// openParts are the parts of an expression that are computed for some row at least.
func openParts(n node, s *scope) (parts []node, err error) {
	switch n := n.(type) {
	case *caseWhen:
		for i, condition := range n.conditions {
			v, known, err := foldNode(condition, s)
			if err != nil {
				return nil, err
			}
			switch {
			case known && v == true:
				return append(parts, n.values[i]), nil
			case !known:
				parts = append(parts, condition, n.values[i])
			}
		}
		return append(parts, n.otherwise), nil
	case *coalesce:
		for _, x := range n.list {
			parts = append(parts, x)
			if v, known, err := foldNode(x, s); err != nil || known && v != nil {
				return parts, err
			}
		}
		return parts, nil
	}
	return children(n), nil
}

// early takes the part of HAVING that is the same for all rows of a group: PostgreSQL asks it before it groups the rows.
func (g *grouping) early() node {
	var before, after []node
	for _, c := range conjuncts(g.having) {
		if hasAggregate(c) {
			after = append(after, c)
		} else {
			before = append(before, c)
		}
	}
	if len(g.by) > 0 {
		g.having = all(after)
	}
	return all(before)
}

// all is the AND of conditions, nil of none.
func all(conditions []node) node {
	switch len(conditions) {
	case 0:
		return nil
	case 1:
		return conditions[0]
	}
	return newLogical(false, conditions...)
}

// checkDistinct: rows that are made distinct can be sorted only by what they consist of.
func (b *binder) checkDistinct(p *selectPlan, s *syntax.Select) error {
	if err := b.settle(p.items); err != nil {
		return err
	}
	var output []string
	for _, item := range p.items {
		output = append(output, printed(item.x))
	}
	for i, k := range p.keys {
		if !slices.Contains(output, printed(k.x)) {
			return b.fail(s.OrderBy[i].Expr.At(), invalidColumnReference, "for SELECT DISTINCT, ORDER BY expressions must appear in select list")
		}
	}
	return nil
}
