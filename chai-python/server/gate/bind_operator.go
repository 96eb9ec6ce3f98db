package gate

import (
	"slices"

	"chaisqld/gate/syntax"
)

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
