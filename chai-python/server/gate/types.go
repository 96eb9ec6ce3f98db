package gate

import "chaisqld/engine"

// Type is a PostgreSQL type as clients see it. Types are compared with ==.
type Type struct {
	OID  uint32
	Size int16 // bytes, -1 variable
	Name string
}

// The types that the gate knows. Values are bool (Bool), int64 (Int2, Int4, Int8), float64 (Float4, Float8), string (Text,
// Varchar, Bpchar, Name, Unknown), Decimal (Numeric), []byte (Bytea), time.Time (Timestamp in UTC, Timestamptz in any zone,
// Date at midnight in UTC), Span (Interval) and Array, or nil.
var (
	Bool        = Type{16, 1, "boolean"}
	Bytea       = Type{17, -1, "bytea"}
	Name        = Type{19, 64, "name"}
	Int8        = Type{20, 8, "bigint"}
	Int2        = Type{21, 2, "smallint"}
	Int4        = Type{23, 4, "integer"}
	Text        = Type{25, -1, "text"}
	Float4      = Type{700, 4, "real"}
	Float8      = Type{701, 8, "double precision"}
	Unknown     = Type{705, -2, "unknown"}
	Bpchar      = Type{1042, -1, "character"}
	Varchar     = Type{1043, -1, "character varying"}
	Numeric     = Type{1700, -1, "numeric"}
	Timestamp   = Type{1114, 8, "timestamp without time zone"}
	Timestamptz = Type{1184, 8, "timestamp with time zone"}
	Date        = Type{1082, 4, "date"}
	Interval    = Type{1186, 16, "interval"}
)

// foreign types are PostgreSQL's alone. They are named where it matters that a function could be meant that takes them.
var (
	macaddr   = Type{829, 6, "macaddr"}
	timeOfDay = Type{1083, 8, "time without time zone"}
	timetz    = Type{1266, 12, "time with time zone"}
)

var typesByOID = map[uint32]Type{
	Bool.OID: Bool, Bytea.OID: Bytea, Name.OID: Name, Int8.OID: Int8, Int2.OID: Int2, Int4.OID: Int4, Text.OID: Text,
	Float4.OID: Float4, Float8.OID: Float8, Unknown.OID: Unknown, Bpchar.OID: Bpchar, Varchar.OID: Varchar,
	Timestamp.OID: Timestamp, Timestamptz.OID: Timestamptz, Numeric.OID: Numeric, Date.OID: Date, Interval.OID: Interval,
}

// TypeByOID finds a type; false when the gate does not know it.
func TypeByOID(oid uint32) (Type, bool) {
	t, ok := typesByOID[oid]
	return t, ok
}

// columnType is the type that clients see for a column of the catalogue.
func columnType(t engine.Type) Type {
	switch t {
	case engine.TypeBoolean:
		return Bool
	case engine.TypeInteger:
		return Int4
	case engine.TypeBigint:
		return Int8
	case engine.TypeDouble:
		return Float8
	case engine.TypeText:
		return Text
	case engine.TypeBytea:
		return Bytea
	case engine.TypeTimestamp:
		return Timestamp
	}
	return Unknown
}

// family groups types whose values are of one Go type and compare with each other.
type family uint8

const (
	openFamily family = iota // an unknown literal or an undeclared parameter: takes the type of what stands beside it
	boolFamily
	intFamily
	floatFamily
	decimalFamily
	textFamily
	byteaFamily
	timeFamily
	intervalFamily
	arrayFamily
	foreignFamily
)

func (t Type) family() family {
	switch t {
	case Bool:
		return boolFamily
	case Int2, Int4, Int8:
		return intFamily
	case Float4, Float8:
		return floatFamily
	case Numeric:
		return decimalFamily
	case Text, Varchar, Bpchar, Name:
		return textFamily
	case Bytea:
		return byteaFamily
	case Timestamp, Timestamptz, Date:
		return timeFamily
	case Interval:
		return intervalFamily
	case Unknown, Type{}:
		return openFamily
	}
	if _, is := elements[t]; is {
		return arrayFamily
	}
	return foreignFamily
}

func (f family) numeric() bool { return f == intFamily || f == floatFamily || f == decimalFamily }
