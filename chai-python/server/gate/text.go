package gate

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// AppendText adds a value of type t as text, as PostgreSQL's output functions write it. A value of another Go type than t's is
// an error.
func AppendText(dst []byte, t Type, value any) ([]byte, error) {
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
	case Decimal:
		return append(dst, v.String()...), nil
	case float64:
		return appendFloat(dst, v, t), nil
	case time.Time:
		return appendTimestamp(dst, v, t), nil
	case Span:
		return append(dst, v.String()...), nil
	}
	return dst, fmt.Errorf("a value of type %s is a %T", t.Name, value)
}

// formatText writes a value as a cast to text does, which differs from output in the words for booleans alone.
func formatText(v any, t Type) string {
	if b, ok := v.(bool); ok {
		return strconv.FormatBool(b)
	}
	s, err := AppendText(nil, t, v)
	if err != nil { // the binder has seen to the types
		panic(err)
	}
	return string(s)
}

// appendTimestamp writes ISO style. The session's time zone is always UTC.
func appendTimestamp(dst []byte, v time.Time, t Type) []byte {
	v = v.UTC()
	dst = appendDate(dst, v)
	if t == Date {
		return appendEra(dst, v)
	}
	dst = append(dst, ' ')
	dst = v.AppendFormat(dst, "15:04:05.999999")
	if t == Timestamptz {
		dst = append(dst, "+00"...)
	}
	return appendEra(dst, v)
}

// appendDate writes a date without its era. There is no year 0: 1 BC is the year before 1.
func appendDate(dst []byte, v time.Time) []byte {
	if v.Year() > 0 {
		return v.AppendFormat(dst, time.DateOnly)
	}
	return fmt.Appendf(dst, "%04d-%02d-%02d", 1-v.Year(), v.Month(), v.Day())
}

func appendEra(dst []byte, v time.Time) []byte {
	if v.Year() > 0 {
		return dst
	}
	return append(dst, " BC"...)
}
