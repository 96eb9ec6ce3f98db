package gate

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"chaisqld/pgerr"
)

// ParseText reads a value of type t from text, as PostgreSQL's input functions do: literals, casts and parameters in text
// format. The text is valid UTF-8; the value shares no memory with what it was made from, except for that of strings.
func ParseText(s string, t Type) (any, error) {
	switch t.family() {
	case byteaFamily:
		return parseBytea(s)
	case timeFamily:
		if t == Date {
			return parseDate(s)
		}
		return parseTimestamp(s, t)
	case intervalFamily:
		return parseInterval(s, intervalFields{})
	case boolFamily:
		return parseBool(s, t)
	case intFamily:
		return parseInt(s, t)
	case floatFamily:
		return parseFloat(s, t)
	case decimalFamily:
		return parseDecimal(s)
	case arrayFamily:
		return parseArray(s, elements[t])
	}
	return s, nil
}

// trimSpace takes off what C takes for white space, unlike strings.TrimSpace.
func trimSpace(s string) string { return strings.Trim(s, " \t\n\v\f\r") }

func parseInt(s string, t Type) (any, error) {
	n, err := strconv.ParseInt(trimSpace(s), 10, 8*int(t.Size))
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, strconv.ErrRange):
		return nil, outOfRange(s, t)
	}
	return nil, badText(s, t)
}

// notANumber is the NaN that PostgreSQL has; Go's has another bit set.
var notANumber = math.Float64frombits(0x7ff8000000000000)

// parseFloat reads decimal and hexadecimal notation, Infinity and NaN, but not the underscores that strconv would take.
func parseFloat(s string, t Type) (any, error) {
	trimmed := trimSpace(s)
	unsigned := strings.ToLower(strings.TrimLeft(trimmed, "+-"))
	if unsigned == "nan" && len(trimmed) <= len("-nan") {
		return notANumber, nil
	}
	mantissa, exponent, digits := unsigned, "e", "123456789"
	hexadecimal := strings.HasPrefix(unsigned, "0x")
	if hexadecimal {
		exponent, digits = "p", "123456789abcdef"
		if !strings.Contains(unsigned, "p") {
			trimmed += "p0"
		}
	}
	mantissa, _, _ = strings.Cut(unsigned, exponent)
	f, err := strconv.ParseFloat(trimmed, 8*int(t.Size))
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && f == 0 && strings.ContainsAny(mantissa, digits):
		return nil, outOfRange(s, t)
	case err != nil || strings.Contains(trimmed, "_"):
		return nil, badText(s, t)
	}
	return f, nil
}

// parseBool takes on, off, 1, 0 and every unambiguous start of true, false, yes, no and off.
func parseBool(s string, t Type) (any, error) {
	switch word := strings.ToLower(trimSpace(s)); {
	case word == "":
	case strings.HasPrefix("true", word), strings.HasPrefix("yes", word), word == "on", word == "1":
		return true, nil
	case strings.HasPrefix("false", word), strings.HasPrefix("no", word), word == "of", word == "off", word == "0":
		return false, nil
	}
	return nil, badText(s, t)
}

// parseBytea reads \x followed by hexadecimal digits, or PostgreSQL's older escape format.
func parseBytea(s string) (any, error) {
	if digits, isHex := strings.CutPrefix(s, `\x`); isHex {
		return decodeHex(digits)
	}
	return decodeEscapes(s)
}

// decodeEscapes reads the older format.
func decodeEscapes(s string) (any, error) {
	value := make([]byte, 0, len(s))
	for s != "" {
		b, size := byteaEscape(s)
		if size == 0 {
			return nil, pgerr.New(pgerr.InvalidTextRepresentation, "invalid input syntax for type bytea")
		}
		value, s = append(value, b), s[size:]
	}
	return value, nil
}

// byteaEscape reads one byte: as it is, \\ or \ooo. A size of 0 means none.
func byteaEscape(s string) (b byte, size int) {
	switch {
	case s[0] != '\\':
		return s[0], 1
	case len(s) > 1 && s[1] == '\\':
		return '\\', 2
	case len(s) > 3:
		if n, err := strconv.ParseUint(s[1:4], 8, 8); err == nil {
			return byte(n), 4
		}
	}
	return 0, 0
}

func badText(s string, t Type) error {
	return pgerr.New(pgerr.InvalidTextRepresentation, "invalid input syntax for type %s: \"%s\"", t.Name, shorten(s))
}

func outOfRange(s string, t Type) error {
	return pgerr.New(pgerr.NumericValueOutOfRange, "value \"%s\" is out of range for type %s", shorten(s), t.Name)
}
