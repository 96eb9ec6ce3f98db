package gate

import (
	"cmp"
	"fmt"

	"chaisqld/engine"
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// binder turns syntax into checked expressions: it finds columns, gives every parameter a type and every literal a value.
type binder struct {
	sql       string
	limits    Limits
	identity  Identity
	catalogue *engine.Catalogue
	params    *paramTypes

	outer      *binder // of the statement around an inner SELECT
	table      *table  // nil without FROM
	alias      string
	proposed   bool   // EXCLUDED may be used
	aggregates bool   // aggregates may be used
	clause     string // that has none
	keepOpen   bool   // what is open in the select list takes its type from the column that it is inserted into
	found      aggregates
	columnsAt  map[*column]int // where a SELECT names columns
	selections []*selection    // of the statement
	existence  bool            // of EXISTS: only whether there is a row matters
	innerItems int             // columns of all inner SELECTs; counted in the outermost binder
	repeated   int             // nodes that stand in the plan once more than in the text; counted there too
	cells      int             // values of the rows of INSERT, defaults among them
}

func (b *binder) fail(at int, code, format string, args ...any) *pgerr.Error {
	return pgerr.New(code, format, args...).At(syntax.Position(b.sql, at))
}

// beside is the binder of a statement that runs: its tables are those that the writer sees.
func (b *binder) beside(w engine.Writer) *binder {
	now := *b
	now.catalogue = w.Catalogue()
	return &now
}

// placed gives an error without a position the one of the expression it comes from.
func (b *binder) placed(err error, x syntax.Expr) error {
	if e, ok := err.(*pgerr.Error); ok && e.Position == 0 {
		return e.At(syntax.Position(b.sql, x.At()))
	}
	return err
}

// expr binds an expression. The result may be open: a string literal or a parameter that has no type yet.
func (b *binder) expr(x syntax.Expr) (node, error) {
	switch x := x.(type) {
	case *syntax.Literal:
		return b.literal(x)
	case *syntax.Param:
		return b.parameter(x)
	case *syntax.Column:
		return b.column(x)
	case *syntax.Call:
		return b.call(x)
	case *syntax.Cast:
		return b.cast(x)
	case *syntax.Sign:
		return b.sign(x)
	case *syntax.Binary:
		return b.binary(x)
	case *syntax.Logical:
		return b.logical(x)
	case *syntax.Not:
		inner, err := b.condition(x.X, "NOT")
		return &not{inner}, err
	case *syntax.IsNull:
		inner, err := b.ofAnyType(x.X)
		return &isNull{inner, x.Not}, err
	case *syntax.IsTruth:
		inner, err := b.condition(x.X, "IS")
		if x.Unknown {
			return &isNull{inner, x.Otherwise}, err
		}
		return &isTruth{inner, x.Value, x.Otherwise}, err
	case *syntax.In:
		return b.in(x)
	case *syntax.Quantified:
		return b.quantified(x)
	case *syntax.Array:
		return nil, b.arrayElsewhere(x)
	case *syntax.Like:
		return b.like(x)
	case *syntax.Distinct:
		return b.distinct(x)
	case *syntax.Case:
		return b.caseWhen(x)
	case *syntax.Choice:
		return b.choice(x)
	case *syntax.Between:
		return b.between(x)
	case *syntax.Subquery:
		return b.subquery(x)
	}
	return nil, b.fail(x.At(), pgerr.SyntaxError, "DEFAULT is not allowed in this context")
}

// settled binds an expression and makes an open one text, as PostgreSQL does when nothing else says what it is.
func (b *binder) settled(x syntax.Expr) (node, error) {
	n, err := b.expr(x)
	if err != nil {
		return nil, err
	}
	return b.coerceOpen(n, Text, x)
}

// ofAnyType binds an expression where it does not matter what type it has, and which says nothing about a parameter's.
func (b *binder) ofAnyType(x syntax.Expr) (node, error) {
	n, err := b.expr(x)
	if _, open := n.(*parameter); err != nil || open {
		return n, err
	}
	return b.coerceOpen(n, Text, x)
}

// coerceOpen gives an open expression a type; others stay as they are.
func (b *binder) coerceOpen(n node, t Type, x syntax.Expr) (node, error) {
	if n.typ().family() != openFamily {
		return n, nil
	}
	switch n := n.(type) {
	case *parameter:
		settled := &b.params.list[n.number]
		if *settled != (Type{}) && *settled != t {
			return nil, b.fail(x.At(), ambiguousParameter, "inconsistent types deduced for parameter $%d", n.number+1).
				WithDetail(fmt.Sprintf("%s versus %s", settled.Name, t.Name))
		}
		*settled, n.of = t, t
		return n, nil
	case *constant:
		if n.value == nil {
			return &constant{nil, t}, nil
		}
		v, err := ParseText(n.value.(string), t)
		return &constant{v, t}, b.placed(err, x)
	}
	return n, nil
}

// distinct binds IS DISTINCT FROM, which beside NULL is IS NOT NULL.
func (b *binder) distinct(x *syntax.Distinct) (node, error) {
	for _, sides := range [][2]syntax.Expr{{x.Y, x.X}, {x.X, x.Y}} {
		if l, ok := sides[0].(*syntax.Literal); ok && l.Kind == syntax.Null {
			other, err := b.ofAnyType(sides[1])
			return &isNull{other, !x.Not}, err
		}
	}
	left, right, err := b.pair("=", x.X, x.Y)
	return &distinct{left, right, x.Not}, err
}

// condition binds an expression that must be boolean; clause names it in the message.
func (b *binder) condition(x syntax.Expr, clause string) (node, error) {
	n, err := b.expr(x)
	if err != nil {
		return nil, err
	}
	if n, err = b.coerceOpen(n, Bool, x); err != nil {
		return nil, err
	}
	if n.typ() != Bool {
		return nil, b.fail(x.At(), pgerr.DatatypeMismatch, "argument of %s must be type boolean, not type %s", clause, n.typ().Name)
	}
	return n, nil
}

// where binds a WHERE clause; nil stays nil.
func (b *binder) where(x syntax.Expr) (node, error) {
	return b.clauseCondition(x, "WHERE")
}

// pair binds two expressions that are compared with each other.
func (b *binder) pair(op string, x, y syntax.Expr) (node, node, error) {
	left, right, err := b.sides(x, y)
	if err != nil {
		return nil, nil, err
	}
	return b.unify(op, left, right, x, y)
}

// sides binds what stands on both sides of an operator; open ones stay so.
func (b *binder) sides(x, y syntax.Expr) (left, right node, err error) {
	if left, err = b.expr(x); err != nil {
		return nil, nil, err
	}
	right, err = b.expr(y)
	return left, right, err
}

// unify gives open sides the type of the other and refuses types that do not compare.
func (b *binder) unify(op string, left, right node, x, y syntax.Expr) (node, node, error) {
	var err error
	if right.typ().family() == openFamily && left.typ().family() == openFamily {
		if left, err = b.coerceOpen(left, Text, x); err != nil {
			return nil, nil, err
		}
	}
	if left, err = b.coerceOpen(left, comparedAs(right.typ()), x); err != nil {
		return nil, nil, err
	}
	if right, err = b.coerceOpen(right, comparedAs(left.typ()), y); err != nil {
		return nil, nil, err
	}
	l, r := left.typ().family(), right.typ().family()
	if l != r && !(l.numeric() && r.numeric()) {
		return nil, nil, b.noOperator(op, left.typ(), right.typ(), x)
	}
	if l == r || l == intFamily || r == intFamily { // integers compare with other numbers as they are
		return left, right, nil
	}
	common := wider(left.typ(), right.typ())
	if left, err = b.castNode(left, common, x); err != nil {
		return nil, nil, err
	}
	right, err = b.castNode(right, common, y)
	return left, right, err
}

// comparedAs is the type that an operator takes values of a type as.
func comparedAs(t Type) Type {
	if t == Varchar {
		return Text
	}
	return t
}

func (b *binder) noOperator(op string, left, right Type, x syntax.Expr) error {
	name := func(t Type) string { return cmp.Or(t.Name, Unknown.Name) }
	return b.fail(x.At(), pgerr.UndefinedFunction, "operator does not exist: %s %s %s", name(left), op, name(right)).
		WithHint("No operator matches the given argument types. Pass the parameter as the column's type, or add a cast.")
}

// finish settles what no context gave a type and returns the parameters' types.
func (b *binder) finish() ([]Type, error) {
	for i, t := range b.params.list {
		if t == (Type{}) {
			return nil, pgerr.New(pgerr.IndeterminateDatatype, "could not determine data type of parameter $%d", i+1)
		}
	}
	for _, n := range b.params.nodes {
		if n.of == (Type{}) {
			return nil, pgerr.New(ambiguousParameter, "could not determine data type of parameter $%d", n.number+1).
				WithHint("Its first use does not tell: add a cast, as in $1::bigint.")
		}
	}
	return b.params.list, nil
}

// ambiguousParameter is SQLSTATE 42P08.
const ambiguousParameter = "42P08"

// inner is a binder for a query within the statement; outer is the one whose columns it might name, nil for none.
func (b *binder) inner(outer *binder) *binder {
	return &binder{sql: b.sql, limits: b.limits, identity: b.identity, catalogue: b.catalogue, params: b.params, outer: outer}
}
