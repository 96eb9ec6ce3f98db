package gate

import (
	"strings"

	"chaisqld/engine"
)

// scan reads rows of one table along a path and hands on those that meet the condition.
type scan struct {
	table     *table
	path      *path
	condition node
	all       []node // the condition's conjuncts
	fixed     []node // those that do not depend on the row: asked once
	fetch     []int  // places of the columns that are read
	units     int    // of work for each row
	selected  string // SELECT … FROM …
}

// newScan plans reading t. needed are the expressions that will be evaluated on each row.
func newScan(t *table, condition node, wanted *ordering, needed ...node) *scan {
	s := &scan{table: t, condition: condition}
	s.all = conjuncts(condition)
	s.path = choosePath(t, s.all, wanted)
	for _, c := range s.all {
		if rowless(c) {
			s.fixed = append(s.fixed, c)
		}
	}
	s.units = rowUnits + nodeUnits*nodes(append(needed, condition)...)
	s.needs(append(needed, condition)...)
	return s
}

// needs settles which columns are read: what the expressions name, the column that is read along, or the key.
func (s *scan) needs(expressions ...node) {
	used := make([]bool, len(s.table.Columns))
	for _, x := range expressions {
		walk(x, func(n node) bool {
			if c, ok := n.(*column); ok {
				used[c.place] = true
			}
			if a, ok := n.(*aggregate); ok {
				for _, input := range a.inputs() {
					markColumns(input, used)
				}
			}
			return true
		})
	}
	if s.path.column >= 0 {
		used[s.path.column] = true
	}
	if s.path.column < 0 || s.path.keys != nil || s.path.array != nil || len(s.path.equal) > 1 {
		used[s.table.key] = true
	}
	var names []string
	for place, is := range used {
		if is {
			s.fetch = append(s.fetch, place)
			names = append(names, s.table.columns[place])
		}
	}
	s.selected = "SELECT " + strings.Join(names, ", ") + " FROM " + s.table.quoted
}

func markColumns(x node, used []bool) {
	walk(x, func(n node) bool {
		if c, ok := n.(*column); ok {
			used[c.place] = true
		}
		return true
	})
}

// needsAll reads every column.
func (s *scan) needsAll() {
	all := make([]node, len(s.table.Columns))
	for place := range all {
		all[place] = &column{place, s.table.types[place]}
	}
	s.fetch = nil
	s.needs(all...)
}

// reading is the same scan with other columns read.
func (s *scan) reading(needed ...node) *scan {
	other := *s
	other.fetch = nil
	other.needs(append(needed, s.condition)...)
	return &other
}

// possible asks the conditions that do not depend on a row.
func (s *scan) possible(x *execution) (bool, error) {
	for _, c := range s.fixed {
		if ok, err := isTrue(c, &x.scope); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// byOneKey says that the path is one value of the primary key: there is a row or none.
func (s *scan) byOneKey() bool {
	return s.path.column >= 0 && s.path.column == s.table.key && s.path.keys == nil && len(s.path.equal) == 1
}

// byPrimaryKey says that the path is some values of the primary key.
func (s *scan) byPrimaryKey() bool {
	return s.path.column >= 0 && s.path.column == s.table.key && (s.path.equal != nil || s.path.array != nil)
}

// one is what run would hand on where byOneKey, nil for none.
func (s *scan) one(x *execution) (row []any, err error) {
	if ok, err := s.possible(x); err != nil || !ok {
		return nil, err
	}
	key, err := s.keyValue(x, s.path.equal[0])
	if err != nil || key == nil {
		return nil, err
	}
	if err := x.meter.beginRow(s.units); err != nil {
		return nil, err
	}
	if row, err = x.reader.Get(s.table.Table, key); err != nil || row == nil {
		return nil, err
	}
	outer := x.scope.row
	x.scope.row = row
	ok, err := isTrue(s.condition, &x.scope)
	x.scope.row = outer
	if err != nil || !ok {
		return nil, err
	}
	return row, nil
}

// run hands every row that meets the condition to emit, in the path's order, until emit returns engine.Stop or an error.
// The row stays valid after emit returned.
func (s *scan) run(x *execution, emit func(row []any) error) error {
	if ok, err := s.possible(x); err != nil || !ok {
		return err
	}
	inner := *x
	emitMatching := func(row []any) error {
		inner.scope.row = row
		ok, err := isTrue(s.condition, &inner.scope)
		if err != nil || !ok {
			return err
		}
		return emit(row)
	}
	if s.path.byKey() {
		return s.runKeys(x, emitMatching)
	}
	return s.runRange(x, emitMatching)
}

// runKeys looks up each value by itself: Chai stops an IN list at the first value that is missing.
func (s *scan) runKeys(x *execution, emit func([]any) error) error {
	values, err := s.keyValues(x)
	if err != nil {
		return err
	}
	if s.path.column == s.table.key {
		return s.runRows(x, values, emit)
	}
	sentence := s.selected + " WHERE " + s.table.columns[s.path.column] + " = $1"
	stopped := false
	for _, v := range values {
		if stopped {
			break
		}
		err := s.query(x, sentence, []any{v}, func(row []any) error {
			err := emit(row)
			stopped = stopped || err == engine.Stop
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// runRows reads rows by their primary key.
func (s *scan) runRows(x *execution, keys []any, emit func([]any) error) error {
	for _, key := range keys {
		if err := x.meter.beginRow(s.units); err != nil {
			return err
		}
		row, err := x.reader.Get(s.table.Table, key)
		if err != nil {
			return err
		}
		if row == nil {
			continue
		}
		if err := emit(row); err == engine.Stop {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// keyValues are the values to look up, each once.
func (s *scan) keyValues(x *execution) ([]any, error) {
	if s.path.keys != nil {
		in, err := x.scope.outcomeOf(s.path.keys)
		if in == nil || err != nil {
			return nil, err
		}
		return in.set.list, nil
	}
	if s.path.array != nil {
		return s.arrayValues(x)
	}
	values := newValueSet(len(s.path.equal))
	for _, n := range s.path.equal {
		v, err := s.keyValue(x, n)
		if err != nil {
			return nil, err
		}
		values.add(v)
	}
	return values.list, nil
}

// arrayValues are the elements of an array to look up, each once.
func (s *scan) arrayValues(x *execution) ([]any, error) {
	list, err := s.path.array.list(&x.scope)
	if err != nil {
		return nil, err
	}
	values := newValueSet(len(list))
	for _, v := range list {
		if v == nil {
			continue
		}
		if v, err = s.path.array.compared(v, &x.scope); err != nil {
			return nil, err
		}
		v, _ = searchValue(v, s.table.types[s.path.column])
		values.add(v)
	}
	return values.list, nil
}

// keyValue is one value to look up, nil for one that no row has.
func (s *scan) keyValue(x *execution, n node) (any, error) {
	v, err := n.eval(&x.scope)
	if err != nil || v == nil {
		return nil, err
	}
	v, _ = searchValue(v, s.table.types[s.path.column])
	return v, nil
}

// query runs a sentence and spreads the columns read over a row as wide as the table.
func (s *scan) query(x *execution, sentence string, args []any, emit func([]any) error) error {
	if made := s.table.made; made != nil {
		return made.run(x, emit)
	}
	return x.reader.Query(sentence, args, func(values []any) error {
		if err := x.meter.beginRow(s.units); err != nil {
			return err
		}
		row := make([]any, len(s.table.Columns))
		for i, place := range s.fetch {
			row[place] = values[i]
		}
		return emit(row)
	})
}
