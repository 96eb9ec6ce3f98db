package hazards

import (
	"database/sql"
	"testing"
)

// Chai keeps a definition as text, without the quotes that its names need, and
// parses that text when it opens the database.
func TestQuotedNamesCloseTheDatabase(t *testing.T) {
	for _, ddl := range []string{
		`CREATE TABLE t (a INT PRIMARY KEY, "order" TEXT)`,
		`CREATE TABLE "my table" (a INT PRIMARY KEY)`,
		`CREATE INDEX "group" ON sessions (data)`,
	} {
		dir := directory(t)
		db := open(t, dir)
		run(t, db, ddl)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := sql.Open("chai", dir)
		t.Logf("%s, then open: %v", ddl, err)
		fault(t, err != nil, "cannot open a database with a quoted name in it", "engine/ddl.go and gate/names.go")
	}
}
