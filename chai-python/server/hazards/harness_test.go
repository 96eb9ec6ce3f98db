package hazards

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	_ "github.com/chaisql/chai"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const sessions = `CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMP NOT NULL);
	CREATE INDEX idx_sessions_expiry ON sessions (expiry)`

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// hours is so many hours after noon.
func hours(n int) time.Time { return noon.Add(time.Duration(n) * time.Hour) }

func TestMain(m *testing.M) {
	if fs := fmt.Sprintf("%T", vfs.Default); strings.Contains(fs, "fatal") {
		fmt.Fprintf(os.Stderr, "%s is linked in: these tests must see Chai as it is published\n", fs)
		os.Exit(2)
	}
	if name := os.Getenv(programVar); name != "" {
		runProgram(name)
	}
	os.Exit(m.Run())
}

// fault is what every test ends in: it passes while the fault is present.
func fault(t testing.TB, present bool, what, guard string) {
	t.Helper()
	if !present {
		t.Fatalf("Chai no longer %s: the guard in %s may be reconsidered", what, guard)
	}
}

// slow skips what takes longer than a check before a commit should.
func slow(t *testing.T) {
	t.Helper()
	if testing.Short() || os.Getenv("CHAI_HAZARDS") != "all" {
		t.Skip("slow: set CHAI_HAZARDS=all to run it")
	}
}

// open opens a database with a table of sessions. It is not closed at the end:
// Chai's Close waits for connections that a fault has left behind.
func open(t testing.TB, path string) *sql.DB {
	t.Helper()
	db := reopen(t, path)
	run(t, db, sessions)
	return db
}

func reopen(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("chai", path)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// directory is one for a database that may still be open, and writing, when it is removed.
func directory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hazard")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 100 {
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(10 * time.Millisecond) // Pebble makes files while we delete them
		}
		t.Logf("%s is left behind", dir)
	})
	return dir
}

// handle is a database, a connection or a transaction.
type handle interface {
	Exec(query string, args ...any) (sql.Result, error)
	Query(query string, args ...any) (*sql.Rows, error)
}

func run(t testing.TB, db handle, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatalf("%.120s: %v", query, err)
	}
}

func insert(t testing.TB, db handle, token string, expiry time.Time) {
	t.Helper()
	run(t, db, "INSERT INTO sessions VALUES ($1, $2, $3)", token, []byte("data"), expiry)
}

// read returns the first column of a result, separated by spaces.
func read(db handle, query string, args ...any) (string, error) {
	rows, err := db.Query(query, args...)
	if err != nil {
		return "", err
	}
	return drain(rows)
}

func drain(rows *sql.Rows) (string, error) {
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(any)
	}
	var first []string
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			return "", err
		}
		first = append(first, fmt.Sprint(*values[0].(*any)))
	}
	return strings.Join(first, " "), rows.Err()
}

func query(t testing.TB, db handle, text string, args ...any) string {
	t.Helper()
	got, err := read(db, text, args...)
	if err != nil {
		t.Fatalf("%.120s: %v", text, err)
	}
	return got
}

func begin(t testing.TB, db *sql.DB) *sql.Tx {
	t.Helper()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func beginReadOnly(t testing.TB, db *sql.DB) *sql.Tx {
	t.Helper()
	tx, err := db.BeginTx(context.Background(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// want checks what is not a fault: that the program was set up as it says.
func want(t testing.TB, got, want string) {
	t.Helper()
	if got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

// finishes tells whether f is done in time. What is not done goes on.
func finishes(within time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	return waits(done, within)
}

func waits(done <-chan struct{}, within time.Duration) bool {
	select {
	case <-done:
		return true
	case <-time.After(within):
		return false
	}
}

// panics returns the text of f's panic, "" when it has none.
func panics(f func()) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprint(p)
		}
	}()
	f()
	return ""
}

// engine reaches the Pebble database behind a handle: the driver's connection
// and what it leads to are exported, only their package is internal.
func engine(t testing.TB, db *sql.DB) (p *pebble.DB) {
	t.Helper()
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Raw(func(driverConn any) error {
		database := reflect.ValueOf(driverConn).MethodByName("DB").Call(nil)[0]
		kv := database.Elem().FieldByName("Engine").Elem()
		p = kv.MethodByName("DB").Call(nil)[0].Interface().(*pebble.DB)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// flush writes the memtable to a table file.
func flush(t testing.TB, db *sql.DB) {
	t.Helper()
	if err := engine(t, db).Flush(); err != nil {
		t.Fatal(err)
	}
}
