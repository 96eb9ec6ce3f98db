package gate

import (
	"slices"
	"strconv"

	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// ambiguousFunction is SQLSTATE 42725.
const ambiguousFunction = "42725"

func (b *binder) literal(x *syntax.Literal) (node, error) {
	switch x.Kind {
	case syntax.String:
		return &constant{x.Text, Unknown}, nil
	case syntax.True, syntax.False:
		return &constant{x.Kind == syntax.True, Bool}, nil
	case syntax.Null:
		return &constant{nil, Unknown}, nil
	case syntax.Integer:
		return b.integer(x)
	}
	v, err := ParseText(x.Text, Numeric)
	return &constant{v, Numeric}, b.placed(err, x)
}

// integer gives a literal the smallest of INTEGER, BIGINT and NUMERIC that holds it.
func (b *binder) integer(x *syntax.Literal) (node, error) {
	n, err := strconv.ParseInt(x.Text, 10, 64)
	switch {
	case err != nil:
		v, err := ParseText(x.Text, Numeric)
		return &constant{v, Numeric}, b.placed(err, x)
	case n != int64(int32(n)):
		return &constant{n, Int8}, nil
	}
	return &constant{n, Int4}, nil
}

func (b *binder) parameter(x *syntax.Param) (node, error) {
	n, err := b.anyParameter(x)
	if err == nil && n.of.family() == arrayFamily {
		return nil, b.arrayElsewhere(x)
	}
	return n, err
}

func (b *binder) arrayElsewhere(x syntax.Expr) error {
	return b.fail(x.At(), pgerr.FeatureNotSupported, "an array here is not supported").
		WithHint("Supported are column = ANY (array) and column <> ALL (array).")
}

// anyParameter takes arrays as well.
func (b *binder) anyParameter(x *syntax.Param) (*parameter, error) {
	if x.Number > b.limits.Parameters {
		return nil, b.fail(x.At(), pgerr.ProgramLimitExceeded, "parameter $%d is beyond the limit of %d", x.Number, b.limits.Parameters)
	}
	for len(b.params.list) < x.Number {
		b.params.list = append(b.params.list, Type{})
	}
	n := &parameter{x.Number - 1, b.params.list[x.Number-1]}
	b.params.nodes = append(b.params.nodes, n)
	return n, nil
}

// column finds a column. Those of a statement around an inner SELECT are told apart from what does not exist.
func (b *binder) column(x *syntax.Column) (node, error) {
	n, err := b.ownColumn(x)
	if err == nil {
		return n, nil
	}
	for outer := b.outer; outer != nil; outer = outer.outer {
		if _, missing := outer.ownColumn(x); missing == nil {
			return nil, b.correlated(x.At())
		}
	}
	return nil, err
}

func (b *binder) correlated(at int) error {
	return b.fail(at, pgerr.FeatureNotSupported, "an inner SELECT that names columns of the outer statement is not supported").
		WithHint("It runs once, before the statement reads: look the rows up by themselves.")
}

func (b *binder) ownColumn(x *syntax.Column) (node, error) {
	if b.table == nil && x.Table == "" {
		return nil, b.fail(x.At(), pgerr.UndefinedColumn, "column \"%s\" does not exist", x.Name)
	}
	if b.table == nil {
		return nil, b.fail(x.At(), pgerr.UndefinedTable, "missing FROM-clause entry for table \"%s\"", x.Table)
	}
	place, known := b.table.places[x.Name]
	switch {
	case x.Table == "" && b.proposed && known:
		return nil, b.fail(x.At(), ambiguousColumn, "column reference \"%s\" is ambiguous", x.Name).
			WithHint("It may be the table's or EXCLUDED's.")
	case x.Table == "excluded" && b.proposed && known:
		return &excluded{place, b.table.types[place]}, nil
	case x.Table != "" && x.Table != b.alias && !(x.Table == "excluded" && b.proposed):
		return nil, b.fail(x.At(), pgerr.UndefinedTable, "missing FROM-clause entry for table \"%s\"", x.Table)
	case !known && x.Table == "" && x.Name == b.alias:
		return nil, b.fail(x.At(), pgerr.FeatureNotSupported, "a whole row as a value is not supported").
			WithHint("Name its columns.")
	case !known && x.Table == "":
		return nil, b.fail(x.At(), pgerr.UndefinedColumn, "column \"%s\" does not exist", x.Name)
	case !known:
		return nil, b.fail(x.At(), pgerr.UndefinedColumn, "column %s.%s does not exist", x.Table, x.Name)
	}
	n := &column{place, b.table.types[place]}
	b.columnAt(n, x.At())
	return n, nil
}

// columnAt notes where a column is named, for the message of a SELECT that groups by others.
func (b *binder) columnAt(n *column, at int) {
	if b.columnsAt != nil {
		b.columnsAt[n] = at
	}
}

func (b *binder) cast(x *syntax.Cast) (node, error) {
	to, err := b.castType(x.Type)
	if err != nil {
		return nil, err
	}
	inner, err := b.expr(x.X)
	if err != nil {
		return nil, err
	}
	if to == Interval {
		return b.toInterval(inner, x)
	}
	return b.converted(inner, to, x.X)
}

// converted gives an expression a type that it was told.
func (b *binder) converted(inner node, to Type, x syntax.Expr) (node, error) {
	if inner.typ().family() == openFamily {
		return b.coerceOpen(inner, to, x)
	}
	return b.castNode(inner, to, x)
}

func (b *binder) castNode(inner node, to Type, x syntax.Expr) (node, error) {
	if inner.typ() == to {
		return inner, nil
	}
	if !castable(inner.typ(), to) {
		return nil, b.fail(x.At(), "42846", "cannot cast type %s to %s", inner.typ().Name, to.Name)
	}
	n := &cast{inner, to}
	if c, fixed := inner.(*constant); fixed && !dependsOnSettings(n) {
		if v, err := (&cast{c, to}).eval(nil); err == nil { // else it fails when it is run
			return &constant{v, to}, nil
		}
	}
	return n, nil
}

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
	left, err := b.expr(x.Left)
	if err != nil {
		return nil, err
	}
	right, err := b.expr(x.Right)
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
