package gate

import (
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

const functionsHint = "Functions are now(), count, sum, avg, min, max, bool_and, bool_or, string_agg, lower, upper, length, octet_length and the session information functions version(), current_database(), " +
	"current_schema(), current_user and session_user."

// call binds the call of a function.
func (b *binder) call(x *syntax.Call) (node, error) {
	if aggregateFunctions[x.Name] != nil {
		return b.aggregate(x)
	}
	n, err := b.function(x)
	if err != nil {
		return nil, err
	}
	return n, b.onlyAggregate(x)
}

// function binds the call of a function that is no aggregate.
func (b *binder) function(x *syntax.Call) (node, error) {
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
	if _, isType := typeNames[x.Name]; isType && len(args) == 1 {
		return nil, b.fail(x.At(), pgerr.FeatureNotSupported, "a cast written as a function is not supported").
			WithHint("Write CAST(x AS " + x.Name + ").")
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
	if len(x.Args) > 0 {
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
	"abs": true, "random": true,
	"clock_timestamp": true, "statement_timestamp": true, "date_trunc": true, "to_timestamp": true, "nextval": true, "md5": true,
	"encode": true, "decode": true, "pg_sleep": true, "pg_backend_pid": true, "set_config": true, "current_setting": true,
	"current_date": true, "current_time": true, "localtime": true, "array_agg": true, "row_number": true,
	"gen_random_uuid": true, "concat": true, "round": true, "floor": true, "ceil": true, "digest": true, "sha256": true,
}
