package gate

import (
	"strings"

	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// reservedPrefix begins the names of Chai's and chaisqld's own tables.
const reservedPrefix = "__chai"

// chaiKeywords cannot be names: Chai writes its catalogue without quotes and reads it again when it opens the database.
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

func lower(s string) string { return strings.ToLower(s) }

func (b *binder) reservedName(name syntax.Name) error {
	return b.fail(name.At, pgerr.ReservedName, "names that begin with %s are reserved", reservedPrefix)
}

// checkName refuses names that Chai cannot keep. what is "table", "index" or "column".
func (b *binder) checkName(name syntax.Name, what string) error {
	refuse := func(why string) error {
		return b.fail(name.At, pgerr.InvalidName, "%s name \"%s\" %s", what, name.Text, why)
	}
	for i, c := range []byte(name.Text) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return refuse("must be made of letters a to z, digits and underscores, and not begin with a digit")
		}
	}
	switch folded := lower(name.Text); {
	case strings.HasPrefix(folded, reservedPrefix):
		return b.reservedName(name)
	case chaiKeywords[folded]:
		return refuse("is a keyword of the storage engine; choose another")
	case what != "column" && folded != name.Text:
		return refuse("must be in lower case")
	}
	return nil
}
