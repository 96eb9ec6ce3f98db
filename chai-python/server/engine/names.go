package engine

import (
	"encoding/base32"
	"strings"
)

// Chai writes its catalogue without quotes and reads it again when it opens the
// database, and does not tell upper from lower case in names of tables. Names
// that would not come back from there are kept in another form: those that are
// just taken by Chai's grammar behind a prefix that shows them, all others
// behind one that does not.

const (
	shownPrefix   = "__q_"
	encodedPrefix = "__b_"
	chaiPrefix    = "__chai" // of Chai's and chaisqld's own tables
)

var encodedName = base32.HexEncoding.WithPadding(base32.NoPadding)

// chaiKeywords are the words that Chai's grammar takes.
var chaiKeywords = keywordSet(`and or true false null in is like between add_keyword add all alter as asc begin by cache cast check
	column commit conflict constraint create cycle default delete desc distinct do drop exists explain for from group if ignore
	increment index insert into key limit maxvalue minvalue no not nothing offset on only order precision primary read reindex
	rename replace returning rollback select sequence set start table to transaction union unique update values with where write
	bigint bytea bool boolean bytes character double int int2 int8 integer mediumint real smallint text timestamp tinyint varchar`)

func keywordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// StoredRelation is the name under which Chai keeps a table or an index.
func StoredRelation(name string) string { return stored(name, false) }

// StoredColumn is the name under which Chai keeps a column.
func StoredColumn(name string) string { return stored(name, true) }

func stored(name string, upperCase bool) string {
	folded := strings.ToLower(name)
	switch {
	case !plainName(folded) || folded != name && (!upperCase || !plainName(name)):
		return encodedPrefix + strings.ToLower(encodedName.EncodeToString([]byte(name)))
	case chaiKeywords[folded], strings.HasPrefix(folded, chaiPrefix), strings.HasPrefix(folded, shownPrefix), strings.HasPrefix(folded, encodedPrefix):
		if folded != name {
			return encodedPrefix + strings.ToLower(encodedName.EncodeToString([]byte(name)))
		}
		return shownPrefix + name
	}
	return name
}

// ShownName is the name that clients gave what Chai keeps under a name.
func ShownName(stored string) string {
	if name, ok := strings.CutPrefix(stored, shownPrefix); ok {
		return name
	}
	if text, ok := strings.CutPrefix(stored, encodedPrefix); ok {
		if name, err := encodedName.DecodeString(strings.ToUpper(text)); err == nil {
			return string(name)
		}
	}
	return stored
}

// plainName says whether a name is made of ASCII letters, digits and
// underscores, as Chai reads names without quotes.
func plainName(name string) bool {
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
