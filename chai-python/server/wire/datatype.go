package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"chaisqld/gate"
)

// Values as bytes in the protocol's binary format; the text format is the
// gate's, which needs it for casts. datatype_input.go is the other way.

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
	case gate.Decimal:
		return v.AppendBinary(dst), nil
	case gate.Span:
		return v.AppendBinary(dst), nil
	case float64:
		if t == gate.Float4 {
			return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(v))), nil
		}
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(v)), nil
	case time.Time:
		if t == gate.Date {
			return binary.BigEndian.AppendUint32(dst, uint32(gate.DateDays(v))), nil
		}
		return binary.BigEndian.AppendUint64(dst, uint64(gate.TimestampMicros(v))), nil
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
