package differential

import (
	"math/rand/v2"
	"regexp"
)

// pieces cuts a statement into what looks like tokens, spaces included.
var pieces = regexp.MustCompile(`(?s)'[^']*'|"[^"]*"|\w+|\s+|.`)

var strange = []string{"'", `"`, "$$", "/*", "*/", "--", "(", ")", ",", ";", ".", "::", "\\", "E'", "$1", "$0", "$99999", "NULL", "WHERE", "NOT", "AND", "=", "<", "<-1", "*",
	"\xff", "é", "1.", ".5", "1e", "0x1", "\"\"", "''", "DEFAULT", "[1]", "{", "@", "||", "!=", "<>", "<=>", "->", "U&'a'", "b'1'", "SELECT", "1a", "$a$", "\u00a0", "`"}

// mutate breaks a statement a little: a token more, less, twice, or of another kind.
func mutate(r *rand.Rand, sql string) string {
	parts := pieces.FindAllString(sql, -1)
	at := r.IntN(len(parts))
	switch r.IntN(5) {
	case 0:
		parts[at] = ""
	case 1:
		parts[at] += " " + parts[at]
	case 2:
		other := r.IntN(len(parts))
		parts[at], parts[other] = parts[other], parts[at]
	case 3:
		parts[at] = pick(r, strange)
	case 4:
		parts[at] += pick(r, strange)
	}
	var text string
	for _, p := range parts {
		text += p
	}
	return text
}
