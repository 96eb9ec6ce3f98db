package differential

import (
	"encoding/binary"
	"regexp"
	"strconv"
)

// calls are functions by the kind of their value. What stands in braces is an argument: a kind, or small for few digits.
var calls = [kinds][]string{
	int4: {"length({text})", "octet_length({text})", "char_length({text})", "length({bytea})", "{date} - {date}", "ascii({text})", "abs({int4})", "position({text} IN {text})", "strpos({text}, {text})",
		"position({bytea} IN {bytea})", "mod({int4}, {int4})"},
	int8: {"abs({int8})", "mod({int8}, {int8})", "mod({int8}, {int4})"},
	float8: {"abs({float8})", "round({float8})", "trunc({float8})", "ceil({float8})", "floor({float8})", "ceiling({int4})", "sign({float8})", "sqrt(abs({float8}))", "sqrt({int8} * 1.5 * {int8})", "round({int4} / 7.0, {small})", "trunc({int8} * 0.37, {small})", "div({int4}, 7.5)", "floor({int4} / 3.0)", "sqrt({int4} + 0.5)", "date_part({field}, {timestamp})", "date_part({field}, {date})", "EXTRACT({word} FROM {date})", "date_part({field}, {interval})", "EXTRACT({word} FROM {timestamp})", "extract(epoch FROM {interval})", "extract(epoch from {timestamp}) / 3",
		"sign({int4} - 1.5)"},
	text: {"lower({text})", "upper({text})", "initcap({text})", "reverse({text})", "btrim({text})", "ltrim({text}, {text})", "rtrim({text}, {text})", "TRIM(BOTH {text} FROM {text})", "replace({text}, {text}, {text})",
		"left({text}, {int4})", "right({text}, {int4})", "lpad({text}, {small}, {text})", "rpad({text}, {small})", "repeat({text}, {small})", "split_part({text}, {text}, {small})", "substr({text}, {int4})", "substring({text} FROM {int4} FOR {small})",
		"SUBSTRING({text} FOR {small})", "overlay({text} PLACING {text} FROM {small} FOR {int4})", "md5({text})", "md5({bytea})", "encode({bytea}, {format})", "to_hex({int4})", "to_hex({int8})", "chr(ascii({text}) + 1)", "({interval})::text", "date_trunc({unit}, {interval})::text", "concat({interval}, {timestamp}, {date})", "({date})::text", "concat({text}, {int4}, {boolean}, {float8})", "concat_ws({text}, {bytea}, {text})"},
	bytea: {"sha256({bytea})", "decode(md5({text}), {format})", "decode('YW' || {text}, {format})", "decode(encode({bytea}, 'base64'), 'base64')", "substr({bytea}, {int4})", "substring({bytea} FROM {small} FOR {small})", "overlay({bytea} PLACING {bytea} FROM {small})", "btrim({bytea}, {bytea})"},
	timestamp: {"{timestamp} + {interval}", "{timestamp} - {interval}", "{interval} + {timestamp}", "date_trunc({unit}, {timestamp})", "date_trunc('day', {timestamp}) + {interval}", "to_timestamp({int4})",
		"to_timestamp({int8} / 1000.0)", "{date} + {interval}", "({date})::timestamp", "date_trunc({unit}, {date})", "COALESCE({timestamp}, {date})", "{date}"},
	boolean: {"{date} = {timestamp}", "{date} < {date}", "{timestamp} >= {date}", "{timestamp} BETWEEN {date} AND {date}", "{timestamp} IN ({date}, {timestamp}, {date})", "{date} > CURRENT_DATE - {small}",
		"{date} IS DISTINCT FROM {timestamp}", "{interval} < {interval}", "{timestamp} < now() - {interval}", "{interval} = {interval}", "{timestamp} - {timestamp} > {interval}", "{interval} IN ({interval}, '1 day')", "starts_with({text}, {text})"},
}

var argument = regexp.MustCompile(`\{\w+\}`)

// call writes a function that gives a kind, any other value if there is none.
func (g *generator) call(k kind, depth int) string {
	if calls[k] == nil {
		return g.leaf(k)
	}
	g.mayFail()
	return argument.ReplaceAllStringFunc(pick(g.r, calls[k]), func(name string) string { return g.functionArgument(name[1:len(name)-1], depth) })
}

func (g *generator) functionArgument(name string, depth int) string {
	switch name {
	case "small":
		return strconv.Itoa(max(g.r.IntN(40)-2, -2) % 7)
	case "interval":
		return g.interval(depth)
	case "date":
		return g.date(depth)
	case "unit":
		return quoteText(g.r, pick(g.r, truncUnits))
	case "field":
		return quoteText(g.r, pick(g.r, fieldNames))
	case "word":
		return pick(g.r, fieldNames)
	case "format":
		return pick(g.r, []string{"'hex'", "'base64'", "'escape'", "'HEX'", "'base64'", "'hex'", "'escape'", "'hex'", "'base64'", "'nosuch'"})
	}
	for k, known := range argumentKinds {
		if known == name {
			return g.operand(kind(k), depth)
		}
	}
	panic(name)
}

var truncUnits = []string{"microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month", "quarter", "year", "decade", "century", "millennium", "DAY", "hours", "nosuch", "dow"}

var fieldNames = append([]string{"dow", "isodow", "doy", "isoyear", "julian", "epoch", "timezone", "timezone_hour", "jan", "now"}, truncUnits...)

// interval writes an expression of that type, which no column has.
func (g *generator) interval(depth int) string {
	if depth > 0 && chance(g.r, 30) {
		x := pick(g.r, []string{"({timestamp} - {timestamp})", "({interval} * {small})", "({interval} / {int4})", "(- {interval})", "({interval} + {interval})", "({float8} * {interval})", "COALESCE(NULL, {interval})",
			"CASE WHEN {boolean} THEN {interval} END"})
		return argument.ReplaceAllStringFunc(x, func(name string) string { return g.functionArgument(name[1:len(name)-1], depth-1) })
	}
	if g.s.mode != simple && chance(g.r, 20) {
		p := param{value: []byte(pick(g.r, []string{"1 day", "-3 hours", "1 mon 2 days 03:04:05.678901", "P1DT2H"})), oid: 1186}
		if chance(g.r, 50) {
			p.value, p.format = binary.BigEndian.AppendUint64(nil, uint64(g.r.Int64N(1e12)-5e11)), 1
			p.value = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(p.value, uint32(g.r.IntN(100)-50)), uint32(g.r.IntN(100)-50))
		}
		g.s.params = append(g.s.params, p)
		return "$" + strconv.Itoa(len(g.s.params))
	}
	if chance(g.r, 5) {
		return intervalConstant(g.r)
	}
	return plainInterval(g.r)
}

// date writes an expression of that type, which no column has.
func (g *generator) date(depth int) string {
	if depth > 0 && chance(g.r, 35) {
		x := pick(g.r, []string{"({date} + {int4})", "({date} - {small})", "({timestamp})::date", "date({timestamp})", "CAST({timestamp} AS date)", "LEAST({date}, {date})", "({small} + {date})"})
		return argument.ReplaceAllStringFunc(x, func(name string) string { return g.functionArgument(name[1:len(name)-1], depth-1) })
	}
	if g.s.mode != simple && chance(g.r, 20) {
		p := param{value: []byte(g.content(timestamp)), oid: 1082}
		if chance(g.r, 50) {
			p.value, p.format = binary.BigEndian.AppendUint32(nil, uint32(pick(g.r, []int32{0, 366, 9131, -730119, 2921939, 2921940, 2145031948, -2451545, g.r.Int32N(20000)}))), 1
		}
		g.s.params = append(g.s.params, p)
		return "$" + strconv.Itoa(len(g.s.params))
	}
	text := quoteText(g.r, g.content(timestamp))
	return pick(g.r, []string{"date " + text, text + "::date", "date(" + text + ")"})
}

var argumentKinds = [kinds]string{"int4", "int8", "float8", "text", "bytea", "timestamp", "boolean"}
