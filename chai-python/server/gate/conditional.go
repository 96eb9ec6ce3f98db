package gate

import (
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// caseWhen is CASE: the value beside the first condition that holds. The others are not computed.
type caseWhen struct {
	conditions, values []node
	otherwise          node
	of                 Type
}

func (n *caseWhen) typ() Type { return n.of }
func (n *caseWhen) eval(s *scope) (any, error) {
	for i, condition := range n.conditions {
		ok, err := isTrue(condition, s)
		if err != nil {
			return nil, err
		}
		if ok {
			return n.values[i].eval(s)
		}
	}
	return n.otherwise.eval(s)
}

// coalesce is the first value that is not NULL. Those behind it are not computed.
type coalesce struct {
	list []node
	of   Type
}

func (n *coalesce) typ() Type { return n.of }
func (n *coalesce) eval(s *scope) (any, error) {
	for _, x := range n.list {
		if v, err := x.eval(s); v != nil || err != nil {
			return v, err
		}
	}
	return nil, nil
}

// nullIf is a value, but NULL where x, which is the value as it is compared, equals y.
type nullIf struct{ value, x, y node }

func (n *nullIf) typ() Type { return n.value.typ() }
func (n *nullIf) eval(s *scope) (any, error) {
	x, err := n.x.eval(s)
	if err != nil || x == nil && alwaysNull(n.x, s) {
		return nil, err
	}
	y, err := n.y.eval(s)
	if err != nil || x == nil {
		return nil, err
	}
	if err := s.spendComparing(x, y); err != nil {
		return nil, err
	}
	if y != nil && compare(x, y) == 0 {
		return nil, nil
	}
	return n.value.eval(s)
}

// extremum is GREATEST or LEAST of a list, NULL left out.
type extremum struct {
	greatest bool
	list     []node
	of       Type
}

func (n *extremum) typ() Type { return n.of }
func (n *extremum) eval(s *scope) (best any, err error) {
	for _, x := range n.list {
		v, err := x.eval(s)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		if err := s.spendComparing(best, v); err != nil {
			return nil, err
		}
		if best == nil || compare(v, best) > 0 == n.greatest && compare(v, best) != 0 {
			best = v
		}
	}
	return best, nil
}

// caseWhen binds CASE. Its operand is text unless it has a type of its own.
func (b *binder) caseWhen(x *syntax.Case) (node, error) {
	var operand node
	var err error
	if x.Operand != nil {
		if operand, err = b.settled(x.Operand); err != nil {
			return nil, err
		}
	}
	if err := b.repeat(operand, len(x.Whens)-1, x); err != nil {
		return nil, err
	}
	n := &caseWhen{}
	values, from := []node{nil}, []syntax.Expr{x.Else}
	for _, w := range x.Whens {
		condition, err := b.when(operand, x.Operand, w.Condition)
		if err != nil {
			return nil, err
		}
		value, err := b.expr(w.Value)
		if err != nil {
			return nil, err
		}
		n.conditions = append(n.conditions, condition)
		values, from = append(values, value), append(from, w.Value)
	}
	if x.Else == nil {
		from[0] = &syntax.Literal{Kind: syntax.Null}
	}
	if values[0], err = b.expr(from[0]); err != nil {
		return nil, err
	}
	if n.of, err = b.alike("CASE", values, from); err != nil {
		return nil, err
	}
	n.otherwise, n.values = values[0], values[1:]
	return n, nil
}

// when binds a condition, or what the operand is compared with.
func (b *binder) when(operand node, from, x syntax.Expr) (node, error) {
	if operand == nil {
		return b.condition(x, "CASE/WHEN")
	}
	right, err := b.expr(x)
	if err != nil {
		return nil, err
	}
	left, right, err := b.unify("=", operand, right, from, x)
	return &comparison{"=", left, right}, err
}

// choice binds COALESCE, NULLIF, GREATEST and LEAST.
func (b *binder) choice(x *syntax.Choice) (node, error) {
	if x.Name == "nullif" {
		return b.nullIf(x)
	}
	list, err := b.list(x.Args)
	if err != nil {
		return nil, err
	}
	of, err := b.alike(upperASCII(x.Name), list, x.Args)
	if err != nil {
		return nil, err
	}
	if x.Name == "coalesce" {
		return &coalesce{list, of}, nil
	}
	return &extremum{x.Name == "greatest", list, of}, nil
}

// nullIf compares as = does. The value is of the type that the operator takes on its left.
func (b *binder) nullIf(x *syntax.Choice) (node, error) {
	list, err := b.list(x.Args)
	if err != nil {
		return nil, err
	}
	if err := b.repeat(list[0], 1, x); err != nil {
		return nil, err
	}
	left, right, err := b.unify("=", list[0], list[1], x.Args[0], x.Args[1])
	if err != nil {
		return nil, err
	}
	if list[0].typ().family() == openFamily {
		list[0] = left
	}
	value, err := b.castNode(list[0], comparedOnTheLeft(list[0].typ(), right.typ()), x.Args[0])
	return &nullIf{value, left, right}, err
}

// comparedOnTheLeft is the type of the left side of the operator that compares two types.
func comparedOnTheLeft(l, r Type) Type {
	switch lf, rf := l.family(), r.family(); {
	case (lf == intFamily || lf == decimalFamily) && rf == floatFamily:
		return Float8
	case lf == intFamily && rf == decimalFamily:
		return Numeric
	}
	return comparedAs(l)
}

// alike converts the values of one expression to the type that they have in common.
func (b *binder) alike(what string, list []node, from []syntax.Expr) (common Type, err error) {
	common, ok := commonType(list)
	if !ok {
		return common, b.notAlike(what, list, from, common)
	}
	for i := range list {
		if list[i], err = b.coerceOpen(list[i], common, from[i]); err != nil {
			return common, err
		}
		if list[i], err = b.castNode(list[i], common, from[i]); err != nil {
			return common, err
		}
	}
	return common, nil
}

// notAlike points at the first value that does not fit those before it.
func (b *binder) notAlike(what string, list []node, from []syntax.Expr, common Type) error {
	for i, n := range list {
		if _, ok := commonType(list[:i+1]); !ok {
			return b.fail(from[i].At(), pgerr.DatatypeMismatch, "%s types %s and %s cannot be matched", what, common.Name, n.typ().Name)
		}
	}
	return nil
}
