package hazards

// Chai gives Pebble a comparer of its own. Pebble writes what that comparer's
// Separator returns into the index blocks of its tables, and finds rows by what
// its Compare says.

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

func init() {
	programs["snapshot"] = snapshotProgram
	programs["widths"] = widthsProgram
	programs["open"] = func(t testing.TB, dir string) { query(t, reopen(t, dir), "SELECT COUNT(*) FROM sessions") }
}

// snapshotProgram is ordinary load: somebody reads while everybody's session is saved again.
func snapshotProgram(t testing.TB, dir string) {
	db := open(t, dir)
	for i := range 200 {
		run(t, db, "INSERT INTO sessions VALUES ($1, $2, $3)", fmt.Sprintf("%043d", i), make([]byte, 300), hours(i))
	}
	beginReadOnly(t, db)
	for i := range 200 {
		run(t, db, "UPDATE sessions SET expiry = $1 WHERE token = $2", hours(1000+i), fmt.Sprintf("%043d", i))
	}
	flush(t, db) // Pebble does so by itself once its memtable of 4 MB is full
}

func TestSnapshotHeldAcrossUpdatesBricksTheDirectory(t *testing.T) {
	dir := directory(t)
	want(t, launch(t, "snapshot", dir, time.Minute).output, "")
	bricked := true
	for range 3 {
		end := launch(t, "open", dir, time.Minute)
		bricked = bricked && strings.Contains(end.output, "panic: ")
	}
	fault(t, bricked, "writes index blocks that it cannot read", "engine/comparer.go")
}

// widthsProgram lets blocks of a table end where an integer key changes its width.
func widthsProgram(t testing.TB, dir string) {
	db := reopen(t, dir)
	run(t, db, "CREATE TABLE n (a INTEGER, b INTEGER, data BYTEA, PRIMARY KEY (a, b))")
	run(t, db, sessions)
	tx := begin(t, db)
	for i := range 2000 {
		run(t, tx, "INSERT INTO n VALUES ($1, 65535, $2), ($1, 65536, $2)", i, make([]byte, 100))
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	flush(t, db)
	for i := range 2000 {
		want(t, query(t, db, "SELECT b FROM n WHERE a = $1 AND b = 65535", i), "65535")
	}
}

func TestBlockThatEndsWhereKeysGrowWider(t *testing.T) {
	end := launch(t, "widths", directory(t), time.Minute)
	fault(t, end.code != 0, "cuts a separator in the middle of a number", "engine/comparer.go")
}

func TestTokensAroundAHundredAndTwentyEightBytes(t *testing.T) {
	db := open(t, ":memory:")
	token := func(i int) string {
		return fmt.Sprintf("%d", i*7919%1000) + string(bytes.Repeat([]byte("x"), 100+i%60))
	}
	for i := range 1000 {
		insert(t, db, token(i), noon)
	}
	missing := 0
	for i := range 1000 {
		if query(t, db, "SELECT token FROM sessions WHERE token = $1", token(i)) == "" {
			missing++
		}
	}
	t.Logf("%d of 1000 rows are not found by their key", missing)
	fault(t, missing > 0, "compares texts below and above 128 bytes wrongly", "engine/comparer.go and gate/assign.go")
}
