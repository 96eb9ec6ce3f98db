package gate

import (
	"slices"
)

// tally is the work of one aggregate on one group: which rows are taken in, and in which order.
type tally struct {
	accumulator
	aggregate *aggregate
	args      []any           // of the row at hand
	keys      []any           // it is sorted by
	seen      map[string]bool // what DISTINCT has met
	waiting   []sortable      // rows that have to be sorted first
}

const tallyBytes = 128

func newTally(a *aggregate) tally {
	t := tally{accumulator: a.start(a), aggregate: a, args: make([]any, len(a.args)), keys: make([]any, len(a.order))}
	if a.distinct {
		t.seen = map[string]bool{}
	}
	return t
}

// add takes in the scope's row. All that it names is computed, even if the first argument is NULL, which no aggregate takes in.
func (t *tally) add(s *scope) error {
	before := s.madeSoFar()
	err := t.take(s)
	clear(t.args) // there may be many groups, and nobody counts these
	clear(t.keys)
	if err != nil {
		return err
	}
	return s.madeInstead(before, 0)
}

func (t *tally) take(s *scope) error {
	a := t.aggregate
	if a.filter != nil {
		if ok, err := isTrue(a.filter, s); err != nil || !ok {
			return err
		}
	}
	if err := t.evaluate(s); err != nil {
		return err
	}
	if len(a.args) > 0 && t.args[0] == nil {
		return nil
	}
	if a.distinct {
		if again, err := met(t.seen, t.args, s); again || err != nil {
			return err
		}
	}
	if len(a.order) == 0 {
		return t.accumulator.add(t.args, s)
	}
	row := sortable{slices.Clone(t.args), slices.Clone(t.keys)}
	t.waiting = append(t.waiting, row)
	return s.keep(rowBytes(row.row) + rowBytes(row.keys))
}

// evaluate computes the arguments and sort keys of the scope's row.
func (t *tally) evaluate(s *scope) (err error) {
	for i, n := range t.aggregate.args {
		if t.args[i], err = n.eval(s); err != nil {
			return err
		}
	}
	for i, k := range t.aggregate.order {
		if t.keys[i], err = k.x.eval(s); err != nil {
			return err
		}
	}
	return nil
}

// met says whether there were the same values before, and notes them.
func met(seen map[string]bool, values []any, s *scope) (bool, error) {
	var key []byte
	for _, v := range values {
		if err := s.spendOn(v); err != nil {
			return false, err
		}
		key = appendKey(key, v)
	}
	if seen[string(key)] {
		return true, nil
	}
	seen[string(key)] = true
	const entry = 64 // of the map
	return false, s.keep(entry + len(key))
}

// result is the aggregate's value once all rows are in.
func (t *tally) result(s *scope) (any, error) {
	if len(t.waiting) > 0 {
		if err := sortRows(t.waiting, t.aggregate.order, s); err != nil {
			return nil, err
		}
		for _, row := range t.waiting {
			if err := t.accumulator.add(row.row, s); err != nil {
				return nil, err
			}
		}
		t.waiting = nil
	}
	return t.accumulator.result()
}
