package gate

import (
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

const functionsHint = "docs/sql.md lists the functions that are supported. Compute the others in the client and pass the value as a parameter."

// call binds the call of a function.
func (b *binder) call(x *syntax.Call) (node, error) {
	if aggregateFunctions[x.Name] != nil {
		return b.aggregate(x)
	}
	n, err := b.rowFunction(x)
	if err != nil {
		return nil, err
	}
	return n, b.onlyAggregate(x)
}

// rowFunction binds the call of a function that is no aggregate.
func (b *binder) rowFunction(x *syntax.Call) (node, error) {
	if x.Name == "concat" || x.Name == "concat_ws" {
		return b.joined(x)
	}
	args, err := b.list(x.Args)
	if err != nil {
		return nil, err
	}
	if to, is := castTo(x.Name, args); is {
		return b.converted(args[0], to, x.Args[0])
	}
	if functions[x.Name] != nil {
		return b.function(x, args)
	}
	if isMaintenance(x) {
		return nil, b.fail(x.At(), pgerr.FeatureNotSupported, "function %s is a statement of its own: SELECT %s(…)", x.Name, x.Name)
	}
	if n := b.plainFunction(x); n != nil {
		return n, nil
	}
	if _, isType := typeNames[x.Name]; isType && len(args) == 1 {
		return nil, b.fail(x.At(), pgerr.FeatureNotSupported, "a cast written as a function is not supported").
			WithHint("Write CAST(x AS " + x.Name + ").")
	}
	if postgresFunctions[x.Name] {
		return nil, b.fail(x.At(), pgerr.FeatureNotSupported, "function %s is not supported", x.Name).WithHint(functionsHint)
	}
	return nil, b.noFunction(x, args)
}

// castTo tells date(x) and bytea(x) that are casts: of a constant without a type, a text, or what is of the type already.
// A parameter without a type is no constant.
func castTo(name string, args []node) (to Type, is bool) {
	if to = typeNames[name]; len(args) != 1 || to != Date && to != Bytea {
		return to, false
	}
	_, constant := args[0].(*constant)
	t := args[0].typ()
	return to, t == to || t.family() == textFamily || constant && t.family() == openFamily
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
	if len(x.Args) > 0 {
		return nil
	}
	switch x.Name {
	case "now", "transaction_timestamp", "current_timestamp":
		return &transactionStart{Timestamptz}
	case "localtimestamp":
		return &transactionStart{Timestamp}
	case "current_date":
		return &cast{&transactionStart{Timestamptz}, Date}
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
