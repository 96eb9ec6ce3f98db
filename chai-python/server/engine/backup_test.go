package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"chaisqld/pgerr"
)

// filled is an engine on a new directory with n sessions.
func filled(t *testing.T, n int) (*Engine, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "db")
	e := sessions(t, Options{Dir: dir})
	if err := inBatches(e, n, func(w Writer, i int) error { return upsert(fmt.Sprint("row", i), i)(w) }); err != nil {
		t.Fatal(err)
	}
	if err := flush(e); err != nil { // so that there are table files
		t.Fatal(err)
	}
	return e, dir
}

func TestBackupUnderLoadHoldsWhatWasAcknowledged(t *testing.T) {
	e, dir := filled(t, 500)
	ctx, cancel := context.WithCancel(background)
	var writers sync.WaitGroup
	var mu sync.Mutex
	acknowledged := make(map[string]bool)
	for client := range 4 {
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				token := fmt.Sprintf("%d-%d", client, i)
				if err := e.Write(background, WriteRequest{Bytes: 300, Run: upsert(token, i)}); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acknowledged[token] = true
				mu.Unlock()
			}
		})
	}
	for round := range 5 {
		eventually(t, "writes", func() bool { mu.Lock(); defer mu.Unlock(); return len(acknowledged) > 50*(round+1) })
		dest := filepath.Join(t.TempDir(), "backup")
		mu.Lock()
		before := make(map[string]bool)
		for token := range acknowledged {
			before[token] = true
		}
		mu.Unlock()
		report, err := e.Backup(background, dest, nil)
		if err != nil || report.Files < 5 || report.Bytes == 0 || report.Path != dest {
			t.Fatalf("%+v, %v", report, err)
		}
		mustBeBackup(t, dest, before)
	}
	cancel()
	writers.Wait()
	if hidden, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".*partial")); len(hidden) > 0 {
		t.Errorf("left behind: %v", hidden)
	}
}

// mustBeBackup checks the copy unopened, then serves it and looks for the rows.
func mustBeBackup(t *testing.T, dest string, want map[string]bool) {
	t.Helper()
	report, err := CheckDirectory(background, Options{Dir: dest}, nil)
	if err != nil || !report.OK() {
		t.Fatalf("%v %+v", err, report)
	}
	mustBePrivate(t, dest)
	e, err := Open(background, Options{Dir: dest, MustExist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	found := make(map[string]bool)
	err = e.Read(background, func(r Reader) error {
		return r.Query("SELECT token FROM sessions", nil, func(v []any) error { found[v[0].(string)] = true; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	for token := range want {
		if !found[token] {
			t.Fatalf("%s was acknowledged before the backup and is not in it", token)
		}
	}
	if _, err := os.Stat(filepath.Join(dest, listName)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a database that is served still has the list of a backup")
	}
}

func mustBePrivate(t *testing.T, dir string) {
	t.Helper()
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%s: %v, %v", dir, info.Mode(), err)
	}
}

func TestBackupRefuses(t *testing.T) {
	e, dir := filled(t, 10)
	full := t.TempDir()
	write(t, full, "thesis.doc", "years of work")
	for _, test := range []struct{ dest, code, message string }{
		{"relative/path", pgerr.InvalidParameterValue, "absolute"},
		{"", pgerr.InvalidParameterValue, "absolute"},
		{dir, pgerr.InvalidParameterValue, "inside"},
		{dir + "/sub/../b", pgerr.InvalidParameterValue, "inside"},
		{full, pgerr.DuplicateFile, "not empty"},
		{filepath.Join(full, "thesis.doc"), pgerr.IOError, "thesis.doc"},
		{filepath.Join(full, "no", "such"), pgerr.UndefinedFile, "parent"},
	} {
		_, err := e.Backup(background, test.dest, nil)
		wantCode(t, err, test.code)
		if !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s: %v", test.dest, err)
		}
	}
	if text := listing(t, full); strings.Count(text, "\n") != 2 {
		t.Errorf("the directory was changed: %s", text)
	}
	_, err := open(t, Options{Dir: Memory}).Backup(background, filepath.Join(full, "b"), nil)
	wantCode(t, err, pgerr.FeatureNotSupported)
}

func TestBackupIntoEmptyDirectory(t *testing.T) {
	e, _ := filled(t, 10)
	dest := t.TempDir()
	if _, err := e.Backup(background, dest, nil); err != nil {
		t.Fatal(err)
	}
	mustBeBackup(t, dest, map[string]bool{"row7": true})
}

// The log and the manifest of a copy are written through the shim that ends
// the process at an error of the database's own.
func TestBackupToFailingDiskHarmsNobody(t *testing.T) {
	for _, operation := range []string{"create", "write", "sync"} {
		t.Run(operation, func(t *testing.T) {
			e, _ := filled(t, 10)
			place := t.TempDir()
			var failed atomic.Bool
			defer hookFiles(place, func(o, name string) error {
				if o == operation && (strings.HasSuffix(name, ".log") || strings.Contains(name, "MANIFEST-")) {
					failed.Store(true)
					return syscall.ENOSPC
				}
				return nil
			})()
			_, err := e.Backup(background, filepath.Join(place, "b"), nil)
			wantCode(t, err, pgerr.DiskFull)
			if !failed.Load() {
				t.Error("nothing failed: is the disk written to?")
			}
			if text := listing(t, place); strings.Count(text, "\n") != 1 {
				t.Errorf("left behind: %s", text)
			}
			if err := e.Write(background, WriteRequest{Run: insert("after", nil, epoch)}); err != nil {
				t.Errorf("a write after the failed backup: %v", err)
			}
		})
	}
}

func TestBackupEndsWithItsContextAndItsEngine(t *testing.T) {
	e, _ := filled(t, 10)
	place := t.TempDir()
	ctx, cancel := context.WithCancel(background)
	_, err := e.Backup(ctx, filepath.Join(place, "b"), func(string, int64, int64) { cancel() })
	wantCode(t, err, pgerr.QueryCanceled)
	var once sync.Once
	_, err = e.Backup(background, filepath.Join(place, "b"), func(string, int64, int64) {
		once.Do(func() { go e.Close(); <-e.life.Done() })
	})
	if err == nil {
		t.Error("the backup went on without its engine")
	}
	if text := listing(t, place); strings.Count(text, "\n") != 1 {
		t.Errorf("left behind: %s", text)
	}
}

// childBackup is killed at its n-th file of the copy.
func childBackup(dir string) {
	n, err := strconv.ParseInt(os.Getenv("CHAISQLD_TEST_STEP"), 10, 64)
	if err != nil {
		childFail("step: %v", err)
	}
	e, err := Open(background, Options{Dir: dir, MustExist: true})
	if err != nil {
		childFail("open: %v", err)
	}
	step := killAt(n)
	if _, err := e.Backup(background, dir+".backup", func(string, int64, int64) { step() }); err != nil {
		childFail("backup: %v", err)
	}
}

func TestBackupAndRestoreSurviveKills(t *testing.T) {
	e, dir := filled(t, 100)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for part, target := range map[string]string{"backup": dir + ".backup", "restore": dir + ".restored"} {
		for step := 1; ; step++ {
			out, err := child(t, part, dir, "CHAISQLD_TEST_STEP="+strconv.Itoa(step)).CombinedOutput()
			if err == nil {
				if step < 4 {
					t.Fatalf("%s has %d steps only: are they counted?", part, step-1)
				}
				break
			}
			if !strings.Contains(err.Error(), "killed") {
				t.Fatalf("%s, step %d: %v\n%s", part, step, err, out)
			}
			if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("%s killed at step %d left half a database: %v", part, step, err)
			}
		}
		mustBeBackup(t, target, map[string]bool{"row7": true})
	}
	if hidden, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".*partial")); len(hidden) > 0 {
		t.Errorf("left behind: %v", hidden)
	}
}
