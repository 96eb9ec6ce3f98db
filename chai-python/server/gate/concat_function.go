package gate

import "chaisqld/gate/syntax"

// joinedTexts is concat(…) or concat_ws(separator, …): all values as they are shown, NULL left out. As in PostgreSQL it is not
// computed before the statement runs, because how timestamps are shown is a setting.
type joinedTexts struct {
	separator node // nil: none
	list      []node
}

func (n *joinedTexts) typ() Type { return Text }
func (n *joinedTexts) eval(s *scope) (any, error) {
	separator, before := "", s.madeSoFar()
	if n.separator != nil {
		v, err := n.separator.eval(s)
		if err != nil || v == nil {
			return nil, err
		}
		separator = v.(string)
	}
	text := []byte{}
	first := true
	for _, x := range n.list {
		v, err := x.eval(s)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		if err := s.spendMaking(len(text) + len(separator) + 2*textLength(v)); err != nil { // bytes as hexadecimal digits
			return nil, err
		}
		if !first {
			text = append(text, separator...)
		}
		first = false
		length := len(text)
		if text, err = AppendText(text, x.typ(), v); err != nil {
			return nil, err
		}
		if err := s.making(len(text) - length); err != nil {
			return nil, err
		}
	}
	return string(text), s.madeInstead(before, len(text))
}

// joined binds concat and concat_ws.
func (b *binder) joined(x *syntax.Call) (node, error) {
	args, from := make([]node, len(x.Args)), x.Args
	for i, arg := range from {
		n, err := b.ofAnyType(arg)
		if err != nil {
			return nil, err
		}
		args[i] = n
	}
	if x.Name == "concat" && len(args) > 0 {
		return &joinedTexts{nil, args}, nil
	}
	if len(args) < 2 || !args[0].typ().becomes(Text) {
		return nil, b.noFunction(x, args)
	}
	separator, err := b.coerceOpen(args[0], Text, from[0])
	return &joinedTexts{separator, args[1:]}, err
}
