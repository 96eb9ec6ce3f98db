package gate_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"chaisqld/engine"
	"chaisqld/gate"
	"chaisqld/pgerr"
)

// openCharged has transactions of so many bytes.
func openCharged(t *testing.T, bytes int) *database {
	t.Helper()
	e, err := engine.Open(context.Background(), engine.Options{Dir: engine.Memory, MaxTransactionBytes: bytes, HangLimit: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return &database{TB: t, gate: gate.New(gate.Limits{}), engine: e, now: testNow}
}

// What a statement writes counts, all of its rows together, or Chai would be given more than it can roll back.
func TestEveryRowOfAStatementIsCharged(t *testing.T) {
	d := openCharged(t, 1000)
	d.createSessions()
	const two = `INSERT INTO sessions VALUES ($1, $3, $4), ($2, $3, $4)`
	d.fails(pgerr.ProgramLimitExceeded, two, "a", "b", make([]byte, 450), after(1))
	d.exec("INSERT 0 1", `INSERT INTO sessions VALUES ('a', $1, $2)`, make([]byte, 450), after(1))
	d.exec("INSERT 0 1", `INSERT INTO sessions VALUES ('b', $1, $2)`, make([]byte, 450), after(2))
	d.fails(pgerr.ProgramLimitExceeded, two+` ON CONFLICT (token) DO UPDATE SET data = EXCLUDED.data`, "a", "b", make([]byte, 450), after(1))
	d.fails(pgerr.ProgramLimitExceeded, `UPDATE sessions SET expiry = $1`, after(9))
	d.exec("UPDATE 1", `UPDATE sessions SET expiry = $1 WHERE token = 'a'`, after(3))
	d.exec("DELETE 2", `DELETE FROM sessions`)
}

// A deletion writes keys, however the rows are found.
func TestEveryDeletionIsCharged(t *testing.T) {
	d := openCharged(t, 1000)
	d.createSessions()
	for i := range 12 {
		d.exec("INSERT 0 1", `INSERT INTO sessions VALUES ($1, '', $2)`, strings.Repeat("k", 100)+fmt.Sprintf("%02d", i), after(i))
	}
	left := int64(12)
	for _, sql := range []string{
		`DELETE FROM sessions WHERE expiry < '2030-01-01'`,
		`DELETE FROM sessions WHERE data = ''`,
		`DELETE FROM sessions WHERE expiry < '2030-01-01' RETURNING token`,
		`DELETE FROM sessions WHERE token IN (SELECT token FROM sessions WHERE expiry < '2030-01-01' ORDER BY expiry LIMIT 9)`,
		`DELETE FROM sessions WHERE token IN (SELECT token FROM sessions ORDER BY token LIMIT 9)`,
	} {
		d.fails(pgerr.ProgramLimitExceeded, sql)
		d.rows([][]any{{left}}, `SELECT count(*) FROM sessions`)
	}
	d.exec("DELETE 2", `DELETE FROM sessions WHERE token IN (SELECT token FROM sessions WHERE expiry < '2030-01-01' ORDER BY expiry LIMIT 2)`)
	d.exec("DELETE 1", `DELETE FROM sessions WHERE expiry <= $1`, after(2))
}

// Changing one value of a row takes its index entries out and puts them back.
func TestIndexEntriesAreCharged(t *testing.T) {
	d := openCharged(t, 1000)
	d.exec("CREATE TABLE", `CREATE TABLE n (k INT PRIMARY KEY, i INT, a TEXT, b TEXT, c TEXT, d TEXT)`)
	for _, column := range []string{"a", "b", "c", "d"} {
		d.exec("CREATE INDEX", `CREATE INDEX ON n (`+column+`)`)
	}
	long := strings.Repeat("x", 60)
	d.exec("INSERT 0 1", `INSERT INTO n VALUES (1, 1, $1, $1, $1, $1)`, long)
	d.fails(pgerr.ProgramLimitExceeded, `UPDATE n SET i = 2`)
	d.exec("DELETE 1", `DELETE FROM n`)
	d.exec("INSERT 0 1", `INSERT INTO n VALUES (1, 1, $1, NULL, NULL, NULL)`, long)
	d.exec("UPDATE 1", `UPDATE n SET i = 2`)
}

// Which rows an inner SELECT leaves out is not for the table's index to say.
func TestDeletingWithAnOffset(t *testing.T) {
	d := openMemory(t)
	d.createSessions()
	for i := range 4 {
		d.exec("INSERT 0 1", `INSERT INTO sessions VALUES ($1, '', $2)`, fmt.Sprint(i), after(i))
	}
	d.exec("DELETE 1", `DELETE FROM sessions WHERE token IN (SELECT token FROM sessions WHERE expiry < '2030-01-01' ORDER BY expiry LIMIT 1 OFFSET 2)`)
	d.rows([][]any{{"0"}, {"1"}, {"3"}}, `SELECT token FROM sessions ORDER BY token`)
}

func TestValueBytes(t *testing.T) {
	d := openDatabase(t, ":memory:", gate.Limits{ValueBytes: 1000})
	d.exec("CREATE TABLE", `CREATE TABLE v (k TEXT PRIMARY KEY, b BYTEA, s TEXT)`)
	for column, values := range map[string][2]any{
		"b": {make([]byte, 1000), make([]byte, 1001)}, "s": {strings.Repeat("s", 1000), strings.Repeat("s", 1001)},
	} {
		d.exec("INSERT 0 1", fmt.Sprintf(`INSERT INTO v (k, %s) VALUES ('%[1]s', $1)`, column), values[0])
		for _, sql := range []string{`INSERT INTO v (k, %s) VALUES ('new', $1)`, `UPDATE v SET %s = $1`} {
			e := d.fails(pgerr.ProgramLimitExceeded, fmt.Sprintf(sql, column), values[1])
			if want := fmt.Sprintf(`value of 1001 bytes in column "%s" exceeds the limit of 1000 bytes`, column); e.Message != want {
				t.Errorf("message %q", e.Message)
			}
		}
	}
}
