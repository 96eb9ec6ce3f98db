package gate

import (
	"math"
	"math/big"

	"chaisqld/pgerr"
)

// Functions of numbers. Those of several types begin with the one that an open argument does not mean.

var (
	oneFloat  = []Type{Float8}
	twoFloats = []Type{Float8, Float8}
	oneNumber = []Type{Numeric}
	twoNumber = []Type{Numeric, Numeric}
	numberInt = []Type{Numeric, Int4}
)

var numberFunctions = []function{
	{name: "abs", params: []Type{Int2}, of: Int2, apply: absoluteInt(Int2)},
	{name: "abs", params: []Type{Int4}, of: Int4, apply: absoluteInt(Int4)},
	{name: "abs", params: []Type{Int8}, of: Int8, apply: absoluteInt(Int8)},
	{name: "abs", params: []Type{Float4}, of: Float4, apply: ofFloat(math.Abs)},
	{name: "abs", params: oneFloat, of: Float8, apply: ofFloat(math.Abs)},
	{name: "abs", params: oneNumber, of: Numeric, apply: ofDecimal(func(d Decimal) Decimal { return Decimal{new(big.Int).Abs(d.digits), d.scale} })},
	{name: "sign", params: oneFloat, of: Float8, apply: ofFloat(signOf)},
	{name: "sign", params: oneNumber, of: Numeric, apply: ofDecimal(func(d Decimal) Decimal { return decimalOf(int64(d.digits.Sign())) })},
	{name: "round", params: oneFloat, of: Float8, apply: ofFloat(math.RoundToEven)},
	{name: "round", params: oneNumber, of: Numeric, apply: toScale(roundedQuotient)},
	{name: "round", params: numberInt, of: Numeric, apply: toScale(roundedQuotient)},
	{name: "trunc", params: oneFloat, of: Float8, apply: ofFloat(math.Trunc)},
	{name: "trunc", params: oneNumber, of: Numeric, apply: toScale(truncatedQuotient)},
	{name: "trunc", params: numberInt, of: Numeric, apply: toScale(truncatedQuotient)},
	{name: "trunc", params: []Type{macaddr}, of: macaddr},
	{name: "ceil", params: oneFloat, of: Float8, apply: ofFloat(math.Ceil)},
	{name: "ceil", params: oneNumber, of: Numeric, apply: toScale(ceilingQuotient)},
	{name: "ceiling", params: oneFloat, of: Float8, apply: ofFloat(math.Ceil)},
	{name: "ceiling", params: oneNumber, of: Numeric, apply: toScale(ceilingQuotient)},
	{name: "floor", params: oneFloat, of: Float8, apply: ofFloat(math.Floor)},
	{name: "floor", params: oneNumber, of: Numeric, apply: toScale(floorQuotient)},
	{name: "mod", params: []Type{Int2, Int2}, of: Int2, apply: remainder(Int2)},
	{name: "mod", params: []Type{Int4, Int4}, of: Int4, apply: remainder(Int4)},
	{name: "mod", params: []Type{Int8, Int8}, of: Int8, apply: remainder(Int8)},
	{name: "mod", params: twoNumber, of: Numeric, apply: remainder(Numeric)},
	{name: "div", params: twoNumber, of: Numeric, apply: wholeQuotient},
	{name: "sqrt", params: oneFloat, of: Float8, apply: squareRoot},
	{name: "sqrt", params: oneNumber, of: Numeric, apply: decimalRoot},
	{name: "power", params: twoFloats, of: Float8},
	{name: "power", params: twoNumber, of: Numeric},
	{name: "pow", params: twoFloats, of: Float8},
	{name: "pow", params: twoNumber, of: Numeric},
}

func absoluteInt(t Type) apply {
	return func(_ *scope, args []any) (any, error) {
		n := args[0].(int64)
		switch {
		case n == math.MinInt64:
			return nil, outOfType(t)
		case n < 0:
			n = -n
		}
		return inRange(n, t)
	}
}

func ofFloat(compute func(float64) float64) apply {
	return func(_ *scope, args []any) (any, error) { return compute(args[0].(float64)), nil }
}

// signOf is 0 for NaN.
func signOf(f float64) float64 {
	switch {
	case f > 0:
		return 1
	case f < 0:
		return -1
	}
	return 0
}

func ofDecimal(compute func(Decimal) Decimal) apply {
	return func(s *scope, args []any) (any, error) {
		d := args[0].(Decimal)
		if err := s.spend(d.units()); err != nil {
			return nil, err
		}
		return compute(d), nil
	}
}

// toScale keeps some digits behind the point, none if no number is given, and less than none before it.
func toScale(quotient func(x, y *big.Int) *big.Int) apply {
	return func(s *scope, args []any) (any, error) {
		const most = 2000
		d, scale := args[0].(Decimal), 0
		if len(args) > 1 {
			scale = int(min(max(args[1].(int64), -most), most))
		}
		if err := s.spend(d.units() + max(scale, -scale)); err != nil {
			return nil, err
		}
		if scale >= d.scale {
			return d.rescaled(scale).checked()
		}
		return shifted(quotient(d.digits, powerOfTen(d.scale-scale)), scale)
	}
}

func truncatedQuotient(x, y *big.Int) *big.Int { return new(big.Int).Quo(x, y) }

// floorQuotient is Euclid's, y being positive.
func floorQuotient(x, y *big.Int) *big.Int { return new(big.Int).Div(x, y) }

func ceilingQuotient(x, y *big.Int) *big.Int {
	q := new(big.Int).Neg(x)
	return q.Neg(q.Div(q, y))
}

func remainder(t Type) apply {
	a := &arithmetic{op: "%", of: t}
	return func(s *scope, args []any) (any, error) {
		if d, ok := args[0].(Decimal); ok {
			if err := s.spend(d.units() + args[1].(Decimal).units()); err != nil {
				return nil, err
			}
			return d.apply("%", args[1].(Decimal))
		}
		return a.ints(args[0].(int64), args[1].(int64))
	}
}

// wholeQuotient leaves out what is behind the point.
func wholeQuotient(s *scope, args []any) (any, error) {
	x, y := args[0].(Decimal), args[1].(Decimal)
	if err := s.spend(x.units() + y.units()); err != nil {
		return nil, err
	}
	if y.digits.Sign() == 0 {
		return nil, pgerr.New(pgerr.DivisionByZero, "division by zero")
	}
	scale := max(x.scale, y.scale)
	return Decimal{truncatedQuotient(x.rescaled(scale).digits, y.rescaled(scale).digits), 0}.checked()
}

// invalidPower is SQLSTATE 2201F, for roots as well.
const invalidPower = "2201F"

func negativeRoot() error {
	return pgerr.New(invalidPower, "cannot take square root of a negative number")
}

func squareRoot(_ *scope, args []any) (any, error) {
	f := args[0].(float64)
	if f < 0 {
		return nil, negativeRoot()
	}
	root := math.Sqrt(f)
	return root, checkFloat(root, math.IsInf(f, 0), f == 0)
}

// decimalRoot gives at least 16 significant digits, reckoned by the groups of four that PostgreSQL keeps.
func decimalRoot(s *scope, args []any) (any, error) {
	const significant, group = 16, 4
	d := args[0].(Decimal)
	if d.digits.Sign() < 0 {
		return nil, negativeRoot()
	}
	weight, _ := d.leading()
	scale := min(max(significant-weight*group/2-1, d.scale, 0), decimalDigits)
	if err := s.spend(4 * (d.units() + scale)); err != nil {
		return nil, err
	}
	exact := d.rescaled(2*scale + 2) // a digit more, to round by
	root := new(big.Int).Sqrt(exact.digits)
	return Decimal{roundedQuotient(root, ten), scale}.checked()
}
