package hazards

import (
	"testing"
)

// nums is a table whose indexed column and plain column hold the same numbers.
func nums(t testing.TB) handle {
	t.Helper()
	db := reopen(t, ":memory:")
	run(t, db, "CREATE TABLE n (k INTEGER PRIMARY KEY, indexed BIGINT, plain BIGINT); CREATE INDEX ON n (indexed)")
	for i := range 5 {
		run(t, db, "INSERT INTO n VALUES ($1, $1, $1)", i)
	}
	return db
}

func TestParameterOnTheLeftIsNotFlipped(t *testing.T) {
	db := nums(t)
	want(t, query(t, db, "SELECT k FROM n WHERE $1 < plain", 3), "4")
	got := query(t, db, "SELECT k FROM n WHERE $1 < indexed", 3)
	t.Logf("3 < indexed: %s", got)
	fault(t, got == "0 1 2", "reads 3 < column as column < 3", "gate/access.go")
}

func TestInListStopsAtTheFirstMissingValue(t *testing.T) {
	db := nums(t)
	want(t, query(t, db, "SELECT k FROM n WHERE plain IN (99, 2)"), "2")
	got := query(t, db, "SELECT k FROM n WHERE k IN (99, 2)")
	run(t, db, "DELETE FROM n WHERE k IN (99, 2)")
	fault(t, got == "" && query(t, db, "SELECT k FROM n") == "0 1 2 3 4", "stops an IN list at the first value that is not there", "gate/access.go")
}

func TestInListIsNeitherSortedNorASet(t *testing.T) {
	db := nums(t)
	got := query(t, db, "SELECT k FROM n WHERE k IN (3, 1, 3) ORDER BY k")
	fault(t, got == "3 1 3", "answers an IN list in the list's order, twice what is listed twice", "gate/access.go")
}

func TestCompositeIndexDropsTheSort(t *testing.T) {
	db := reopen(t, ":memory:")
	run(t, db, "CREATE TABLE n (k INTEGER PRIMARY KEY, a INTEGER, b INTEGER); CREATE INDEX ON n (a, b DESC)")
	run(t, db, "INSERT INTO n VALUES (1, 1, 10), (2, 1, 20), (3, 1, 30)")
	got := query(t, db, "SELECT b FROM n WHERE a = 1 ORDER BY b")
	t.Logf("a = 1 ORDER BY b: %s", got)
	fault(t, got == "30 20 10", "drops a sort that the composite index does not make up for", "gate/plan_index.go")
}

func TestDescendingIndexPanicsOnARange(t *testing.T) {
	db := reopen(t, ":memory:")
	run(t, db, "CREATE TABLE n (k INTEGER PRIMARY KEY, v BIGINT); CREATE INDEX ON n (v DESC)")
	run(t, db, "INSERT INTO n VALUES (1, 1), (2, 70000), (3, 3)")
	text := panics(func() { _, _ = read(db, "SELECT k FROM n WHERE v < 5") })
	fault(t, text != "", "panics on a range of a descending index", "gate/plan_index.go")
}

func TestNowIsAFullScan(t *testing.T) {
	db := open(t, ":memory:")
	const byNow = `table.Scan("sessions")`
	plan := query(t, db, "EXPLAIN SELECT token FROM sessions WHERE expiry < now()")
	indexed := query(t, db, "EXPLAIN SELECT token FROM sessions WHERE expiry < $1", noon)
	t.Logf("now(): %s; parameter: %s", plan, indexed)
	fault(t, len(plan) > len(byNow) && plan[:len(byNow)] == byNow && indexed[:5] == "index", "reads the whole table for now()", "gate/access.go")
}
