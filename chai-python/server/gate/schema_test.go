package gate_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"chaisqld/engine"
	"chaisqld/gate"
	"chaisqld/pgerr"
)

func TestSchemaStatements(t *testing.T) {
	d := openMemory(t)
	d.exec("CREATE TABLE", `CREATE TABLE a (k TEXT PRIMARY KEY)`)
	if e := d.fails(pgerr.DuplicateTable, `CREATE TABLE a (k TEXT PRIMARY KEY)`); e.Message != `relation "a" already exists` {
		t.Errorf("message %q", e.Message)
	}
	if r := d.exec("CREATE TABLE", `CREATE TABLE IF NOT EXISTS A (other INT PRIMARY KEY)`); !slices.Equal(r.Notices, []string{`relation "a" already exists, skipping`}) {
		t.Errorf("notice %q", r.Notices)
	}
	d.exec("CREATE INDEX", `CREATE INDEX i ON a (k)`)
	d.fails(pgerr.DuplicateTable, `CREATE INDEX i ON a (k)`)
	d.fails(pgerr.DuplicateTable, `CREATE INDEX a ON a (k)`)
	d.fails(pgerr.DuplicateTable, `CREATE TABLE i (k TEXT PRIMARY KEY)`)
	if r := d.exec("CREATE INDEX", `CREATE INDEX IF NOT EXISTS i ON a (k)`); len(r.Notices) != 1 {
		t.Error("no notice")
	}
	if r := d.exec("DROP TABLE", `DROP TABLE IF EXISTS nosuch, other.t`); !slices.Equal(r.Notices, []string{`table "nosuch" does not exist, skipping`, `schema "other" does not exist, skipping`}) {
		t.Errorf("notice %q", r.Notices)
	}
	d.fails("42809", `DROP TABLE i`)
	d.fails("42809", `DROP INDEX a`)
	d.exec("DROP INDEX", `DROP INDEX i`)
	d.exec("DROP TABLE", `DROP TABLE a CASCADE`)
	d.fails(pgerr.UndefinedTable, `DROP TABLE a`)
}

// Every name and default that the gate takes must survive Chai's catalogue, which is read again when the database opens.
func TestSchemaSurvivesReopening(t *testing.T) {
	dir := t.TempDir()
	create := `CREATE TABLE names (_k TEXT PRIMARY KEY, "Upper" INT NOT NULL DEFAULT -7, name TEXT DEFAULT 'é "x" -- y; z', data BYTEA, value DOUBLE PRECISION DEFAULT 999999999999999,
		small DOUBLE PRECISION DEFAULT -0.000001, yes BOOLEAN DEFAULT true, big BIGINT DEFAULT 9223372036854775807, low BIGINT DEFAULT -9223372036854775808, at1 TIMESTAMP, empty TEXT DEFAULT '')`
	want := [][]any{{"a", int64(-7), `é "x" -- y; z`, nil, 999999999999999.0, -0.000001, true, int64(9223372036854775807), int64(-9223372036854775808), nil, ""}}
	func() {
		d, closeIt := openClosable(t, dir)
		defer closeIt()
		d.exec("CREATE TABLE", create)
		d.exec("CREATE INDEX", `CREATE INDEX ON names ("Upper")`)
		d.exec("CREATE INDEX", `CREATE INDEX ON names (name)`)
		d.exec("INSERT 0 1", `INSERT INTO names (_k) VALUES ('a')`)
		d.rows(want, `SELECT * FROM names`)
	}()
	d, closeIt := openClosable(t, dir)
	defer closeIt()
	d.rows(want, `SELECT * FROM names WHERE "Upper" = -7 AND name > 'a'`)
	d.exec("INSERT 0 1", `INSERT INTO names (_k, name) VALUES ('b', NULL)`)
	d.rows([][]any{{nil}}, `SELECT name FROM names WHERE _k = 'b'`)
	report, err := d.engine.Check(context.Background(), nil)
	if err != nil || !report.OK() {
		t.Errorf("audit: %v %+v", err, report)
	}
}

func openClosable(t *testing.T, dir string) (*database, func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	e, err := engine.Open(ctx, engine.Options{Dir: dir, DiskFloor: -1, HangLimit: time.Minute, Fatal: func(reason string) { t.Errorf("fatal: %s", reason) }})
	if err != nil {
		t.Fatal(err)
	}
	return &database{TB: t, gate: gate.New(gate.Limits{}), engine: e, now: testNow}, func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestIndexOnRows(t *testing.T) {
	d := openMemory(t)
	d.exec("CREATE TABLE", `CREATE TABLE a (k BIGINT PRIMARY KEY, s TEXT, n INTEGER)`)
	for i := range 300 {
		d.exec("INSERT 0 1", `INSERT INTO a VALUES ($1, $2, $3)`, int64(i), fmt.Sprintf("s%d", i%10), int64(i))
	}
	d.exec("INSERT 0 1", `INSERT INTO a VALUES (1000, NULL, NULL)`)
	d.exec("CREATE INDEX", `CREATE INDEX ON a (s)`)
	d.rows([][]any{{int64(30)}}, `SELECT count(*) FROM a WHERE s = 's3'`)
	d.exec("INSERT 0 1", `INSERT INTO a VALUES (1001, 's3', $1)`, int64(7))
	d.rows([][]any{{int64(31)}}, `SELECT count(*) FROM a WHERE s >= 's3' AND s <= 's3'`)
	report, err := d.engine.Check(context.Background(), nil)
	if err != nil || !report.OK() {
		t.Errorf("audit: %v %+v", err, report)
	}

	d.exec("CREATE TABLE", `CREATE TABLE long (k BIGINT PRIMARY KEY, s TEXT)`)
	d.exec("INSERT 0 1", `INSERT INTO long VALUES (1, $1)`, fmt.Sprintf("%0121d", 0))
	if e := d.fails(pgerr.ProgramLimitExceeded, `CREATE INDEX ON long (s)`); e.Message != `key of 121 bytes in column "s" exceeds the limit of 120 bytes` {
		t.Errorf("message %q", e.Message)
	}
}

func TestInsertForms(t *testing.T) {
	d := openMemory(t)
	d.exec("CREATE TABLE", `CREATE TABLE f (k TEXT PRIMARY KEY, n INTEGER DEFAULT 5, d DOUBLE PRECISION)`)
	d.rows([][]any{{"a", int64(5), nil}, {"b", nil, 2.0}, {"c", int64(5), -0.5}}, `INSERT INTO f (k, n, d) VALUES ('a', DEFAULT, NULL), ('b', NULL, 2), ('c', DEFAULT, -0.5) RETURNING *`)
	d.exec("INSERT 0 1", `INSERT INTO f VALUES ('d')`)
	d.fails(pgerr.NotNullViolation, `INSERT INTO f DEFAULT VALUES`)
	d.fails(pgerr.UniqueViolation, `INSERT INTO f VALUES ('e'), ('e')`)
	d.rows([][]any{{int64(4)}}, `SELECT count(*) FROM f`) // nothing of a failed statement stays
	d.rows([][]any{{"d", int64(5)}}, `INSERT INTO f (k) VALUES ('a'), ('d') ON CONFLICT (k) DO UPDATE SET d = 1 WHERE f.d IS NULL AND f.k > 'b' RETURNING k, n`)
	if e := d.fails(pgerr.CardinalityViolation, `INSERT INTO f VALUES ('z'), ('z') ON CONFLICT (k) DO UPDATE SET n = 1`); e.Hint == "" {
		t.Error("no hint")
	}
	e := d.fails(pgerr.UniqueViolation, `INSERT INTO f VALUES ('a')`)
	if e.Message != `duplicate key value violates unique constraint "f_pkey"` || e.Detail != "Key (k) already exists." {
		t.Errorf("%q %q", e.Message, e.Detail)
	}
}
