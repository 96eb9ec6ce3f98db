package hazards

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func init() {
	programs["broken log"] = brokenLogProgram
	programs["full disk"] = fullDiskProgram
}

// brokenLogProgram says which inserts were acknowledged while the log's disk fails for good.
func brokenLogProgram(t testing.TB, dir string) {
	var failing atomic.Bool
	useDisk(func(operation, name string) error {
		if failing.Load() && operation == "sync" && isLog(name) {
			return syscall.EIO
		}
		return nil
	})
	db := open(t, dir)
	insert(t, db, "before", noon)
	failing.Store(true)
	if _, err := db.Exec("INSERT INTO sessions VALUES ('after', '', $1)", noon); err != nil {
		t.Fatal(err)
	}
	fmt.Println("acknowledged")
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func TestFailedCommitIsAcknowledged(t *testing.T) {
	end := launch(t, "broken log", directory(t), time.Minute)
	fault(t, strings.Contains(end.output, "acknowledged"), "acknowledges a commit whose sync failed", "engine/fatalfs.go")
}

// fullDiskProgram fills the disk below the tables; the log still fits.
func fullDiskProgram(t testing.TB, dir string) {
	var full atomic.Bool
	useDisk(func(operation, name string) error {
		if full.Load() && isTable(name) {
			return syscall.ENOSPC
		}
		return nil
	})
	db := open(t, dir)
	full.Store(true)
	filled := make(chan struct{})
	go func() { defer close(filled); fill(t, db, 16) }()
	fmt.Println("writes hang:", !waits(filled, 2*time.Second))
	fmt.Println("reads hang:", !finishes(time.Second, func() { query(t, db, "SELECT COUNT(*) FROM sessions") }))
	full.Store(false)
	fmt.Println("resumed:", waits(filled, 30*time.Second))
}

// fill writes so many megabytes.
func fill(t testing.TB, db handle, megabytes int) {
	t.Helper()
	for i := range megabytes {
		run(t, db, "INSERT INTO sessions VALUES ($1, $2, $3)", fmt.Sprintf("big%d", i), make([]byte, 1<<20), hours(i))
	}
}

func TestFullDiskHangsWithoutAnError(t *testing.T) {
	end := launch(t, "full disk", directory(t), time.Minute)
	fault(t, strings.Contains(end.output, "writes hang: true"), "hangs when its disk is full", "engine/disk.go and engine/watchdog.go")
}

func TestEmptiedDirectoryIsANewDatabase(t *testing.T) {
	dir := directory(t)
	db := open(t, dir)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "pebble")); err != nil {
		t.Fatal(err)
	}
	db = reopen(t, dir)
	_, err := db.Exec(sessions)
	fault(t, err == nil, "takes an emptied directory for a new database", "engine/marker.go")
}

func TestLostLogIsNotNoticed(t *testing.T) {
	dir := directory(t)
	db := open(t, dir)
	insert(t, db, "flushed", noon)
	flush(t, db)
	insert(t, db, "in the log", noon)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	logs, _ := filepath.Glob(filepath.Join(dir, "pebble", "*.log"))
	for _, name := range logs {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	db = reopen(t, dir)
	fault(t, query(t, db, "SELECT token FROM sessions") == "flushed", "opens an older state when its log is gone", "docs: backups")
}

func TestEmptyPathOpensTheWorkingDirectory(t *testing.T) {
	t.Chdir(directory(t))
	db := open(t, "")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := os.Stat("pebble")
	fault(t, err == nil, "takes an empty path for the working directory", "engine/options.go")
}

// A damaged block in the middle of an index: the scan ends there, and says nothing.
func TestDamagedIndexEndsAScanEarly(t *testing.T) {
	const rows = 2000
	dir := directory(t)
	db := open(t, dir)
	tx := begin(t, db)
	for i := range rows {
		insert(t, tx, fmt.Sprintf("%043d", i), hours(i))
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	flush(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	damage(t, tables(t, dir)[0])
	db = reopen(t, dir)
	byTable, tableErr := read(db, "SELECT COUNT(*) FROM sessions")
	byIndex, indexErr := read(db, "SELECT COUNT(*) FROM sessions WHERE expiry >= $1", noon)
	t.Logf("table: %s %v; index: %s %v", byTable, tableErr, byIndex, indexErr)
	want(t, byTable, fmt.Sprint(rows))
	fault(t, byIndex != byTable && indexErr == nil, "ends an index scan early on damage, without an error", "engine/check.go")
}

// damage flips a bit at three quarters of a table file: the index's entries come after the table's rows.
func damage(t testing.TB, name string) {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)*3/4] ^= 1
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
