package wire

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"

	"chaisqld/pgerr"
)

// Numeric parameters that are whole numbers of at most 64 bits; others are
// refused rather than rounded.

func decodeNumericText(raw []byte) (any, error) {
	text, err := decodeString(raw)
	if err != nil {
		return nil, err
	}
	s := strings.TrimSpace(text)
	whole, fraction, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	switch {
	case err == nil && strings.Trim(fraction, "0") == "":
		return n, nil
	case errors.Is(err, strconv.ErrRange):
		return nil, pgerr.New(pgerr.NumericValueOutOfRange, "numeric value out of range: at most 64 bits are supported")
	}
	if _, err := strconv.ParseFloat(s, 64); err != nil && !errors.Is(err, strconv.ErrRange) {
		return nil, pgerr.New(pgerr.InvalidTextRepresentation, "invalid input syntax for type numeric")
	}
	return nil, notWhole()
}

// decodeNumericBinary reads digits of base 10,000 (manual, numeric_send): how
// many, the first one's weight, the sign, the scale, the digits.
func decodeNumericBinary(raw []byte) (any, error) {
	const head, positive, negative = 8, 0, 0x4000
	if len(raw) < head || len(raw) != head+2*int(binary.BigEndian.Uint16(raw)) {
		return nil, pgerr.New(pgerr.InvalidBinaryRepresentation, "incorrect binary data format: numeric of %d bytes", len(raw))
	}
	weight, sign := int(int16(binary.BigEndian.Uint16(raw[2:]))), binary.BigEndian.Uint16(raw[4:])
	if sign != positive && sign != negative {
		return nil, notWhole() // NaN, infinity
	}
	var n int64
	digits := raw[head:]
	for ; weight >= 0 || len(digits) > 0; weight-- {
		var digit int64
		if len(digits) > 0 {
			digit, digits = int64(binary.BigEndian.Uint16(digits)), digits[2:]
		}
		if weight < 0 {
			if digit != 0 {
				return nil, notWhole()
			}
			continue
		}
		if n > (1<<63-1-digit)/10_000 || digit > 9999 {
			return nil, pgerr.New(pgerr.NumericValueOutOfRange, "numeric value out of range: at most 64 bits are supported")
		}
		n = n*10_000 + digit
	}
	if sign == negative {
		n = -n
	}
	return n, nil
}

func notWhole() error {
	return pgerr.New(pgerr.FeatureNotSupported, "numeric parameters must be whole numbers").
		WithHint("Declare the parameter as double precision, or cast it.")
}
