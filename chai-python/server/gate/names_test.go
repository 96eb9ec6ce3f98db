package gate_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"chaisqld/gate"
	"chaisqld/pgerr"
)

// TestAnyNameCanBeGiven to tables, columns and indexes, such as Chai itself could not read again, and comes back after the
// database was closed.
func TestAnyNameCanBeGiven(t *testing.T) {
	dir := t.TempDir()
	names := []string{"key", "order", "Order", "index", "a b", `say "x"`, "é", "Ω🜁", "__chai_catalog", "__q_key", "1", strings.Repeat("n", 63)}
	quoted := func(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
	t.Run("make", func(t *testing.T) {
		d := openDatabase(t, dir, gate.Limits{})
		for i, name := range names {
			q := quoted(name)
			d.exec("CREATE TABLE", fmt.Sprintf(`CREATE TABLE %s (%s TEXT PRIMARY KEY, "timestamp" TIMESTAMP, n INT NOT NULL DEFAULT 1)`, q, q))
			d.exec("CREATE INDEX", fmt.Sprintf(`CREATE INDEX %s ON %s ("timestamp")`, quoted("i "+fmt.Sprint(i)), q))
			d.exec("INSERT 0 2", fmt.Sprintf(`INSERT INTO %s (%s, timestamp) VALUES ('x', '2025-01-01'), ('y', NULL)`, q, q))
		}
	})
	d := openDatabase(t, dir, gate.Limits{})
	for i, name := range names {
		q := quoted(name)
		d.exec("UPDATE 1", fmt.Sprintf(`UPDATE %s SET n = 2, %s = 'z' WHERE %[1]s.%[2]s = 'y'`, q, q))
		r := d.exec("SELECT 2", fmt.Sprintf(`SELECT * FROM %s ORDER BY timestamp, %s`, q, q))
		if got := fmt.Sprint(r.Rows); got != "[[x 2025-01-01 00:00:00 +0000 UTC 1] [z <nil> 2]]" {
			t.Errorf("%s: %s", name, got)
		}
		p, err := d.gate.Prepare(`SELECT * FROM `+q, nil, d.engine.Catalogue())
		if err != nil || p.Columns[0].Name != name || p.Columns[1].Name != "timestamp" {
			t.Errorf("%s: %v, %v", name, p.Columns, err)
		}
		e := d.fails(pgerr.UniqueViolation, fmt.Sprintf(`INSERT INTO %s VALUES ('x')`, q))
		if e.Where.Table != name || !strings.HasSuffix(e.Where.Constraint, "_pkey") || len(e.Where.Constraint) > 63 || e.Detail != "Key ("+name+") already exists." {
			t.Errorf("%s: %+v, %s", name, e.Where, e.Detail)
		}
		if _, err := d.run(fmt.Sprintf(`CREATE TABLE %s (a INT PRIMARY KEY)`, q)); !errors.As(err, &e) || e.Code != pgerr.DuplicateTable {
			t.Errorf("%s: %v", name, err)
		}
		d.rows([][]any{{name}}, `SELECT column_name FROM information_schema.key_column_usage WHERE table_name = $1`, name)
		r = d.exec("SELECT 2", `SELECT indexdef FROM pg_indexes WHERE tablename = $1 ORDER BY indexname`, name)
		if got := fmt.Sprint(r.Rows); !strings.Contains(got, fmt.Sprintf(`"i %d" ON public.`, i)) || !strings.Contains(got, `("timestamp")`) {
			t.Errorf("%s: %s", name, got)
		}
	}
	d.exec("SELECT 12", `SELECT table_name FROM information_schema.tables`)
	for i, name := range names {
		d.exec("DROP INDEX", fmt.Sprintf(`DROP INDEX "i %d"`, i))
		d.exec("DROP TABLE", `DROP TABLE `+quoted(name))
	}
	d.exec("SELECT 0", `SELECT table_name FROM information_schema.tables`)
}

// TestMadeUpIndexNames are PostgreSQL's.
func TestMadeUpIndexNames(t *testing.T) {
	d := openMemory(t)
	long := strings.Repeat("t", 40)
	d.exec("CREATE TABLE", `CREATE TABLE `+long+` (id INT PRIMARY KEY, `+strings.Repeat("é", 20)+` INT)`)
	d.exec("CREATE INDEX", `CREATE INDEX ON `+long+` (`+strings.Repeat("é", 20)+`)`)
	d.exec("CREATE INDEX", `CREATE INDEX ON `+long+` (`+strings.Repeat("é", 20)+`)`)
	d.rows([][]any{
		{strings.Repeat("t", 29) + "_" + strings.Repeat("é", 14) + "_idx"}, {strings.Repeat("t", 29) + "_" + strings.Repeat("é", 14) + "_idx1"}, {long + "_pkey"},
	}, `SELECT indexname FROM pg_indexes ORDER BY 1`)
}
