package gate

import (
	"strings"
	"unicode/utf8"

	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// like is x LIKE pattern [ESCAPE escape] on text or bytea, and ILIKE on text.
type like struct {
	x, pattern, escape node // escape may be nil
	anyCase, negated   bool
}

func (n *like) typ() Type { return Bool }
func (n *like) eval(s *scope) (any, error) {
	var parts [3]string
	for i, operand := range []node{n.x, n.pattern, n.escape} {
		if operand == nil {
			continue
		}
		v, err := operand.eval(s)
		if err != nil || v == nil {
			return nil, err
		}
		if b, ok := v.([]byte); ok {
			parts[i] = string(b)
		} else {
			parts[i] = v.(string)
		}
	}
	m := matcher{bytewise: n.x.typ() == Bytea}
	text, pattern := parts[0], parts[1]
	if n.escape != nil {
		var err error
		if pattern, err = m.withEscape(pattern, parts[2]); err != nil {
			return nil, err
		}
	}
	if n.anyCase {
		text, pattern = lowerASCII(text), lowerASCII(pattern)
	}
	matched, err := m.match(text, pattern)
	return (matched == matches) != n.negated, err
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

const (
	invalidEscapeCharacter = "22019"
	invalidEscapeSequence  = "22025"
)

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
		return "", pgerr.New(invalidEscapeCharacter, "invalid escape string").WithHint("Escape string must be empty or one character.")
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
func (b *binder) like(op string, from [3]syntax.Expr, negated bool) (node, error) {
	n := &like{anyCase: op == "~~*", negated: negated}
	x, err := b.expr(from[0])
	if err != nil {
		return nil, err
	}
	pattern, err := b.expr(from[1])
	if err != nil {
		return nil, err
	}
	of := Text
	if !n.anyCase && (x.typ() == Bytea || x.typ().family() == openFamily && pattern.typ() == Bytea) {
		of = Bytea
	}
	for i, operand := range []*node{&n.x, &n.pattern, &n.escape} {
		if from[i] == nil {
			continue
		}
		*operand = []node{x, pattern, nil}[i]
		if *operand == nil {
			if *operand, err = b.expr(from[i]); err != nil {
				return nil, err
			}
		}
		if *operand, err = b.coerceOpen(*operand, of, from[i]); err != nil {
			return nil, err
		}
		if (*operand).typ().family() != of.family() {
			return nil, b.noOperator(op, x.typ(), pattern.typ(), from[0])
		}
	}
	return n, nil
}
