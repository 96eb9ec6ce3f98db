package hazards

import (
	"database/sql"
	"fmt"
	"testing"
	"time"
)

func TestStatementsThatPanic(t *testing.T) {
	for _, statement := range []string{
		"INSERT INTO sessions VALUES ('a', '', '2030-01-01', 4)",
		"CREATE TABLE z (a INT PRIMARY KEY, b INT DEFAULT)",
		"UPDATE sessions SET data = *",
		"UPDATE sessions SET data = 'x' WHERE false",
		"DELETE FROM sessions WHERE *",
		"DELETE FROM sessions WHERE 1 = 0",
		"SELECT token FROM sessions WHERE 1 = 1 AND 2 = 2",
		"SELECT token FROM sessions LIMIT *",
		"SELECT (1, 2)",
		"SELECT COUNT(COUNT(*)) FROM sessions",
		"EXPLAIN SELECT * FROM sessions WHERE missing = 1",
		"BEGIN READ ONLY; CREATE TABLE z (a INT PRIMARY KEY)",
	} {
		db := open(t, ":memory:")
		insert(t, db, "a", noon)
		text := panics(func() { _, _ = db.Exec(statement) })
		t.Logf("%s: %s", statement, text)
		fault(t, text != "", "panics on "+statement, "engine/connection.go and the gate's grammar")
	}
	db := open(t, ":memory:")
	insert(t, db, "a", noon)
	text := panics(func() { _, _ = read(db, "SELECT token FROM sessions UNION SELECT token, data FROM sessions") })
	fault(t, text != "", "panics on a UNION of unequal width", "engine/connection.go and the gate's grammar")
}

func TestPanicKeepsTheWriteLock(t *testing.T) {
	db := open(t, ":memory:")
	text := panics(func() { _, _ = db.Query("INSERT INTO sessions VALUES ('a', '', '2030-01-01', 4)") })
	want(t, text, "runtime error: index out of range [3] with length 3")
	fault(t, locked(t, db), "keeps the write lock after a panic", "engine/writer.go")
}

// locked tells whether a write does not get its turn.
func locked(t testing.TB, db *sql.DB) bool {
	return !finishes(300*time.Millisecond, func() { _, _ = db.Exec("DELETE FROM sessions WHERE token = 'b'") })
}

func TestPanicCommitsWhatWasDone(t *testing.T) {
	db := open(t, ":memory:")
	insert(t, db, "a", noon)
	text := panics(func() { _, _ = db.Exec("INSERT INTO sessions VALUES ('b', '', '2030-01-01'), ('c', '', *)") })
	got := query(t, db, "SELECT token FROM sessions")
	t.Logf("panic: %q, rows: %s", text, got)
	fault(t, text != "" && got == "a b", "commits half of a statement that panics", "engine/writer.go")
}

// Errors that leave the transaction of the statement attached to its connection.
func TestErrorsThatKeepTheWriteLock(t *testing.T) {
	for _, statement := range []string{
		"DELETE FROM sessions LIMIT 'x'",
		"DELETE FROM sessions LIMIT token",
		"UPDATE __chai_catalog SET sql = 'x'",
		"INSERT INTO __chai_catalog (name, type) VALUES ('x', 'table')",
	} {
		t.Run(statement, func(t *testing.T) {
			db := open(t, ":memory:")
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, err = conn.QueryContext(t.Context(), statement)
			if err == nil {
				t.Fatal("no error")
			}
			t.Logf("%v", err)
			fault(t, locked(t, db), fmt.Sprintf("keeps the write lock after the error of %s", statement), "engine/writer.go")
		})
	}
}

func TestAStringMayHoldManyStatements(t *testing.T) {
	db := open(t, ":memory:")
	want(t, query(t, db, "DROP TABLE sessions; SELECT 1"), "1")
	_, err := read(db, "SELECT token FROM sessions")
	fault(t, err != nil, "runs every statement of a string", "gate/syntax/split")
}

func TestClosingReturningRowsUnreadDropsTheInsert(t *testing.T) {
	db := open(t, ":memory:")
	rows, err := db.Query("INSERT INTO sessions VALUES ('a', '', $1) RETURNING token", noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	fault(t, query(t, db, "SELECT token FROM sessions") == "", "forgets an INSERT whose rows are not read", "engine/connection.go")
}
