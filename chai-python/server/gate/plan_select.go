package gate

import (
	"slices"

	"chaisqld/engine"
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// selectPlan is a checked SELECT.
type selectPlan struct {
	scan          *scan // nil without FROM
	condition     node  // without FROM
	items         []outputItem
	distinct      bool
	groups        *grouping // nil where rows are not grouped
	keys          []sortKey
	served        bool // the scan's path gives the order
	limit, offset node
	folded        []node
	selections    []*selection

	foldedConditions []node // those of folded that stand in WHERE
	foldedWindow     []node // besides folded, in LIMIT and OFFSET
	width            int    // how many columns were bound
	same             []byte // of an inner SELECT: those with the same are equal
}

func (b *binder) selectPlan(s *syntax.Select) (*selectPlan, error) {
	if s.Table != nil {
		if err := b.useForReading(*s.Table); err != nil {
			return nil, err
		}
	}
	b.columnsAt = map[*column]int{}
	p := &selectPlan{distinct: s.Distinct}
	var values *valueRows
	if s.Values != nil {
		var err error
		if values, err = b.useValues(s.Values); err != nil {
			return nil, err
		}
	}
	condition, having, by, err := b.selectClauses(p, s)
	if err != nil {
		return nil, err
	}
	if p.distinct {
		if err := b.checkDistinct(p, s); err != nil {
			return nil, err
		}
	}
	if err := b.limitClauses(p, s); err != nil {
		return nil, err
	}
	if !b.keepOpen {
		if err := b.settle(p.items); err != nil {
			return nil, err
		}
	}
	if err := b.group(p, by, having); err != nil {
		return nil, err
	}
	computed := append(append(expressions(p.items), sortExpressions(p.keys)...), by...)
	p.folded = foldable(append(append(computed, condition, having), values.nodes()...)...)
	p.foldedConditions, p.foldedWindow = foldable(condition), foldable(p.limit, p.offset)
	p.selections = b.selections
	if b.outer != nil {
		p.same = b.sameness(p, condition, having, by, values.nodes())
	}
	p.width = len(p.items)
	if b.existence && p.groups == nil && !p.distinct { // * need not be read
		p.items = slices.DeleteFunc(p.items, func(item outputItem) bool { _, plain := item.x.(*column); return plain })
	}
	if p.groups != nil {
		condition = and(condition, p.groups.early())
	}
	p.attach(b.table, condition)
	return p, nil
}

// selectClauses binds all but LIMIT and OFFSET, in PostgreSQL's order: it settles which of several errors is told, and what
// types parameters have.
func (b *binder) selectClauses(p *selectPlan, s *syntax.Select) (condition, having node, by []node, err error) {
	b.aggregates = true
	defer func() { b.aggregates = false }()
	if p.items, err = b.output(s.Items); err != nil {
		return nil, nil, nil, err
	}
	if condition, err = b.where(s.Where); err != nil {
		return nil, nil, nil, err
	}
	if s.Having != nil {
		if having, err = b.condition(s.Having, "HAVING"); err != nil {
			return nil, nil, nil, err
		}
	}
	if p.keys, err = b.orderBy(s.OrderBy, p.items); err != nil {
		return nil, nil, nil, err
	}
	by, err = b.groupBy(s.GroupBy, p.items)
	return condition, having, by, err
}

func sortExpressions(keys []sortKey) []node {
	list := make([]node, len(keys))
	for i, k := range keys {
		list[i] = k.x
	}
	return list
}

// attach plans how the rows are read.
func (p *selectPlan) attach(t *table, condition node) {
	if t == nil {
		p.condition = condition
		return
	}
	needed := append(expressions(p.items), sortExpressions(p.keys)...)
	if p.groups != nil {
		p.attachGroups(t, condition, needed)
		return
	}
	wanted := pathOrder(p.keys, p.limit != nil)
	p.scan = newScan(t, condition, wanted, needed...)
	path := p.scan.path
	p.served = len(p.keys) == 0 || wanted.on(path.column) && wanted.servedBy(t, path) && (len(p.keys) == 1 || path.column == t.key && areColumns(p.keys))
}

// attachGroups plans how rows are read that are grouped: in any order, but for min and max of one column, which its order may
// answer at once.
func (p *selectPlan) attachGroups(t *table, condition node, needed []node) {
	g := p.groups
	needed = append(append(needed, g.by...), g.having)
	a := g.extreme()
	if a == nil {
		p.scan = newScan(t, condition, nil, needed...)
		return
	}
	c := a.args[0].(*column)
	wanted := &ordering{c.place, a.name == "max", true, true}
	wanted.nullsFirst = !wanted.descending // where Chai has them: the condition skips them
	p.scan = newScan(t, and(condition, &isNull{c, true}), wanted, needed...)
	g.first = p.scan.path.column == c.place && !p.scan.path.byKey()
}

// areColumns says whether sort keys cannot fail, and need not be computed where they do not matter.
func areColumns(keys []sortKey) bool {
	return !slices.ContainsFunc(keys, func(k sortKey) bool { _, ok := k.x.(*column); return !ok })
}

// and joins two conditions, each of which may be nil.
func and(condition, more node) node {
	switch {
	case condition == nil:
		return more
	case more == nil:
		return condition
	}
	return newLogical(false, condition, more)
}

// limitClauses binds LIMIT and OFFSET, which are bigint.
func (b *binder) limitClauses(p *selectPlan, s *syntax.Select) error {
	for _, clause := range []string{"OFFSET", "LIMIT"} {
		x := s.Limit
		if clause == "OFFSET" {
			x = s.Offset
		}
		if x == nil {
			continue
		}
		b.clause = clause
		n, err := b.expr(x)
		if err == nil {
			n, err = b.coerceOpen(n, Int8, x)
		}
		if err != nil {
			return err
		}
		if !n.typ().family().numeric() {
			return b.fail(x.At(), pgerr.DatatypeMismatch, "argument of %s must be type bigint, not type %s", clause, n.typ().Name)
		}
		if !rowless(n) {
			return b.fail(x.At(), invalidColumnReference, "argument of %s must not contain variables", clause)
		}
		if n, err = b.castNode(n, Int8, x); err != nil {
			return err
		}
		if clause == "LIMIT" {
			p.limit = n
		} else {
			p.offset = n
		}
	}
	return nil
}

// window evaluates LIMIT and OFFSET; count -1 is no limit.
func (p *selectPlan) window(x *execution) (skip, count int64, err error) {
	count = -1
	if p.limit != nil {
		v, err := p.limit.eval(&x.scope)
		if err != nil {
			return 0, 0, err
		}
		if v != nil {
			if count = v.(int64); count < 0 {
				return 0, 0, pgerr.New(pgerr.InvalidRowCountInLimit, "LIMIT must not be negative")
			}
		}
	}
	if p.offset != nil {
		v, err := p.offset.eval(&x.scope)
		if err != nil {
			return 0, 0, err
		}
		if v != nil {
			if skip = v.(int64); skip < 0 {
				return 0, 0, pgerr.New(pgerr.InvalidRowCountInOffset, "OFFSET must not be negative")
			}
		}
	}
	return skip, count, nil
}

func (p *selectPlan) execute(x *execution) (*Result, error) {
	rows, err := p.rows(x)
	if err != nil {
		return nil, err
	}
	return &Result{Tag: selectTags.of(len(rows)), Rows: rows}, nil
}

func (p *selectPlan) bytes([]any) int { return 0 }

// rows runs the SELECT.
func (p *selectPlan) rows(x *execution) ([][]any, error) { return p.first(x, -1) }

// first runs the SELECT up to so many rows; -1 is all of them.
func (p *selectPlan) first(x *execution, most int64) ([][]any, error) {
	if err := p.fold(&x.scope); err != nil {
		return nil, err
	}
	if err := x.selections(p.selections); err != nil {
		return nil, err
	}
	if err := x.meter.beginRow(0); err != nil {
		return nil, err
	}
	skip, count, err := p.window(x)
	if err != nil || count == 0 {
		return nil, err
	}
	if most >= 0 && (count < 0 || count > most) {
		count = most
	}
	switch {
	case p.groups != nil:
		return p.sorted(x, skip, count, p.grouped)
	case p.scan == nil:
		return p.single(x, skip)
	case p.scan.byOneKey():
		return p.found(x, skip)
	case p.served:
		return p.streamed(x, skip, count)
	}
	return p.sorted(x, skip, count, p.ungrouped)
}

// single is a SELECT without FROM.
func (p *selectPlan) single(x *execution, skip int64) ([][]any, error) {
	if ok, err := isTrue(p.condition, &x.scope); err != nil || !ok || skip > 0 {
		return nil, err
	}
	if _, err := evaluated(p.keys, &x.scope); err != nil {
		return nil, err
	}
	row, err := project(p.items, &x.scope)
	return [][]any{row}, err
}

// found is a SELECT of a row by its key, the one that there are most of.
func (p *selectPlan) found(x *execution, skip int64) ([][]any, error) {
	row, err := p.scan.one(x)
	if row == nil || err != nil || skip > 0 {
		return nil, err
	}
	outer := x.scope.row
	x.scope.row = row
	defer func() { x.scope.row = outer }()
	if _, err := evaluated(p.keys, &x.scope); err != nil {
		return nil, err
	}
	out, err := project(p.items, &x.scope)
	if err != nil {
		return nil, err
	}
	return [][]any{out}, nil
}

// streamed takes rows in the order that they are read in.
func (p *selectPlan) streamed(x *execution, skip, count int64) ([][]any, error) {
	var rows [][]any
	out := newOutput(p, x)
	err := p.ungrouped(x, func(s *scope) error {
		if skip > 0 && !p.distinct {
			skip--
			return nil
		}
		row, err := out.row(s)
		if row == nil || err != nil {
			return err
		}
		if skip > 0 {
			skip--
			return nil
		}
		if rows = append(rows, row); int64(len(rows)) == count {
			return engine.Stop
		}
		return nil
	})
	return rows, err
}

// ungrouped hands on each row by itself.
func (p *selectPlan) ungrouped(x *execution, emit func(s *scope) error) error {
	inner := *x
	return p.scan.run(x, func(row []any) error {
		inner.scope.row = row
		return emit(&inner.scope)
	})
}

// sorted reads all rows and sorts them here: Chai's own sorts leave rubbish in the database.
func (p *selectPlan) sorted(x *execution, skip, count int64, each func(*execution, func(*scope) error) error) ([][]any, error) {
	var all []sortable
	out := newOutput(p, x)
	err := each(x, func(s *scope) error {
		keys, err := evaluated(p.keys, s)
		if err != nil {
			return err
		}
		row, err := out.row(s)
		switch {
		case row != nil:
			all = append(all, sortable{row, keys})
		case keys != nil && err == nil:
			err = s.keep(-rowBytes(keys))
		}
		return err
	})
	if err == nil {
		err = sortRows(all, p.keys, &x.scope)
	}
	if err != nil {
		return nil, err
	}
	var rows [][]any
	for i := skip; i < int64(len(all)) && int64(len(rows)) != count; i++ {
		rows = append(rows, all[i].row)
	}
	return rows, nil
}
