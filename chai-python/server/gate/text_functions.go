package gate

import (
	"strings"
	"unicode/utf8"

	"chaisqld/pgerr"
)

// Functions of texts. Characters are those of UTF-8, and as in PostgreSQL's C collation, ASCII letters alone have two cases.

// invalidSubstring is SQLSTATE 22011.
const invalidSubstring = "22011"

var (
	oneText     = []Type{Text}
	twoTexts    = []Type{Text, Text}
	threeTexts  = []Type{Text, Text, Text}
	textAndInt  = []Type{Text, Int4}
	textAndInts = []Type{Text, Int4, Int4}
)

var textFunctions = []function{
	{name: "lower", params: oneText, of: Text, apply: textOfText(lowerASCII)},
	{name: "upper", params: oneText, of: Text, apply: textOfText(upperASCII)},
	{name: "initcap", params: oneText, of: Text, apply: textOfText(capitalized)},
	{name: "reverse", params: oneText, of: Text, apply: textOfText(reversed)},
	{name: "length", params: oneText, of: Int4, apply: countCharacters},
	{name: "char_length", params: oneText, of: Int4, apply: countCharacters},
	{name: "character_length", params: oneText, of: Int4, apply: countCharacters},
	{name: "octet_length", params: oneText, of: Int4, apply: countOctets},
	{name: "ascii", params: oneText, of: Int4, apply: firstCharacter},
	{name: "chr", params: []Type{Int4}, of: Text, apply: characterOf},
	{name: "btrim", params: oneText, of: Text, apply: trimmed(strings.TrimFunc)},
	{name: "btrim", params: twoTexts, of: Text, apply: trimmed(strings.TrimFunc)},
	{name: "ltrim", params: oneText, of: Text, apply: trimmed(strings.TrimLeftFunc)},
	{name: "ltrim", params: twoTexts, of: Text, apply: trimmed(strings.TrimLeftFunc)},
	{name: "rtrim", params: oneText, of: Text, apply: trimmed(strings.TrimRightFunc)},
	{name: "rtrim", params: twoTexts, of: Text, apply: trimmed(strings.TrimRightFunc)},
	{name: "replace", params: threeTexts, of: Text, apply: replaced},
	{name: "strpos", params: twoTexts, of: Int4, apply: positionOf},
	{name: "position", params: twoTexts, of: Int4, apply: positionOf},
	{name: "starts_with", params: twoTexts, of: Bool, apply: func(_ *scope, args []any) (any, error) {
		return strings.HasPrefix(args[0].(string), args[1].(string)), nil
	}},
	{name: "left", params: textAndInt, of: Text, apply: leftmost},
	{name: "right", params: textAndInt, of: Text, apply: rightmost},
	{name: "lpad", params: textAndInt, of: Text, apply: leftPadded},
	{name: "lpad", params: []Type{Text, Int4, Text}, of: Text, apply: leftPadded},
	{name: "rpad", params: textAndInt, of: Text, apply: rightPadded},
	{name: "rpad", params: []Type{Text, Int4, Text}, of: Text, apply: rightPadded},
	{name: "repeat", params: textAndInt, of: Text, apply: repeated},
	{name: "split_part", params: []Type{Text, Text, Int4}, of: Text, apply: splitPart},
	{name: "substr", params: textAndInt, of: Text, apply: textPart},
	{name: "substr", params: textAndInts, of: Text, apply: textPart},
	{name: "substring", params: textAndInt, of: Text, apply: textPart},
	{name: "substring", params: textAndInts, of: Text, apply: textPart},
	{name: "substring", params: twoTexts, of: Text}, // by a regular expression
	{name: "substring", params: threeTexts, of: Text},
	{name: "overlay", params: []Type{Text, Text, Int4}, of: Text, apply: textOverlay},
	{name: "overlay", params: []Type{Text, Text, Int4, Int4}, of: Text, apply: textOverlay},
}

func textOfText(change func(string) string) apply {
	return func(_ *scope, args []any) (any, error) { return change(args[0].(string)), nil }
}

// lowerASCII and upperASCII change the case of ASCII letters alone, as PostgreSQL's C collation does.
func lowerASCII(s string) string { return strings.Map(lowerLetter, s) }
func upperASCII(s string) string { return strings.Map(upperLetter, s) }

func lowerLetter(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

func upperLetter(r rune) rune {
	if r >= 'a' && r <= 'z' {
		return r - 'a' + 'A'
	}
	return r
}

// capitalized begins every word of ASCII letters and digits with a large letter.
func capitalized(s string) string {
	inside := false
	return strings.Map(func(r rune) rune {
		if inside {
			r = lowerLetter(r)
		} else {
			r = upperLetter(r)
		}
		inside = r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
		return r
	}, s)
}

func reversed(s string) string {
	result := make([]byte, len(s))
	at := len(s)
	for _, r := range s {
		at -= utf8.RuneLen(r)
		utf8.EncodeRune(result[at:], r)
	}
	return string(result)
}

func countCharacters(_ *scope, args []any) (any, error) {
	return int64(utf8.RuneCountInString(args[0].(string))), nil
}

func countOctets(_ *scope, args []any) (any, error) { return int64(textLength(args[0])), nil }

// firstCharacter is 0 for an empty text.
func firstCharacter(_ *scope, args []any) (any, error) {
	for _, r := range args[0].(string) {
		return int64(r), nil
	}
	return int64(0), nil
}

func characterOf(_ *scope, args []any) (any, error) {
	switch n := args[0].(int64); {
	case n < 0:
		return nil, pgerr.New(pgerr.InvalidParameterValue, "character number must be positive")
	case n == 0:
		return nil, pgerr.New(pgerr.ProgramLimitExceeded, "null character not permitted")
	case !utf8.ValidRune(rune(n)):
		return nil, pgerr.New(pgerr.ProgramLimitExceeded, "requested character not valid for encoding: %d", n)
	default:
		return string(rune(n)), nil
	}
}

// trimmed takes characters off the ends, blanks if none are named.
func trimmed(trim func(s string, unwanted func(rune) bool) string) apply {
	return func(_ *scope, args []any) (any, error) {
		unwanted := " "
		if len(args) > 1 {
			unwanted = args[1].(string)
		}
		return trim(args[0].(string), memberOf(unwanted)), nil
	}
}

// memberOf tells the characters of a text. There may be a million of them, and as many questions.
func memberOf(text string) func(rune) bool {
	const few, word = 16, 64
	if len(text) <= few {
		return func(r rune) bool { return strings.ContainsRune(text, r) }
	}
	var members [(utf8.MaxRune + word) / word]uint64
	for _, r := range text {
		members[r/word] |= 1 << (r % word)
	}
	return func(r rune) bool { return members[r/word]&(1<<(r%word)) != 0 }
}

// replaced puts a text in the place of another one, wherever that stands; it stands nowhere if it is empty.
func replaced(s *scope, args []any) (any, error) {
	text, from, to := args[0].(string), args[1].(string), args[2].(string)
	if from == "" {
		return text, nil
	}
	length := len(text) + countOf(text, from)*(len(to)-len(from))
	if err := s.spendMaking(length); err != nil {
		return nil, err
	}
	return replaceAll(text, from, to, length), nil
}

// positionOf counts characters from 1; 0 is nowhere.
func positionOf(_ *scope, args []any) (any, error) {
	text := args[0].(string)
	at := indexOf(text, args[1].(string))
	if at < 0 {
		return int64(0), nil
	}
	return int64(utf8.RuneCountInString(text[:at])) + 1, nil
}

func leftmost(_ *scope, args []any) (any, error) {
	text, n := args[0].(string), args[1].(int64)
	if n < 0 {
		n += int64(utf8.RuneCountInString(text))
	}
	return text[:offsetOf(text, n)], nil
}

func rightmost(_ *scope, args []any) (any, error) {
	const leastInteger = -1 << 31
	text, n := args[0].(string), args[1].(int64)
	switch {
	case n == leastInteger: // whose negation PostgreSQL takes for itself
		return text, nil
	case n < 0:
		n = -n
	default:
		n = int64(utf8.RuneCountInString(text)) - n
	}
	return text[offsetOf(text, n):], nil
}

// offsetOf is where n characters end, in bytes.
func offsetOf(text string, n int64) int {
	if n <= 0 {
		return 0
	}
	for at := range text {
		if n--; n < 0 {
			return at
		}
	}
	return len(text)
}

func leftPadded(s *scope, args []any) (any, error) {
	text, fill, err := padding(s, args)
	return fill + text, err
}

func rightPadded(s *scope, args []any) (any, error) {
	text, fill, err := padding(s, args)
	return text + fill, err
}

// padding cuts a text to a number of characters, or gives what has to be added: blanks, or a text over and over.
func padding(s *scope, args []any) (text, fill string, err error) {
	text, by := args[0].(string), " "
	if len(args) > 2 {
		by = args[2].(string)
	}
	missing := args[1].(int64) - int64(utf8.RuneCountInString(text))
	if missing <= 0 || by == "" {
		return text[:offsetOf(text, args[1].(int64))], "", nil
	}
	characters := int64(utf8.RuneCountInString(by))
	if err := s.spendRepeating(len(by), missing/characters+1, len(text)); err != nil {
		return "", "", err
	}
	fill = strings.Repeat(by, int(missing/characters))
	return text, fill + by[:offsetOf(by, missing%characters)], nil
}

func repeated(s *scope, args []any) (any, error) {
	text, n := args[0].(string), args[1].(int64)
	if n <= 0 || text == "" {
		return "", nil
	}
	if err := s.spendRepeating(len(text), n, 0); err != nil {
		return nil, err
	}
	return strings.Repeat(text, int(n)), nil
}

// splitPart is one of the parts between separators, counted from 1, or from the end with -1.
func splitPart(_ *scope, args []any) (any, error) {
	text, separator, n := args[0].(string), args[1].(string), args[2].(int64)
	switch {
	case n == 0:
		return nil, pgerr.New(pgerr.InvalidParameterValue, "field position must not be zero")
	case separator == "" && (n == 1 || n == -1):
		return text, nil
	case separator == "":
		return "", nil
	case n < 0:
		n += int64(countOf(text, separator)) + 2
	}
	for ; n > 1; n-- {
		_, after, found := cut(text, separator)
		if !found {
			return "", nil
		}
		text = after
	}
	if n < 1 {
		return "", nil
	}
	part, _, _ := cut(text, separator)
	return part, nil
}

func textPart(_ *scope, args []any) (any, error) {
	text := args[0].(string)
	from, count, err := partOf(args)
	if err != nil {
		return nil, err
	}
	text = text[offsetOf(text, from):]
	if count < 0 {
		return text, nil
	}
	return text[:offsetOf(text, count)], nil
}

// partOf says which characters a substring has: how many stand before it, and their number, -1 for all. What lies before the
// first character is counted, though there is nothing.
func partOf(args []any) (before, count int64, err error) {
	start := args[1].(int64)
	before, count = max(start, 1)-1, -1
	if len(args) > 2 {
		if args[2].(int64) < 0 {
			return 0, 0, negativeLength()
		}
		count = max(start+args[2].(int64)-max(start, 1), 0)
	}
	return before, count, nil
}

func negativeLength() error {
	return pgerr.New(invalidSubstring, "negative substring length not allowed")
}

func textOverlay(s *scope, args []any) (any, error) {
	text, by := args[0].(string), args[1].(string)
	head, tail, err := around(args, int64(utf8.RuneCountInString(by)))
	if err != nil {
		return nil, err
	}
	before, after := text[:offsetOf(text, head)], text[offsetOf(text, tail):]
	if err := s.spendMaking(len(before) + len(by) + len(after)); err != nil {
		return nil, err
	}
	return before + by + after, nil
}

// around says how many characters stand before the ones that OVERLAY replaces, and how many before those that follow.
func around(args []any, length int64) (head, tail int64, err error) {
	start := args[2].(int64)
	if len(args) > 3 {
		length = args[3].(int64)
	}
	if start <= 0 {
		return 0, 0, negativeLength()
	}
	end := start + length
	if end != int64(int32(end)) {
		return 0, 0, outOfType(Int4)
	}
	return start - 1, max(end, 1) - 1, nil
}
