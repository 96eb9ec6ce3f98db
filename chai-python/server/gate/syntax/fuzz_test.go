package syntax

import (
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"chaisqld/pgerr"
)

// fuzzSeeds are texts that no client would send; the statements are in a file, which other packages read as well.
var fuzzSeeds = []string{
	"", ";", "\x00", "\xff", "'", "\"", "$$", "E'\\", "/*", "((((((((", "SELECT 'a'\n'b'", "SELECT\u00a01", "\ufeffSELECT 1",
	"SELECT 99999999999999999999999999999999999999999", "$0", "$99999999999", "a.b.c.d.e", "U&'\\D800'", "E'\\uD800'", "SELECT '\xc3'",
}

// FuzzParse: no text makes the lexer or the parser panic or hang, and errors point into the text.
func FuzzParse(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed)
	}
	for _, file := range []string{"statements.sql", "psql.sql"} {
		statements, err := os.ReadFile("../../testdata/" + file)
		if err != nil {
			f.Fatal(err)
		}
		for seed := range strings.SplitSeq(string(statements), "\n") {
			f.Add(seed)
		}
	}
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 16<<10 {
			t.Skip()
		}
		_, err := Parse(source, testDepth)
		checkError(t, source, err)
		parts, err := Split(source, testDepth)
		checkError(t, source, err)
		for _, q := range CatalogueQueries(source, testDepth) {
			if len(q.Items) == 0 || len(q.From) == 0 {
				t.Errorf("%q: a query without a select list or FROM", source)
			}
		}
		for _, part := range parts {
			if again, err := Split(part, testDepth); err != nil || len(again) != 1 || again[0] != part {
				t.Errorf("part %q of %q was split again: %q, %v", part, source, again, err)
			}
		}
	})
}

func checkError(t *testing.T, source string, err error) {
	if err == nil {
		return
	}
	var e *pgerr.Error
	if !errors.As(err, &e) || e.Code == "" || e.Message == "" {
		t.Errorf("%q: error %v", source, err)
		return
	}
	if e.Position < 0 || e.Position > utf8.RuneCountInString(source)+1 {
		t.Errorf("%q: position %d", source, e.Position)
	}
	if utf8.ValidString(source) && !utf8.ValidString(e.Message) {
		t.Errorf("%q: message %q is not UTF-8", source, e.Message)
	}
}
