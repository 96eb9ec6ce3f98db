package hazards

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestCanceledStatementWaitsRunsAndCommits(t *testing.T) {
	db := open(t, ":memory:")
	three(t, db)
	tx := begin(t, db) // nobody else can write
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = db.ExecContext(ctx, "DELETE FROM sessions")
	}()
	waits(done, 200*time.Millisecond)
	cancel()
	waited := !waits(done, 200*time.Millisecond)
	_ = tx.Rollback()
	<-done
	fault(t, waited && query(t, db, "SELECT token FROM sessions") == "", "waits although it was canceled, and then commits", "engine/queue.go")
}

func TestReadOnlyTransactionCannotBeCommitted(t *testing.T) {
	db := open(t, ":memory:")
	err := beginReadOnly(t, db).Commit()
	t.Logf("COMMIT: %v", err)
	fault(t, err != nil, "refuses to commit a transaction that only reads", "engine/connection.go")
}

func TestFailedStatementKeepsItsFirstRows(t *testing.T) {
	db := open(t, ":memory:")
	insert(t, db, "there", noon)
	tx := begin(t, db)
	_, err := tx.Exec("INSERT INTO sessions VALUES ('new', '', $1), ('there', '', $1)", noon)
	if cerr := tx.Commit(); err == nil || cerr != nil {
		t.Fatal(err, cerr)
	}
	fault(t, query(t, db, "SELECT token FROM sessions") == "new there", "commits half of a statement that failed", "engine/writer.go")
}

func TestQueryCommitsHalfOfAFailedInsert(t *testing.T) {
	db := open(t, ":memory:")
	insert(t, db, "there", noon)
	_, err := read(db, "INSERT INTO sessions VALUES ('new', '', $1), ('there', '', $1) RETURNING token", noon)
	if err == nil {
		t.Fatal("the second row was taken")
	}
	fault(t, query(t, db, "SELECT token FROM sessions") == "new there", "commits half of a failed INSERT run by Query", "engine/writer.go")
}

func TestReadsWaitForASync(t *testing.T) {
	var slow atomic.Bool
	syncing, release := make(chan struct{}), make(chan struct{})
	defer useDisk(func(operation, name string) error {
		if operation == "sync" && isLog(name) && slow.CompareAndSwap(true, false) {
			close(syncing)
			<-release
		}
		return nil
	})()
	db := open(t, directory(t))
	query(t, db, "SELECT token FROM sessions")
	slow.Store(true)
	go func() { _, _ = db.Exec("INSERT INTO sessions VALUES ('a', '', $1)", noon) }()
	<-syncing
	read := make(chan struct{})
	go func() { defer close(read); query(t, db, "SELECT token FROM sessions") }()
	waited := !waits(read, 300*time.Millisecond)
	close(release)
	<-read
	fault(t, waited, "lets reads wait for a commit's sync", "engine/readers.go")
}

func TestCloseWaitsForALeakedConnection(t *testing.T) {
	db := open(t, ":memory:")
	rows, err := db.Query("SELECT token FROM sessions") // its Close is forgotten
	if err != nil {
		t.Fatal(err)
	}
	fault(t, !finishes(500*time.Millisecond, func() { _ = db.Close() }), "waits for ever in Close", "engine/engine.go")
	_ = rows.Close()
}

// A transaction beyond 10 MB is written in parts, before it is committed.

func TestBigRollbackLosesIndexEntries(t *testing.T) {
	db := open(t, directory(t))
	insert(t, db, "kept", hours(1))
	tx := begin(t, db)
	run(t, tx, "DELETE FROM sessions WHERE token = 'kept'")
	fill(t, tx, 11)
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	want(t, query(t, db, "SELECT token FROM sessions"), "kept")
	want(t, query(t, db, "SELECT COUNT(*) FROM sessions"), "1")
	_, err := db.Exec("DELETE FROM sessions WHERE token = 'kept'")
	t.Logf("by its expiry: %q; DELETE: %v", query(t, db, "SELECT token FROM sessions WHERE expiry = $1", hours(1)), err)
	fault(t, err != nil, "loses index entries when a transaction beyond 10 MB is rolled back", "engine/transaction.go")
}

func TestBigRollbackDoesNotBringATableBack(t *testing.T) {
	db := open(t, directory(t))
	insert(t, db, "kept", hours(1))
	run(t, db, "CREATE TABLE other (k INTEGER PRIMARY KEY, data BYTEA)")
	tx := begin(t, db)
	run(t, tx, "DROP TABLE sessions")
	for i := range 11 {
		run(t, tx, "INSERT INTO other VALUES ($1, $2)", i, make([]byte, 1<<20))
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	fault(t, query(t, db, "SELECT COUNT(*) FROM sessions") == "0", "empties a table whose DROP was rolled back", "engine/transaction.go")
}

func init() { programs["big crash"] = bigCrashProgram }

func bigCrashProgram(t testing.TB, dir string) {
	db := open(t, dir)
	insert(t, db, "kept", hours(1))
	tx := begin(t, db)
	run(t, tx, "UPDATE sessions SET expiry = $1 WHERE token = 'kept'", hours(2))
	fill(t, tx, 11)
	flush(t, db) // what is written in parts is not synced
	os.Exit(9)
}

func TestBigTransactionAndACrashLoseIndexEntries(t *testing.T) {
	dir := directory(t)
	want(t, fmt.Sprint(launch(t, "big crash", dir, time.Minute).code), "9")
	db := reopen(t, dir)
	want(t, query(t, db, "SELECT token FROM sessions"), "kept")
	_, err := db.Exec("DELETE FROM sessions WHERE token = 'kept'")
	t.Logf("DELETE: %v", err)
	fault(t, err != nil, "loses index entries when it crashes in a transaction beyond 10 MB", "engine/transaction.go")
}

func TestBigRollbackIsSeenByReaders(t *testing.T) {
	slow(t)
	db := open(t, directory(t))
	tx := begin(t, db)
	for i := range 60_000 {
		run(t, tx, "INSERT INTO sessions VALUES ($1, $2, $3)", fmt.Sprintf("%08d", i), make([]byte, 200), hours(i))
	}
	stop, dirty := make(chan struct{}), make(chan bool)
	go func() {
		for {
			select {
			case <-stop:
				dirty <- false
				return
			default:
			}
			if got, err := read(db, "SELECT token FROM sessions LIMIT 1"); err == nil && got != "" {
				dirty <- true
				return
			}
		}
	}()
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	close(stop)
	fault(t, <-dirty, "shows rows that were never committed during a rollback", "engine/transaction.go")
}

func TestBigUpdateOfItsOwnRowsPanics(t *testing.T) {
	slow(t)
	db := open(t, directory(t))
	tx := begin(t, db)
	for i := range 30_000 {
		run(t, tx, "INSERT INTO sessions VALUES ($1, $2, $3)", fmt.Sprintf("%032d", i*7919%100_003), make([]byte, 100), hours(i))
	}
	text := panics(func() { _, _ = tx.Exec("UPDATE sessions SET data = '\\x0102' WHERE expiry < $1", hours(1_000_000)) })
	fault(t, strings.Contains(text, "out of range"), "panics in an UPDATE whose transaction grows beyond 10 MB", "engine/transaction.go")
}
