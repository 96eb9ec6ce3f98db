package gate

import (
	"chaisqld/engine"
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// checkAggregates finds the aggregates of a select list and gives each the slot where its value will be.
func (b *binder) checkAggregates(p *selectPlan, s *syntax.Select) error {
	for _, item := range p.items {
		walk(item.x, func(n node) bool {
			a, ok := n.(*aggregate)
			if ok {
				a.slot = len(p.aggregates)
				p.aggregates = append(p.aggregates, a)
			}
			return !ok
		})
	}
	if p.aggregates == nil {
		return nil
	}
	for i, item := range p.items {
		if name := plainColumn(b.table, item.x); name != "" {
			return b.fail(s.Items[min(i, len(s.Items)-1)].At, "42803",
				"column \"%s.%s\" must appear in the GROUP BY clause or be used in an aggregate function", b.alias, name)
		}
	}
	p.keys = nil // there is one row
	return nil
}

// plainColumn finds a column outside all aggregates, "" if there is none.
func plainColumn(t *table, x node) string {
	name := ""
	walk(x, func(n node) bool {
		if c, ok := n.(*column); ok {
			name = t.names[c.place]
		}
		_, inside := n.(*aggregate)
		return !inside
	})
	return name
}

// extreme is the one min or max that an ordered read can answer with its first row, nil if there is none.
func (p *selectPlan) extreme() *aggregate {
	if len(p.aggregates) != 1 || p.aggregates[0].name == "count" {
		return nil
	}
	if _, ok := p.aggregates[0].x.(*column); !ok {
		return nil
	}
	return p.aggregates[0]
}

// aggregated gives the one row of a SELECT with aggregates.
func (p *selectPlan) aggregated(x *execution, skip int64) ([][]any, error) {
	values, err := p.aggregateValues(x)
	if err != nil || skip > 0 {
		return nil, err
	}
	inner := *x
	inner.scope.row = values
	row, err := project(p.items, &inner.scope)
	return [][]any{row}, err
}

func (p *selectPlan) aggregateValues(x *execution) ([]any, error) {
	if a := p.aggregates[0]; p.scan != nil && len(p.aggregates) == 1 && a.name == "count" && a.x == nil {
		n, counted, err := p.scan.count(x)
		if counted || err != nil {
			return []any{n}, err
		}
	}
	values := make([]any, len(p.aggregates))
	for i, a := range p.aggregates {
		if a.name == "count" {
			values[i] = int64(0)
		}
	}
	first := p.scan != nil && p.extreme() != nil && p.scan.path.column == p.extreme().x.(*column).place && !p.scan.path.byKey()
	inner := *x
	err := p.each(x, func(row []any) error {
		inner.scope.row = row
		for i, a := range p.aggregates {
			v, err := a.step(values[i], &inner.scope)
			if err != nil {
				return err
			}
			values[i] = v
		}
		if first {
			return engine.Stop
		}
		return nil
	})
	return values, err
}

// each hands on the rows that meet the condition; without FROM there is one, of no columns.
func (p *selectPlan) each(x *execution, emit func(row []any) error) error {
	if p.scan != nil {
		return p.scan.run(x, emit)
	}
	if ok, err := isTrue(p.condition, &x.scope); err != nil || !ok {
		return err
	}
	return emit(nil)
}

// step adds one row to an aggregate's value.
func (a *aggregate) step(sofar any, s *scope) (any, error) {
	if a.x == nil {
		return sofar.(int64) + 1, nil
	}
	v, err := a.x.eval(s)
	if err != nil || v == nil {
		return sofar, err
	}
	switch {
	case a.name == "count":
		return sofar.(int64) + 1, nil
	case sofar == nil, a.name == "min" && compare(v, sofar) < 0, a.name == "max" && compare(v, sofar) > 0:
		return v, nil
	}
	return sofar, nil
}

// count lets Chai count where its COUNT(*) sees just the rows that the conditions want: the whole table, or what lies on
// one side of a bound. counted is false where it does not.
func (s *scan) count(x *execution) (n int64, counted bool, err error) {
	if _, writes := x.reader.(engine.Writer); writes || s.table.view != nil {
		return 0, false, nil // Chai's COUNT(*) cannot be stopped, and the writer is for others too
	}
	if s.condition == nil {
		n, err = s.chaiCount(x, "", nil)
		return n, true, err
	}
	begin, exact, err := s.exactBound(x)
	if begin == nil || !exact || err != nil {
		return 0, exact && err == nil, err
	}
	n, err = s.chaiCount(x, " WHERE "+s.table.columns[s.path.column]+" "+begin.op+" $1", []any{begin.value})
	return n, true, err
}

// oneBound says whether a single bound gives just the rows that the conditions want.
func (p *path) oneBound() bool {
	return p.exact && !p.byKey() && (p.low == nil) != (p.high == nil)
}

// exactBound is the one bound that gives just the rows that the conditions want. exact is false if there is no such bound;
// the bound is nil if no row can meet it.
func (s *scan) exactBound(x *execution) (begin *limit, exact bool, err error) {
	if !s.path.oneBound() {
		return nil, false, nil
	}
	low, high, none, err := s.limits(x)
	if err != nil || none {
		return nil, true, err
	}
	if begin = low; begin == nil {
		begin = high
	}
	return begin, !begin.widened, nil
}

func (s *scan) chaiCount(x *execution, where string, args []any) (count int64, err error) {
	err = x.reader.Query("SELECT COUNT(*) FROM "+s.table.quoted+where, args, func(values []any) error {
		n, ok := values[0].(int64)
		if !ok {
			return pgerr.New(pgerr.InternalError, "COUNT(*) gave %T", values[0])
		}
		count = n
		return nil
	})
	return count, err
}
