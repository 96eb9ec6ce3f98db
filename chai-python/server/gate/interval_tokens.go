package gate

import (
	"chaisqld/gate/syntax"
	"strings"
)

// intervalToken is a part of the text of an interval.
type intervalToken struct {
	kind intervalKind
	text string
}

type intervalKind uint8

const (
	intervalNumber intervalKind = iota
	intervalClock
	intervalSigned
	intervalWord
)

// dateWords are followed by a digit without becoming part of a date.
var dateWords = syntax.WordSet(`ad allballs am apr april at aug august bc d dec december dow doy dst epoch feb february fri friday h infinity
	isodow isoyear j jan january jd jul julian july jun june m mar march may mm mon monday nov november now oct october on pm s sat
	saturday sep sept september sun sunday t thu thur thurs thursday today tomorrow tue tues tuesday wed wednesday weds y yesterday`)

// What PostgreSQL has room for.
const (
	intervalTokenCount = 25
	intervalTextBytes  = 255 // with one more after each token
)

// intervalTokens cuts a text as PostgreSQL cuts dates and times. ok is false for what is neither.
func intervalTokens(s string) (list []intervalToken, ok bool) {
	room := intervalTextBytes
	for s = strings.TrimLeft(s, blankBytes); s != ""; s = strings.TrimLeft(s, blankBytes) {
		if isPunctuation(s[0]) {
			s = s[1:]
			continue
		}
		t, rest, ok := nextIntervalToken(s)
		room -= len(t.text) + 1
		if !ok || len(list) == intervalTokenCount || room < 0 {
			return nil, false
		}
		list, s = append(list, t), rest
	}
	return list, true
}

const (
	blankBytes = " \t\n\v\f\r"
	digitBytes = "0123456789"
)

// isPunctuation tells what separates tokens and has no meaning.
func isPunctuation(c byte) bool {
	return c > ' ' && c < 0x7f && !isLetter(c) && !isDigit(c) && c != '.' && c != '+' && c != '-'
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func nextIntervalToken(s string) (t intervalToken, rest string, ok bool) {
	switch c := s[0]; {
	case isDigit(c):
		return digitsToken(s)
	case c == '.':
		return cutToken(intervalNumber, s, 1+spanOf(s[1:], digitBytes))
	case isLetter(c):
		return wordToken(s)
	case c == '+' || c == '-':
		return signedToken(s)
	}
	return t, s, false
}

// cutToken takes so many bytes, letters in lower case.
func cutToken(kind intervalKind, s string, length int) (t intervalToken, rest string, ok bool) {
	return intervalToken{kind, lowerASCII(s[:length])}, s[length:], true
}

// spanOf is how many of the first bytes are of a set.
func spanOf(s, set string) int { return len(s) - len(strings.TrimLeft(s, set)) }

// digitsToken takes a number, a time, or what may be a date: that is a number too, unless it has parts that no number has.
func digitsToken(s string) (intervalToken, string, bool) {
	length := spanOf(s, digitBytes)
	if length == len(s) {
		return cutToken(intervalNumber, s, length)
	}
	switch separator := s[length]; separator {
	case ':':
		return cutToken(intervalClock, s, length+1+spanOf(s[length+1:], digitBytes+":."))
	case '-', '/', '.':
		length++
		if length < len(s) && isDigit(s[length]) {
			length += spanOf(s[length:], digitBytes)
			if length < len(s) && s[length] == separator {
				length += spanOf(s[length:], digitBytes+string(separator))
			}
			break
		}
		for length < len(s) && (isLetter(s[length]) || isDigit(s[length]) || s[length] == separator) {
			length++
		}
	}
	return cutToken(intervalNumber, s, length)
}

func wordToken(s string) (intervalToken, string, bool) {
	length := 1
	for length < len(s) && isLetter(s[length]) {
		length++
	}
	if length == len(s) || strings.IndexByte("-/.", s[length]) < 0 && (s[length] != '+' && !isDigit(s[length]) || dateWords[lowerASCII(s[:length])]) {
		return cutToken(intervalWord, s, length)
	}
	for length < len(s) && (isLetter(s[length]) || isDigit(s[length]) || strings.IndexByte("+-/_.:", s[length]) >= 0) {
		length++
	}
	return cutToken(intervalNumber, s, length)
}

// signedToken takes a number or time behind a sign, or a word, which has none.
func signedToken(s string) (t intervalToken, rest string, ok bool) {
	sign, rest := s[:1], strings.TrimLeft(s[1:], blankBytes)
	switch {
	case rest == "":
	case isDigit(rest[0]) || rest[0] == '.':
		t, rest, ok = cutToken(intervalSigned, rest, 1+spanOf(rest[1:], digitBytes+":.-"))
	case isLetter(rest[0]):
		length := 1
		for length < len(rest) && isLetter(rest[length]) {
			length++
		}
		t, rest, ok = cutToken(intervalWord, rest, length)
	}
	t.text = sign + t.text
	return t, rest, ok
}
