package wire

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"time"

	"chaisqld/gate"
)

// Values as bytes, in both of the protocol's formats, as PostgreSQL's output
// functions give them. datatype_input.go is the other way.

// postgresEpoch is the zero of binary timestamps, in microseconds of Unix time.
const postgresEpoch = 946_684_800_000_000

// appendText adds a value in text format.
func appendText(dst []byte, t gate.Type, value any) ([]byte, error) {
	switch v := value.(type) {
	case string:
		return append(dst, v...), nil
	case []byte:
		return hex.AppendEncode(append(dst, '\\', 'x'), v), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case bool:
		if v {
			return append(dst, 't'), nil
		}
		return append(dst, 'f'), nil
	case float64:
		return appendFloat(dst, v, t), nil
	case time.Time:
		return appendTimestamp(dst, v, t), nil
	}
	return dst, unexpectedValue(t, value)
}

// appendBinary adds a value in binary format.
func appendBinary(dst []byte, t gate.Type, value any) ([]byte, error) {
	switch v := value.(type) {
	case string:
		return append(dst, v...), nil
	case []byte:
		return append(dst, v...), nil
	case int64:
		return appendBinaryInt(dst, t, v)
	case bool:
		if v {
			return append(dst, 1), nil
		}
		return append(dst, 0), nil
	case float64:
		if t == gate.Float4 {
			return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(v))), nil
		}
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(v)), nil
	case time.Time:
		return binary.BigEndian.AppendUint64(dst, uint64(v.UnixMicro()-postgresEpoch)), nil
	}
	return dst, unexpectedValue(t, value)
}

func appendBinaryInt(dst []byte, t gate.Type, v int64) ([]byte, error) {
	switch t.Size {
	case 2:
		return binary.BigEndian.AppendUint16(dst, uint16(v)), nil
	case 4:
		return binary.BigEndian.AppendUint32(dst, uint32(v)), nil
	case 8:
		return binary.BigEndian.AppendUint64(dst, uint64(v)), nil
	}
	return dst, unexpectedValue(t, v)
}

func unexpectedValue(t gate.Type, value any) error {
	return fmt.Errorf("column of type %s holds a %T", t.Name, value)
}

// appendFloat writes the shortest digits that read back as the same number, in
// the notation that PostgreSQL chooses.
func appendFloat(dst []byte, v float64, t gate.Type) []byte {
	bits, fixedBelow := 64, 1e15
	if t == gate.Float4 {
		bits, fixedBelow = 32, 1e6
	}
	magnitude := math.Abs(v)
	switch {
	case math.IsInf(v, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(v, -1):
		return append(dst, "-Infinity"...)
	case v == 0 || magnitude >= 1e-4 && magnitude < fixedBelow || math.IsNaN(v):
		return strconv.AppendFloat(dst, v, 'f', -1, bits)
	}
	return strconv.AppendFloat(dst, v, 'e', -1, bits)
}

// appendTimestamp writes ISO style. The session's time zone is always UTC.
func appendTimestamp(dst []byte, v time.Time, t gate.Type) []byte {
	v = v.UTC()
	beforeChrist := v.Year() <= 0
	if beforeChrist { // there is no year 0: 1 BC is the year before 1
		v = v.AddDate(1-2*v.Year(), 0, 0)
	}
	dst = v.AppendFormat(dst, "2006-01-02 15:04:05.999999")
	if t == gate.Timestamptz {
		dst = append(dst, "+00"...)
	}
	if beforeChrist {
		dst = append(dst, " BC"...)
	}
	return dst
}
