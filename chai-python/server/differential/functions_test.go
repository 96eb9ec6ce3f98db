package differential

import (
	"regexp"
	"strconv"
)

// calls are functions by the kind of their value. What stands in braces is an argument: a kind, or small for few digits.
var calls = [kinds][]string{
	int4: {"length({text})", "octet_length({text})", "char_length({text})", "length({bytea})", "ascii({text})", "abs({int4})", "position({text} IN {text})", "strpos({text}, {text})",
		"position({bytea} IN {bytea})", "mod({int4}, {int4})"},
	int8:   {"abs({int8})", "mod({int8}, {int8})", "mod({int8}, {int4})"},
	float8: {"abs({float8})", "round({float8})", "trunc({float8})", "ceil({float8})", "floor({float8})", "ceiling({int4})", "sign({float8})", "sqrt(abs({float8}))", "sqrt({int8} * 1.5 * {int8})", "round({int4} / 7.0, {small})", "trunc({int8} * 0.37, {small})", "div({int4}, 7.5)", "floor({int4} / 3.0)", "sqrt({int4} + 0.5)", "sign({int4} - 1.5)"},
	text: {"lower({text})", "upper({text})", "initcap({text})", "reverse({text})", "btrim({text})", "ltrim({text}, {text})", "rtrim({text}, {text})", "TRIM(BOTH {text} FROM {text})", "replace({text}, {text}, {text})",
		"left({text}, {int4})", "right({text}, {int4})", "lpad({text}, {small}, {text})", "rpad({text}, {small})", "repeat({text}, {small})", "split_part({text}, {text}, {small})", "substr({text}, {int4})", "substring({text} FROM {int4} FOR {small})",
		"SUBSTRING({text} FOR {small})", "overlay({text} PLACING {text} FROM {small} FOR {int4})", "md5({text})", "md5({bytea})", "encode({bytea}, {format})", "to_hex({int4})", "to_hex({int8})", "chr(ascii({text}) + 1)", "concat({text}, {int4}, {boolean}, {float8})", "concat_ws({text}, {bytea}, {text})"},
	bytea:   {"sha256({bytea})", "decode(md5({text}), {format})", "decode('YW' || {text}, {format})", "decode(encode({bytea}, 'base64'), 'base64')", "substr({bytea}, {int4})", "substring({bytea} FROM {small} FOR {small})", "overlay({bytea} PLACING {bytea} FROM {small})", "btrim({bytea}, {bytea})"},
	boolean: {"starts_with({text}, {text})"},
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

var argumentKinds = [kinds]string{"int4", "int8", "float8", "text", "bytea", "timestamp", "boolean"}
