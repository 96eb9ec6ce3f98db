package gate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chaisqld/engine"
	"chaisqld/gate"
	"chaisqld/pgerr"
)

var errStopped = errors.New("stopped")

// stopped is a Meter whose time is over before it begins.
func stopped() *gate.Meter {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errStopped)
	m := new(gate.Meter)
	m.Begin(ctx)
	return m
}

// runWith runs a statement under a Meter, as a read or as a write of its own.
func (d *database) runWith(m *gate.Meter, sql string, args ...any) (err error) {
	d.Helper()
	p, err := d.gate.Prepare(sql, nil, d.engine.Catalogue())
	if err != nil {
		return err
	}
	ctx := context.Background()
	switch p.Access {
	case gate.None:
		_, err = p.Run(nil, args, d.now, m)
		return err
	case gate.Read:
		return d.engine.Read(ctx, func(r engine.Reader) error {
			_, err := p.Run(r, args, d.now, m)
			return err
		})
	}
	return d.engine.Write(ctx, engine.WriteRequest{Run: func(w engine.Writer) error {
		_, err := p.Run(w, args, d.now, m)
		return err
	}})
}

// TestWorkIsStoppedWhereverItIs: a statement ends soon after its time, be it reading rows or bent over one value.
func TestWorkIsStoppedWhereverItIs(t *testing.T) {
	d := openMemory(t)
	d.exec("CREATE TABLE", `CREATE TABLE t (id INT PRIMARY KEY, n INT, s TEXT, y BYTEA)`)
	d.exec("CREATE INDEX", `CREATE INDEX ON t (n)`)
	long := strings.Repeat("a", 1<<20)
	var rows []string
	for i := range 500 {
		rows = append(rows, fmt.Sprintf("(%d, %d, 's%d', '')", i, i%7, i))
	}
	d.exec("INSERT 0 500", `INSERT INTO t (id, n, s, y) VALUES `+strings.Join(rows, ", "))
	d.exec("UPDATE 1", `UPDATE t SET s = $1, y = $2 WHERE id = 0`, long, []byte(long))
	many := func(what, by string) string { return strings.TrimSuffix(strings.Repeat(what+by, 60), by) }
	for name, sql := range map[string]string{
		"scan":               `SELECT id FROM t WHERE s LIKE 'x%'`,
		"index":              `SELECT s FROM t WHERE n > 0`,
		"keys of an IN":      `SELECT s FROM t WHERE id IN (SELECT id FROM t)`,
		"scalar SELECT":      `SELECT (SELECT n FROM t WHERE s LIKE 'x%')`,
		"EXISTS":             `SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM t WHERE s LIKE 'x%')`,
		"NOT IN":             `SELECT 1 NOT IN (SELECT n FROM t)`,
		"values of NOT IN":   `SELECT count(*) FROM t WHERE id = 0 AND (` + many(`s NOT IN (VALUES ('x'))`, " AND ") + `)`,
		"nested SELECTs":     `SELECT (SELECT (SELECT max(s) FROM t))`,
		"SELECT in VALUES":   `INSERT INTO t (id) VALUES ((SELECT 1000 + count(*) FROM t))`,
		"SELECT in SET":      `UPDATE t SET n = (SELECT max(s) FROM t)::int WHERE id = 0`,
		"SELECT in DELETE":   `DELETE FROM t WHERE id = 0 AND s > (SELECT max(s) FROM t)`,
		"SELECT in LIMIT":    `SELECT 1 LIMIT (SELECT count(*) FROM t WHERE s > '')`,
		"keys of an index":   `SELECT s FROM t WHERE n IN (0, 1, 2, 3, 4)`,
		"aggregate":          `SELECT max(s) FROM t`,
		"groups":             `SELECT s, count(*) FROM t GROUP BY s`,
		"group keys":         `SELECT 1 FROM t WHERE id = 0 GROUP BY ` + many("s", ", "),
		"values of groups":   `SELECT ` + many(`length(upper(s))`, ", ") + ` FROM t WHERE id = 0 GROUP BY id`,
		"HAVING":             `SELECT 1 FROM t WHERE id = 0 GROUP BY id HAVING ` + many(`max(id) = length(upper(s))`, " OR "),
		"FILTER":             `SELECT count(*) FILTER (WHERE ` + many(`length(lower(s)) = 0`, " OR ") + `) FROM t WHERE id = 0`,
		"string_agg":         `SELECT string_agg(s, $1) FROM t`,
		"sum of numeric":     `SELECT ` + many(`sum(n * 1.5)`, ", ") + ` FROM t WHERE id < 90`,
		"ordered aggregate":  `SELECT string_agg('', '' ORDER BY s, id) FROM t`,
		"DISTINCT argument":  `SELECT count(DISTINCT s) FROM t`,
		"DISTINCT":           `SELECT DISTINCT s FROM t`,
		"sort":               `SELECT id FROM t ORDER BY s`,
		"text function":      `SELECT id FROM t WHERE id = 0 AND (` + many(`length(lower(s)) = 0`, " OR ") + `)`,
		"bytea function":     `SELECT ` + many(`length(y)`, ", ") + ` FROM t WHERE id = 0`,
		"LIKE":               `SELECT s LIKE '%aab%' FROM t WHERE id = 0`,
		"cast":               `SELECT ` + many(`length(y::text)`, ", ") + ` FROM t WHERE id = 0`,
		"comparison":         `SELECT ` + many(`s = s`, ", ") + ` FROM t WHERE id = 0`,
		"IS DISTINCT":        `SELECT ` + many(`s IS DISTINCT FROM s`, ", ") + ` FROM t WHERE id = 0`,
		"long IN":            `SELECT id FROM t WHERE id + 1 IN (` + many("-7", ", ") + `)`,
		"array":              `SELECT id FROM t WHERE id + 1 = ANY ('{` + many("-7", ",") + `}')`,
		"array's cast":       `SELECT id FROM t WHERE id + 1 <> ALL (('{` + many("-7", ",") + `}'::text[])::int[])`,
		"replace":            `SELECT ` + many(`length(replace(s, 'b', 'x'))`, ", ") + ` FROM t WHERE id = 0`,
		"position":           `SELECT ` + many(`position('b' IN s)`, ", ") + ` FROM t WHERE id = 0`,
		"digest":             `SELECT ` + many(`md5(y)`, ", ") + ` FROM t WHERE id = 0`,
		"repeat":             `SELECT ` + many(`length(repeat('ab', 1000000))`, ", "),
		"padding":            `SELECT ` + many(`length(lpad('', 1000000, 'ab'))`, ", "),
		"concat":             `SELECT ` + many(`length(concat(s, y))`, ", ") + ` FROM t WHERE id = 0`,
		"rounding":           `SELECT ` + many(`round(n * 0.1, 900)`, ", ") + ` FROM t WHERE id < 90`,
		"root":               `SELECT ` + many(`sqrt(n + `+strings.Repeat("7", 200)+`.5)`, ", ") + ` FROM t WHERE id < 90`,
		"concatenation":      `SELECT ` + many(`length(s || s)`, ", ") + ` FROM t WHERE id = 0`,
		"NULLIF":             `SELECT ` + many(`length(NULLIF(s, s))`, ", ") + ` FROM t WHERE id = 0`,
		"GREATEST":           `SELECT ` + many(`length(GREATEST(s, s))`, ", ") + ` FROM t WHERE id = 0`,
		"numeric":            `SELECT ` + many(`n / (`+strings.Repeat("7", 200)+`.5 + n)`, ", ") + ` FROM t WHERE id < 90`,
		"no table":           `SELECT ` + many(`length(lower($1))`, ", "),
		"views":              `SELECT ` + many(`length(column_name)`, ", ") + ` FROM information_schema.columns`,
		"INSERT":             `INSERT INTO t VALUES ` + many(`(1000 + length(lower($1)), 1, '', '')`, ", "),
		"INSERT … SELECT":    `INSERT INTO t SELECT id + 1000, n, '', '' FROM t WHERE n >= 0`,
		"VALUES":             `VALUES ` + many(`(length(lower($1)))`, ", "),
		"UPDATE":             `UPDATE t SET n = n + 1`,
		"UPDATE's RETURNING": `UPDATE t SET n = 1 WHERE id = 0 RETURNING ` + many(`length(upper(s))`, ", "),
		"DELETE":             `DELETE FROM t WHERE s LIKE 's%'`,
	} {
		t.Run(name, func(t *testing.T) {
			var args []any
			if strings.Contains(sql, "$1") {
				args = []any{long}
			}
			if name == "views" {
				for i := range 60 {
					d.exec("CREATE TABLE", fmt.Sprintf(`CREATE TABLE v%d (id INT PRIMARY KEY)`, i))
				}
			}
			if err := d.runWith(stopped(), sql, args...); !errors.Is(err, errStopped) {
				t.Errorf("%s ended with %v", sql, describe(err))
			}
		})
	}
	d.rows([][]any{{int64(500)}}, `SELECT count(*) FROM t`)
}

// TestStatementsShareATurn: those that hold the writer together have one time for all.
func TestStatementsShareATurn(t *testing.T) {
	d := openMemory(t)
	d.createSessions()
	m := new(gate.Meter)
	m.Begin(context.Background())
	m.BeginTurn(time.Nanosecond)
	var err error
	for i := 0; err == nil && i < 10_000; i++ {
		err = d.runWith(m, `INSERT INTO sessions VALUES ($1, '', now())`, fmt.Sprint(i))
	}
	var e *pgerr.Error
	if !errors.As(err, &e) || e.Code != pgerr.QueryCanceled || !errors.Is(err, gate.ErrTurnOver) {
		t.Fatalf("statements after their turn: %v", describe(err))
	}
	m.EndTurn()
	if err := d.runWith(m, `INSERT INTO sessions VALUES ('next', '', now())`); err != nil {
		t.Errorf("in a turn of its own: %v", describe(err))
	}
}

// TestMemoryOfStatements: whatever a statement keeps counts, not only what it answers.
func TestMemoryOfStatements(t *testing.T) {
	d := openDatabase(t, ":memory:", gate.Limits{ResultBytes: 300_000})
	d.exec("CREATE TABLE", `CREATE TABLE t (id INT PRIMARY KEY, n INT, s TEXT)`)
	for i := range 10 {
		d.exec("INSERT 0 1", `INSERT INTO t VALUES ($1, 1, $2)`, int64(i), strings.Repeat("x", 10_000))
	}
	four := strings.TrimSuffix(strings.Repeat("s, ", 4), ", ")
	for _, sql := range []string{
		`SELECT ` + four + ` FROM t`, `SELECT id FROM t ORDER BY ` + strings.ReplaceAll(four, "s", "upper(s)") + ` LIMIT 1`,
		`SELECT id FROM t WHERE ` + strings.Repeat(`s IN (SELECT s FROM t) AND `, 20) + `true`, `UPDATE t SET n = 2 RETURNING ` + four,
		`SELECT count(*) FROM t GROUP BY s || id, ` + four, `SELECT ` + four + ` FROM t GROUP BY id`, `SELECT string_agg(s, s), string_agg(s, '') FROM t`, `SELECT max(s), ` + strings.ReplaceAll(four, "s", "min(s || id)") + `, string_agg(s, s) FROM t`,
		`SELECT count(DISTINCT s), count(DISTINCT s || id), count(DISTINCT s || 1 || id), count(DISTINCT s || 2 || id) FROM t`, `SELECT string_agg('', '' ORDER BY ` + four + `) FROM t`, `SELECT DISTINCT s || id, s || id FROM t`,
		`INSERT INTO t SELECT id + 10, 1, s || s || s || s FROM t`,
		`SELECT ` + strings.Repeat(`(SELECT s FROM t WHERE id = 1), `, 40) + `1`, `SELECT ` + strings.Repeat(`1 NOT IN (SELECT length(s || 1) FROM t ORDER BY s), `, 40) + `1`,
		`SELECT EXISTS (SELECT DISTINCT s || id, s || id FROM t ORDER BY 1, 2 OFFSET 1)`, `UPDATE t SET n = length((SELECT string_agg(s, s) FROM t)) WHERE id = 1`,
		`DELETE FROM t RETURNING ` + four, `SELECT ` + strings.Repeat("upper(s), ", 40) + `1 FROM t WHERE id = 1`,
	} {
		if e := d.fails(pgerr.ProgramLimitExceeded, sql); !strings.Contains(e.Message, "in memory") || e.Hint == "" {
			t.Errorf("%s: %s", sql, describe(e))
		}
	}
	if e := d.fails(pgerr.ProgramLimitExceeded, `SELECT `+strings.TrimSuffix(strings.Repeat("$1, ", 40), ", "), strings.Repeat("x", 10_000)); e.Hint == "" {
		t.Errorf("parameters: %s", describe(e))
	}
	d.exec("SELECT 10", `SELECT s FROM t`)
}

// TestMemoryOfExpressions: what is computed for one row is bounded even where nothing of it is kept.
func TestMemoryOfExpressions(t *testing.T) {
	d := openDatabase(t, ":memory:", gate.Limits{ResultBytes: 300_000})
	d.exec("CREATE TABLE", `CREATE TABLE t (id INT PRIMARY KEY, s TEXT, a TEXT, b TEXT, c TEXT, d TEXT)`)
	d.exec("INSERT 0 1", `INSERT INTO t VALUES (1, $1)`, strings.Repeat("x", 10_000))
	const long = `repeat(s || id, 9)`
	inner := func(open, shut string) string { return strings.Repeat(open, 4) + `true` + strings.Repeat(shut, 4) }
	for _, sql := range []string{
		`SELECT id FROM t ORDER BY ` + long + `, ` + long + `, ` + long + `, ` + long,
		`SELECT 1 FROM t GROUP BY ` + long + `, ` + long + ` || 1, ` + long + ` || 2, ` + long + ` || 3`,
		`SELECT 1 FROM t GROUP BY s` + strings.Repeat(`, CASE WHEN id = 1 THEN s ELSE id::text END`, 40),
		`SELECT GREATEST(` + long + `, ` + long + `, ` + long + `, ` + long + `) = '' FROM t`,
		`SELECT string_agg('', '' ORDER BY ` + long + `, ` + long + `, ` + long + `, ` + long + `) FROM t`,
		`SELECT ` + inner(`strpos(`+long+`, CASE WHEN `, ` THEN 'a' END) = 0`) + ` FROM t`,
		`SELECT concat(` + strings.Repeat(`s, concat(`, 40) + `''` + strings.Repeat(`)`, 41) + ` = '' FROM t`,
		`INSERT INTO t SELECT 2 ORDER BY ` + strings.Repeat(`repeat($1, 90000), `, 4) + `1`,
		`INSERT INTO t VALUES (2, repeat($1, 90000), repeat($1, 90000), repeat($1, 90000), repeat($1, 90000), $1)`,
		`UPDATE t SET a = ` + long + `, b = ` + long + `, c = ` + long + `, d = ` + long,
	} {
		var args []any
		if strings.Contains(sql, "$1") {
			args = []any{"x"}
		}
		if e := d.fails(pgerr.ProgramLimitExceeded, sql, args...); !strings.Contains(e.Message, "in memory") || e.Hint == "" {
			t.Errorf("%s: %s", sql, describe(e))
		}
	}
	// What is not needed any more does not count, however much it is.
	d.rows([][]any{{int64(90009 + 9), int64(1)}}, `SELECT length(upper(lower(upper(lower(upper(lower(repeat(s || id, 9))))))) || repeat('x', 9)), length(left(`+long+` || `+long+`, 1)) FROM t`)
	d.rows([][]any{{int64(1), int64(1), int64(1), int64(1), int64(1)}}, `SELECT count(`+long+`), count(`+long+` || 1), count(`+long+` || 2), count(`+long+` || 3), count(`+long+` || 4) FROM t`)
	d.exec("INSERT 0 3", `INSERT INTO t VALUES (2, $1), (3, $1), (4, $1)`, strings.Repeat("x", 10_000))
	d.exec("SELECT 4", `SELECT id FROM t WHERE repeat(s, 20) <> '' ORDER BY id`)
}

// TestExpressionsGiveMemoryBack: what a connection holds after a statement is what the result holds.
func TestExpressionsGiveMemoryBack(t *testing.T) {
	d := openMemory(t)
	meter := gate.NewMeter(nil, gate.NewMemory(64<<20), 32<<20)
	p, err := d.gate.Prepare(`SELECT length(upper(repeat($1, 8000000)))`, nil, d.engine.Catalogue())
	if err != nil {
		t.Fatal(describe(err))
	}
	for range 5 {
		if _, err := p.Run(nil, []any{"x"}, d.now, meter); err != nil || meter.Held() != 0 {
			t.Fatalf("%s, and %d bytes are held", describe(err), meter.Held())
		}
	}
	if _, err := p.Run(nil, []any{"xxxxx"}, d.now, meter); err == nil || meter.Held() != 0 {
		t.Fatalf("%s, and %d bytes are held", describe(err), meter.Held())
	}
}

// TestMemoryIsShared: each connection has its limit and a little of its own, and all have one limit together.
func TestMemoryIsShared(t *testing.T) {
	const mib = 1 << 20
	memory := gate.NewMemory(8 * mib)
	meter := func() *gate.Meter { return gate.NewMeter(nil, memory, 6*mib) }
	greedy, other := meter(), meter()
	if err := greedy.Hold(7 * mib); err == nil || greedy.Held() != 0 {
		t.Errorf("more than a connection's limit: %v, held %d", err, greedy.Held())
	}
	for range 6 {
		if err := greedy.Hold(mib); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.Hold(5 * mib); err == nil || describe(err) == "" || other.Held() != 0 {
		t.Errorf("more than there is: %v, held %d", err, other.Held())
	}
	for range 100 { // everybody has so much, whatever the others do
		if err := meter().Hold(mib); err != nil {
			t.Fatal(err)
		}
	}
	greedy.Settle(mib)
	if err := other.Hold(5 * mib); err != nil {
		t.Errorf("after others gave back: %v", err)
	}
	other.Settle(0)
	greedy.Settle(0)
	if err := meter().Hold(6 * mib); err != nil {
		t.Errorf("when all is free: %v", err)
	}
}

// TestLongReadsTakeTurns: they share the lane, and their end frees it.
func TestLongReadsTakeTurns(t *testing.T) {
	d := openMemory(t)
	lane := gate.NewLane(1)
	long := strings.Repeat("a", 2<<20) // several slices of work
	work := func(ctx context.Context) error {
		m := gate.NewMeter(lane, nil, 0)
		m.Begin(ctx)
		defer m.End()
		return d.runWith(m, `SELECT $1 LIKE '%ab%'`, long)
	}
	ended := make(chan error)
	for range 4 {
		go func() { ended <- work(context.Background()) }()
	}
	for range 4 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	holder := gate.NewMeter(lane, nil, 0)
	holder.Begin(context.Background())
	if err := d.runWith(holder, `SELECT $1 LIKE '%ab%'`, long); err != nil { // and does not leave
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() { ended <- work(ctx) }()
	cancel(errStopped)
	if err := <-ended; !errors.Is(err, errStopped) {
		t.Errorf("a read that waits for its turn ended with %v", err)
	}
	holder.End()
	if err := work(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestWidthLimits: PostgreSQL's, without which * and a long list make more columns than the protocol can count.
func TestWidthLimits(t *testing.T) {
	d := openMemory(t)
	var columns []string
	for i := range 700 {
		columns = append(columns, fmt.Sprintf("c%d INT", i))
	}
	d.exec("CREATE TABLE", `CREATE TABLE wide (`+strings.Join(columns, ", ")+`, PRIMARY KEY (c0))`)
	d.exec("SELECT 0", `SELECT *, * FROM wide`)
	d.fails("54011", `SELECT *, *, * FROM wide`)
	d.fails("54011", `SELECT `+strings.Repeat("*, ", 4000)+`1 FROM wide`)
	d.fails("54011", `INSERT INTO wide (c0) VALUES (1) RETURNING *, *, *`)
	d.fails("54011", `CREATE TABLE wider (`+strings.Repeat("c INT,", 1600)+`d INT PRIMARY KEY)`)
	d.exec("SELECT 0", `SELECT c0 FROM wide ORDER BY `+strings.TrimSuffix(strings.Repeat("c1,", 100), ","))
	d.exec("SELECT 1", `SELECT `+strings.Repeat(`EXISTS (SELECT FROM wide), `, 400)+`EXISTS (SELECT * FROM wide)`)
	d.fails(pgerr.ProgramLimitExceeded, `SELECT `+strings.Repeat(`EXISTS (SELECT * FROM wide), `, 3)+`1`)
	d.fails(pgerr.ProgramLimitExceeded, `SELECT `+strings.Repeat(`EXISTS (SELECT DISTINCT * FROM wide), `, 3)+`1`)
	d.fails(pgerr.ProgramLimitExceeded, `SELECT c0 FROM wide ORDER BY `+strings.TrimSuffix(strings.Repeat("c1,", 101), ","))
}

// TestLikeTakesLongPatterns: one that is all % would otherwise be as deep as it is long.
func TestLikeTakesLongPatterns(t *testing.T) {
	d := openMemory(t)
	for pattern, want := range map[string]bool{
		strings.Repeat("%a", 2<<20):         true,
		strings.Repeat("%a", 2<<20) + "b":   false,
		strings.Repeat("%_", 2<<20) + "%":   true,
		strings.Repeat("a", 4<<20-1) + "%a": true,
	} {
		d.rows([][]any{{want}}, `SELECT $1 LIKE $2`, strings.Repeat("a", 4<<20), pattern)
	}
}

// TestPlansAreKeptByWeight: a few long statements do not fill the memory that many short ones would not.
func TestPlansAreKeptByWeight(t *testing.T) {
	d := openDatabase(t, ":memory:", gate.Limits{CachedPlanBytes: 100_000})
	prepare := func(sql string) *gate.Plan {
		p, err := d.gate.Prepare(sql, nil, d.engine.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	short := prepare(`SELECT 1`)
	if prepare(`SELECT 1`) != short {
		t.Error("a plan is not kept")
	}
	for range 2 {
		prepare(`SELECT 2 -- ` + strings.Repeat("x", 1000))
	}
	if prepare(`SELECT 1`) != short {
		t.Error("a plan is not kept beside a long one")
	}
	long := prepare(`SELECT 3 -- ` + strings.Repeat("x", 2000))
	if long.Weight() <= short.Weight() || prepare(`SELECT 1`) == short {
		t.Error("more plans are kept than may be")
	}
}
