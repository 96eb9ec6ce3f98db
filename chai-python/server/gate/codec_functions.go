package gate

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"

	"chaisqld/pgerr"
)

// Functions that write bytes as text and read them again, and digests.

var codecFunctions = []function{
	{name: "md5", params: oneText, of: Text, apply: md5Hex},
	{name: "md5", params: oneBytea, of: Text, apply: md5Hex},
	{name: "sha224", params: oneBytea, of: Bytea, apply: digest(func(b []byte) []byte { sum := sha256.Sum224(b); return sum[:] })},
	{name: "sha256", params: oneBytea, of: Bytea, apply: digest(func(b []byte) []byte { sum := sha256.Sum256(b); return sum[:] })},
	{name: "sha384", params: oneBytea, of: Bytea, apply: digest(func(b []byte) []byte { sum := sha512.Sum384(b); return sum[:] })},
	{name: "sha512", params: oneBytea, of: Bytea, apply: digest(func(b []byte) []byte { sum := sha512.Sum512(b); return sum[:] })},
	{name: "encode", params: []Type{Bytea, Text}, of: Text, apply: encode},
	{name: "decode", params: twoTexts, of: Bytea, apply: decode},
	{name: "to_hex", params: []Type{Int4}, of: Text, apply: func(_ *scope, args []any) (any, error) {
		return strconv.FormatUint(uint64(uint32(args[0].(int64))), 16), nil
	}},
	{name: "to_hex", params: []Type{Int8}, of: Text, apply: func(_ *scope, args []any) (any, error) {
		return strconv.FormatUint(uint64(args[0].(int64)), 16), nil
	}},
}

// unitsPerDigest is the work of digesting eight bytes, beside looking at them.
const unitsPerDigest = 2

func digest(sum func([]byte) []byte) apply {
	return func(s *scope, args []any) (any, error) {
		value := args[0].([]byte)
		if err := s.spend(unitsPerDigest * textUnits(len(value))); err != nil {
			return nil, err
		}
		return sum(value), nil
	}
}

func md5Hex(s *scope, args []any) (any, error) {
	value := asString(args[0])
	if err := s.spend(unitsPerDigest * textUnits(len(value))); err != nil {
		return nil, err
	}
	sum := md5.Sum([]byte(value))
	return hex.EncodeToString(sum[:]), nil
}

func encode(s *scope, args []any) (any, error) {
	value := args[0].([]byte)
	if err := s.spendMaking(2 * len(value)); err != nil { // or less, or that again
		return nil, err
	}
	switch strings.ToLower(args[1].(string)) {
	case "hex":
		return hex.EncodeToString(value), nil
	case "base64":
		return inLines(base64.StdEncoding.EncodeToString(value)), nil
	case "escape":
		return escapedText(s, value)
	}
	return nil, unknownEncoding(args[1].(string))
}

// inLines ends every line of 76 characters, the last one too.
func inLines(text string) string {
	const line = 76
	var lines strings.Builder
	for ; len(text) >= line; text = text[line:] {
		lines.WriteString(text[:line])
		lines.WriteByte('\n')
	}
	lines.WriteString(text)
	return lines.String()
}

// escapedText writes what is not ASCII, and zero, as \ooo.
func escapedText(s *scope, value []byte) (any, error) {
	length := 0
	for _, b := range value {
		switch {
		case b == 0 || b >= utf8.RuneSelf:
			length += len(`\ooo`)
		case b == '\\':
			length += len(`\\`)
		default:
			length++
		}
	}
	if err := s.spendMaking(length); err != nil {
		return nil, err
	}
	text := make([]byte, 0, length)
	for _, b := range value {
		switch {
		case b == 0 || b >= utf8.RuneSelf:
			text = append(text, '\\', '0'+b>>6, '0'+b>>3&7, '0'+b&7)
		case b == '\\':
			text = append(text, `\\`...)
		default:
			text = append(text, b)
		}
	}
	return string(text), nil
}

func unknownEncoding(name string) error {
	return pgerr.New(pgerr.InvalidParameterValue, "unrecognized encoding: \"%s\"", shorten(name))
}

func decode(_ *scope, args []any) (any, error) {
	text := args[0].(string)
	switch strings.ToLower(args[1].(string)) {
	case "hex":
		return decodeHex(text)
	case "base64":
		return decodeBase64(text)
	case "escape":
		return decodeEscapes(text)
	}
	return nil, unknownEncoding(args[1].(string))
}

// decodeHex reads pairs of hexadecimal digits, white space between them.
func decodeHex(text string) (any, error) {
	value := make([]byte, 0, len(text)/2)
	for at := 0; at < len(text); at++ {
		if isBlank(text[at]) {
			continue
		}
		high, ok := hexDigit(text, at)
		if !ok {
			return nil, badDigit(text[at:])
		}
		if at++; at == len(text) {
			return nil, pgerr.New(pgerr.InvalidParameterValue, "invalid hexadecimal data: odd number of digits")
		}
		low, ok := hexDigit(text, at)
		if !ok {
			return nil, badDigit(text[at:])
		}
		value = append(value, high<<4|low)
	}
	return value, nil
}

func hexDigit(text string, at int) (digit byte, ok bool) {
	switch c := text[at]; {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func badDigit(text string) error {
	return pgerr.New(pgerr.InvalidParameterValue, "invalid hexadecimal digit: \"%c\"", firstRune(text))
}

func firstRune(text string) rune {
	r, _ := utf8.DecodeRuneInString(text)
	return r
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// decodeBase64 reads as PostgreSQL does, which allows white space anywhere, and more behind an =.
func decodeBase64(text string) (any, error) {
	value := make([]byte, 0, len(text)/4*3)
	var group, size, ends int
	for i := range len(text) {
		digit := 0
		switch c := text[i]; {
		case isBlank(c):
			continue
		case c == '=' && ends == 0 && size < 2:
			return nil, pgerr.New(pgerr.InvalidParameterValue, "unexpected \"=\" while decoding base64 sequence")
		case c == '=' && ends == 0:
			ends = size - 1 // bytes in the last group
		case c == '=':
		default:
			if digit = strings.IndexByte(base64Digits, c); digit < 0 {
				return nil, pgerr.New(pgerr.InvalidParameterValue, "invalid symbol \"%c\" found while decoding base64 sequence", firstRune(text[i:]))
			}
		}
		group = group<<6 | digit
		if size++; size < 4 {
			continue
		}
		bytes := []byte{byte(group >> 16), byte(group >> 8), byte(group)}
		if ends > 0 {
			bytes = bytes[:ends]
		}
		value, group, size = append(value, bytes...), 0, 0
	}
	if size > 0 {
		return nil, pgerr.New(pgerr.InvalidParameterValue, "invalid base64 end sequence").
			WithHint("Input data is missing padding, is truncated, or is otherwise corrupted.")
	}
	return value, nil
}
