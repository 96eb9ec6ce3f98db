package gate

import (
	"strings"
	"unicode/utf8"

	"chaisqld/engine"
)

// Names that PostgreSQL makes up for what has none.

const maxName = 63 // bytes

func primaryKeyName(t *engine.Table) string { return objectName("pkey", engine.ShownName(t.Name)) }

// objectName joins names and a label by underscores. Where there is too little room, the longer name gives way.
func objectName(label string, names ...string) string {
	room := maxName - len(label)
	longest := func() *string {
		found := &names[len(names)-1]
		for i := range names {
			if len(names[i]) > len(*found) {
				found = &names[i]
			}
		}
		return found
	}
	for total := len(strings.Join(names, "_")) + 1; total > room; total-- {
		name := longest()
		*name = (*name)[:len(*name)-1]
	}
	for i := range names {
		names[i] = wholeRunes(names[i])
	}
	return strings.Join(append(names, label), "_")
}

// wholeRunes leaves out the beginning of a rune whose rest was cut off.
func wholeRunes(s string) string {
	for s != "" && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}
