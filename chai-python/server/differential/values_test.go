package differential

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// kind is a type of column.
type kind uint8

const (
	int4 kind = iota
	int8
	float8
	text
	bytea
	timestamp
	boolean
	kinds
)

var kindNames = [kinds]string{"INTEGER", "BIGINT", "DOUBLE PRECISION", "TEXT", "BYTEA", "TIMESTAMP", "BOOLEAN"}
var kindOIDs = [kinds]uint32{23, 20, 701, 25, 17, 1114, 16}

// castNames are spellings of the types for casts, with types that no column has.
var castNames = [kinds][]string{
	{"int", "INTEGER", "int4", "smallint", "int2"}, {"bigint", "INT8"}, {"float8", "DOUBLE PRECISION", "real", "float"},
	{"text", "VARCHAR", "character varying"}, {"bytea"}, {"timestamp", "TIMESTAMP WITHOUT TIME ZONE", "timestamptz", "timestamp with time zone"},
	{"bool", "BOOLEAN"},
}

// ordinary are contents that rows are made of, few enough to meet again; odd ones stand at the edges of a type, or are
// made to be misread. Both are what an input function is given.
var ordinary = [kinds][]string{
	{"0", "1", "2", "3", "5", "7", "-1", "-4", "100", "2147483647", "-2147483648"},
	{"0", "1", "2", "3", "6", "-1", "-9", "4294967296", "2147483648", "9007199254740993", "9223372036854775807", "-9223372036854775808"},
	{"0", "1", "2.5", "-1.5", "1e10", "0.1", "-7", "NaN", "Infinity", "-Infinity", "1e-7", "123456789012345680", "1.7976931348623157e308", "5e-324"},
	{"", "a", "b", "ab", "A", "it's", `back\slash`, "where 1=1 --", "/* x", "é", "Ω🜁", " a", "a ", "%", "_", `"q"`, "$1", "NULL", "12", "true", "z"},
	{"", `\x00`, `\xff`, `\x00ff`, "abc", `\x616263`, `a\\b`, `\001\377`, "é", `\x27`},
	{"2001-01-01", "2025-01-31 23:59:59.999999", "2025-02-01", "2024-02-29 12:00", "9999-12-31 23:59:59.999999", "2030-06-15 08:30:00.5", "2025-01-31 10:00:00"},
	{"true", "false", "t", "f"},
}

var odd = [kinds][]string{
	{" 12 ", "+5", "007", "-0", "2147483648", "-2147483649", "", "x", "1.5", "1e3", "0x1F", "1_000", "１", "\t3\n", "- 1", "+-1", "99999999999999999999"},
	{" -3", "+8", "9223372036854775808", "-9223372036854775809", "", "1.0", "abc", "1 2", "0b1", "1e2"},
	{" 1.5 ", "+.5", "5.", ".", "-0", "inf", "+inf", "-INF", "nan", "infinity", "1e400", "-1e400", "1e-400", "0x1p3", "1_0", "1e", "e5", "+nan", "-nan", "1d", "infinit", "4.9e-324", "2e-324", "1e+05"},
	{"\t", "\n", "\u00a0", "\u200b", "e\u0301", strings.Repeat("x", 60), "'; DROP TABLE t; --", "E'\\''", "$$", "\\x41", "\\", "''", "{}", "👩‍👩‍👧"},
	{`\x`, `\x0`, `\xzz`, `\x 00 ff`, `\xABcd`, `\x0 0`, `\`, `\9`, `\777`, `\400`, `\12`, `\\`, `a\`, `\X41`, "\t\n"},
	{"2025-01-31T10:00:00Z", "2025-01-31 10:00:00+05", "2025-01-31 10:00:00-05:30", "2025-01-31 10:00:00.1234565", "2025-01-31 10:00:00.12345651",
		"2025-12-31 23:59:59.9999995", "2025-01-31 24:00:00", "2025-01-31 23:59:60", "2025-01-31 24:00:01", "2025-02-29", "2025-13-01", "2025-00-10",
		"2000-12-31 23:59:59.999999", "1970-01-01", "0001-01-01", "0044-03-15 BC", "0045-02-29 10:00:00+01 BC", "0045-02-29 AD", "4714-11-24 00:00 bc", "4714-11-23BC", "0001-01-01BC", "10000-01-01", "294276-12-31", "294277-01-01", "infinity", "-infinity",
		"", " 2025-01-31 ", "2025-1-2", "2025-01-31 1:2:3", "2025-01-31 10", "2025-01-31 10:00:00+25", "2025-01-31 10:00:00 UTC", "2025-01-31 10:00 z",
		"20250131", "20250131T101112", "Jan 31 2025", "31.01.2025", "01/31/2025", "2025-031", "epoch", "2025-01-31 10:00 PM", "2025-01-31 10:00:00+0530", "2025-01-31x", "yesterdayy",
		"2025-01-31 10:00:00.", "2025-01-31 10:00:00,5", "2025-01-31 10:60:00", "2025-01-31T", "2025-01-31 10:00:00.000001234567890123456789"},
	{"yes", "no", "on", "OFF", "1", "0", "tr", "fals", "y", "n", "o", "of", " true ", "", "2", "truee", "TRUE", "yess", "00"},
}

// otherDates are the notations for timestamps that PostgreSQL takes besides ISO 8601 with all its parts.
var otherDates = []string{"infinity", "-infinity", "20250131", "20250131T101112", "Jan 31 2025", "31.01.2025", "01/31/2025", "2025-031", "epoch",
	"2025-01-31 10:00 PM", "2025-01-31 10"}

// content is what an input function of a kind is given.
func (g *generator) content(k kind) string {
	r := g.r
	switch r.IntN(80) {
	case 0, 1, 2:
		return g.strange(k)
	case 3:
		return g.strange(kind(r.IntN(int(kinds))))
	case 4:
		switch k {
		case int4, int8:
			return strconv.FormatInt(int64(r.Uint64()>>r.IntN(64)), 10)
		case float8:
			return strconv.FormatFloat(r.NormFloat64()*float64(r.IntN(1000)), 'g', -1, 64)
		case timestamp:
			return fmt.Sprintf("%04d-%02d-%02d %02d:%02d:%02d.%d", 2001+r.IntN(7998), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1e7))
		}
	}
	return pick(r, ordinary[k])
}

func (g *generator) strange(k kind) string {
	s := pick(g.r, odd[k])
	g.s.otherDate = g.s.otherDate || slices.Contains(otherDates, s)
	return s
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

// quoteText writes a string constant in one of SQL's ways.
func quoteText(r *rand.Rand, s string) string {
	switch r.IntN(12) {
	case 0:
		return "E'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
	case 1:
		if !strings.Contains(s, "$") {
			return "$$" + s + "$$"
		}
	case 2:
		return "$w$" + s + "$w$"
	case 3:
		return "E'" + escaped(s) + "'"
	case 4:
		if at := strings.IndexByte(s, 'a'); at >= 0 {
			return "'" + strings.ReplaceAll(s[:at], "'", "''") + "'\n\t '" + strings.ReplaceAll(s[at:], "'", "''") + "'"
		}
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// escaped writes every character as one of the escapes that E” has.
func escaped(s string) string {
	var text strings.Builder
	for i, c := range s {
		switch {
		case c < 0x80 && i%3 == 0:
			fmt.Fprintf(&text, `\x%02x`, c)
		case c < 0x80 && i%3 == 1:
			fmt.Fprintf(&text, `\%03o`, c)
		case c < 0x10000:
			fmt.Fprintf(&text, `\u%04X`, c)
		default:
			fmt.Fprintf(&text, `\U%08x`, c)
		}
	}
	return text.String()
}

// literal writes a constant that is meant for a kind. It sets untypical where PostgreSQL reads it as NUMERIC.
func (g *generator) literal(k kind) string {
	if chance(g.r, 5) {
		return "NULL"
	}
	s := g.content(k)
	plain := false
	switch k {
	case int4, int8, float8:
		_, err := strconv.ParseFloat(s, 64)
		plain = err == nil && strings.Trim(s, "0123456789.e+-") == "" && chance(g.r, 80)
	case boolean:
		plain = (s == "true" || s == "false") && chance(g.r, 80)
	}
	switch {
	case plain:
		return g.number(s)
	case chance(g.r, 25):
		return pick(g.r, castNames[k]) + " " + quoteText(g.r, s)
	case chance(g.r, 15):
		return "CAST(" + quoteText(g.r, s) + " AS " + pick(g.r, castNames[k]) + ")"
	case chance(g.r, 20):
		return quoteText(g.r, s) + "::" + pick(g.r, castNames[k])
	}
	return quoteText(g.r, s)
}

func (g *generator) number(s string) string {
	if n, err := strconv.ParseInt(s, 10, 64); err != nil && s != "true" && s != "false" || n == -1<<63 {
		g.s.untypical = g.s.untypical || n != -1<<63 || strings.ContainsAny(s, ".e")
	}
	return s
}

// parameter adds a value of the extended protocol and writes its number.
func (g *generator) parameter(k kind) string {
	if len(g.s.params) > 0 && chance(g.r, 10) {
		return "$" + strconv.Itoa(1+g.r.IntN(len(g.s.params)))
	}
	p := param{value: []byte(g.content(k))}
	if chance(g.r, 5) {
		p.value = nil
	}
	switch {
	case k <= float8 && chance(g.r, 10):
		p.oid = 1700 // numeric
	case chance(g.r, 50):
		p.oid = kindOIDs[k]
		if chance(g.r, 60) {
			if binary := binaryValue(g.r, k); p.value != nil && binary != nil {
				p.value, p.format = binary, 1
			}
		}
	}
	g.s.params = append(g.s.params, p)
	return "$" + strconv.Itoa(len(g.s.params))
}

// binaryValue is a value in the binary format, nil where the text format is as good.
func binaryValue(r *rand.Rand, k kind) []byte {
	switch k {
	case int4:
		return binary.BigEndian.AppendUint32(nil, uint32(r.IntN(8)))
	case int8:
		return binary.BigEndian.AppendUint64(nil, uint64(r.IntN(8)-1))
	case float8:
		return binary.BigEndian.AppendUint64(nil, pick(r, []uint64{0, 1 << 63, 0x3ff0000000000000, 0x7ff8000000000001, 0x7ff0000000000000, 1, r.Uint64()}))
	case timestamp:
		return binary.BigEndian.AppendUint64(nil, uint64(pick(r, []int64{31622400000000, 791596799999999, r.Int64N(252455615999999999), 31622399999999})))
	case boolean:
		return []byte{byte(r.IntN(2))}
	case bytea:
		return pick(r, [][]byte{{}, {0}, {255, 0}, {'\\', 'x'}})
	case text:
		return []byte(pick(r, ordinary[text]))
	}
	return nil
}
