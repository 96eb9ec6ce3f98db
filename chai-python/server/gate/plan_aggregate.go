package gate

import (
	"chaisqld/engine"
	"chaisqld/pgerr"
)

// A SELECT that groups its rows keeps one row of each group, on which its expressions are computed as on any other: what they
// name besides aggregates is the same for all rows of the group.

// group is what is kept of one.
type group struct {
	row     []any // of its first row, what is named outside of aggregates
	tallies []tally
}

// grouped makes the rows of the result.
func (p *selectPlan) grouped(x *execution, emit func(s *scope) error) error {
	groups, err := p.groups.read(x, p)
	if err != nil {
		return err
	}
	inner := *x
	for _, g := range groups {
		if err := x.meter.beginRow(p.groups.units); err != nil {
			return err
		}
		inner.scope.row = g.row
		if inner.scope.values, err = g.values(x); err != nil {
			return err
		}
		if ok, err := isTrue(p.groups.having, &inner.scope); err != nil {
			return err
		} else if !ok {
			continue
		}
		if err := emit(&inner.scope); err == engine.Stop {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (g *group) values(x *execution) ([]any, error) {
	values := make([]any, len(g.tallies))
	for i := range g.tallies {
		v, err := g.tallies[i].result(&x.scope)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

// read puts every row into its group. Groups are in the order of their first rows.
func (g *grouping) read(x *execution, p *selectPlan) ([]*group, error) {
	if n, counted, err := p.counted(x); counted || err != nil {
		return []*group{{tallies: []tally{{accumulator: &counter{n}}}}}, err
	}
	var list []*group
	known := map[string]*group{}
	kept := buffer{x: x}
	var needed map[*aggregate]bool
	if g.fallible {
		var err error
		if needed, err = g.needed(&x.scope); err != nil {
			return nil, err
		}
	}
	open := func(key string, row []any) (*group, error) {
		opened := g.open(row, needed)
		list, known[key] = append(list, opened), opened
		if err := x.scope.keep(len(key) + rowBytes(opened.row) + tallyBytes*len(opened.tallies)); err != nil {
			return nil, err
		}
		return opened, kept.count()
	}
	if len(g.by) == 0 {
		if _, err := open("", nil); err != nil {
			return nil, err
		}
	}
	inner := *x
	var key []byte
	err := p.each(x, func(row []any) (err error) {
		inner.scope.row = row
		if key, err = groupKey(key[:0], g.by, &inner.scope); err != nil {
			return err
		}
		in := known[string(key)]
		if in == nil {
			if in, err = open(string(key), row); err != nil {
				return err
			}
		}
		for i := range in.tallies {
			if err := in.tallies[i].add(&inner.scope); err != nil {
				return err
			}
		}
		if g.first {
			return engine.Stop
		}
		return nil
	})
	return list, err
}

// open begins a group with its first row. Aggregates that are not needed take in nothing.
func (g *grouping) open(row []any, needed map[*aggregate]bool) *group {
	opened := &group{tallies: make([]tally, len(g.aggregates))}
	if g.kept != nil {
		opened.row = make([]any, len(row))
		for _, place := range g.kept {
			opened.row[place] = row[place]
		}
	}
	for i, a := range g.aggregates {
		if needed != nil && !needed[a] {
			a = &aggregate{start: a.start, of: a.of, filter: &constant{false, Bool}}
		}
		opened.tallies[i] = newTally(a)
	}
	return opened
}

// groupKey writes the values that rows are grouped by; equal bytes are equal values.
func groupKey(dst []byte, by []node, s *scope) ([]byte, error) {
	for _, n := range by {
		v, err := n.eval(s)
		if err != nil {
			return nil, err
		}
		if err := s.spendOn(v); err != nil {
			return nil, err
		}
		if err := s.making(textLength(v)); err != nil { // its copy in the key
			return nil, err
		}
		dst = appendKey(dst, v)
	}
	return dst, nil
}

// each hands on the rows that meet the condition; without FROM there is one, of no columns.
func (p *selectPlan) each(x *execution, emit func(row []any) error) error {
	if p.scan != nil {
		return p.scan.run(x, emit)
	}
	if ok, err := isTrue(p.condition, &x.scope); err != nil || !ok {
		return err
	}
	if err := emit(nil); err != engine.Stop {
		return err
	}
	return nil
}

// extreme is the one min or max that an ordered read can answer with its first row, nil if there is none.
func (g *grouping) extreme() *aggregate {
	if g == nil || len(g.aggregates) != 1 || len(g.by) > 0 {
		return nil
	}
	a := g.aggregates[0]
	if a.name != "min" && a.name != "max" || a.filter != nil {
		return nil
	}
	if _, ok := a.args[0].(*column); !ok {
		return nil
	}
	return a
}

// counted answers SELECT count(*) where Chai can.
func (p *selectPlan) counted(x *execution) (n int64, counted bool, err error) {
	g := p.groups
	if p.scan == nil || len(g.aggregates) != 1 || len(g.by) > 0 {
		return 0, false, nil
	}
	if a := g.aggregates[0]; a.name != "count" || len(a.args) > 0 || a.filter != nil {
		return 0, false, nil
	}
	return p.scan.count(x)
}

// count lets Chai count where its COUNT(*) sees just the rows that the conditions want: the whole table, or what lies on
// one side of a bound. counted is false where it does not.
func (s *scan) count(x *execution) (n int64, counted bool, err error) {
	if _, writes := x.reader.(engine.Writer); writes || s.table.made != nil {
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
