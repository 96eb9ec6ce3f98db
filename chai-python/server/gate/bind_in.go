package gate

import (
	"slices"

	"chaisqld/gate/syntax"
)

// x IN (list): values that are known are compared at once, as one type; those of columns one by one.

func (b *binder) in(x *syntax.In) (node, error) {
	if x.Select != nil {
		return b.inSelect(x)
	}
	left, err := b.expr(x.X)
	if err != nil {
		return nil, err
	}
	var fixed, varying, all inList
	for _, item := range x.List {
		n, err := b.expr(item)
		if err != nil {
			return nil, err
		}
		all.add(n, item)
		if hasColumn(n) {
			varying.add(n, item)
		} else {
			fixed.add(n, item)
		}
	}
	n, err := b.inLists(left, x.X, &fixed, &varying, &all)
	if err != nil || !x.Not {
		return n, err
	}
	return &not{n}, nil
}

// inList is some of the values of an IN.
type inList struct {
	nodes []node
	from  []syntax.Expr
}

func (l *inList) add(n node, from syntax.Expr) {
	l.nodes, l.from = append(l.nodes, n), append(l.from, from)
}

func hasColumn(n node) (found bool) {
	walk(n, func(n node) bool {
		switch n := n.(type) {
		case *column, *excluded:
			found = true
		case *aggregate:
			found = found || slices.ContainsFunc(n.inputs(), hasColumn)
		}
		return !found
	})
	return found
}

// inLists compares with several values without columns at once, as one type; with all others one by one, each in its own.
func (b *binder) inLists(left node, from syntax.Expr, fixed, varying, all *inList) (node, error) {
	var either []node
	original := left
	if common, ok := commonType(append([]node{left}, fixed.nodes...)); ok && len(fixed.nodes) > 1 {
		var err error
		for i, n := range fixed.nodes {
			if fixed.nodes[i], err = b.toCommon(n, common, fixed.from[i]); err != nil {
				return nil, err
			}
		}
		if left, err = b.toCommon(left, listComparedAs(left.typ(), common), from); err != nil {
			return nil, err
		}
		either = append(either, &membership{left, fixed.nodes})
	} else {
		varying = all
	}
	for i, n := range varying.nodes {
		x, y, err := b.unify("=", b.another(original), n, from, varying.from[i])
		if err != nil {
			return nil, err
		}
		either = append(either, &comparison{"=", x, y})
	}
	if len(either) == 1 {
		return either[0], nil
	}
	return newLogical(true, either...), nil
}

// another gives an open parameter once more, so that each of its places takes a type by itself.
func (b *binder) another(n node) node {
	p, ok := n.(*parameter)
	if !ok {
		return n
	}
	b.params.nodes = slices.DeleteFunc(b.params.nodes, func(other *parameter) bool { return other == p })
	again := *p
	b.params.nodes = append(b.params.nodes, &again)
	return &again
}

// commonType is the one that all of a list are converted to; ok is false where there is none.
func commonType(list []node) (common Type, ok bool) {
	for _, n := range list {
		switch t := n.typ(); {
		case t.family() == openFamily:
		case common == Type{}, common == Name && t.family() == textFamily:
			common = t
		case t.family() == timeFamily && common.family() == timeFamily:
			common = dates[max(slices.Index(dates, common), slices.Index(dates, t))]
		case t.family().numeric() && common.family().numeric():
			common = numbers[max(slices.Index(numbers, common), slices.Index(numbers, t))]
		case t.family() != common.family():
			return common, false
		}
	}
	if common == (Type{}) {
		common = Text
	}
	return common, true
}

// listComparedAs is the type that x of x IN (list) is taken as: other numbers meet REAL as DOUBLE PRECISION.
func listComparedAs(x, list Type) Type {
	if list == Float4 && x.family().numeric() && x != Float4 {
		return Float8
	}
	return comparedAs(list)
}

// toCommon gives an open expression the common type, and others its family; a date becomes a timestamp, which may not hold it.
func (b *binder) toCommon(n node, common Type, from syntax.Expr) (node, error) {
	n, err := b.coerceOpen(n, common, from)
	if err != nil || n.typ().family() == common.family() && n.typ() != Date {
		return n, err
	}
	return b.castNode(n, common, from)
}
