package gate

import (
	"bytes"
	"cmp"
	"strings"
	"time"
)

// compare orders two values of the same family, or an integer and another number: text and bytea by their bytes
// (PostgreSQL's C collation, and the order in which Chai keeps keys), NaN equal to itself and above every number. Neither is
// nil.
func compare(a, b any) int {
	switch a := a.(type) {
	case int64:
		if f, ok := b.(float64); ok {
			return compareFloats(float64(a), f)
		}
		if d, ok := b.(Decimal); ok {
			return decimalOf(a).compare(d)
		}
		return cmp.Compare(a, b.(int64))
	case float64:
		if n, ok := b.(int64); ok {
			return compareFloats(a, float64(n))
		}
		return compareFloats(a, b.(float64))
	case Decimal:
		if n, ok := b.(int64); ok {
			return a.compare(decimalOf(n))
		}
		return a.compare(b.(Decimal))
	case string:
		return strings.Compare(a, b.(string))
	case []byte:
		return bytes.Compare(a, b.([]byte))
	case time.Time:
		return a.Compare(b.(time.Time))
	case Span:
		return a.compare(b.(Span))
	case bool:
		return compareBools(a, b.(bool))
	}
	return 0
}

// compareFloats puts NaN last, where cmp.Compare puts it first.
func compareFloats(a, b float64) int {
	switch aNaN, bNaN := a != a, b != b; {
	case aNaN && bNaN:
		return 0
	case aNaN:
		return 1
	case bNaN:
		return -1
	}
	return cmp.Compare(a, b)
}

// isNaN tells the one value that no column holds.
func isNaN(v any) bool {
	f, ok := v.(float64)
	return ok && f != f
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// sizeOf is what a value weighs in limits and estimates.
func sizeOf(v any) int {
	switch v := v.(type) {
	case string:
		return len(v) + 4
	case []byte:
		return len(v) + 4
	case Decimal:
		return v.digits.BitLen()/8 + 8
	}
	return 9
}
