package hazards

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
)

// bulky is a table whose sort does not fit into the 512 kB that Chai sorts in memory.
func bulky(t testing.TB, dir string) *sql.DB {
	t.Helper()
	db := open(t, dir)
	tx := begin(t, db)
	for i := range 500 {
		run(t, tx, "INSERT INTO sessions VALUES ($1, $2, $3)", fmt.Sprint(i), make([]byte, 3000), hours(i))
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	return db
}

const sorted = "SELECT token FROM sessions ORDER BY data LIMIT 1"

func TestSortsLeaveTheirRowsBehind(t *testing.T) {
	db := bulky(t, directory(t))
	flush(t, db)
	before := engine(t, db).Metrics().DiskSpaceUsage()
	for range 5 {
		query(t, db, sorted)
	}
	flush(t, db)
	after := engine(t, db).Metrics().DiskSpaceUsage()
	t.Logf("disk: %d kB before five sorts, %d kB after", before>>10, after>>10)
	fault(t, after > 2*before, "keeps what it sorted on the disk", "gate/scan.go")
}

func TestSortsFailAfterARestart(t *testing.T) {
	dir := directory(t)
	db := bulky(t, dir)
	query(t, db, sorted)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = reopen(t, dir)
	_, err := read(db, "SELECT token FROM sessions WHERE token < '0' ORDER BY data")
	t.Logf("%v", err)
	fault(t, err != nil && strings.Contains(err.Error(), "already in use"), "cannot sort after a restart", "engine/directory.go")
}
