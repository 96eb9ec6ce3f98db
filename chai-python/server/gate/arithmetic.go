package gate

import (
	"math"
	"math/big"

	"chaisqld/pgerr"
)

// arithmetic is x op y with op one of + - * / %, on numbers of one family (the binder casts).
type arithmetic struct {
	op   string
	x, y node
	of   Type
}

func (n *arithmetic) typ() Type { return n.of }
func (n *arithmetic) eval(s *scope) (any, error) {
	x, y, err := operands(n.x, n.y, s)
	if err != nil || x == nil || y == nil {
		return nil, err
	}
	if n.of.family() == floatFamily {
		return n.floats(x.(float64), y.(float64))
	}
	if d, ok := x.(Decimal); ok {
		if err := s.spend(d.units() + y.(Decimal).units()); err != nil {
			return nil, err
		}
		return d.apply(n.op, y.(Decimal))
	}
	return n.ints(x.(int64), y.(int64))
}

// checkFloat refuses an infinity and a zero that rounding has made.
func checkFloat(f float64, mayBeInfinite, mayBeZero bool) error {
	switch {
	case math.IsInf(f, 0) && !mayBeInfinite:
		return pgerr.New(pgerr.NumericValueOutOfRange, "value out of range: overflow")
	case f == 0 && !mayBeZero:
		return pgerr.New(pgerr.NumericValueOutOfRange, "value out of range: underflow")
	}
	return nil
}

// positive is +x, another expression than x where GROUP BY asks which ones are the same.
type positive struct{ x node }

func (n *positive) typ() Type                  { return n.x.typ() }
func (n *positive) eval(s *scope) (any, error) { return n.x.eval(s) }

// negative is -x.
type negative struct{ x node }

func (n *negative) typ() Type { return n.x.typ() }
func (n *negative) eval(s *scope) (any, error) {
	v, err := n.x.eval(s)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case int64:
		if v == math.MinInt64 {
			return nil, outOfType(n.typ())
		}
		return inRange(-v, n.typ())
	case float64:
		return -v, nil
	case Decimal:
		return Decimal{new(big.Int).Neg(v.digits), v.scale}, nil
	}
	return nil, nil
}

func outOfType(t Type) error {
	return pgerr.New(pgerr.NumericValueOutOfRange, "%s out of range", t.Name)
}

func (n *arithmetic) ints(x, y int64) (any, error) {
	if y == 0 && (n.op == "/" || n.op == "%") {
		return nil, pgerr.New(pgerr.DivisionByZero, "division by zero")
	}
	var result int64
	overflow := false
	switch n.op {
	case "+":
		result = x + y
		overflow = (result > x) != (y > 0) && y != 0
	case "-":
		result = x - y
		overflow = (result < x) != (y > 0) && y != 0
	case "*":
		result = x * y
		overflow = x != 0 && (result/x != y || x == -1 && y == math.MinInt64)
	case "/":
		overflow = x == math.MinInt64 && y == -1
		if !overflow {
			result = x / y
		}
	case "%":
		if y != -1 {
			result = x % y
		}
	}
	if overflow {
		return nil, outOfType(n.of)
	}
	return inRange(result, n.of)
}

func (n *arithmetic) floats(x, y float64) (any, error) {
	if y == 0 && n.op == "/" && !math.IsNaN(x) {
		return nil, pgerr.New(pgerr.DivisionByZero, "division by zero")
	}
	var result float64
	switch n.op {
	case "+":
		result = x + y
	case "-":
		result = x - y
	case "*":
		result = x * y
	case "/":
		result = x / y
	}
	result = roundFloat(result, n.of)
	mayBeZero := n.op == "+" || n.op == "-" || x == 0 || n.op == "*" && y == 0 || n.op == "/" && math.IsInf(y, 0)
	return result, checkFloat(result, math.IsInf(x, 0) || math.IsInf(y, 0), mayBeZero)
}
