package hazards

import (
	"math"
	"testing"
)

func TestNaNBecomesANumber(t *testing.T) {
	db := open(t, ":memory:")
	run(t, db, "CREATE TABLE f (k INTEGER PRIMARY KEY, d DOUBLE PRECISION)")
	run(t, db, "INSERT INTO f VALUES (1, $1)", math.NaN())
	got := query(t, db, "SELECT d FROM f")
	t.Logf("NaN is read as %s", got)
	fault(t, got != "NaN", "stores NaN as another number", "gate/assign.go")
}
