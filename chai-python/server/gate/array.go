package gate

import (
	"encoding/binary"
	"strings"

	"chaisqld/pgerr"
)

// Arrays are lists that a column is looked up in: what stands on the right of = ANY and <> ALL. There are no columns of
// them, and nothing is computed with them.

// Array is a value of an array type; nil elements are NULL.
type Array []any

// ArrayElements is how many elements an array has at most, as many as a statement has parameters.
const ArrayElements = 1000

// arrays are the array types by what their elements are.
var arrays = map[Type]Type{
	Bool: {1000, -1, "boolean[]"}, Bytea: {1001, -1, "bytea[]"}, Name: {1003, -1, "name[]"}, Int2: {1005, -1, "smallint[]"},
	Int4: {1007, -1, "integer[]"}, Text: {1009, -1, "text[]"}, Bpchar: {1014, -1, "character[]"},
	Varchar: {1015, -1, "character varying[]"}, Int8: {1016, -1, "bigint[]"}, Float4: {1021, -1, "real[]"},
	Float8: {1022, -1, "double precision[]"}, Timestamp: {1115, -1, "timestamp without time zone[]"},
	Date: {1182, -1, "date[]"}, Timestamptz: {1185, -1, "timestamp with time zone[]"}, Interval: {1187, -1, "interval[]"},
	Numeric: {1231, -1, "numeric[]"},
}

// elements are the types of the elements of array types.
var elements = func() map[Type]Type {
	m := map[Type]Type{}
	for of, array := range arrays {
		m[array], typesByOID[array.OID] = of, array
	}
	return m
}()

// Element is the type of an array type's elements, false for other types.
func (t Type) Element() (Type, bool) {
	of, ok := elements[t]
	return of, ok
}

// parseArray reads {x,"y",NULL}, as PostgreSQL's array_in does.
func parseArray(s string, of Type) (any, error) {
	rest, opened := strings.CutPrefix(trimSpace(s), "{")
	if strings.HasPrefix(trimSpace(s), "[") {
		return nil, pgerr.New(pgerr.FeatureNotSupported, "arrays with bounds are not supported").WithHint("Write {…} alone.")
	}
	if !opened {
		return nil, malformedArray(s)
	}
	list := Array{}
	for first := true; ; first = false {
		rest = strings.TrimLeft(rest, arraySpace)
		if first && strings.HasPrefix(rest, "}") {
			rest = rest[1:]
			break
		}
		text, null, size, err := arrayElement(rest)
		if err != nil {
			return nil, err
		}
		if rest = rest[size:]; size == 0 || rest == "" {
			return nil, malformedArray(s)
		}
		if list, err = list.with(text, null, of); err != nil {
			return nil, err
		}
		end := rest[0]
		if rest = rest[1:]; end == '}' {
			break
		}
	}
	if rest != "" {
		return nil, malformedArray(s)
	}
	return list, nil
}

const arraySpace = " \t\n\v\f\r"

func malformedArray(s string) error {
	return pgerr.New(pgerr.InvalidTextRepresentation, "malformed array literal: \"%s\"", shorten(s))
}

func (a Array) with(text string, null bool, of Type) (Array, error) {
	if len(a) == ArrayElements {
		return nil, tooManyElements()
	}
	if null {
		return append(a, nil), nil
	}
	v, err := ParseText(text, of)
	return append(a, v), err
}

func tooManyElements() error {
	return pgerr.New(pgerr.ProgramLimitExceeded, "array has more than %d elements, the limit", ArrayElements).
		WithHint("Run the statement for one part of the values after the other.")
}

// arrayElement reads up to the comma or brace behind an element; a size of 0 means that it is malformed.
func arrayElement(s string) (text string, null bool, size int, err error) {
	if strings.HasPrefix(s, `"`) {
		text, size = quotedElement(s)
		return text, false, size, nil
	}
	if strings.HasPrefix(s, "{") {
		return "", false, 0, pgerr.New(pgerr.FeatureNotSupported, "arrays of arrays are not supported")
	}
	var b strings.Builder
	length, escaped := 0, false // length leaves out blanks at the end
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"', c == '{':
			return "", false, 0, nil
		case c == ',' || c == '}':
			if length == 0 {
				return "", false, 0, nil
			}
			text = b.String()[:length]
			return text, !escaped && strings.EqualFold(text, "NULL"), i, nil
		case c == '\\':
			if i++; i == len(s) {
				return "", false, 0, nil
			}
			b.WriteByte(s[i])
			length, escaped = b.Len(), true
		default:
			b.WriteByte(c)
			if strings.IndexByte(arraySpace, c) < 0 {
				length = b.Len()
			}
		}
	}
	return "", false, 0, nil
}

func quotedElement(s string) (text string, size int) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		case '"':
			rest := strings.TrimLeft(s[i+1:], arraySpace)
			if rest == "" || rest[0] != ',' && rest[0] != '}' {
				return "", 0
			}
			return b.String(), len(s) - len(rest)
		default:
			b.WriteByte(s[i])
		}
	}
	return "", 0
}

// DecodeArray reads the protocol's binary format: how many dimensions, whether there are NULLs, the elements' type, for each
// dimension its length and first number, and the elements, each after its length.
func DecodeArray(raw []byte, of Type, decode func(Type, []byte) (any, error)) (any, error) {
	const head, dimension, null = 12, 8, -1
	malformed := pgerr.New(pgerr.InvalidBinaryRepresentation, "incorrect binary data format: array of %d bytes", len(raw))
	if len(raw) < head || binary.BigEndian.Uint32(raw[4:]) > 1 {
		return nil, malformed
	}
	if oid := binary.BigEndian.Uint32(raw[8:]); oid != of.OID {
		return nil, pgerr.New(pgerr.DatatypeMismatch, "binary data has array element type %d instead of expected %d", oid, of.OID)
	}
	count := 0
	switch dimensions := binary.BigEndian.Uint32(raw); {
	case dimensions > 1:
		return nil, pgerr.New(pgerr.FeatureNotSupported, "arrays of arrays are not supported")
	case dimensions == 1 && len(raw) < head+dimension:
		return nil, malformed
	case dimensions == 1:
		if count, raw = int(int32(binary.BigEndian.Uint32(raw[head:]))), raw[dimension:]; count < 0 {
			return nil, malformed
		}
	}
	if count > ArrayElements {
		return nil, tooManyElements()
	}
	raw = raw[head:]
	list := make(Array, count)
	for i := range list {
		if len(raw) < 4 {
			return nil, malformed
		}
		size := int(int32(binary.BigEndian.Uint32(raw)))
		if raw = raw[4:]; size == null {
			continue
		}
		if size < 0 || size > len(raw) {
			return nil, malformed
		}
		v, err := decode(of, raw[:size:size])
		if err != nil {
			return nil, err
		}
		list[i], raw = v, raw[size:]
	}
	if len(raw) > 0 {
		return nil, malformed
	}
	return list, nil
}
