package hazards

import (
	"testing"
)

// Numbers from 2^31 to 2^32-1 have a type byte of their own in keys.
func TestIndexedNumbersThatPanic(t *testing.T) {
	for _, statement := range []string{
		"SELECT k FROM n WHERE v > 5",
		"SELECT k FROM n WHERE v = 3000000000",
		"SELECT k FROM n ORDER BY v",
		"UPDATE n SET v = 1 WHERE k = 1",
		"DELETE FROM n WHERE k = 1",
	} {
		db := reopen(t, ":memory:")
		run(t, db, "CREATE TABLE n (k INTEGER PRIMARY KEY, v BIGINT); CREATE INDEX ON n (v)")
		run(t, db, "INSERT INTO n VALUES (1, 3000000000)")
		text := panics(func() { _, _ = read(db, statement) })
		t.Logf("%s: %s", statement, text)
		fault(t, text != "", "panics on an indexed number of 32 bits", "engine/define.go and gate/assign.go")
	}
}

func TestUniqueIndexOverDuplicates(t *testing.T) {
	db := open(t, ":memory:")
	insert(t, db, "a", noon)
	insert(t, db, "b", noon)
	_, err := db.Exec("CREATE UNIQUE INDEX ON sessions (expiry)")
	_, again := db.Exec("INSERT INTO sessions VALUES ('c', '', $1)", noon)
	t.Logf("the index: %v; a third row: %v", err, again)
	fault(t, err == nil && again != nil, "creates a unique index over duplicates", "engine/define.go and gate/plan_index.go")
}

func TestOffsetBeyondTheLastRowStartsAgain(t *testing.T) {
	db := open(t, ":memory:")
	three(t, db)
	want(t, query(t, db, "SELECT token FROM sessions OFFSET 2"), "c")
	three := query(t, db, "SELECT token FROM sessions OFFSET 3")
	four := query(t, db, "SELECT token FROM sessions OFFSET 4")
	t.Logf("offset 3: %q, offset 4: %q", three, four)
	fault(t, three == "a b c" && four != "", "starts again when an OFFSET is beyond the last row", "gate/plan_select.go")
}
