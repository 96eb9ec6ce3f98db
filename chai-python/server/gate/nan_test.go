package gate_test

import (
	"math"
	"testing"
)

// Chai writes NaN as another number, and sorts it as that.
func TestNaNIsComparedButNotStored(t *testing.T) {
	d := openMemory(t)
	d.exec("CREATE TABLE", "CREATE TABLE f (k INTEGER PRIMARY KEY, d DOUBLE PRECISION)")
	for range 2 { // without an index, then with one
		d.exec("INSERT 0 4", "INSERT INTO f VALUES (1, 0), (2, -1e300), (3, 'Infinity'), (4, NULL)")
		d.fails("0A000", "INSERT INTO f VALUES (5, 'NaN')")
		d.fails("0A000", "INSERT INTO f VALUES (5, $1)", math.NaN())
		d.fails("0A000", "UPDATE f SET d = 'NaN' WHERE k = 1")
		for sql, want := range map[string]int64{
			"d < 'NaN'": 3, "d <= 'NaN'": 3, "d <> 'NaN'": 3, "'NaN' > d": 3, "d BETWEEN -1 AND 'NaN'": 2, "d IN (0, 'NaN')": 1,
			"d > 'NaN'": 0, "d >= 'NaN'": 0, "d = 'NaN'": 0, "'NaN' <= d": 0, "'NaN' = 'NaN'::float8": 4,
		} {
			d.rows([][]any{{want}}, "SELECT count(*) FROM f WHERE "+sql)
		}
		d.exec("DELETE 4", "DELETE FROM f")
		d.exec("CREATE INDEX", "CREATE INDEX ON f (d)")
	}
}

func TestSubqueryWithoutColumns(t *testing.T) {
	d := openMemory(t)
	d.createSessions()
	d.fails("42601", "DELETE FROM sessions WHERE token IN (SELECT FROM sessions LIMIT 5)")
}
