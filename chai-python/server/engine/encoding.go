package engine

// Chai's encoding of values in rows and keys, mirrored, so that single rows can
// be read and written without its SQL. Decoding trusts nothing that it reads.

import (
	"encoding/binary"
	"math"
	"time"
)

// chaiEpoch is where Chai counts microseconds from.
var chaiEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

// appendValue appends a value as it stands in a row. ok is false where Chai
// would convert it, put a default in its place or refuse it.
func appendValue(dst []byte, c *Column, value any) (_ []byte, ok bool) {
	switch v := value.(type) {
	case nil:
		return append(dst, typeNull), !c.NotNull && c.Default == ""
	case bool:
		return appendBool(dst, v), c.Type == TypeBoolean
	case int64:
		return appendInt(dst, v), c.Type == TypeBigint || c.Type == TypeInteger && v == int64(int32(v))
	case float64:
		return appendFloat(dst, v), c.Type == TypeDouble
	case string:
		return append(appendLength(dst, typeText, len(v)), v...), c.Type == TypeText
	case []byte:
		return append(appendLength(dst, typeBytea, len(v)), v...), c.Type == TypeBytea
	case time.Time:
		year := v.UTC().Year()
		return appendInt(dst, v.UnixMicro()-chaiEpoch), c.Type == TypeTimestamp && year >= minYear && year <= maxYear
	}
	return dst, false
}

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, typeTrue)
	}
	return append(dst, typeFalse)
}

func appendLength(dst []byte, kind byte, length int) []byte {
	return binary.AppendUvarint(append(dst, kind), uint64(length))
}

// appendFloat stores a double without a fraction as an integer, as Chai does in rows.
func appendFloat(dst []byte, v float64) []byte {
	if float64(int64(v)) == v {
		return appendInt(dst, int64(v))
	}
	return appendKeyFloat(dst, v)
}

// appendKeyFloat turns the bits so that they sort as the numbers do.
func appendKeyFloat(dst []byte, v float64) []byte {
	bits := math.Float64bits(v)
	if v >= 0 {
		bits ^= 1 << 63
	} else {
		bits = ^bits
	}
	return binary.BigEndian.AppendUint64(append(dst, typeFloat64), bits)
}

// appendInt takes the least width. Negative numbers have their sign bit turned.
func appendInt(dst []byte, v int64) []byte {
	switch {
	case v >= -32 && v < 32:
		return append(dst, byte(smallIntZero+v))
	case v >= 0:
		return appendUint(dst, uint64(v))
	case v >= math.MinInt8:
		return append(dst, typeInt8, byte(v)+1<<7)
	case v >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(dst, typeInt16), uint16(v)+1<<15)
	case v >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(dst, typeInt32), uint32(v)+1<<31)
	}
	return binary.BigEndian.AppendUint64(append(dst, typeInt64), uint64(v)+1<<63)
}

func appendUint(dst []byte, v uint64) []byte {
	switch {
	case v <= math.MaxUint8:
		return append(dst, typeUint8, byte(v))
	case v <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, typeUint16), uint16(v))
	case v <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, typeUint32), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(dst, typeUint64), v)
}

// decodeRow gives the values of a stored row, which bytea values then share
// memory with. ok is false where the row is not what the columns say.
func decodeRow(columns []Column, stored []byte) (row []any, ok bool) {
	return decodeFound(columns, stored, -1, nil)
}

// decodeFound is decodeRow for a row that was found by its key, the column at
// place. A text is not made again: the one that found it is the same.
func decodeFound(columns []Column, stored []byte, place int, key any) (row []any, ok bool) {
	_, text := key.(string)
	row = make([]any, len(columns))
	for i := range columns {
		n := valueWidth(stored)
		if n == 0 {
			return nil, false
		}
		if text && i == place {
			row[i] = key
		} else if row[i], ok = decodeValue(columns[i].Type, stored[:n:n]); !ok {
			return nil, false
		}
		stored = stored[n:]
	}
	return row, len(stored) == 0
}

// decodeValue decodes one value whose width was checked.
func decodeValue(t Type, value []byte) (_ any, ok bool) {
	kind := value[0]
	switch {
	case kind == typeNull:
		return nil, true
	case t == TypeBoolean:
		return kind == typeTrue, kind == typeTrue || kind == typeFalse
	case t == TypeText && kind == typeText:
		return string(payload(value)), true
	case t == TypeBytea && kind == typeBytea:
		return payload(value), true
	case t == TypeDouble && kind == typeFloat64:
		return keyFloat(value), true
	case kind < typeInt64 || kind > typeUint64:
		return nil, false
	}
	return decodeInt(t, intOf(value))
}

// decodeInt gives a stored integer its column's type.
func decodeInt(t Type, n int64) (_ any, ok bool) {
	switch t {
	case TypeInteger:
		return n, n == int64(int32(n))
	case TypeBigint:
		return n, true
	case TypeDouble:
		return float64(n), true
	case TypeTimestamp:
		return time.UnixMicro(chaiEpoch + n).UTC(), true
	}
	return nil, false
}

// payload is what follows the length of a text or of bytes.
func payload(value []byte) []byte {
	_, n := binary.Uvarint(value[1:])
	return value[1+n:]
}

func keyFloat(value []byte) float64 {
	bits := binary.BigEndian.Uint64(value[1:])
	if bits>>63 == 1 {
		return math.Float64frombits(bits ^ 1<<63)
	}
	return math.Float64frombits(^bits)
}
