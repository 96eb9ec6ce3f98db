package hazards

import (
	"testing"
)

const replaceSession = "INSERT INTO sessions VALUES ($1, $2, $3) ON CONFLICT DO REPLACE"

func TestReplaceLeavesTheIndexBehind(t *testing.T) {
	db := open(t, ":memory:")
	insert(t, db, "a", hours(1))
	run(t, db, replaceSession, "a", []byte("new"), hours(9))
	byOld := query(t, db, "SELECT token FROM sessions WHERE expiry < $1", hours(5))
	byNew := query(t, db, "SELECT token FROM sessions WHERE expiry > $1", hours(5))
	t.Logf("expires at 9: found below 5: %q, above 5: %q", byOld, byNew)
	fault(t, byOld == "a" && byNew == "", "leaves an index as it was when it replaces a row", "gate/plan_insert.go")
}

func TestReplacedRowsCannotBeDeleted(t *testing.T) {
	db := open(t, ":memory:")
	insert(t, db, "a", hours(1))
	insert(t, db, "expired", hours(2))
	run(t, db, replaceSession, "a", []byte("new"), hours(9))
	_, byKey := db.Exec("DELETE FROM sessions WHERE token = 'a'")
	_, sweep := db.Exec("DELETE FROM sessions WHERE expiry < $1", hours(5))
	t.Logf("by key: %v; sweep: %v", byKey, sweep)
	fault(t, byKey != nil && sweep != nil && query(t, db, "SELECT token FROM sessions") == "a expired",
		"refuses to delete what it replaced", "gate/plan_insert.go")
}
