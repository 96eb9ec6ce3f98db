package gate_test

import (
	"strings"
	"testing"

	"chaisqld/gate"
	"chaisqld/pgerr"
)

// TestNestedSelectsTakeNoMoreTimeThanTheirText: neither parsing, nor comparing, nor computing in advance goes twice through what
// is nested, and so through all of it as often as there are subsets of levels.
func TestNestedSelectsTakeNoMoreTimeThanTheirText(t *testing.T) {
	d := openDatabase(t, ":memory:", gate.Limits{Nesting: 400})
	nest := func(open, inner, shut string) string {
		return strings.Repeat(open, 40) + inner + strings.Repeat(shut, 40)
	}
	for name, sql := range map[string]string{
		"a list":            `SELECT ` + nest(`1 IN ((SELECT CASE WHEN `, `true`, ` THEN 1 END), 2)`),
		"a name twice":      `SELECT ` + nest(`(SELECT `, `1 / 1`, ` AS n ORDER BY n, n, n)`),
		"a number twice":    `SELECT ` + nest(`(SELECT `, `1 / 1`, ` GROUP BY 1 ORDER BY 1, 1, 1)`),
		"HAVING and EXISTS": `SELECT ` + nest(`EXISTS (SELECT FROM t HAVING `, `1 / 1 = 1`, `)`),
		"LIMIT":             `SELECT ` + nest(`(SELECT 1 LIMIT `, `1 / 1`, `)`),
		"EXISTS and LIMIT":  `SELECT ` + nest(`EXISTS (SELECT 1 LIMIT CASE WHEN `, `1 / 1 = 1`, ` THEN 1 END)`),
	} {
		t.Run(name, func(t *testing.T) {
			d := *d
			d.TB = t
			mustEnd(t, func() {
				if _, err := d.run(`CREATE TABLE IF NOT EXISTS t (k INT PRIMARY KEY)`); err != nil {
					t.Error(describe(err))
				}
				if r, err := d.run(sql); err != nil || len(r.Rows) != 1 {
					t.Error(describe(err))
				}
			})
		})
	}
}

// TestInnerSelectsRunOnce, however many rows ask for their result, and not at all without need for a row of theirs.
func TestInnerSelectsRunOnce(t *testing.T) {
	d := openMemory(t)
	d.exec("CREATE TABLE", `CREATE TABLE t (id INT PRIMARY KEY, n INT)`)
	d.exec("INSERT 0 3", `INSERT INTO t VALUES (1, 10), (2, 20), (3, 0)`)
	d.rows([][]any{{int64(1), int64(20)}, {int64(2), int64(20)}, {int64(3), int64(20)}}, `SELECT id, (SELECT max(n) FROM t) FROM t ORDER BY id`)
	d.rows([][]any{{true}}, `SELECT EXISTS (SELECT 1 / n FROM t)`)
	d.exec("UPDATE 3", `UPDATE t SET n = (SELECT max(n) FROM t) + n`)
	d.rows([][]any{{int64(20)}, {int64(30)}, {int64(40)}}, `SELECT n FROM t ORDER BY n`)
	if e := d.fails(pgerr.CardinalityViolation, `SELECT (SELECT n FROM t)`); e.Message != "more than one row returned by a subquery used as an expression" {
		t.Error(e.Message)
	}
}
