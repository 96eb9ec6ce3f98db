package gate

import (
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// typeNames are the spellings of the types, as a client may write them in casts.
var typeNames = map[string]Type{
	"bool": Bool, "boolean": Bool, "bytea": Bytea, "name": Name,
	"int8": Int8, "bigint": Int8, "int2": Int2, "smallint": Int2, "int4": Int4, "int": Int4, "integer": Int4,
	"text": Text, "varchar": Varchar, "character varying": Varchar,
	"numeric": Numeric, "decimal": Numeric, "float4": Float4, "real": Float4, "float8": Float8, "float": Float8, "double precision": Float8,
	"timestamp": Timestamp, "timestamptz": Timestamptz, "timestamp with time zone": Timestamptz,
	"date": Date, "interval": Interval,
}

// storedTypes are the columns that Chai holds rightly, and how Chai spells them.
var storedTypes = map[Type]string{
	Bool: "BOOLEAN", Bytea: "BYTEA", Int8: "BIGINT", Int4: "INTEGER", Text: "TEXT", Varchar: "TEXT", Float8: "DOUBLE PRECISION",
	Timestamp: "TIMESTAMP",
}

// refusedTypes exist in PostgreSQL; the hint says what to use instead.
var refusedTypes = map[string]string{
	"numeric": "Use BIGINT in the smallest unit, or DOUBLE PRECISION.", "decimal": "Use BIGINT in the smallest unit, or DOUBLE PRECISION.",
	"smallint": "Use INTEGER.", "int2": "Use INTEGER.", "real": "Use DOUBLE PRECISION.", "float4": "Use DOUBLE PRECISION.",
	"serial": "Use BIGINT and make the keys in the client.", "bigserial": "Use BIGINT and make the keys in the client.",
	"smallserial": "Use BIGINT and make the keys in the client.", "name": "Use TEXT.",
	"timestamptz": "Use TIMESTAMP and store UTC.", "timestamp with time zone": "Use TIMESTAMP and store UTC.",
	"date": "Use TIMESTAMP.", "time": "Use TEXT or BIGINT.", "time with time zone": "Use TEXT or BIGINT.",
	"interval": "Use BIGINT, in microseconds.",
	"json":     "Use TEXT or BYTEA.", "jsonb": "Use TEXT or BYTEA.", "xml": "Use TEXT.", "uuid": "Use TEXT or BYTEA.",
	"char": "Use TEXT.", "character": "Use TEXT.", "bpchar": "Use TEXT.", "bit": "Use BYTEA.", "inet": "Use TEXT.", "cidr": "Use TEXT.",
	"money": "Use BIGINT in the smallest unit.", "oid": "Use BIGINT.", "regclass": "There are no catalogue tables.",
}

const storedTypesHint = "Column types are TEXT, BYTEA, TIMESTAMP, INTEGER, BIGINT, DOUBLE PRECISION and BOOLEAN."

// castType finds the type that a cast names.
func (b *binder) castType(n syntax.TypeName) (Type, error) {
	t, known := typeNames[n.Name]
	switch {
	case n.Array:
		return t, b.fail(n.At, pgerr.FeatureNotSupported, "an array here is not supported").
			WithHint("Supported are column = ANY (array) and column <> ALL (array).")
	case !known && refusedTypes[n.Name] != "":
		return t, b.fail(n.At, pgerr.FeatureNotSupported, "type %s is not supported", n.Name).WithHint(refusedTypes[n.Name])
	case !known:
		return t, b.fail(n.At, pgerr.UndefinedObject, "type \"%s\" does not exist", n.Name)
	case len(n.Modifiers) > 0 && t != Interval && !b.harmlessModifier(t, n):
		return t, b.fail(n.At, pgerr.FeatureNotSupported, "type modifiers are not supported in casts").WithHint("Leave out the parentheses.")
	}
	return t, nil
}

// harmlessModifier tells what says nothing: TIMESTAMP(6) and FLOAT(53).
func (b *binder) harmlessModifier(t Type, n syntax.TypeName) bool {
	return len(n.Modifiers) == 1 && (t.family() == timeFamily && t != Date && n.Modifiers[0] == "6" || n.Name == "float" && n.Modifiers[0] == "53")
}

// storedType finds the type of a column to be created, and Chai's spelling.
func (b *binder) storedType(n syntax.TypeName) (Type, string, error) {
	t, known := typeNames[n.Name]
	stored := storedTypes[t]
	switch {
	case n.Array:
		return t, "", b.fail(n.At, pgerr.FeatureNotSupported, "array columns are not supported").WithHint(storedTypesHint)
	case refusedTypes[n.Name] != "":
		return t, "", b.fail(n.At, pgerr.FeatureNotSupported, "columns of type %s are not supported", n.Name).WithHint(refusedTypes[n.Name])
	case !known || stored == "":
		return t, "", b.fail(n.At, pgerr.UndefinedObject, "type \"%s\" does not exist", n.Name).WithHint(storedTypesHint)
	case len(n.Modifiers) > 0 && !b.harmlessModifier(t, n):
		return t, "", b.fail(n.At, pgerr.FeatureNotSupported, "columns of type %s(…) are not supported, their length would not be enforced", n.Name).
			WithHint("Use TEXT and check the length in the client.")
	}
	if t == Varchar {
		t = Text
	}
	return t, stored, nil
}
