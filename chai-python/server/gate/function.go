package gate

import (
	"strings"

	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
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

// function binds a call of a function by the types of its arguments.
func (b *binder) function(x *syntax.Call, args []node) (node, error) {
	f, several := resolve(functions[x.Name], typesOf(args))
	switch {
	case several:
		return nil, b.fail(x.At(), ambiguousFunction, "function %s(%s) is not unique", x.Name, typeNamesOf(args)).
			WithHint("Could not choose a best candidate function. You might need to add explicit type casts.")
	case f == nil:
		return nil, b.noFunction(x, args)
	case f.apply == nil:
		return nil, b.fail(x.At(), pgerr.FeatureNotSupported, "function %s(%s) is not supported", x.Name, namesOf(f.params)).
			WithHint(functionsHint)
	}
	return b.callOf(f, args, x.Args)
}

func (b *binder) noFunction(x *syntax.Call, args []node) error {
	return b.fail(x.At(), pgerr.UndefinedFunction, "function %s(%s) does not exist", x.Name, typeNamesOf(args)).
		WithHint("No function matches the given name and argument types. You might need to add explicit type casts.")
}

// callOf gives the arguments the types that a function takes.
func (b *binder) callOf(f *function, args []node, from []syntax.Expr) (node, error) {
	for i, n := range args {
		n, err := b.coerceOpen(n, f.params[i], from[i])
		if err == nil && n.typ().family() != textFamily {
			n, err = b.castNode(n, f.params[i], from[i])
		}
		if err != nil {
			return nil, err
		}
		args[i] = n
	}
	return &functionCall{f, args}, nil
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
