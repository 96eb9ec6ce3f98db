package syntax

import (
	"errors"
	"testing"
	"unicode/utf8"

	"chaisqld/pgerr"
)

var fuzzSeeds = []string{
	"", ";", "SELECT 1", "SELECT a, t.*, count(*) FROM public.t AS x WHERE a = $1 AND (b < 'x' OR NOT c IS NULL) ORDER BY 1 DESC NULLS LAST LIMIT 5 OFFSET $2",
	"INSERT INTO t (a, b) VALUES ($1, DEFAULT), (1, -2.5e3) ON CONFLICT (a) DO UPDATE SET b = excluded.b + 1 WHERE t.b IS DISTINCT FROM 3 RETURNING *",
	"UPDATE t SET a = a + 1, b = E'\\x41\\u00e9' WHERE k BETWEEN 1 AND 2 AND x NOT IN (1, NULL)",
	"DELETE FROM t WHERE k IN (SELECT k FROM t WHERE e < now() ORDER BY e LIMIT 10)",
	"CREATE TABLE IF NOT EXISTS t (a TEXT PRIMARY KEY, b CHARACTER VARYING(5) NOT NULL DEFAULT 'x', CONSTRAINT p PRIMARY KEY (a))",
	"CREATE UNIQUE INDEX i ON t USING btree (a DESC)", "DROP TABLE IF EXISTS a, b CASCADE", "SET TIME ZONE 'UTC'; SHOW ALL",
	"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", "/* /* */ */ -- x\n$tag$ body $tag$ \"q\"\"q\" 'a'\n'b' 1.e5 .5 $12 <-1 @@ ::",
	"SELECT CAST('2025' AS timestamp with time zone), interval '1'", "\x00", "\xff", "'", "\"", "$$", "E'\\", "/*", "((((((((",
}

// FuzzParse: no text makes the lexer or the parser panic or hang, and errors point into the text.
func FuzzParse(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 16<<10 {
			t.Skip()
		}
		_, err := Parse(source, testDepth)
		checkError(t, source, err)
		parts, err := Split(source, testDepth)
		checkError(t, source, err)
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
