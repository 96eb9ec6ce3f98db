package gate_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"chaisqld/engine"
	"chaisqld/pgerr"
)

// Chai panics on an index with such a number in it; elsewhere it is one like any other.
func TestNumbersThatAnIndexMustNotHold(t *testing.T) {
	d := openMemory(t)
	d.exec("CREATE TABLE", `CREATE TABLE n (k BIGINT PRIMARY KEY, indexed BIGINT, plain BIGINT, f DOUBLE PRECISION)`)
	d.exec("CREATE INDEX", `CREATE INDEX ON n (indexed)`)
	d.exec("CREATE INDEX", `CREATE INDEX ON n (f)`)
	for _, v := range []int64{1 << 31, 3_000_000_000, 1<<32 - 1} {
		d.fails(pgerr.NumericValueOutOfRange, `INSERT INTO n (k, indexed) VALUES (1, $1)`, v)
		d.exec("INSERT 0 1", `INSERT INTO n (k, plain, f) VALUES ($1, $1, $1::bigint)`, v)
		d.fails(pgerr.NumericValueOutOfRange, `UPDATE n SET indexed = plain`)
		d.fails(pgerr.NumericValueOutOfRange, `INSERT INTO n (k, indexed) VALUES ($1, $1) ON CONFLICT (k) DO UPDATE SET indexed = EXCLUDED.indexed`, v)
		d.fails(pgerr.NumericValueOutOfRange, `CREATE INDEX ON n (plain)`)
		d.fails(pgerr.NumericValueOutOfRange, `CREATE INDEX ON n (k)`)
		d.rows([][]any{{v}}, `SELECT k FROM n WHERE k = $1 AND plain = k AND f = $1`, v)
		d.exec("UPDATE 1", `UPDATE n SET indexed = 7 WHERE f > 5`)
		d.exec("DELETE 1", `DELETE FROM n WHERE indexed = 7`)
	}
	for _, v := range []int64{1<<31 - 1, 1 << 32, -1 << 31, -3_000_000_000} {
		d.exec("INSERT 0 1", `INSERT INTO n (k, indexed) VALUES ($1, $1)`, v)
	}
	d.exec("SELECT 2", `SELECT k FROM n WHERE indexed > 3000000000 OR indexed < -2500000000`)
	d.exec("SELECT 1", `SELECT k FROM n WHERE indexed >= 3000000000`)
	d.exec("UPDATE 4", `UPDATE n SET indexed = 1`)
	d.exec("CREATE INDEX", `CREATE INDEX n_k ON n (k)`)
	d.fails(pgerr.NumericValueOutOfRange, `INSERT INTO n (k) VALUES (3000000000)`)
	d.exec("DROP INDEX", `DROP INDEX n_k`)
	d.exec("INSERT 0 1", `INSERT INTO n (k) VALUES (3000000000)`)
	d.exec("DELETE 5", `DELETE FROM n`)
}

// An index on a table of any size, as long as nothing else is in its transaction.
func TestIndexLargerThanATransaction(t *testing.T) {
	d := openCharged(t, 200_000)
	d.exec("CREATE TABLE", `CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT)`)
	const rows, batch = 2_400, 400
	for from := 0; from < rows; from += batch {
		err := d.engine.Write(context.Background(), engine.WriteRequest{Run: func(w engine.Writer) error {
			table := w.Catalogue().Table("t")
			for i := from; i < from+batch; i++ {
				if err := w.Insert(table, []any{fmt.Sprintf("%0100d", i), strings.Repeat("v", 100) + fmt.Sprint(i%7)}); err != nil {
					return err
				}
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	d.exec("CREATE INDEX", `CREATE INDEX ON t (v)`)
	d.rows([][]any{{int64(rows / 7)}}, `SELECT count(*) FROM t WHERE v = $1`, strings.Repeat("v", 100)+"6")
	report, err := d.engine.Check(context.Background(), nil)
	if err != nil || !report.OK() {
		t.Errorf("audit: %v %+v", err, report)
	}
}
