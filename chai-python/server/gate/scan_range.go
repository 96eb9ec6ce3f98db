package gate

import (
	"math"

	"chaisqld/engine"
)

// limit is a bound with its value for this run.
type limit struct {
	op      string
	value   any
	widened bool // takes in the outermost value, which may not meet the condition
}

// evaluate gives a bound its value; none says that no row can meet it.
func (b *bound) evaluate(x *execution, t Type) (l *limit, none bool, err error) {
	if b == nil {
		return nil, false, nil
	}
	v, err := b.value.eval(&x.scope)
	if err != nil || v == nil {
		return nil, v == nil, err
	}
	if isNaN(v) { // above every number, which Chai does not know
		return &limit{"<=", math.Inf(1), true}, b.op[0] == '>', nil
	}
	if d, ok := v.(Decimal); ok {
		l, none = d.limit(b.op)
		return l, none, nil
	}
	v, clamped := searchValue(v, t)
	if clamped {
		return &limit{b.op[:1] + "=", v, true}, false, nil
	}
	return &limit{b.op, v, false}, false, nil
}

// limit is the bound that a number is to whole numbers of 64 bits; none says that no such number meets it.
func (d Decimal) limit(op string) (l *limit, none bool) {
	whole, exact := d.floor()
	above := op[0] == '>'
	switch {
	case exact && whole.IsInt64():
		return &limit{op, whole.Int64(), false}, false
	case whole.IsInt64() && above && whole.Int64() < math.MaxInt64:
		return &limit{">=", whole.Int64() + 1, false}, false
	case whole.IsInt64() && !above:
		return &limit{"<=", whole.Int64(), false}, false
	case (whole.Sign() > 0) == above:
		return nil, true
	case above:
		return &limit{">=", int64(math.MinInt64), false}, false
	}
	return &limit{"<=", int64(math.MaxInt64), false}, false
}

// limits evaluates both bounds.
func (s *scan) limits(x *execution) (low, high *limit, none bool, err error) {
	if s.path.column < 0 {
		return nil, nil, false, nil
	}
	t := s.table.types[s.path.column]
	low, none, err = s.path.low.evaluate(x, t)
	if err != nil || none {
		return nil, nil, none, err
	}
	high, none, err = s.path.high.evaluate(x, t)
	return low, high, none, err
}

// runRange reads along the path's column. Chai takes one bound, the one where reading begins if there are both; the other
// end is watched here, because Chai would read on to the end of the table.
func (s *scan) runRange(x *execution, emit func([]any) error) error {
	low, high, none, err := s.limits(x)
	if err != nil || none {
		return err
	}
	begin, finish := low, high
	if s.path.descending {
		begin, finish = high, low
	}
	if begin == nil {
		begin, finish = finish, nil
	}
	sentence, args := s.sentence(begin)
	return s.query(x, sentence, args, func(row []any) error {
		if finish != nil && row[s.path.column] != nil && !holds(finish.op, compare(row[s.path.column], finish.value)) {
			return engine.Stop
		}
		return emit(row)
	})
}

func (s *scan) sentence(begin *limit) (string, []any) {
	if s.path.column < 0 {
		return s.selected, nil
	}
	name := s.table.columns[s.path.column]
	order := " ORDER BY " + name
	if s.path.descending {
		order += " DESC"
	}
	if begin == nil {
		return s.selected + order, nil
	}
	return s.selected + " WHERE " + name + " " + begin.op + " $1" + order, []any{begin.value}
}
