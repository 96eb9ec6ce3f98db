package gate

import (
	"strconv"

	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// What expressions are made of: constants, parameters, columns; and casts.

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

func (b *binder) noCast(from, to Type, x syntax.Expr) error {
	return b.fail(x.At(), "42846", "cannot cast type %s to %s", from.Name, to.Name)
}

func (b *binder) castNode(inner node, to Type, x syntax.Expr) (node, error) {
	if inner.typ() == to {
		return inner, nil
	}
	if !castable(inner.typ(), to) {
		return nil, b.noCast(inner.typ(), to, x)
	}
	n := &cast{inner, to}
	if c, fixed := inner.(*constant); fixed && !dependsOnSettings(n) {
		if v, err := (&cast{c, to}).eval(nil); err == nil { // else it fails when it is run
			return &constant{v, to}, nil
		}
	}
	return n, nil
}
