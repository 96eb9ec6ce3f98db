package gate

import (
	"strings"

	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// aggregate is a function of the rows of a group. Its value is there when the rows were read.
type aggregate struct {
	name     string
	args     []node // none for count(*)
	filter   node   // nil: every row is taken in
	distinct bool   // rows with the same arguments are taken in once
	order    []sortKey
	inOrder  bool // the order has a part in the value
	start    func(a *aggregate) accumulator
	slot     int // where its value stands in the scope's values
	of       Type
}

func (n *aggregate) typ() Type                  { return n.of }
func (n *aggregate) eval(s *scope) (any, error) { return valueAt(s.values, n.slot), nil }

// inputs are the expressions that are computed for each row.
func (n *aggregate) inputs() []node {
	list := append([]node(nil), n.args...)
	for _, k := range n.order {
		list = append(list, k.x)
	}
	if n.filter != nil {
		list = append(list, n.filter)
	}
	return list
}

// aggregates are those of a SELECT, each with a slot of its own; those that are written twice are computed once.
type aggregates struct {
	list  []*aggregate
	known map[string]*aggregate
}

func (s *aggregates) add(a *aggregate) *aggregate {
	key := printed(a)
	if same := s.known[key]; same != nil {
		return same
	}
	if s.known == nil {
		s.known = map[string]*aggregate{}
	}
	a.slot = len(s.list)
	s.list, s.known[key] = append(s.list, a), a
	return a
}

// aggregateResult is what an aggregate makes of arguments of a type.
type aggregateResult struct {
	of      Type
	start   func(a *aggregate) accumulator
	inOrder bool // the order of the rows has a part in it
}

// aggregateFunctions by name and the type of their first argument. count, min and max take more types than are written here.
var aggregateFunctions = map[string]map[Type]aggregateResult{
	"count": {},
	"min":   {},
	"max":   {},
	"sum": {
		Int2: {of: Int8, start: sumIntegers}, Int4: {of: Int8, start: sumIntegers},
		Int8: {of: Numeric, start: sumNumbers}, Numeric: {of: Numeric, start: sumNumbers},
		Float4: {Float4, sumFloats, true}, Float8: {Float8, sumFloats, true},
	},
	"avg": {
		Int2: {of: Numeric, start: averageNumbers}, Int4: {of: Numeric, start: averageNumbers},
		Int8: {of: Numeric, start: averageNumbers}, Numeric: {of: Numeric, start: averageNumbers},
		Float4: {Float8, averageFloats, true}, Float8: {Float8, averageFloats, true},
	},
	"bool_and":   {Bool: {of: Bool, start: allTrue}},
	"every":      {Bool: {of: Bool, start: allTrue}},
	"bool_or":    {Bool: {of: Bool, start: anyTrue}},
	"string_agg": {Text: {Text, join, true}, Bytea: {Bytea, join, true}},
}

// aggregate binds the call of an aggregate function. Like PostgreSQL, it finds the function before it asks whether there may
// be one here.
func (b *binder) aggregate(x *syntax.Call) (node, error) {
	a := &aggregate{name: x.Name, distinct: x.Distinct}
	var err error
	if a.args, err = b.list(x.Args); err != nil {
		return nil, err
	}
	if a.filter, err = b.clauseCondition(x.Filter, "FILTER"); err != nil {
		return nil, err
	}
	if err := b.findAggregate(a, x); err != nil {
		return nil, err
	}
	if a.order, err = b.aggregateOrder(x.OrderBy); err != nil {
		return nil, err
	}
	if a.distinct {
		if a.order, err = b.distinctOrder(a, x); err != nil {
			return nil, err
		}
	}
	if !b.aggregates {
		return nil, b.fail(x.At(), groupingError, "aggregate functions are not allowed in %s", b.clause)
	}
	for _, input := range a.inputs() {
		if hasAggregate(input) {
			return nil, b.fail(x.At(), groupingError, "aggregate function calls cannot be nested")
		}
	}
	return b.found.add(a), nil
}

// groupingError is SQLSTATE 42803.
const groupingError = "42803"

// clauseCondition binds the condition of a clause without aggregates; nil stays nil.
func (b *binder) clauseCondition(x syntax.Expr, clause string) (node, error) {
	if x == nil {
		return nil, nil
	}
	defer b.without(clause)()
	return b.condition(x, clause)
}

// without refuses aggregates until the result is called.
func (b *binder) without(clause string) func() {
	allowed, before := b.aggregates, b.clause
	b.aggregates, b.clause = false, clause
	return func() { b.aggregates, b.clause = allowed, before }
}

// findAggregate settles the types of the arguments, and which function it is.
func (b *binder) findAggregate(a *aggregate, x *syntax.Call) error {
	notThere := b.fail(x.At(), pgerr.UndefinedFunction, "function %s(%s) does not exist", x.Name, typeNamesOf(a.args))
	if x.Star && x.Name == "count" {
		a.of, a.start = Int8, count
		return nil
	}
	if x.Name == "count" && len(a.args) == 0 {
		return b.fail(x.At(), wrongObjectType, "count(*) must be used to call a parameterless aggregate function")
	}
	arguments := 1
	if x.Name == "string_agg" {
		arguments = 2
	}
	if len(a.args) != arguments {
		return notThere
	}
	if err := b.settleArguments(a, x); err != nil {
		return err
	}
	of := a.args[0].typ()
	switch family := of.family(); {
	case x.Name == "count":
		a.of, a.start = Int8, count
		return nil
	case x.Name == "min" || x.Name == "max":
		if family == boolFamily || family == byteaFamily {
			return notThere
		}
		if a.of, a.start = of, extremeOf; family == textFamily {
			a.of = Text
		}
		return nil
	case family == intervalFamily && (x.Name == "sum" || x.Name == "avg"):
		return b.fail(x.At(), pgerr.FeatureNotSupported, "function %s(interval) is not supported", x.Name).WithHint(functionsHint)
	case family == textFamily:
		of = Text
	}
	f, known := aggregateFunctions[x.Name][of]
	if !known || arguments == 2 && a.args[1].typ().family() != of.family() {
		return notThere
	}
	a.of, a.start, a.inOrder = f.of, f.start, f.inOrder
	return nil
}

// settleArguments gives open arguments the type that PostgreSQL finds for them.
func (b *binder) settleArguments(a *aggregate, x *syntax.Call) (err error) {
	to := Text
	switch x.Name {
	case "count":
		if _, open := a.args[0].(*parameter); open && !a.distinct {
			return nil
		}
	case "sum", "avg":
		if a.args[0].typ().family() == openFamily {
			return b.fail(x.At(), ambiguousFunction, "function %s(unknown) is not unique", x.Name).
				WithHint("Could not choose a best candidate function. You might need to add explicit type casts.")
		}
	case "bool_and", "bool_or", "every":
		to = Bool
	case "string_agg":
		if a.args[0].typ() == Bytea || a.args[1].typ() == Bytea {
			to = Bytea
		}
	}
	for i := range a.args {
		if a.args[i], err = b.coerceOpen(a.args[i], to, x.Args[i]); err != nil {
			return err
		}
	}
	return nil
}

// aggregateOrder binds the ORDER BY among an aggregate's arguments, where numbers and names of output columns mean nothing.
func (b *binder) aggregateOrder(list []syntax.Order) ([]sortKey, error) {
	if err := b.atMostSortKeys(list); err != nil {
		return nil, err
	}
	var keys []sortKey
	for _, o := range list {
		x, err := b.settled(o.Expr)
		if err != nil {
			return nil, err
		}
		keys = append(keys, newSortKey(x, o))
	}
	return keys, nil
}

// distinctOrder is the order in which PostgreSQL takes in what is distinct: that of ORDER BY, then that of the other arguments.
func (b *binder) distinctOrder(a *aggregate, x *syntax.Call) ([]sortKey, error) {
	missing := map[string]node{}
	for _, arg := range a.args {
		missing[printed(arg)] = arg
	}
	keys := a.order
	for i, k := range a.order {
		name := printed(k.x)
		if _, known := missing[name]; !known {
			return nil, b.fail(x.OrderBy[i].Expr.At(), invalidColumnReference,
				"in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list")
		}
		missing[name] = nil
	}
	for _, arg := range a.args {
		if missing[printed(arg)] != nil {
			keys = append(keys, sortKey{x: arg})
			missing[printed(arg)] = nil
		}
	}
	if !a.inOrder {
		return nil, nil // all of it is computed anyway
	}
	return keys, nil
}

// invalidColumnReference is SQLSTATE 42P10.
const invalidColumnReference = "42P10"

func hasAggregate(n node) (found bool) {
	walk(n, func(n node) bool {
		_, is := n.(*aggregate)
		found = found || is
		return !found
	})
	return found
}

// onlyAggregate refuses what says how an aggregate takes in its rows, on a function that is none.
func (b *binder) onlyAggregate(x *syntax.Call) error {
	clause := ""
	switch {
	case x.Star:
		clause = x.Name + "(*)"
	case x.Distinct:
		clause = "DISTINCT"
	case x.OrderBy != nil:
		clause = "ORDER BY"
	case x.Filter != nil:
		clause = "FILTER"
	default:
		return nil
	}
	return b.fail(x.At(), wrongObjectType, "%s specified, but %s is not an aggregate function", clause, strings.ToLower(x.Name))
}
