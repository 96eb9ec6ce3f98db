package gate

import (
	"math"
	"math/big"
	"slices"
)

// accumulator computes an aggregate from the values of its arguments, row by row. The first one is not NULL.
type accumulator interface {
	add(args []any, s *scope) error
	result() (any, error) // NULL where no row came, but for count
}

// counter is count.
type counter struct{ rows int64 }

func count(*aggregate) accumulator                { return &counter{} }
func (a *counter) add(args []any, _ *scope) error { a.rows++; return nil }
func (a *counter) result() (any, error)           { return a.rows, nil }

// extreme is min or max.
type extreme struct {
	least bool
	value any
	held  int // bytes that are counted
}

func extremeOf(a *aggregate) accumulator { return &extreme{least: a.name == "min"} }

func (a *extreme) add(args []any, s *scope) error {
	v := args[0]
	if err := s.spendComparing(a.value, v); err != nil {
		return err
	}
	if a.value != nil {
		if c := compare(v, a.value); c != 0 && (c < 0) != a.least {
			return nil // of equal values the last one is taken
		}
	}
	a.value = v
	if more := valueBytes(v) - a.held; more > 0 {
		a.held += more
		return s.keep(more)
	}
	return nil
}

func (a *extreme) result() (any, error) { return a.value, nil }

// integerSum is sum of smallint and integer, which is bigint.
type integerSum struct {
	sum  int64
	some bool
}

func sumIntegers(*aggregate) accumulator { return &integerSum{} }

func (a *integerSum) add(args []any, _ *scope) error {
	a.sum, a.some = a.sum+args[0].(int64), true
	return nil
}

func (a *integerSum) result() (any, error) {
	if !a.some {
		return nil, nil
	}
	return a.sum, nil
}

// numberSum is sum or avg as numeric, of whole numbers or of numeric.
type numberSum struct {
	average bool
	rows    int64
	whole   int64 // of whole numbers, as long as it fits
	sum     Decimal
}

func sumNumbers(*aggregate) accumulator     { return &numberSum{sum: decimalOf(0)} }
func averageNumbers(*aggregate) accumulator { return &numberSum{average: true, sum: decimalOf(0)} }

func (a *numberSum) add(args []any, s *scope) (err error) {
	a.rows++
	switch v := args[0].(type) {
	case int64:
		sum := a.whole + v
		if (sum > a.whole) != (v > 0) && v != 0 {
			a.carry()
			sum = v
		}
		a.whole = sum
	case Decimal:
		if err := s.spend(v.units() + a.sum.units()); err != nil {
			return err
		}
		sum, err := a.sum.apply("+", v)
		if err != nil {
			return err
		}
		a.sum = sum.(Decimal)
	}
	return nil
}

func (a *numberSum) carry() {
	a.sum.digits = new(big.Int).Add(a.sum.digits, big.NewInt(a.whole))
	a.whole = 0
}

func (a *numberSum) result() (any, error) {
	if a.rows == 0 {
		return nil, nil
	}
	if a.whole != 0 {
		a.carry()
	}
	if a.average {
		return a.sum.apply("/", decimalOf(a.rows))
	}
	return a.sum, nil
}

// floatSum is sum of real or double precision.
type floatSum struct {
	of   Type
	sum  float64
	some bool
}

func sumFloats(a *aggregate) accumulator { return &floatSum{of: a.of} }

func (a *floatSum) add(args []any, _ *scope) error {
	v := args[0].(float64)
	if !a.some {
		a.sum, a.some = v, true
		return nil
	}
	sum := roundFloat(a.sum+v, a.of)
	if err := checkFloat(sum, math.IsInf(a.sum, 0) || math.IsInf(v, 0), true); err != nil {
		return err
	}
	a.sum = sum
	return nil
}

func (a *floatSum) result() (any, error) {
	if !a.some {
		return nil, nil
	}
	return a.sum, nil
}

// floatAverage is avg of real or double precision. PostgreSQL keeps the sum of squared deviations for avg as well, and fails
// where that overflows.
type floatAverage struct{ rows, sum, squares float64 }

func averageFloats(*aggregate) accumulator { return &floatAverage{} }

func (a *floatAverage) add(args []any, _ *scope) error {
	v := args[0].(float64)
	before, sumBefore := a.rows, a.sum
	a.rows++
	a.sum += v
	if before == 0 {
		if math.IsInf(v, 0) || math.IsNaN(v) {
			a.squares = math.NaN()
		}
		return nil
	}
	// Each product is rounded by itself: Go may fuse a multiplication with an addition otherwise, and get another number.
	deviation := float64(v*a.rows) - a.sum
	a.squares += float64(deviation*deviation) / float64(a.rows*before)
	if !math.IsInf(a.sum, 0) && !math.IsInf(a.squares, 0) {
		return nil
	}
	a.squares = math.NaN()
	return checkFloat(math.Inf(1), math.IsInf(sumBefore, 0) || math.IsInf(v, 0), true)
}

func (a *floatAverage) result() (any, error) {
	if a.rows == 0 {
		return nil, nil
	}
	return a.sum / a.rows, nil
}

// truth is bool_and or bool_or: decided by the first value that is not what the others must be.
type truth struct {
	deciding bool
	value    any
}

func allTrue(*aggregate) accumulator { return &truth{deciding: false} }
func anyTrue(*aggregate) accumulator { return &truth{deciding: true} }

func (a *truth) add(args []any, _ *scope) error {
	if a.value != a.deciding {
		a.value = args[0]
	}
	return nil
}

func (a *truth) result() (any, error) { return a.value, nil }

// joined is string_agg.
type joined struct {
	of    Type
	bytes []byte
	some  bool
}

func join(a *aggregate) accumulator { return &joined{of: a.of} }

func (a *joined) add(args []any, s *scope) error {
	var delimiter any
	if a.some {
		delimiter = args[1]
	}
	length := textLength(delimiter) + textLength(args[0])
	if err := checkTextLength(len(a.bytes) + length); err != nil {
		return err
	}
	if err := s.spend(textUnits(length)); err != nil {
		return err
	}
	const copies = 3 // the buffer has room to grow, and its text is one more
	if err := s.keep(copies * length); err != nil {
		return err
	}
	a.bytes = slices.Grow(a.bytes, length)
	for _, v := range []any{delimiter, args[0]} {
		switch v := v.(type) {
		case string:
			a.bytes = append(a.bytes, v...)
		case []byte:
			a.bytes = append(a.bytes, v...)
		}
	}
	a.some = true
	return nil
}

func (a *joined) result() (any, error) {
	switch {
	case !a.some:
		return nil, nil
	case a.of == Bytea:
		return a.bytes, nil
	}
	return string(a.bytes), nil
}
