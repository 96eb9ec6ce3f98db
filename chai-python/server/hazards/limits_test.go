package hazards

import (
	"database/sql"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"
)

func init() {
	programs["nesting"] = func(t testing.TB, _ string) {
		query(t, reopen(t, ":memory:"), "SELECT "+strings.Repeat("NOT ", 3_000_000)+"true")
	}
}

func TestNestingOverflowsTheStack(t *testing.T) {
	slow(t)
	end := launch(t, "nesting", "", 2*time.Minute)
	fault(t, strings.Contains(end.output, "stack exceeds"), "ends the process on an expression that is nested too deep", "gate/limits.go")
}

// fastest is the shortest of three runs, so that a busy machine does not decide.
func fastest(f func()) time.Duration {
	best := time.Hour
	for range 3 {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return best
}

func TestLongConditionsCostTheirSquare(t *testing.T) {
	db := open(t, ":memory:")
	// The least of some runs, because Pebble allocates beside them.
	allocated := func(terms int) uint64 {
		var before, after runtime.MemStats
		least := uint64(math.MaxUint64)
		for range 3 {
			runtime.ReadMemStats(&before)
			query(t, db, "SELECT token FROM sessions WHERE token = 'a'"+strings.Repeat(" AND token > 'b'", terms))
			runtime.ReadMemStats(&after)
			least = min(least, after.TotalAlloc-before.TotalAlloc)
		}
		return least
	}
	few, many := allocated(250), allocated(2000)
	t.Logf("250 conditions: %d kB, 2000: %d kB", few>>10, many>>10)
	fault(t, many > 20*few, "needs memory, and time, that grow with the square of a statement's length", "gate/limits.go")
}

// sameExpiry is a database of n rows that expire at once, or each on its own.
func sameExpiry(t testing.TB, n int, at func(i int) time.Time) *sql.DB {
	t.Helper()
	db := open(t, ":memory:")
	tx := begin(t, db)
	for i := range n {
		insert(t, tx, fmt.Sprintf("%08d", i), at(i))
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestEqualKeysOfAnIndexCostTheirNumber(t *testing.T) {
	const rows = 3000
	update := func(db *sql.DB) time.Duration {
		last := fmt.Sprintf("%08d", rows-1)
		return fastest(func() { run(t, db, "UPDATE sessions SET data = $1 WHERE token = $2", []byte("x"), last) })
	}
	distinct := update(sameExpiry(t, rows, hours))
	equal := update(sameExpiry(t, rows, func(int) time.Time { return noon }))
	t.Logf("one update among %d rows: %s when they expire on their own, %s when at once", rows, distinct, equal)
	fault(t, equal > 8*distinct, "walks all equal keys of an index to find one", "the schema: no index on few values")
}
