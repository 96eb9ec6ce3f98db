package gate

import (
	"strings"
)

// functionCall is a function, or an operator that is computed like one, with its arguments. It is NULL if one of them is.
type functionCall struct {
	*function
	args []node
}

func (n *functionCall) typ() Type { return n.of }
func (n *functionCall) eval(s *scope) (any, error) {
	before := s.madeSoFar()
	var few [4]any
	values, err := n.values(s, few[:0])
	if err != nil || values == nil {
		return nil, err
	}
	v, err := n.apply(s, values)
	if err != nil {
		return nil, err
	}
	return v, s.madeInstead(before, textLength(v))
}

// values evaluates the arguments, nil if one of them is NULL. Going through them is work.
func (n *functionCall) values(s *scope, values []any) (_ []any, err error) {
	null := false
	for _, arg := range n.args {
		v, argErr := arg.eval(s)
		if err == nil {
			err = argErr
		}
		null = null || v == nil && argErr == nil
		values = append(values, v)
	}
	switch {
	case err != nil && alwaysNull(n, s):
		return nil, nil
	case err != nil || null:
		return nil, err
	}
	for _, v := range values {
		if err := s.spendOn(v); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// functions are all that there are, by name.
var functions = byName(textFunctions, byteaFunctions, codecFunctions, numberFunctions, timeFunctions)

func byName(lists ...[]function) map[string][]*function {
	m := map[string][]*function{}
	for _, list := range lists {
		for i, f := range list {
			m[f.name] = append(m[f.name], &list[i])
		}
	}
	return m
}

func typesOf(list []node) []Type {
	types := make([]Type, len(list))
	for i, n := range list {
		types[i] = n.typ()
	}
	return types
}

func typeNamesOf(list []node) string { return namesOf(typesOf(list)) }

func namesOf(list []Type) string {
	names := make([]string, len(list))
	for i, t := range list {
		if names[i] = t.Name; t == (Type{}) {
			names[i] = Unknown.Name
		}
	}
	return strings.Join(names, ", ")
}
