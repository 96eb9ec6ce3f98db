package gate

import (
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// Calls: a name and arguments become an aggregate, a cast, a function that is computed, or a constant.

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

// function binds a call of a function by the types of its arguments.
func (b *binder) function(x *syntax.Call, args []node) (node, error) {
	f, several := resolve(functions[x.Name], typesOf(args))
	switch {
	case several:
		return nil, b.fail(x.At(), ambiguousFunction, "function %s(%s) is not unique", x.Name, typeNamesOf(args)).
			WithHint("Could not choose a best candidate function. You might need to add explicit type casts.")
	case f == nil:
		return nil, b.noFunction(x, args)
	case f.apply == nil:
		return nil, b.fail(x.At(), pgerr.FeatureNotSupported, "function %s(%s) is not supported", x.Name, namesOf(f.params)).
			WithHint(functionsHint)
	}
	return b.callOf(f, args, x.Args)
}

func (b *binder) noFunction(x *syntax.Call, args []node) error {
	return b.fail(x.At(), pgerr.UndefinedFunction, "function %s(%s) does not exist", x.Name, typeNamesOf(args)).
		WithHint("No function matches the given name and argument types. You might need to add explicit type casts.")
}

// callOf gives the arguments the types that a function takes.
func (b *binder) callOf(f *function, args []node, from []syntax.Expr) (node, error) {
	for i, n := range args {
		n, err := b.coerceOpen(n, f.params[i], from[i])
		if err == nil && n.typ().family() != textFamily {
			n, err = b.castNode(n, f.params[i], from[i])
		}
		if err != nil {
			return nil, err
		}
		args[i] = n
	}
	return &functionCall{f, args}, nil
}
