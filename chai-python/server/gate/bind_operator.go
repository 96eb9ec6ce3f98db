package gate

import (
	"slices"

	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// Operators: each side is bound, and takes the type in which the two meet.

// sign binds -x and +x.
func (b *binder) sign(x *syntax.Sign) (node, error) {
	inner, err := b.expr(x.X)
	if err != nil {
		return nil, err
	}
	op := "+"
	if x.Minus {
		op = "-"
	}
	if !x.Minus {
		if inner, err = b.coerceOpen(inner, Float8, x.X); err != nil {
			return nil, err
		}
	}
	switch inner.typ().family() {
	case openFamily: // a number or an interval
		return nil, b.fail(x.At(), ambiguousFunction, "operator is not unique: %s unknown", op).
			WithHint("Could not choose a best candidate operator. You might need to add explicit type casts.")
	case intFamily, floatFamily, decimalFamily:
		switch {
		case x.Minus:
			inner = &negative{inner}
		case !rowless(inner):
			inner = &positive{inner}
		}
		return inner, nil
	case intervalFamily:
		if x.Minus {
			return &functionCall{&negativeInterval, []node{inner}}, nil
		}
	}
	return nil, b.fail(x.At(), pgerr.UndefinedFunction, "operator does not exist: %s %s", op, inner.typ().Name)
}

func (b *binder) binary(x *syntax.Binary) (node, error) {
	switch x.Op {
	case "+", "-", "*", "/", "%":
		return b.arithmetic(x)
	case "||":
		return b.concat(x)
	}
	left, right, err := b.pair(x.Op, x.Left, x.Right)
	return &comparison{x.Op, left, right}, err
}

func (b *binder) arithmetic(x *syntax.Binary) (node, error) {
	left, right, err := b.sides(x.Left, x.Right)
	if err != nil {
		return nil, err
	}
	if left.typ().timely() || right.typ().timely() {
		return b.operator(x, left, right)
	}
	result, err := b.resultOf(x, left.typ(), right.typ())
	if err != nil {
		return nil, err
	}
	if left, err = b.coerceOpen(left, result, x.Left); err != nil {
		return nil, err
	}
	if right, err = b.coerceOpen(right, result, x.Right); err != nil {
		return nil, err
	}
	if left, err = b.castNode(left, result, x.Left); err != nil {
		return nil, err
	}
	right, err = b.castNode(right, result, x.Right)
	return &arithmetic{x.Op, left, right, result}, err
}

// resultOf finds the type in which two numbers meet. One that is open takes the type of the other.
func (b *binder) resultOf(x *syntax.Binary, l, r Type) (Type, error) {
	open := func(t Type) bool { return t.family() == openFamily }
	result := l
	switch {
	case open(l) && open(r):
		return l, b.fail(x.At(), ambiguousFunction, "operator is not unique: unknown %s unknown", x.Op).
			WithHint("Could not choose a best candidate operator. You might need to add explicit type casts.")
	case x.Op == "-" && (open(l) && r.family() == textFamily || open(r) && l.family() == textFamily):
		return l, b.fail(x.At(), pgerr.FeatureNotSupported, "taking something out of a JSON value is not supported")
	case open(l):
		result = r
	case !open(r):
		result = wider(l, r)
	}
	for _, t := range []Type{l, r} {
		if !open(t) && !t.family().numeric() || x.Op == "%" && result.family() == floatFamily {
			return l, b.noOperator(x.Op, l, r, x)
		}
	}
	return result, nil
}

// wider is the type of a sum: the larger of the two, DOUBLE PRECISION for another number with a float.
func wider(a, b Type) Type {
	switch {
	case a == b:
		return a
	case a.family() == floatFamily || b.family() == floatFamily:
		return Float8
	case a == Numeric || b == Numeric:
		return Numeric
	case a == Int8 || b == Int8:
		return Int8
	}
	return Int4
}

func (b *binder) logical(x *syntax.Logical) (node, error) {
	clause := "AND"
	if x.Or {
		clause = "OR"
	}
	terms := make([]node, len(x.Terms))
	for i, term := range x.Terms {
		t, err := b.condition(term, clause)
		if err != nil {
			return nil, err
		}
		terms[i] = t
	}
	return newLogical(x.Or, terms...), nil
}

// between is x >= low AND x <= high, which is how SQL defines it and what access paths look for.
func (b *binder) between(x *syntax.Between) (node, error) {
	low, bottom, err := b.pair(">=", x.X, x.Low)
	if err != nil {
		return nil, err
	}
	if err := b.repeat(low, 1, x); err != nil {
		return nil, err
	}
	high, top, err := b.pair("<=", x.X, x.High)
	if err != nil {
		return nil, err
	}
	n := newLogical(false, &comparison{">=", low, bottom}, &comparison{"<=", high, top})
	if x.Not {
		return &not{n}, nil
	}
	return n, nil
}

// timely says whether a type is that of a time or an interval, whose operators are found like functions.
func (t Type) timely() bool { return t.family() == timeFamily || t.family() == intervalFamily }

// operator binds + - * / % with a time or an interval on one side.
func (b *binder) operator(x *syntax.Binary, left, right node) (node, error) {
	args := []node{left, right}
	f, several := resolveOperator(operators[x.Op], typesOf(args))
	switch {
	case several:
		return nil, b.fail(x.At(), ambiguousFunction, "operator is not unique: %s %s %s", namesOf(typesOf(args[:1])), x.Op, namesOf(typesOf(args[1:]))).
			WithHint("Could not choose a best candidate operator. You might need to add explicit type casts.")
	case f == nil || f.apply == nil:
		return nil, b.noOperator(x.Op, left.typ(), right.typ(), x)
	}
	return b.callOf(f, args, []syntax.Expr{x.Left, x.Right})
}

// resolveOperator takes an open side for what the other one is, if there is an operator for that.
func resolveOperator(list []*function, types []Type) (found *function, several bool) {
	alike := slices.Clone(types)
	for i := range alike {
		if alike[i].family() == openFamily {
			alike[i] = types[1-i]
		}
	}
	for _, f := range list {
		if slices.Equal(f.params, alike) {
			return f, false
		}
	}
	return resolve(list, types)
}
