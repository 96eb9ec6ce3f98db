package gate

import (
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

const functionsHint = "Functions are now(), count, min, max, lower, upper, length, octet_length and the session information functions version(), current_database(), " +
	"current_schema(), current_user and session_user."

// call binds a function. Aggregates are found by their own pass over the select list.
func (b *binder) call(x *syntax.Call) (node, error) {
	switch x.Name {
	case "count", "min", "max":
		return b.aggregate(x)
	}
	args, err := b.list(x.Args)
	if err != nil {
		return nil, err
	}
	if textFunctions[x.Name] != nil && !x.Star {
		return b.textFunction(x, args)
	}
	if isMaintenance(x) {
		return nil, b.fail(x.At(), pgerr.FeatureNotSupported, "function %s is a statement of its own: SELECT %s(…)", x.Name, x.Name)
	}
	if n := b.plainFunction(x); n != nil {
		return n, nil
	}
	if refusedFunctions[x.Name] {
		return nil, b.fail(x.At(), pgerr.FeatureNotSupported, "function %s is not supported", x.Name).WithHint(functionsHint)
	}
	return nil, b.fail(x.At(), pgerr.UndefinedFunction, "function %s does not exist", x.Name).WithHint(functionsHint)
}

// list binds expressions; open ones stay so.
func (b *binder) list(from []syntax.Expr) ([]node, error) {
	list := make([]node, len(from))
	for i, x := range from {
		n, err := b.expr(x)
		if err != nil {
			return nil, err
		}
		list[i] = n
	}
	return list, nil
}

func (b *binder) plainFunction(x *syntax.Call) node {
	if len(x.Args) > 0 || x.Star {
		return nil
	}
	switch x.Name {
	case "now", "transaction_timestamp", "current_timestamp":
		return &transactionStart{Timestamptz}
	case "localtimestamp":
		return &transactionStart{Timestamp}
	case "version":
		return &constant{b.identity.Version, Text}
	case "current_database", "current_catalog":
		return &constant{b.identity.Database, Name}
	case "current_schema":
		return &constant{"public", Name}
	case "current_user", "session_user", "user", "current_role":
		return &constant{b.identity.User, Name}
	case "pg_is_in_recovery":
		return &constant{false, Bool}
	case "pg_advisory_unlock_all": // there are none; pools send it
		return &constant{"", Text}
	}
	return nil
}

var refusedFunctions = map[string]bool{
	"sum": true, "avg": true, "abs": true, "random": true,
	"clock_timestamp": true, "statement_timestamp": true, "date_trunc": true, "to_timestamp": true, "nextval": true, "md5": true,
	"encode": true, "decode": true, "pg_sleep": true, "pg_backend_pid": true, "set_config": true, "current_setting": true,
	"current_date": true, "current_time": true, "localtime": true, "string_agg": true, "array_agg": true, "row_number": true,
	"gen_random_uuid": true, "concat": true, "round": true, "floor": true, "ceil": true, "digest": true, "sha256": true,
}

// aggregate is count(*), count(x), min(x) or max(x) over all rows of a SELECT. Its value is set when the rows were read.
type aggregate struct {
	name string
	x    node // nil for count(*)
	slot int  // where its value stands in the scope's row after aggregation
	of   Type
}

func (n *aggregate) typ() Type                  { return n.of }
func (n *aggregate) eval(s *scope) (any, error) { return valueAt(s.row, n.slot), nil }

func (b *binder) aggregate(x *syntax.Call) (node, error) {
	if !b.aggregates {
		return nil, b.fail(x.At(), "42803", "aggregate functions are not allowed here").
			WithHint("Supported is SELECT count(*), count(c), min(c) or max(c) without GROUP BY.")
	}
	if x.Star && x.Name == "count" {
		return &aggregate{name: x.Name, of: Int8}, nil
	}
	if x.Star || len(x.Args) != 1 {
		return nil, b.fail(x.At(), pgerr.UndefinedFunction, "function %s takes one argument", x.Name)
	}
	b.aggregates = false
	bind := b.settled
	if x.Name == "count" {
		bind = b.ofAnyType
	}
	inner, err := bind(x.Args[0])
	b.aggregates = true
	if err != nil {
		return nil, err
	}
	if x.Name == "count" {
		return &aggregate{name: x.Name, x: inner, of: Int8}, nil
	}
	if f := inner.typ().family(); f == boolFamily || f == byteaFamily {
		return nil, b.fail(x.At(), pgerr.UndefinedFunction, "function %s(%s) does not exist", x.Name, inner.typ().Name)
	}
	of := inner.typ()
	if of.family() == textFamily {
		of = Text
	}
	return &aggregate{name: x.Name, x: inner, of: of}, nil
}
