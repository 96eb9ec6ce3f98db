package gate_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"chaisqld/gate"
	"chaisqld/pgerr"
)

// TestNestedExpressionsTakeNoMoreTimeThanTheirText, whether they ask about their parts' parts or hold them twice.
func TestNestedExpressionsTakeNoMoreTimeThanTheirText(t *testing.T) {
	d := openDatabase(t, ":memory:", gate.Limits{Nesting: 400})
	nest := func(open, inner, shut string) string {
		return `SELECT ` + strings.Repeat(open, 40) + inner + strings.Repeat(shut, 40)
	}
	const null = `NULL::bool`
	for name, test := range map[string]struct {
		sql     string
		refused bool
	}{
		"IN":               {nest(`((`, null, ` IN (true, false)) = NULL)`), false},
		"AND":              {nest(`((`, null, ` AND NULL::bool) = true)`), false},
		"GREATEST":         {nest(`(GREATEST(`, null, `, NULL::bool) = true)`), false},
		"parameter":        {nest(`((`, `$1::bool`, ` IN (true, false)) = NULL)`), false},
		"NULLIF of NULL":   {nest(`(NULLIF(`, null, `, true) = true)`), true},
		"NULLIF":           {nest(`NULLIF(`, `5`, `, 1)`), true},
		"NULLIF with cast": {nest(`NULLIF(`, `5`, `, 1.5)`), true},
		"BETWEEN":          {nest(`(`, `true`, ` BETWEEN false AND true)`), true},
		"NOT BETWEEN":      {nest(`(`, `true`, ` NOT BETWEEN false AND true)`), true},
		"CASE":             {nest(`CASE `, `5`, ` WHEN 0 THEN 1 WHEN 7 THEN 2 ELSE 5 END`), true},
	} {
		t.Run(name, func(t *testing.T) {
			d := *d
			d.TB = t
			var args []any
			if strings.Contains(test.sql, "$1") {
				args = []any{nil}
			}
			mustEnd(t, func() {
				_, err := d.run(test.sql, args...)
				var e *pgerr.Error
				if refused := errors.As(err, &e) && e.Code == pgerr.ProgramLimitExceeded; refused != test.refused || err != nil && !refused {
					t.Error(describe(err))
				}
			})
		})
	}
}

// TestShortTextsMakeNoLargePlans: what a plan holds beyond its text has limits, and a weight.
func TestShortTextsMakeNoLargePlans(t *testing.T) {
	d := openMemory(t)
	var columns strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&columns, ", c%d INT", i)
	}
	d.exec("CREATE TABLE", `CREATE TABLE w (k INT PRIMARY KEY`+columns.String()+`)`)
	d.rows([][]any{{false}}, `SELECT EXISTS (SELECT * FROM w)`)
	d.fails(pgerr.ProgramLimitExceeded, `SELECT EXISTS (SELECT * FROM w) OR EXISTS (SELECT * FROM w)`)
	d.exec("INSERT 0 100", `INSERT INTO w (k) VALUES (0)`+list(1, 100, ", (%d)"))
	d.fails(pgerr.ProgramLimitExceeded, `INSERT INTO w (k) VALUES (0)`+list(1, 200, ", (%d)"))

	weight := func(sql string) int {
		p, err := d.gate.Prepare(sql, nil, d.engine.Catalogue())
		if err != nil {
			t.Fatal(describe(err))
		}
		return p.Weight()
	}
	nested := `SELECT ` + strings.Repeat(`NULLIF(`, 10) + `1` + strings.Repeat(`, 2)`, 10)
	if got := weight(nested); got < 50_000 {
		t.Errorf("NULLIF within NULLIF weighs %d", got)
	}
	if got := weight(`INSERT INTO w (k) VALUES (0)` + list(1, 100, ", (%d)")); got < 100*1500*64 {
		t.Errorf("the rows of an INSERT weigh %d", got)
	}
	if short, got := weight(`INSERT INTO w (k) SELECT 1`), weight(`INSERT INTO w (k) `+nested); got < short+50_000 {
		t.Errorf("NULLIF within NULLIF weighs %d in an INSERT", got)
	}
}

// list writes the numbers from low to below high.
func list(low, high int, format string) string {
	var text strings.Builder
	for i := low; i < high; i++ {
		fmt.Fprintf(&text, format, i)
	}
	return text.String()
}

// TestRepeatedExpressions: what people write is far from the limit.
func TestRepeatedExpressions(t *testing.T) {
	d := openMemory(t)
	d.rows([][]any{{int64(300)}}, `SELECT CASE 7 * 100 / 2 - 50`+strings.Repeat(` WHEN 1 THEN 1`, 500)+` WHEN 300 THEN 300 END`)
	d.rows([][]any{{true}}, `SELECT NULLIF(5, 3) BETWEEN NULLIF(4, 2) AND NULLIF(6, 1)`+strings.Repeat(` AND 1 BETWEEN 0 AND 2`, 500))
	if e := d.fails(pgerr.ProgramLimitExceeded, `SELECT CASE `+strings.TrimSuffix(strings.Repeat(`1 + `, 40), ` + `)+strings.Repeat(` WHEN 1 THEN 1`, 1000)+` END`); e.Hint == "" || e.Position == 0 {
		t.Error(describe(e))
	}
}
