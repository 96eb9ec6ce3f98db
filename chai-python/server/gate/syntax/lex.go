// Package syntax turns SQL text into a tree. It follows PostgreSQL's lexical rules and a subset of its grammar; what the
// subset leaves out is told apart from what is no SQL at all (0A000 against 42601). It knows nothing of tables or types.
package syntax

import (
	"strings"
	"unicode/utf8"

	"chaisqld/pgerr"
)

type kind uint8

const (
	end     kind = iota
	word         // an identifier or keyword, folded to lower case
	quoted       // a "quoted identifier"
	text         // a string constant; value has the escapes resolved
	integer      // digits
	decimal      // digits with a point or an exponent
	param        // $1; value has the digits
	symbol       // an operator or punctuation
)

// token is one lexical unit; at and until are byte offsets into the source.
type token struct {
	kind      kind
	value     string
	at, until int
}

// lexer cuts source into tokens. depth limits nested comments.
type lexer struct {
	source string
	at     int
	depth  int
}

func checkEncoding(source string) error {
	if at := strings.IndexByte(source, 0); at >= 0 {
		return pgerr.New(pgerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": 0x00").At(position(source, at))
	}
	if !utf8.ValidString(source) {
		return pgerr.New(pgerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\"")
	}
	return nil
}

// position counts characters, as PostgreSQL's error positions do.
func position(source string, at int) int {
	return utf8.RuneCountInString(source[:min(at, len(source))]) + 1
}

func (l *lexer) fail(at int, format string, args ...any) error {
	return pgerr.New(pgerr.SyntaxError, format, args...).At(position(l.source, at))
}

// tokens returns all tokens of the source, closed by one of kind end.
func (l *lexer) tokens() ([]token, error) {
	list := make([]token, 0, len(l.source)/5+2)
	for {
		if err := l.skipSpace(); err != nil {
			return nil, err
		}
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		list = append(list, t)
		if t.kind == end {
			return list, nil
		}
	}
}

func (l *lexer) peek(ahead int) byte {
	if l.at+ahead < len(l.source) {
		return l.source[l.at+ahead]
	}
	return 0
}

func (l *lexer) next() (token, error) {
	start, c := l.at, l.peek(0)
	switch {
	case start >= len(l.source):
		return token{kind: end, at: start, until: start}, nil
	case c == '\'':
		return l.stringConstant(start, false)
	case (c == 'e' || c == 'E') && l.peek(1) == '\'':
		l.at++
		return l.stringConstant(start, true)
	case isPrefixedConstant(c, l.peek(1), l.peek(2)):
		return token{}, pgerr.New(pgerr.FeatureNotSupported, "constants of the form %c'…' are not supported", c).
			At(position(l.source, start)).WithHint("Use '…' or E'…', or a parameter.")
	case c == '"':
		return l.quotedIdentifier(start)
	case isWordStart(c):
		return l.word(start), nil
	case isDigit(c), c == '.' && isDigit(l.peek(1)):
		return l.number(start)
	case c == '$':
		return l.dollar(start)
	}
	return l.symbol(start)
}

func isPrefixedConstant(c, next, afterNext byte) bool {
	switch c {
	case 'b', 'B', 'x', 'X':
		return next == '\''
	case 'u', 'U':
		return next == '&' && (afterNext == '\'' || afterNext == '"')
	}
	return false
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWordStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}

func isWordPart(c byte) bool { return isWordStart(c) || isDigit(c) || c == '$' }

func isSpace(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r'
}

func (l *lexer) take(start int, k kind, value string) token {
	return token{kind: k, value: value, at: start, until: l.at}
}

func (l *lexer) word(start int) token {
	for isWordPart(l.peek(0)) {
		l.at++
	}
	return l.take(start, word, lower(l.source[start:l.at]))
}

// lower folds ASCII letters alone, as PostgreSQL does in a UTF-8 database with the C collation.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 'A' && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] >= 'A' && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// symbolBytes can make up operators; the second set lets a longer operator end in + or -.
const (
	symbolBytes    = "+-*/<>=~!@#%^&|`?"
	irregularBytes = "~!@#%^&|`?"
)

func (l *lexer) symbol(start int) (token, error) {
	switch c := l.peek(0); {
	case c == ':' && l.peek(1) == ':':
		l.at += 2
	case strings.IndexByte("(),;.[]:", c) >= 0:
		l.at++
	case strings.IndexByte(symbolBytes, c) >= 0:
		l.operator()
	default:
		return token{}, l.fail(start, "syntax error at or near \"%c\"", c)
	}
	value := l.source[start:l.at]
	if value == "!=" {
		value = "<>"
	}
	return l.take(start, symbol, value), nil
}

// operator takes the longest run of operator bytes that is no comment. A run of several bytes must not end in + or -
// unless it holds an irregular byte, so that `a<-1` is a comparison with -1.
func (l *lexer) operator() {
	start := l.at
	for l.at < len(l.source) && strings.IndexByte(symbolBytes, l.source[l.at]) >= 0 && !l.atComment() {
		l.at++
	}
	if strings.ContainsAny(l.source[start:l.at], irregularBytes) {
		return
	}
	for l.at > start+1 && (l.source[l.at-1] == '+' || l.source[l.at-1] == '-') {
		l.at--
	}
}
