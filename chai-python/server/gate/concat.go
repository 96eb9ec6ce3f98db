package gate

import "chaisqld/gate/syntax"

// concat is x || y of two texts or two byteas.
type concat struct {
	x, y node
	of   Type
}

func (n *concat) typ() Type { return n.of }
func (n *concat) eval(s *scope) (any, error) {
	before := s.madeSoFar()
	x, y, err := operands(n.x, n.y, s)
	if err != nil || x == nil || y == nil {
		return nil, err
	}
	length := textLength(x) + textLength(y)
	if err := s.spendMaking(length); err != nil {
		return nil, err
	}
	if err := s.madeInstead(before, length); err != nil {
		return nil, err
	}
	if b, ok := x.([]byte); ok {
		return append(append(make([]byte, 0, length), b...), y.([]byte)...), nil
	}
	return x.(string) + y.(string), nil
}

// concat binds ||. Beside a text any value becomes one.
func (b *binder) concat(x *syntax.Binary) (node, error) {
	left, right, err := b.sides(x.Left, x.Right)
	if err != nil {
		return nil, err
	}
	of, ok := concatType(left.typ(), right.typ())
	if !ok {
		return nil, b.noOperator("||", left.typ(), right.typ(), x)
	}
	sides := [2]node{left, right}
	for i, from := range []syntax.Expr{x.Left, x.Right} {
		if sides[i], err = b.coerceOpen(sides[i], of, from); err != nil {
			return nil, err
		}
		if of == Text {
			if sides[i], err = b.castNode(sides[i], Text, from); err != nil {
				return nil, err
			}
		}
	}
	return &concat{sides[0], sides[1], of}, nil
}

func concatType(l, r Type) (of Type, ok bool) {
	lf, rf := l.family(), r.family()
	switch {
	case lf == byteaFamily && (rf == byteaFamily || rf == openFamily), lf == openFamily && rf == byteaFamily:
		return Bytea, true
	case lf == textFamily, rf == textFamily, lf == openFamily, rf == openFamily:
		return Text, true
	}
	return of, false
}
