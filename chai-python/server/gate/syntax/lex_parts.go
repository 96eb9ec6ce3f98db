package syntax

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"chaisqld/pgerr"
)

// This file holds the parts of a statement whose end is not where the next space is: comments, strings, quoted names,
// numbers and parameters.

func (l *lexer) atComment() bool {
	c, next := l.peek(0), l.peek(1)
	return c == '-' && next == '-' || c == '/' && next == '*'
}

func (l *lexer) skipSpace() error {
	for {
		switch {
		case isSpace(l.peek(0)):
			l.at++
		case l.peek(0) == '-' && l.peek(1) == '-':
			l.skipLine()
		case l.peek(0) == '/' && l.peek(1) == '*':
			if err := l.skipBlock(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

func (l *lexer) skipLine() {
	for l.at < len(l.source) && l.source[l.at] != '\n' && l.source[l.at] != '\r' {
		l.at++
	}
}

// skipBlock skips a comment; PostgreSQL's nest.
func (l *lexer) skipBlock() error {
	start, open := l.at, 0
	for l.at < len(l.source) {
		switch {
		case l.peek(0) == '/' && l.peek(1) == '*':
			if open++; open > l.depth {
				return tooDeep(l.source, l.at, l.depth)
			}
			l.at += 2
		case l.peek(0) == '*' && l.peek(1) == '/':
			l.at += 2
			if open--; open == 0 {
				return nil
			}
		default:
			l.at++
		}
	}
	return l.fail(start, "unterminated /* comment")
}

func tooDeep(source string, at, limit int) error {
	return pgerr.New(pgerr.ProgramLimitExceeded, "statement is nested too deeply, the limit is %d", limit).
		At(position(source, at)).WithHint("Write fewer parentheses, operators or comments inside each other.")
}

// stringConstant reads '…', with backslash escapes if escapes is set. As in PostgreSQL, constants that only white space
// with a line end separates are one.
func (l *lexer) stringConstant(start int, escapes bool) (token, error) {
	var value strings.Builder
	for {
		l.at++ // the opening quote
		if err := l.stringPart(start, escapes, &value); err != nil {
			return token{}, err
		}
		if !l.continued() {
			break
		}
	}
	if s := value.String(); escapes && (!utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0) {
		return token{}, pgerr.New(pgerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\"").At(position(l.source, start))
	}
	return l.take(start, text, value.String()), nil
}

func (l *lexer) stringPart(start int, escapes bool, value *strings.Builder) error {
	for l.at < len(l.source) {
		c := l.source[l.at]
		l.at++
		switch {
		case c == '\'' && l.peek(0) == '\'':
			l.at++
			value.WriteByte('\'')
		case c == '\'':
			return nil
		case c == '\\' && escapes:
			if err := l.escape(value); err != nil {
				return err
			}
		default:
			value.WriteByte(c)
		}
	}
	return l.fail(start, "unterminated quoted string at or near \"%s\"", near(l.source[start:]))
}

// continued moves to the opening quote of a continuation, if there is one.
func (l *lexer) continued() bool {
	at, newline := l.at, false
	for ; at < len(l.source) && isSpace(l.source[at]); at++ {
		newline = newline || l.source[at] == '\n' || l.source[at] == '\r'
	}
	if newline && at < len(l.source) && l.source[at] == '\'' {
		l.at = at
		return true
	}
	return false
}

var simpleEscapes = map[byte]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape resolves what follows a backslash in E'…'.
func (l *lexer) escape(value *strings.Builder) error {
	at, c := l.at-1, l.peek(0)
	if l.at >= len(l.source) {
		return nil // the caller reports the missing quote
	}
	l.at++
	switch {
	case simpleEscapes[c] != 0:
		value.WriteByte(simpleEscapes[c])
	case c >= '0' && c <= '7':
		value.WriteByte(byte(l.digits(l.at-1, 3, 8)))
	case c == 'x' && isHex(l.peek(0)):
		value.WriteByte(byte(l.digits(l.at, 2, 16)))
	case c == 'u' || c == 'U':
		return l.unicodeEscape(at, c, value)
	default:
		value.WriteByte(c)
	}
	return nil
}

func isHex(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// digits reads up to count digits of a base from an offset and leaves the lexer behind them.
func (l *lexer) digits(from, count, base int) uint64 {
	var number uint64
	l.at = from
	for ; l.at < min(from+count, len(l.source)); l.at++ {
		digit, err := strconv.ParseUint(l.source[l.at:l.at+1], base, 8)
		if err != nil {
			break
		}
		number = number*uint64(base) + digit
	}
	return number
}

func (l *lexer) unicodeEscape(at int, c byte, value *strings.Builder) error {
	count := 4
	if c == 'U' {
		count = 8
	}
	from := l.at
	r := l.digits(from, count, 16)
	if l.at != from+count || r > utf8.MaxRune || !utf8.ValidRune(rune(r)) {
		return l.fail(at, "invalid Unicode escape")
	}
	value.WriteRune(rune(r))
	return nil
}

func (l *lexer) quotedIdentifier(start int) (token, error) {
	var value strings.Builder
	for l.at++; l.at < len(l.source); l.at++ {
		c := l.source[l.at]
		if c == '"' && l.peek(1) != '"' {
			l.at++
			if value.Len() == 0 {
				return token{}, l.fail(start, "zero-length delimited identifier")
			}
			return l.take(start, quoted, value.String()), nil
		}
		if c == '"' {
			l.at++
		}
		value.WriteByte(c)
	}
	return token{}, l.fail(start, "unterminated quoted identifier at or near \"%s\"", near(l.source[start:]))
}

func (l *lexer) number(start int) (token, error) {
	k := integer
	l.run(isDigit)
	if l.peek(0) == '.' && l.peek(1) != '.' {
		k = decimal
		l.at++
		l.run(isDigit)
	}
	if exponent := l.exponentLength(); exponent > 0 {
		k = decimal
		l.at += exponent
		l.run(isDigit)
	}
	if isWordStart(l.peek(0)) {
		l.run(isWordPart)
		return token{}, l.fail(start, "trailing junk after numeric literal at or near \"%s\"", near(l.source[start:l.at]))
	}
	return l.take(start, k, l.source[start:l.at]), nil
}

func (l *lexer) run(belongs func(byte) bool) {
	for l.at < len(l.source) && belongs(l.source[l.at]) {
		l.at++
	}
}

func (l *lexer) exponentLength() int {
	if c := l.peek(0); c != 'e' && c != 'E' {
		return 0
	}
	if isDigit(l.peek(1)) {
		return 1
	}
	if c := l.peek(1); (c == '+' || c == '-') && isDigit(l.peek(2)) {
		return 2
	}
	return 0
}

// dollar reads a parameter or a dollar-quoted string.
func (l *lexer) dollar(start int) (token, error) {
	l.at++
	if isDigit(l.peek(0)) {
		l.run(isDigit)
		if isWordStart(l.peek(0)) {
			l.run(isWordPart)
			return token{}, l.fail(start, "trailing junk after parameter at or near \"%s\"", near(l.source[start:l.at]))
		}
		return l.take(start, param, l.source[start+1:l.at]), nil
	}
	l.run(func(c byte) bool { return isWordStart(c) || isDigit(c) })
	if l.peek(0) != '$' {
		return token{}, l.fail(start, "syntax error at or near \"$\"")
	}
	l.at++
	tag := l.source[start:l.at]
	length := strings.Index(l.source[l.at:], tag)
	if length < 0 {
		return token{}, l.fail(start, "unterminated dollar-quoted string at or near \"%s\"", near(l.source[start:]))
	}
	value := l.source[l.at : l.at+length]
	l.at += length + len(tag)
	return l.take(start, text, value), nil
}

// near shortens text for a message.
func near(s string) string {
	const limit = 40
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit])
}
