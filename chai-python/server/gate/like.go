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
	if n.anyCase {
		text, wanted = lowerASCII(text), lowerASCII(wanted)
	}
	m := matcher{bytewise: n.x.typ() == Bytea}
	matched, err := m.match(text, wanted)
	return (matched == matches) != n.negated, err
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
	m := matcher{bytewise: n.typ() == Bytea}
	text, err := m.withEscape(asString(pattern), asString(escape))
	if m.bytewise {
		return []byte(text), err
	}
	return text, err
}

// matcher compares a text with a pattern, where % is any text, _ one character, and a backslash takes away the meaning.
type matcher struct {
	bytewise bool // characters are bytes
	steps    int
}

// matchSteps bounds how long one comparison may take: some hundredths of a second.
const matchSteps = 10_000_000

// verdict tells no match from one that cannot come, however much of the text a % before it takes in.
type verdict uint8

const (
	differs verdict = iota
	matches
	tooShort
)

// invalidEscapeSequence is SQLSTATE 22025.
const invalidEscapeSequence = "22025"

func (m *matcher) match(text, pattern string) (verdict, error) {
	for text != "" && pattern != "" {
		if m.steps++; m.steps > matchSteps {
			return differs, pgerr.New(pgerr.ProgramLimitExceeded, "the pattern takes too long to compare")
		}
		switch pattern[0] {
		case '%':
			return m.matchRest(text, pattern)
		case '_':
			text, pattern = m.afterCharacter(text), pattern[1:]
			continue
		case '\\':
			if pattern = pattern[1:]; pattern == "" {
				return differs, endsWithEscape()
			}
		}
		if pattern[0] != text[0] {
			return differs, nil
		}
		text, pattern = text[1:], pattern[1:]
	}
	switch {
	case text != "":
		return differs, nil
	case strings.Trim(pattern, "%") == "":
		return matches, nil
	}
	return tooShort, nil
}

// matchRest tries every place at which the text may go on after a %.
func (m *matcher) matchRest(text, pattern string) (verdict, error) {
	for pattern != "" && (pattern[0] == '%' || pattern[0] == '_') {
		if pattern[0] == '_' {
			if text == "" {
				return tooShort, nil
			}
			text = m.afterCharacter(text)
		}
		pattern = pattern[1:]
	}
	if pattern == "" {
		return matches, nil
	}
	first := pattern[0]
	if first == '\\' {
		if len(pattern) < 2 {
			return differs, endsWithEscape()
		}
		first = pattern[1]
	}
	for ; text != ""; text = m.afterCharacter(text) {
		if m.steps++; text[0] != first {
			continue
		}
		if v, err := m.match(text, pattern); v != differs || err != nil {
			return v, err
		}
	}
	return tooShort, nil
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
	list := make([]node, len(from))
	for i := range from {
		var err error
		if list[i], err = b.expr(from[i]); err != nil {
			return nil, err
		}
	}
	of, first := Text, list[0].typ()
	switch {
	case x.AnyCase:
	case first == Bytea && x.Escape == nil, list[1].typ() == Bytea:
		of = Bytea
	}
	for i := range list {
		var err error
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
