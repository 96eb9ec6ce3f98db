package hazards

import (
	"fmt"
	"testing"
)

func TestParameterOfAnotherTypeMatchesNothing(t *testing.T) {
	db := open(t, ":memory:")
	insert(t, db, "a", noon)
	run(t, db, "CREATE TABLE n (k BIGINT PRIMARY KEY)")
	run(t, db, "INSERT INTO n VALUES (1)")
	for _, test := range []struct {
		query string
		right string // a literal of that type matches
		arg   any
	}{
		{"SELECT token FROM sessions WHERE expiry < ", "'2031-01-01'", "2031-01-01"},
		{"SELECT token FROM sessions WHERE token = ", "'a'", []byte("a")},
		{"SELECT k FROM n WHERE k = ", "1.0", 1.0},
		{"SELECT k FROM n WHERE k = ", "1", "1"},
	} {
		got, err := read(db, test.query+"$1", test.arg)
		t.Logf("%s%s: %q; with the parameter %T(%v): %q %v", test.query, test.right, query(t, db, test.query+test.right), test.arg, test.arg, got, err)
		fault(t, got == "" && err == nil, fmt.Sprintf("answers %s a %T with nothing and no error", test.query, test.arg), "gate/access.go")
	}
}

func TestStringForByteaIsTakenForBase64(t *testing.T) {
	db := open(t, ":memory:")
	run(t, db, "INSERT INTO sessions VALUES ('hex', $1, $2)", "YWJj", noon)
	fault(t, query(t, db, "SELECT data FROM sessions WHERE token = 'hex'") == fmt.Sprint([]byte("abc")),
		"decodes a string for a BYTEA column as base64", "gate/arguments.go")
}

func TestParameterZeroPanics(t *testing.T) {
	db := open(t, ":memory:")
	text := panics(func() { _, _ = read(db, "SELECT $0", 1) })
	fault(t, text != "", "panics on $0", "gate/syntax/lex_parts.go")
}
