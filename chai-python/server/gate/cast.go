package gate

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"

	"chaisqld/pgerr"
)

// parseText reads a value of type t from text, as PostgreSQL's input functions do.
func parseText(s string, t Type) (any, error) {
	bad := func() error {
		return pgerr.New(pgerr.InvalidTextRepresentation, "invalid input syntax for type %s: \"%s\"", t.Name, shorten(s))
	}
	switch t.family() {
	case textFamily:
		return s, nil
	case byteaFamily:
		return parseBytea(s)
	case timeFamily:
		return parseTimestamp(s, t == Timestamptz)
	case boolFamily:
		if v, ok := parseBool(strings.ToLower(strings.TrimSpace(s))); ok {
			return v, nil
		}
		return nil, bad()
	case intFamily:
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		if err != nil && !isRange(err) {
			return nil, bad()
		}
		if _, narrow := inRange(n, t); err != nil || narrow != nil {
			return nil, pgerr.New(pgerr.NumericValueOutOfRange, "value \"%s\" is out of range for type %s", shorten(s), t.Name)
		}
		return n, nil
	case floatFamily:
		trimmed := strings.TrimSpace(s)
		f, err := strconv.ParseFloat(trimmed, 64)
		if err != nil && isRange(err) {
			return nil, pgerr.New(pgerr.NumericValueOutOfRange, "\"%s\" is out of range for type %s", shorten(s), t.Name)
		}
		if err != nil || strings.ContainsAny(trimmed, "xX_pP") {
			return nil, bad()
		}
		return roundFloat(f, t), nil
	}
	return s, nil
}

func isRange(err error) bool {
	e, ok := err.(*strconv.NumError)
	return ok && e.Err == strconv.ErrRange
}

// parseBool accepts unique prefixes of true, false, yes, no, and on, off, 1, 0.
func parseBool(s string) (value, ok bool) {
	switch {
	case s == "":
		return false, false
	case strings.HasPrefix("true", s), strings.HasPrefix("yes", s), s == "on", s == "1":
		return true, true
	case strings.HasPrefix("false", s), strings.HasPrefix("no", s), s == "of", s == "off", s == "0":
		return false, true
	}
	return false, false
}

// parseBytea reads \x followed by hexadecimal digits, or PostgreSQL's older escape format.
func parseBytea(s string) (any, error) {
	if strings.HasPrefix(s, `\x`) {
		b, err := hex.DecodeString(strings.Join(strings.Fields(s[2:]), ""))
		if err != nil {
			return nil, pgerr.New(pgerr.InvalidParameterValue, "invalid hexadecimal data: %v", err)
		}
		return b, nil
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\':
			b = append(b, s[i])
		case i+1 < len(s) && s[i+1] == '\\':
			b = append(b, '\\')
			i++
		default:
			n, err := strconv.ParseUint(s[min(i+1, len(s)):min(i+4, len(s))], 8, 8)
			if err != nil || i+4 > len(s) {
				return nil, pgerr.New(pgerr.InvalidTextRepresentation, "invalid input syntax for type bytea")
			}
			b = append(b, byte(n))
			i += 3
		}
	}
	return b, nil
}

// formatText writes a value as PostgreSQL's output functions do.
func formatText(v any, t Type) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return `\x` + hex.EncodeToString(v)
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return formatFloat(v)
	case time.Time:
		return formatTimestamp(v, t == Timestamptz)
	}
	return ""
}

func formatFloat(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	if abs := math.Abs(f); f != 0 && (abs < 1e-4 || abs >= 1e15) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func inRange(n int64, t Type) (any, error) {
	if t == Int4 && n != int64(int32(n)) || t == Int2 && n != int64(int16(n)) {
		return nil, pgerr.New(pgerr.NumericValueOutOfRange, "%s out of range", t.Name)
	}
	return n, nil
}

func roundFloat(f float64, t Type) float64 {
	if t == Float4 {
		return float64(float32(f))
	}
	return f
}

// castable says whether CAST between two types exists.
func castable(from, to Type) bool {
	f, t := from.family(), to.family()
	return f == t || f == openFamily || f == textFamily || t == textFamily || f.numeric() && t.numeric() ||
		f == boolFamily && to == Int4 || from == Int4 && t == boolFamily
}

// castValue converts between types that are castable. v is not nil.
func castValue(v any, from, to Type) (any, error) {
	switch f, t := from.family(), to.family(); {
	case t == textFamily:
		return formatText(v, from), nil
	case f == textFamily || f == openFamily:
		return parseText(v.(string), to)
	case f == intFamily && t == intFamily:
		return inRange(v.(int64), to)
	case f == intFamily && t == floatFamily:
		return roundFloat(float64(v.(int64)), to), nil
	case f == floatFamily && t == intFamily:
		return floatToInt(v.(float64), to)
	case f == floatFamily:
		return roundFloat(v.(float64), to), nil
	case f == boolFamily && t == intFamily:
		if v.(bool) {
			return int64(1), nil
		}
		return int64(0), nil
	case f == intFamily && t == boolFamily:
		return v.(int64) != 0, nil
	case t == timeFamily:
		return microseconds(v.(time.Time)), nil
	}
	return v, nil
}

func floatToInt(f float64, to Type) (any, error) {
	r := math.RoundToEven(f)
	if !(r >= -(1<<63) && r < 1<<63) {
		return nil, pgerr.New(pgerr.NumericValueOutOfRange, "%s out of range", to.Name)
	}
	return inRange(int64(r), to)
}
