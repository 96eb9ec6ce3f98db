package gate

import (
	"math"
	"strconv"
	"time"

	"chaisqld/pgerr"
)

// Casts: which there are, and what becomes of a value.

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
		return ParseText(v.(string), to)
	case f == intFamily && t == intFamily:
		return inRange(v.(int64), to)
	case f == decimalFamily || t == decimalFamily:
		return castDecimal(v, to)
	case f == intFamily && t == floatFamily:
		return roundFloat(float64(v.(int64)), to), nil
	case f == floatFamily && t == intFamily:
		return floatToInt(v.(float64), to)
	case f == floatFamily:
		return narrowed(v.(float64), to)
	case f == boolFamily && t == intFamily:
		if v.(bool) {
			return int64(1), nil
		}
		return int64(0), nil
	case f == intFamily && t == boolFamily:
		return v.(int64) != 0, nil
	case t == timeFamily:
		return castTime(microseconds(v.(time.Time)), from, to)
	}
	return v, nil
}

// narrowed gives a float a smaller type, which may not hold it.
func narrowed(f float64, to Type) (any, error) {
	result := roundFloat(f, to)
	return result, checkFloat(result, math.IsInf(f, 0), f == 0)
}

// castDecimal converts between numeric and the other numbers.
func castDecimal(v any, to Type) (any, error) {
	switch v := v.(type) {
	case int64:
		return decimalOf(v), nil
	case float64:
		return parseDecimal(strconv.FormatFloat(v, 'g', 15, 64))
	case Decimal:
		switch to.family() {
		case intFamily:
			whole := v.rescaled(0).digits
			if !whole.IsInt64() {
				return nil, pgerr.New(pgerr.NumericValueOutOfRange, "%s out of range", to.Name)
			}
			return inRange(whole.Int64(), to)
		case floatFamily:
			return parseFloat(v.String(), to)
		}
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
