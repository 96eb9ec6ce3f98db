package gate

import (
	"strings"
	"unicode/utf8"

	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// textFunction is a function of one text or bytea that gives NULL for NULL.
type textFunction struct {
	apply func(string) any
	x     node
	of    Type
}

func (n *textFunction) typ() Type { return n.of }
func (n *textFunction) eval(s *scope) (any, error) {
	v, err := n.x.eval(s)
	if err != nil || v == nil {
		return nil, err
	}
	if err := s.spendOn(v); err != nil {
		return nil, err
	}
	return n.apply(asString(v)), nil
}

// lowerASCII and upperASCII change the case of ASCII letters alone, as PostgreSQL's C collation does.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func upperASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}

func octets(s string) any     { return int64(len(s)) }
func characters(s string) any { return int64(utf8.RuneCountInString(s)) }

// textFunctions by name and the type of their argument.
var textFunctions = map[string]map[Type]textFunction{
	"lower":            {Text: {apply: func(s string) any { return lowerASCII(s) }, of: Text}},
	"upper":            {Text: {apply: func(s string) any { return upperASCII(s) }, of: Text}},
	"length":           {Text: {apply: characters, of: Int4}, Bytea: {apply: octets, of: Int4}},
	"char_length":      {Text: {apply: characters, of: Int4}},
	"character_length": {Text: {apply: characters, of: Int4}},
	"octet_length":     {Text: {apply: octets, of: Int4}, Bytea: {apply: octets, of: Int4}},
}

func (b *binder) textFunction(x *syntax.Call, args []node) (node, error) {
	var of Type
	if len(args) == 1 {
		arg, err := b.coerceOpen(args[0], Text, x.Args[0])
		if err != nil {
			return nil, err
		}
		args[0] = arg
		if of = arg.typ(); of.family() == textFamily {
			of = Text
		}
	}
	f, known := textFunctions[x.Name][of]
	if !known {
		return nil, b.fail(x.At(), pgerr.UndefinedFunction, "function %s(%s) does not exist", x.Name, typeNamesOf(args))
	}
	f.x = args[0]
	return &f, nil
}

func typeNamesOf(list []node) string {
	var names []string
	for _, n := range list {
		name := n.typ().Name
		if name == "" {
			name = Unknown.Name
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}
