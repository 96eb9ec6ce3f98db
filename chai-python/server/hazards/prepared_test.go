package hazards

import (
	"database/sql"
	"testing"
	"time"
)

// three sessions expire at 1, 2 and 3 hours after noon.
func three(t testing.TB, db *sql.DB) {
	t.Helper()
	for i, token := range []string{"a", "b", "c"} {
		insert(t, db, token, hours(i+1))
	}
}

// one returns the only connection that the pool may use from here on.
func one(db *sql.DB) *sql.DB {
	db.SetMaxOpenConns(1)
	return db
}

func TestPreparedSelectLosesAPredicate(t *testing.T) {
	db := one(open(t, ":memory:"))
	three(t, db)
	find, err := db.Prepare("SELECT token FROM sessions WHERE token = $1 AND expiry > $2")
	if err != nil {
		t.Fatal(err)
	}
	var runs [2]string
	for i := range runs {
		rows, err := find.Query("b", noon)
		if err != nil {
			t.Fatal(err)
		}
		if runs[i], err = drain(rows); err != nil {
			t.Fatal(err)
		}
	}
	want(t, runs[0], "b")
	t.Logf("first run: %q, second run: %q", runs[0], runs[1])
	fault(t, runs[1] == "a b c", "returns other rows from a prepared statement's second run", "engine/connection.go")
}

func TestPreparedDeleteLosesAPredicate(t *testing.T) {
	db := one(open(t, ":memory:"))
	three(t, db)
	remove, err := db.Prepare("DELETE FROM sessions WHERE token = $1 AND expiry > $2")
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"a", "b"} {
		if _, err := remove.Exec(token, noon); err != nil {
			t.Fatal(err)
		}
	}
	fault(t, query(t, db, "SELECT token FROM sessions") == "", "deletes other rows in a prepared statement's second run", "engine/connection.go")
}

func TestPreparedInsertForgetsALaterIndex(t *testing.T) {
	db := one(open(t, ":memory:"))
	add, err := db.Prepare("INSERT INTO sessions VALUES ($1, $2, $3)")
	if err != nil {
		t.Fatal(err)
	}
	run(t, db, "CREATE INDEX idx_data ON sessions (data)")
	if _, err := add.Exec("a", []byte("x"), noon); err != nil {
		t.Fatal(err)
	}
	want(t, query(t, db, "SELECT token FROM sessions WHERE token = 'a'"), "a")
	fault(t, query(t, db, "SELECT token FROM sessions WHERE data = $1", []byte("x")) == "",
		"forgets an index that is younger than the prepared statement", "engine/connection.go")
}

func TestPreparedSelectWaitsForTheWriter(t *testing.T) {
	db := open(t, ":memory:")
	find, err := db.Prepare("SELECT token FROM sessions WHERE token = $1")
	if err != nil {
		t.Fatal(err)
	}
	tx := begin(t, db)
	insert(t, tx, "a", noon)
	want(t, query(t, db, "SELECT token FROM sessions WHERE token = 'a'"), "") // not prepared: reads the snapshot before
	fault(t, !finishes(300*time.Millisecond, func() { _ = find.QueryRow("a").Scan(new(string)) }),
		"runs a prepared SELECT as a write transaction", "engine/connection.go")
	_ = tx.Rollback()
}
