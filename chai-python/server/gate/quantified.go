package gate

import (
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// inArray is x = ANY (array), with an array that is known when the statement runs. Arrays that are known before become a
// membership.
type inArray struct {
	x       node
	array   node
	of, as  Type // of the elements, and what they are compared as
	element node // stands for one of them
}

func (n *inArray) typ() Type { return Bool }
func (n *inArray) eval(s *scope) (any, error) {
	list, err := n.list(s)
	if err != nil || list == nil {
		return nil, err
	}
	x, err := n.x.eval(s)
	switch {
	case err != nil:
		return nil, err
	case len(list) == 0:
		return false, nil
	case x == nil:
		return nil, nil
	}
	if err := s.spend(nodeUnits * len(list)); err != nil {
		return nil, err
	}
	var result any = false
	for _, v := range list {
		if v == nil {
			result = nil
			continue
		}
		if v, err = n.compared(v, s); err != nil {
			return nil, err
		}
		if err := s.spendComparing(x, v); err != nil {
			return nil, err
		}
		if compare(x, v) == 0 {
			return true, nil
		}
	}
	return result, nil
}

// list is nil for NULL.
func (n *inArray) list(s *scope) (Array, error) {
	v, err := n.array.eval(s)
	list, _ := v.(Array)
	return list, err
}

// compared is an element as what it is compared as.
func (n *inArray) compared(v any, s *scope) (any, error) {
	if n.of.family() == n.as.family() {
		return v, nil
	}
	if err := s.spendOn(v); err != nil {
		return nil, err
	}
	return castValue(v, n.of, n.as)
}

// arrayCast gives the elements of an array another type.
type arrayCast struct {
	x        node
	from, to Type // of the elements
}

func (n *arrayCast) typ() Type { return arrays[n.to] }
func (n *arrayCast) eval(s *scope) (any, error) {
	v, err := n.x.eval(s)
	list, _ := v.(Array)
	if err != nil || list == nil {
		return nil, err
	}
	result := make(Array, len(list))
	for i, v := range list {
		if v == nil {
			continue
		}
		if err := s.spendOn(v); err != nil {
			return nil, err
		}
		if result[i], err = castValue(v, n.from, n.to); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// quantified binds x = ANY (array) and x <> ALL (array).
func (b *binder) quantified(x *syntax.Quantified) (node, error) {
	left, err := b.expr(x.X)
	if err != nil {
		return nil, err
	}
	array, err := b.array(x.Array, comparedAs(left.typ()))
	if err != nil {
		return nil, err
	}
	if array.other != nil {
		return nil, b.fail(x.Array.At(), wrongObjectType, "op ANY/ALL (array) requires array on right side")
	}
	n, err := b.memberOf(left, array, x)
	if err != nil || !x.Not {
		return n, err
	}
	return &not{n}, nil
}

// boundArray is an array as far as it is known: its elements, else what gives them.
type boundArray struct {
	of    Type
	list  []node
	from  node // nil: list it is
	other node // what stands where an array is wanted, and is none
}

func (b *binder) memberOf(left node, array *boundArray, x *syntax.Quantified) (node, error) {
	op := "="
	if x.Not {
		op = "<>"
	}
	element := &constant{nil, array.of}
	compared, as, err := b.unify(op, left, element, x.X, x.Array)
	if err != nil {
		return nil, err
	}
	if array.from != nil {
		return &inArray{compared, array.from, array.of, as.typ(), element}, nil
	}
	n := &membership{compared, make([]node, len(array.list))}
	for i, item := range array.list {
		n.list[i] = item
		if item.typ().family() != as.typ().family() {
			if n.list[i], err = b.castNode(item, as.typ(), x.Array); err != nil {
				return nil, err
			}
		}
	}
	return n, nil
}

// array binds what stands on the right of ANY. beside is the type of what is looked up.
func (b *binder) array(x syntax.Expr, beside Type) (*boundArray, error) {
	if beside.family() == openFamily {
		beside = Text
	}
	switch x := x.(type) {
	case *syntax.Array:
		return b.arrayOf(x, nil)
	case *syntax.Param:
		return b.arrayParameter(x, beside)
	case *syntax.Literal:
		if x.Kind == syntax.String || x.Kind == syntax.Null {
			return b.arrayLiteral(x, beside)
		}
	case *syntax.Cast:
		if x.Type.Array {
			return b.castArray(x)
		}
	}
	n, err := b.expr(x)
	return &boundArray{other: n}, err
}

// arrayOf binds ARRAY[…]; to is the type that its elements were told, nil for the one that they have in common.
func (b *binder) arrayOf(x *syntax.Array, to *Type) (*boundArray, error) {
	list, err := b.list(x.Items)
	if err != nil {
		return nil, err
	}
	if to == nil {
		if len(list) == 0 {
			return nil, b.fail(x.At(), pgerr.IndeterminateDatatype, "cannot determine type of empty array").
				WithHint("Explicitly cast to the desired type, for example ARRAY[]::integer[].")
		}
		of, err := b.alike("ARRAY", list, x.Items)
		return &boundArray{of: of, list: list}, err
	}
	for i, n := range list {
		if list[i], err = b.converted(n, *to, x.Items[i]); err != nil {
			return nil, err
		}
	}
	return &boundArray{of: *to, list: list}, nil
}

func (b *binder) arrayLiteral(x *syntax.Literal, of Type) (*boundArray, error) {
	if x.Kind == syntax.Null {
		return &boundArray{of: of, from: &constant{nil, arrays[of]}}, nil
	}
	v, err := parseArray(x.Text, of)
	if err != nil {
		return nil, b.placed(err, x)
	}
	array := &boundArray{of: of}
	for _, v := range v.(Array) {
		array.list = append(array.list, &constant{v, of})
	}
	return array, nil
}

// arrayParameter gives a parameter without a type that of an array.
func (b *binder) arrayParameter(x *syntax.Param, of Type) (*boundArray, error) {
	n, err := b.anyParameter(x)
	if err != nil {
		return nil, err
	}
	if of, ok := n.typ().Element(); ok {
		return &boundArray{of: of, from: n}, nil
	}
	if n.typ().family() != openFamily {
		return &boundArray{other: n}, nil
	}
	array, err := b.coerceOpen(n, arrays[of], x)
	return &boundArray{of: of, from: array}, err
}

// castArray binds x::type[].
func (b *binder) castArray(x *syntax.Cast) (*boundArray, error) {
	name := x.Type
	name.Array = false
	to, err := b.castType(name)
	if err != nil {
		return nil, err
	}
	if list, ok := x.X.(*syntax.Array); ok {
		return b.arrayOf(list, &to)
	}
	array, err := b.array(x.X, to)
	switch {
	case err != nil:
		return nil, err
	case array.other != nil && array.other.typ().family() == textFamily:
		return nil, b.fail(x.X.At(), pgerr.FeatureNotSupported, "an array from a computed text is not supported").
			WithHint("Give it as a parameter, as '{…}' or as ARRAY[…].")
	case array.other != nil:
		return nil, b.noCast(array.other.typ(), arrays[to], x.X)
	case array.of == to:
		return array, nil
	case array.from == nil:
		for i, n := range array.list {
			if array.list[i], err = b.castNode(n, to, x.X); err != nil {
				return nil, err
			}
		}
	case !castable(array.of, to):
		return nil, b.noCast(arrays[array.of], arrays[to], x.X)
	default:
		array.from = &arrayCast{array.from, array.of, to}
	}
	array.of = to
	return array, nil
}
