package gate

import (
	"strings"
	"unicode/utf8"

	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// like is x LIKE pattern on text or bytea, and ILIKE on text.
type like struct {
	x, pattern       node
	anyCase, negated bool
}

func (n *like) typ() Type { return Bool }
func (n *like) eval(s *scope) (any, error) {
	x, pattern, err := operands(n.x, n.pattern, s)
	if err != nil || x == nil || pattern == nil {
		return nil, err
	}
	text, wanted := asString(x), asString(pattern)
	if err := s.spend(textUnits(len(text) + len(wanted))); err != nil {
		return nil, err
	}
	if n.anyCase {
		text, wanted = lowerASCII(text), lowerASCII(wanted)
	}
	m := matcher{bytewise: n.x.typ() == Bytea, scope: s}
	matched, err := m.match(text, wanted)
	return matched != n.negated, err
}

// asString takes the value of a text or a bytea.
func asString(v any) string {
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	return v.(string)
}

// escaped is a pattern with another escape character than the backslash.
type escaped struct{ pattern, escape node }

func (n *escaped) typ() Type { return n.pattern.typ() }
func (n *escaped) eval(s *scope) (any, error) {
	pattern, escape, err := operands(n.pattern, n.escape, s)
	if err != nil || pattern == nil || escape == nil {
		return nil, err
	}
	from := asString(pattern)
	if err := s.spend(textUnits(len(from))); err != nil {
		return nil, err
	}
	m := matcher{bytewise: n.typ() == Bytea}
	text, err := m.withEscape(from, asString(escape))
	if m.bytewise {
		return []byte(text), err
	}
	return text, err
}

// matcher compares a text with a pattern, where % is any text, _ one character, and a backslash takes away the meaning.
type matcher struct {
	bytewise bool // characters are bytes
	scope    *scope
	steps    int
}

// invalidEscapeSequence is SQLSTATE 22025.
const invalidEscapeSequence = "22025"

// match goes on behind the last % whenever a character differs. An earlier one need not take in more: what stood between the
// two was found as early as can be.
func (m *matcher) match(text, pattern string) (bool, error) {
	var retryText, retryPattern string
	for text != "" {
		if err := m.step(); err != nil {
			return false, err
		}
		if pattern != "" && pattern[0] == '%' {
			text, pattern = m.skip(text, pattern)
			if pattern == "" {
				return true, nil
			}
			retryText, retryPattern = text, pattern
		}
		size, err := m.character(text, pattern)
		switch {
		case err != nil:
			return false, err
		case size.text > 0:
			text, pattern = text[size.text:], pattern[size.pattern:]
		case retryText != "":
			retryText = m.afterCharacter(retryText)
			text, pattern = retryText, retryPattern
		default:
			return false, nil
		}
	}
	return strings.Trim(pattern, "%") == "", nil
}

// skip takes a % with the % and _ behind it, and a character for each _ as far as there are any.
func (m *matcher) skip(text, pattern string) (string, string) {
	for pattern != "" && (pattern[0] == '%' || pattern[0] == '_' && text != "") {
		if pattern[0] == '_' {
			text = m.afterCharacter(text)
		}
		pattern = pattern[1:]
	}
	return text, pattern
}

// taken is how many bytes of each side are alike; none if they differ.
type taken struct{ text, pattern int }

// character compares the beginning of a text with the next thing in the pattern, which is no %.
func (m *matcher) character(text, pattern string) (taken, error) {
	switch {
	case pattern == `\`:
		return taken{}, endsWithEscape()
	case text == "" || pattern == "":
		return taken{}, nil
	case pattern[0] == '_':
		return taken{len(text) - len(m.afterCharacter(text)), 1}, nil
	case pattern[0] != '\\':
		if pattern[0] == text[0] {
			return taken{1, 1}, nil
		}
		return taken{}, nil
	case pattern[1] == text[0]:
		return taken{1, 2}, nil
	}
	return taken{}, nil
}

// step counts one character.
func (m *matcher) step() error {
	const perLook = 64
	if m.steps++; m.steps%perLook != 0 {
		return nil
	}
	return m.scope.spend(perLook / 2)
}

func (m *matcher) afterCharacter(text string) string {
	if m.bytewise {
		return text[1:]
	}
	_, size := utf8.DecodeRuneInString(text)
	return text[size:]
}

func endsWithEscape() error {
	return pgerr.New(invalidEscapeSequence, "LIKE pattern must not end with escape character")
}

// withEscape writes a pattern anew with the backslash for its escape character; an empty one is none.
func (m *matcher) withEscape(pattern, escape string) (string, error) {
	if escape == "" {
		return strings.ReplaceAll(pattern, `\`, `\\`), nil
	}
	if m.afterCharacter(escape) != "" {
		return "", pgerr.New(invalidEscapeSequence, "invalid escape string").WithHint("Escape string must be empty or one character.")
	}
	if escape == `\` {
		return pattern, nil
	}
	var text strings.Builder
	for escaped := false; pattern != ""; {
		c := pattern[:len(pattern)-len(m.afterCharacter(pattern))]
		pattern = pattern[len(c):]
		switch {
		case c == escape && !escaped:
			text.WriteByte('\\')
			escaped = true
			continue
		case c == `\` && !escaped:
			text.WriteByte('\\')
		}
		text.WriteString(c)
		escaped = false
	}
	return text.String(), nil
}

// like binds LIKE and ILIKE.
func (b *binder) like(x *syntax.Like) (node, error) {
	op, from := "~~", []syntax.Expr{x.X, x.Pattern}
	if x.AnyCase {
		op = "~~*"
	}
	if x.Escape != nil {
		from = append(from, x.Escape)
	}
	list, err := b.list(from)
	if err != nil {
		return nil, err
	}
	of, first := Text, list[0].typ()
	switch {
	case x.AnyCase:
	case first == Bytea && x.Escape == nil, list[1].typ() == Bytea:
		of = Bytea
	}
	for i := range list {
		if list[i], err = b.coerceOpen(list[i], of, from[i]); err != nil {
			return nil, err
		}
		if list[i].typ().family() != of.family() {
			return nil, b.noOperator(op, list[0].typ(), list[1].typ(), x)
		}
	}
	n := &like{x: list[0], pattern: list[1], anyCase: x.AnyCase, negated: x.Not}
	if x.Escape != nil {
		n.pattern = &escaped{list[1], list[2]}
	}
	return n, nil
}
