package gate

import (
	"encoding/binary"
	"math"
	"strings"
	"time"
)

// Values that are told apart in maps: those of IN, of DISTINCT and of GROUP BY, and the keys that an INSERT has met.

// valueSet holds values in the order in which they came, without NULL and repetitions.
type valueSet struct {
	list []any
	seen map[any]bool
}

func newValueSet(size int) *valueSet { return &valueSet{seen: make(map[any]bool, size)} }

func (v *valueSet) has(x any) bool { return v.seen[hashable(x)] }

func (v *valueSet) add(x any) {
	if x == nil || v.has(x) {
		return
	}
	v.seen[hashable(x)] = true
	v.list = append(v.list, x)
}

// hashable makes equal values equal as map keys.
func hashable(v any) any {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case float64:
		return math.Float64bits(storedFloat(v)) // as a map's key, NaN is never found again
	case Span:
		return v.length()
	case Decimal:
		return strings.TrimRight(v.rescaled(decimalDigits).String(), "0")
	}
	return v
}

// appendKey writes a value so that values of one type are equal where their bytes are, NULL among them.
func appendKey(dst []byte, v any) []byte {
	switch v := hashable(v).(type) {
	case nil:
		return append(dst, 0)
	case bool:
		if v {
			return append(dst, 2)
		}
		return append(dst, 1)
	case int64:
		return binary.BigEndian.AppendUint64(append(dst, 1), uint64(v))
	case uint64:
		return binary.BigEndian.AppendUint64(append(dst, 1), v)
	case [2]int64:
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(append(dst, 1), uint64(v[0])), uint64(v[1]))
	case time.Time:
		return binary.BigEndian.AppendUint64(append(dst, 1), uint64(v.UnixMicro()))
	case string:
		return append(binary.AppendUvarint(append(dst, 1), uint64(len(v))), v...)
	}
	panic("a value that is no key")
}
