package gate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"chaisqld/engine"
	"chaisqld/gate"
	"chaisqld/pgerr"
)

func TestTextAndNestingLimits(t *testing.T) {
	d := openMemory(t)
	long := "SELECT 1 -- " + strings.Repeat("x", 16<<10)
	if e := d.fails(pgerr.ProgramLimitExceeded, long); !strings.Contains(e.Message, "16396 bytes, the limit is 16384") {
		t.Errorf("message %q", e.Message)
	}
	if _, err := d.gate.Split(long); err == nil {
		t.Error("Split took a long text")
	}
	d.exec("SELECT 1", long[:16<<10])
	d.fails(pgerr.ProgramLimitExceeded, "SELECT "+strings.Repeat("(", 8000)+"1"+strings.Repeat(")", 8000))
}

func TestValueLimits(t *testing.T) {
	d := openMemory(t)
	d.createSessions()
	d.exec("CREATE TABLE", `CREATE TABLE n (k BIGINT PRIMARY KEY, i INTEGER NOT NULL, s TEXT)`)
	d.exec("CREATE INDEX", `CREATE INDEX ON n (s)`)
	const insert = `INSERT INTO sessions VALUES ($1, $2, $3)`
	key := strings.Repeat("k", 120)
	d.exec("INSERT 0 1", insert, key, []byte{}, earliest)
	d.exec("INSERT 0 1", insert, "", []byte{}, latest)
	d.rows([][]any{{""}, {key}}, `SELECT token FROM sessions ORDER BY token`)
	d.fails(pgerr.ProgramLimitExceeded, insert, key+"k", []byte{}, after(0))
	d.fails(pgerr.ProgramLimitExceeded, insert, "big", make([]byte, 4<<20+1), after(0))
	d.fails(pgerr.DatetimeFieldOverflow, insert, "early", []byte{}, earliest.Add(-time.Microsecond))
	d.fails(pgerr.DatetimeFieldOverflow, insert, "late", []byte{}, latest.Add(time.Microsecond))
	d.fails(pgerr.CharacterNotInRepertoire, insert, "nul\x00", []byte{}, after(0))
	d.fails(pgerr.CharacterNotInRepertoire, insert, "bad\xff", []byte{}, after(0))
	d.fails(pgerr.NotNullViolation, insert, nil, []byte{}, after(0))
	d.fails(pgerr.NotNullViolation, insert, "x", nil, after(0))
	d.fails(pgerr.UniqueViolation, insert, "", []byte{}, after(0))
	d.fails(pgerr.ProgramLimitExceeded, `INSERT INTO n VALUES (1, 1, $1)`, key+"k")
	d.fails(pgerr.NumericValueOutOfRange, `INSERT INTO n VALUES (1, $1, '')`, int64(1)<<31)
	d.exec("INSERT 0 1", `INSERT INTO n VALUES ($1, $2, NULL)`, int64(-1)<<63, int64(-1)<<31)
	d.fails(pgerr.NumericValueOutOfRange, `UPDATE n SET i = i - 1`)
	d.fails(pgerr.NumericValueOutOfRange, `UPDATE n SET k = k - 1`)
	d.rows([][]any{{int64(2)}}, `SELECT count(*) FROM sessions`)

	big := bytes.Repeat([]byte{7}, 3<<20)
	d.exec("INSERT 0 1", insert, "big", big, after(0))
	d.rows([][]any{{big}}, `SELECT data FROM sessions WHERE token = 'big'`)
}

func TestSearchingBeyondWhatIsStored(t *testing.T) {
	d := openMemory(t)
	d.createSessions()
	d.exec("INSERT 0 2", `INSERT INTO sessions VALUES ('a', '', $1), ('b', '', $2)`, earliest, latest)
	far := time.Date(250000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		where string
		at    time.Time
		want  int64
	}{
		{"expiry < $1", far, 2}, {"expiry > $1", far, 0}, {"expiry = $1", far, 0}, {"expiry >= $1", latest, 1}, {"expiry > $1", latest, 0},
		{"expiry > $1", time.Time{}, 2}, {"expiry < $1", time.Time{}, 0}, {"expiry <= $1", earliest, 1}, {"expiry < $1", earliest, 0}, {"$1 <> expiry", far, 2},
	} {
		d.rows([][]any{{test.want}}, `SELECT count(*) FROM sessions WHERE `+test.where, test.at)
	}
	d.exec("DELETE 0", `DELETE FROM sessions WHERE expiry > $1`, far)
	d.exec("DELETE 0", `DELETE FROM sessions WHERE expiry < $1`, time.Time{})
	d.exec("DELETE 2", `DELETE FROM sessions WHERE expiry < $1`, far)
}

func TestRowLimits(t *testing.T) {
	d := openDatabase(t, ":memory:", gate.Limits{ResultRows: 10, ResultBytes: 2000, WriteRows: 5})
	d.createSessions()
	for i := range 12 {
		d.exec("INSERT 0 1", `INSERT INTO sessions VALUES ($1, '', $2)`, fmt.Sprintf("%02d", i), after(i))
	}
	for _, sql := range []string{
		`SELECT token FROM sessions`, `SELECT token FROM sessions ORDER BY data`, `UPDATE sessions SET data = 'x'`, `DELETE FROM sessions`,
		`DELETE FROM sessions WHERE expiry > '2001-01-01'`, `DELETE FROM sessions WHERE token IN (SELECT token FROM sessions)`,
		`INSERT INTO sessions SELECT token || 'x', data, expiry FROM sessions LIMIT 6`,
	} {
		if e := d.fails(pgerr.ProgramLimitExceeded, sql); e.Hint == "" {
			t.Errorf("%s: no hint", sql)
		}
	}
	d.exec("SELECT 10", `SELECT token FROM sessions ORDER BY expiry LIMIT 10`)
	d.rows([][]any{{int64(12)}}, `SELECT count(*) FROM sessions`)
	d.exec("DELETE 5", `DELETE FROM sessions WHERE token IN (SELECT token FROM sessions WHERE expiry < $1 ORDER BY expiry LIMIT 5)`, after(99))
	d.exec("UPDATE 1", `UPDATE sessions SET data = $1 WHERE token = '11'`, make([]byte, 1990))
	d.fails(pgerr.ProgramLimitExceeded, `SELECT * FROM sessions`)
}

func TestWriteTime(t *testing.T) {
	d := openMemory(t)
	d.createSessions()
	for i := range 300 {
		d.exec("INSERT 0 1", `INSERT INTO sessions VALUES ($1, '', $2)`, fmt.Sprintf("%03d", i), after(i%3))
	}
	d.gate = gate.New(gate.Limits{WriteTime: time.Nanosecond})
	for _, sql := range []string{`DELETE FROM sessions WHERE data = 'x'`, `DELETE FROM sessions WHERE expiry < '2030-01-01'`, `UPDATE sessions SET data = 'x'`} {
		if e := d.fails(pgerr.QueryCanceled, sql); e.Hint == "" {
			t.Errorf("%s: no hint", sql)
		}
	}
	d.exec("SELECT 300", `SELECT token FROM sessions`) // a read keeps nobody waiting
	d.gate = gate.New(gate.Limits{})
	d.exec("DELETE 200", `DELETE FROM sessions WHERE expiry <= $1`, after(1))
	d.exec("DELETE 100", `DELETE FROM sessions WHERE expiry < '2030-01-01'`)
}

func TestTransactionBytesAreCharged(t *testing.T) {
	d := openMemory(t)
	d.createSessions()
	for i := range 3 {
		d.exec("INSERT 0 1", `INSERT INTO sessions VALUES ($1, $2, $3)`, fmt.Sprint(i), make([]byte, 3<<20), after(i))
	}
	d.fails(pgerr.ProgramLimitExceeded, `UPDATE sessions SET expiry = $1`, after(9)) // 9 MB of rows are written again
	d.fails(pgerr.ProgramLimitExceeded, `INSERT INTO sessions SELECT token || 'x', data, expiry FROM sessions`)
	d.exec("UPDATE 1", `UPDATE sessions SET expiry = $1 WHERE token = '1'`, after(9))
	d.exec("DELETE 3", `DELETE FROM sessions`) // only keys go into the transaction
}

func TestPlanSurvivesSchemaChange(t *testing.T) {
	d := openMemory(t)
	d.createSessions()
	d.exec("INSERT 0 1", `INSERT INTO sessions VALUES ('a', '', $1)`, after(1))
	prepare := func(sql string) *gate.Plan {
		p, err := d.gate.Prepare(sql, nil, d.engine.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	find, all, drop := prepare(`SELECT token FROM sessions WHERE expiry > now()`), prepare(`SELECT * FROM sessions`), prepare(`DELETE FROM sessions`)
	d.exec("DROP INDEX", `DROP INDEX idx_sessions_expiry`)
	if r, err := d.runPlan(find); err != nil || len(r.Rows) != 1 {
		t.Errorf("after DROP INDEX: %v, %v", r, err)
	}
	d.exec("CREATE INDEX", sessionsIndex)
	if r, err := d.runPlan(find); err != nil || len(r.Rows) != 1 {
		t.Errorf("after CREATE INDEX: %v, %v", r, err)
	}
	d.exec("DROP TABLE", `DROP TABLE sessions`)
	var e *pgerr.Error
	if _, err := d.runPlan(find); !errors.As(err, &e) || e.Code != pgerr.UndefinedTable {
		t.Errorf("after DROP TABLE: %v", err)
	}
	d.exec("CREATE TABLE", `CREATE TABLE sessions (token TEXT PRIMARY KEY, expiry TIMESTAMP)`)
	if _, err := d.runPlan(all); !errors.As(err, &e) || e.Code != pgerr.FeatureNotSupported || e.Message != "cached plan must not change result type" {
		t.Errorf("with other columns: %v", err)
	}
	if r, err := d.runPlan(drop); err != nil || r.Tag != "DELETE 0" {
		t.Errorf("DELETE on the new table: %v, %v", r, err)
	}
}

func TestArgumentsAreChecked(t *testing.T) {
	d := openMemory(t)
	d.createSessions()
	const find = `SELECT token FROM sessions WHERE token = $1`
	d.fails(pgerr.ProtocolViolation, find)
	d.fails(pgerr.ProtocolViolation, find, "a", "b")
	d.fails(pgerr.DatatypeMismatch, find, []byte("a"))
	d.fails(pgerr.DatatypeMismatch, find, int64(1))
	d.fails(pgerr.DatatypeMismatch, `SELECT token FROM sessions WHERE expiry < $1`, "2025-01-01")
	d.rows(nil, find, nil)
}

func TestWritesNeedAWriter(t *testing.T) {
	d := openMemory(t)
	d.createSessions()
	for _, sql := range []string{`DELETE FROM sessions`, `UPDATE sessions SET data = ''`, `INSERT INTO sessions VALUES ('a', '', now())`, `DROP TABLE sessions`, `CREATE INDEX ON sessions (expiry)`, `CREATE TABLE x (a TEXT PRIMARY KEY)`} {
		p, err := d.gate.Prepare(sql, nil, d.engine.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		err = d.engine.Read(context.Background(), func(r engine.Reader) error {
			_, err := p.Run(r, nil, testNow, new(gate.Meter))
			return err
		})
		var e *pgerr.Error
		if !errors.As(err, &e) || e.Code != pgerr.ReadOnlySQLTransaction {
			t.Errorf("%s on a reader: %v", sql, err)
		}
	}
}

func TestPlansRunConcurrently(t *testing.T) {
	d := openMemory(t)
	d.createSessions()
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for i := range 50 {
				token := fmt.Sprintf("%d-%d", worker, i)
				for _, step := range []struct{ tag, sql string }{
					{"INSERT 0 1", `INSERT INTO sessions VALUES ($1, 'x', now()) ON CONFLICT (token) DO NOTHING`},
					{"SELECT 1", `SELECT data FROM sessions WHERE token = $1`}, {"UPDATE 1", `UPDATE sessions SET data = 'y' WHERE token = $1 AND data = 'x'`},
					{"SELECT 1", `SELECT token FROM sessions WHERE token = $1 AND data = 'y'`}, {"DELETE 1", `DELETE FROM sessions WHERE token = $1`},
				} {
					r, err := d.run(step.sql, token)
					if err != nil || r.Tag != step.tag {
						t.Errorf("%s: %v, %v", step.sql, r, err)
						return
					}
				}
			}
		})
	}
	wait.Wait()
}
