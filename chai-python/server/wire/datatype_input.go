package wire

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"

	"chaisqld/gate"
	"chaisqld/pgerr"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Parameters as the gate takes them, from both of the protocol's formats, as
// PostgreSQL's input functions read them.

// decode reads a parameter. The value shares no memory with raw.
func decode(t gate.Type, format int16, raw []byte) (any, error) {
	if format == pgproto3.BinaryFormat {
		return decodeBinary(t, raw)
	}
	return decodeText(t, raw)
}

func decodeText(t gate.Type, raw []byte) (any, error) {
	if _, known := gate.TypeByOID(t.OID); !known {
		return nil, unsupportedType(t)
	}
	text, err := decodeString(raw)
	if err != nil {
		return nil, err
	}
	return gate.ParseText(text, t)
}

func decodeBinary(t gate.Type, raw []byte) (any, error) {
	if t.Size > 0 && t != gate.Name && len(raw) != int(t.Size) {
		return nil, pgerr.New(pgerr.InvalidBinaryRepresentation, "incorrect binary data format: %s has %d bytes, got %d", t.Name, t.Size, len(raw))
	}
	if of, ok := t.Element(); ok {
		return gate.DecodeArray(raw, of, decodeBinary)
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
	case gate.Date:
		return gate.DateOf(int32(binary.BigEndian.Uint32(raw)))
	case gate.Timestamp, gate.Timestamptz:
		return gate.TimestampOf(int64(binary.BigEndian.Uint64(raw)))
	case gate.Numeric:
		return gate.DecodeDecimal(raw)
	case gate.Interval:
		return gate.DecodeSpan(raw)
	}
	return nil, unsupportedType(t)
}

func decodeString(raw []byte) (string, error) {
	if !utf8.Valid(raw) || bytes.IndexByte(raw, 0) >= 0 {
		return "", invalidUTF8(raw)
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

func unsupportedType(t gate.Type) error {
	return pgerr.New(pgerr.FeatureNotSupported, "parameters of type %s are not supported", t.Name)
}
