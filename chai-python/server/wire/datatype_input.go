package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"chaisqld/gate"
	"chaisqld/pgerr"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Parameters as the gate takes them, from both of the protocol's formats, as
// PostgreSQL's input functions read them.

// numeric is understood as far as it is a whole number: clients send integers
// of any size as one.
var numeric = gate.Type{OID: 1700, Size: -1, Name: "numeric"}

// declaredTypes replaces numeric, which the gate does not know, by bigint.
func declaredTypes(oids []uint32) (declared []uint32, wasNumeric []bool) {
	for i, oid := range oids {
		if oid != numeric.OID {
			continue
		}
		if wasNumeric == nil {
			declared, wasNumeric = append([]uint32(nil), oids...), make([]bool, len(oids))
		}
		declared[i], wasNumeric[i] = gate.Int8.OID, true
	}
	if wasNumeric == nil {
		return oids, nil
	}
	return declared, wasNumeric
}

func paramTypes(plan *gate.Plan, wasNumeric []bool) []gate.Type {
	if wasNumeric == nil {
		return plan.Params
	}
	params := append([]gate.Type(nil), plan.Params...)
	for i := range min(len(params), len(wasNumeric)) {
		if wasNumeric[i] {
			params[i] = numeric
		}
	}
	return params
}

// decode reads a parameter. The value shares no memory with raw.
func decode(t gate.Type, format int16, raw []byte) (any, error) {
	if format == pgproto3.BinaryFormat {
		return decodeBinary(t, raw)
	}
	return decodeText(t, raw)
}

func decodeText(t gate.Type, raw []byte) (any, error) {
	switch t {
	case gate.Text, gate.Varchar, gate.Bpchar, gate.Name, gate.Unknown:
		return decodeString(raw)
	case gate.Bytea:
		return decodeBytea(raw)
	case gate.Timestamp, gate.Timestamptz:
		return parseTimestamp(string(raw), t)
	case gate.Bool:
		if b, ok := parseBool(string(raw)); ok {
			return b, nil
		}
		return nil, badText(t, raw)
	case gate.Int2, gate.Int4, gate.Int8:
		return decodeInt(t, raw)
	case gate.Float4, gate.Float8:
		return decodeFloat(t, raw)
	case numeric:
		return decodeNumericText(raw)
	}
	return nil, unsupportedType(t)
}

func decodeBinary(t gate.Type, raw []byte) (any, error) {
	if t.Size > 0 && t != gate.Name && len(raw) != int(t.Size) {
		return nil, pgerr.New(pgerr.InvalidBinaryRepresentation, "incorrect binary data format: %s has %d bytes, got %d", t.Name, t.Size, len(raw))
	}
	switch t {
	case gate.Text, gate.Varchar, gate.Bpchar, gate.Name, gate.Unknown:
		return decodeString(raw)
	case gate.Bytea:
		return append([]byte{}, raw...), nil // never nil, which is NULL
	case gate.Bool:
		return raw[0] != 0, nil
	case gate.Int2:
		return int64(int16(binary.BigEndian.Uint16(raw))), nil
	case gate.Int4:
		return int64(int32(binary.BigEndian.Uint32(raw))), nil
	case gate.Int8:
		return int64(binary.BigEndian.Uint64(raw)), nil
	case gate.Float4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(raw))), nil
	case gate.Float8:
		return math.Float64frombits(binary.BigEndian.Uint64(raw)), nil
	case gate.Timestamp, gate.Timestamptz:
		return decodeBinaryTimestamp(t, int64(binary.BigEndian.Uint64(raw)))
	case numeric:
		return decodeNumericBinary(raw)
	}
	return nil, unsupportedType(t)
}

func decodeString(raw []byte) (any, error) {
	if !utf8.Valid(raw) || bytes.IndexByte(raw, 0) >= 0 {
		return nil, invalidUTF8(raw)
	}
	return string(raw), nil
}

// invalidUTF8 names the first offending byte; a zero byte is one as well.
func invalidUTF8(raw []byte) error {
	bad := byte(0)
	for i := 0; i < len(raw); {
		r, size := utf8.DecodeRune(raw[i:])
		if r == 0 || r == utf8.RuneError && size == 1 {
			bad = raw[i]
			break
		}
		i += size
	}
	return pgerr.New(pgerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": 0x%02x", bad)
}

// decodeBytea reads the hex format and the older escape format.
func decodeBytea(raw []byte) (any, error) {
	if digits, isHex := bytes.CutPrefix(raw, []byte(`\x`)); isHex {
		digits = bytes.Join(bytes.Fields(digits), nil)
		value := make([]byte, hex.DecodedLen(len(digits)))
		if _, err := hex.Decode(value, digits); err != nil {
			return nil, pgerr.New(pgerr.InvalidParameterValue, "invalid hexadecimal data for type bytea")
		}
		return value, nil
	}
	value := make([]byte, 0, len(raw))
	for len(raw) > 0 {
		b, size := byteaEscape(raw)
		if size == 0 {
			return nil, pgerr.New(pgerr.InvalidTextRepresentation, "invalid input syntax for type bytea")
		}
		value, raw = append(value, b), raw[size:]
	}
	return value, nil
}

// byteaEscape reads one byte: as it is, \\ or \ooo. A size of 0 means none.
func byteaEscape(raw []byte) (b byte, size int) {
	switch {
	case raw[0] != '\\':
		return raw[0], 1
	case len(raw) > 1 && raw[1] == '\\':
		return '\\', 2
	case len(raw) > 3:
		n, err := strconv.ParseUint(string(raw[1:4]), 8, 8)
		if err == nil {
			return byte(n), 4
		}
	}
	return 0, 0
}

// parseBool takes on, off, 1, 0 and every unambiguous start of true, false,
// yes, no and off.
func parseBool(s string) (value, ok bool) {
	s = strings.ToLower(strings.TrimSpace(s))
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

func decodeInt(t gate.Type, raw []byte) (any, error) {
	n, err := strconv.ParseInt(string(bytes.TrimSpace(raw)), 10, int(t.Size)*8)
	switch {
	case err == nil:
		return n, nil
	case isRange(err):
		return nil, outOfRange(t, raw)
	}
	return nil, badText(t, raw)
}

// decodeFloat reads decimal notation, Infinity and NaN, but not the hexadecimal
// that strconv would take.
func decodeFloat(t gate.Type, raw []byte) (any, error) {
	s := string(bytes.TrimSpace(raw))
	f, err := strconv.ParseFloat(s, int(t.Size)*8)
	switch {
	case err != nil && isRange(err):
		return nil, outOfRange(t, raw)
	case err != nil || strings.ContainsAny(s, "xX_"):
		return nil, badText(t, raw)
	}
	return f, nil
}

func isRange(err error) bool {
	e, ok := err.(*strconv.NumError)
	return ok && e.Err == strconv.ErrRange
}

// decodeBinaryTimestamp refuses infinity, which has no place in Chai.
func decodeBinaryTimestamp(t gate.Type, micros int64) (any, error) {
	if micros == math.MaxInt64 || micros == math.MinInt64 || micros > math.MaxInt64-postgresEpoch {
		return nil, pgerr.New(pgerr.DatetimeFieldOverflow, "%s out of range: infinity is not supported", t.Name)
	}
	return time.UnixMicro(micros + postgresEpoch).UTC(), nil
}

func badText(t gate.Type, raw []byte) error {
	return pgerr.New(pgerr.InvalidTextRepresentation, "invalid input syntax for type %s: %q", t.Name, shorten(raw))
}

func outOfRange(t gate.Type, raw []byte) error {
	return pgerr.New(pgerr.NumericValueOutOfRange, "value %q is out of range for type %s", shorten(raw), t.Name)
}

func unsupportedType(t gate.Type) error {
	return pgerr.New(pgerr.FeatureNotSupported, "parameters of type %s are not supported", t.Name)
}

// shorten keeps a value that a message quotes short.
func shorten(raw []byte) string {
	const limit = 60
	if len(raw) > limit {
		return strings.ToValidUTF8(string(raw[:limit]), "") + "…"
	}
	return strings.ToValidUTF8(string(raw), "?")
}
