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
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// write puts a file, or a directory when the name ends in a slash, below dir.
func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if strings.HasSuffix(name, "/") {
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// listing describes every file below dir by name and content.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			fmt.Fprintln(&all, path)
			return err
		}
		content, err := os.ReadFile(path)
		fmt.Fprintf(&all, "%s %x\n", path, content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// database makes a closed database with one table.
func database(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	e, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	createSessions(t, e)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestWhatMayBeOpened(t *testing.T) {
	for _, test := range []struct {
		name      string
		prepare   func(t *testing.T) string // returns the directory
		mustExist bool
		want      error  // nil: opens
		message   string // part of the error
	}{
		{"empty", func(t *testing.T) string { return t.TempDir() }, false, nil, ""},
		{"absent", func(t *testing.T) string { return filepath.Join(t.TempDir(), "new") }, false, nil, ""},
		{"files of ours", func(t *testing.T) string {
			dir := t.TempDir()
			for _, name := range []string{"start.lock", "chaisqld.log", "chaisqld.json", ".s.PGSQL.5432"} {
				write(t, dir, name, "")
			}
			return dir
		}, false, nil, ""},
		{"ours", database, true, nil, ""},
		{"ours with a stranger's file", func(t *testing.T) string {
			dir := database(t)
			write(t, dir, "notes.txt", "mine")
			return dir
		}, false, nil, ""},
		{"state file cut short", func(t *testing.T) string {
			dir := t.TempDir()
			write(t, dir, creatingName, "chai")
			return dir
		}, false, nil, ""},
		{"absent but must exist", func(t *testing.T) string { return filepath.Join(t.TempDir(), "new") }, true, ErrNotADatabase, "does not exist"},
		{"empty but must exist", func(t *testing.T) string { return t.TempDir() }, true, ErrNotADatabase, "holds no database"},
		{"foreign file", func(t *testing.T) string {
			dir := t.TempDir()
			write(t, dir, "thesis.doc", "years of work")
			return dir
		}, false, ErrNotADatabase, `"thesis.doc"`},
		{"pebble without marker", func(t *testing.T) string {
			dir := database(t)
			if err := os.Remove(filepath.Join(dir, markerName)); err != nil {
				t.Fatal(err)
			}
			return dir
		}, false, ErrNotADatabase, "without the marker"},
		{"pebble with a state file cut short", func(t *testing.T) string {
			dir := t.TempDir()
			write(t, dir, "pebble/MANIFEST-000001", "x")
			write(t, dir, creatingName, "")
			return dir
		}, false, ErrNotADatabase, "without the marker"},
		{"emptied", func(t *testing.T) string {
			dir := database(t)
			if err := os.RemoveAll(filepath.Join(dir, pebbleName)); err != nil {
				t.Fatal(err)
			}
			write(t, dir, "pebble/", "")
			return dir
		}, false, ErrNotADatabase, "is gone"},
		{"damaged marker", func(t *testing.T) string {
			dir := database(t)
			write(t, dir, markerName, "chaisqld 9 what")
			return dir
		}, false, ErrNotADatabase, "damaged"},
		{"not a directory", func(t *testing.T) string {
			dir := t.TempDir()
			write(t, dir, "file", "")
			return filepath.Join(dir, "file")
		}, false, ErrCannotOpen, "not a directory"},
		{"no parent", func(t *testing.T) string { return filepath.Join(t.TempDir(), "a", "b") }, false, ErrCannotOpen, "parent"},
		{"white space", func(t *testing.T) string { return filepath.Join(t.TempDir(), "a ") }, false, ErrCannotOpen, "white space"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := test.prepare(t)
			before := listing(t, filepath.Dir(dir))
			e, err := Open(context.Background(), Options{Dir: dir, MustExist: test.mustExist})
			if err == nil {
				err = errors.Join(err, e.Close())
			}
			if !errors.Is(err, test.want) || err != nil && !strings.Contains(err.Error(), test.message) {
				t.Fatalf("got %v, want %v with %q", err, test.want, test.message)
			}
			if after := listing(t, filepath.Dir(dir)); err != nil && after != before {
				t.Errorf("the directory was changed:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
}

func TestDataOfAnotherDatabaseIsRefused(t *testing.T) {
	one, two := database(t), database(t)
	for _, step := range []error{
		os.RemoveAll(filepath.Join(one, pebbleName)),
		os.Rename(filepath.Join(two, pebbleName), filepath.Join(one, pebbleName)),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	_, err := Open(context.Background(), Options{Dir: one})
	if !errors.Is(err, ErrNotADatabase) || !strings.Contains(err.Error(), "does not belong") {
		t.Fatal(err)
	}
	marker, err := os.ReadFile(filepath.Join(two, markerName))
	if err != nil {
		t.Fatal(err)
	}
	write(t, one, markerName, string(marker))
	if e := open(t, Options{Dir: one}); e.Catalogue().Table("sessions") == nil {
		t.Fatal("the refused data was changed")
	}
}

func TestDamagedFilesAreReportedAsSuch(t *testing.T) {
	dir := database(t)
	manifests, _ := filepath.Glob(filepath.Join(dir, pebbleName, "MANIFEST-*"))
	for _, m := range manifests {
		if err := os.WriteFile(m, []byte("overwritten by something else"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Open(context.Background(), Options{Dir: dir})
	if !errors.Is(err, ErrDamaged) || !errors.Is(err, ErrCannotOpen) || !strings.Contains(err.Error(), dir) {
		t.Fatal(err)
	}
}

func TestNewDirectoryIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	open(t, Options{Dir: dir})
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("mode is %o", info.Mode().Perm())
	}
}

func TestSecondServerIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, Options{Dir: dir})
	_, err := Open(context.Background(), Options{Dir: dir, LockWait: 50 * time.Millisecond})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Fatal(err)
	}
}

func TestPebblesOwnLockIsRespected(t *testing.T) {
	dir := database(t)
	f, err := os.OpenFile(filepath.Join(dir, pebbleName, "LOCK"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// An open file description lock conflicts with Pebble's lock even within one process.
	const setOFDLock = 37
	lock := syscall.Flock_t{Type: syscall.F_WRLCK}
	if err := syscall.FcntlFlock(f.Fd(), setOFDLock, &lock); err != nil {
		t.Skipf("no open file description locks here: %v", err)
	}
	_, err = Open(context.Background(), Options{Dir: dir, LockWait: 50 * time.Millisecond})
	if !errors.Is(err, ErrLocked) {
		t.Fatal(err)
	}
}

func TestOpenWaitsForTheLock(t *testing.T) {
	dir := t.TempDir()
	first, err := Open(context.Background(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	go func() {
		second, err := Open(context.Background(), Options{Dir: dir, LockWait: 30 * time.Second})
		if err == nil {
			err = second.Close()
		}
		opened <- err
	}()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
}

func TestOpenGivesUpWithItsContext(t *testing.T) {
	dir := t.TempDir()
	open(t, Options{Dir: dir})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	within(t, "open", func() {
		if _, err := Open(ctx, Options{Dir: dir, LockWait: time.Hour}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// childCreate creates a database and dies, as by kill -9, at its n-th step.
func childCreate(dir string) {
	n, err := strconv.ParseInt(os.Getenv("CHAISQLD_TEST_STEP"), 10, 64)
	if err != nil {
		childFail("step: %v", err)
	}
	var steps atomic.Int64
	step := func() {
		if steps.Add(1) == n {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	hookFiles(dir, func(string, string) error { step(); return nil })
	if _, err := Open(context.Background(), Options{Dir: dir, step: func(string) { step() }}); err != nil {
		childFail("open: %v", err)
	}
	fmt.Println("created")
}

func TestCreationSurvivesKillAtEveryStep(t *testing.T) {
	for step := 1; ; step++ {
		dir := filepath.Join(t.TempDir(), "db")
		out, err := child(t, "create", dir, "CHAISQLD_TEST_STEP="+strconv.Itoa(step)).CombinedOutput()
		if err != nil && !strings.Contains(err.Error(), "killed") {
			t.Fatalf("step %d: %v\n%s", step, err, out)
		}
		e, openErr := Open(context.Background(), Options{Dir: dir})
		if openErr != nil {
			t.Fatalf("killed at step %d, the directory cannot be opened: %v", step, openErr)
		}
		createSessions(t, e)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if err == nil { // the child had fewer steps
			if step < 10 {
				t.Fatalf("creation has %d steps only: are they counted?", step-1)
			}
			return
		}
	}
}

// Pebble would take a directory without this file for a new one and delete its tables.
func TestLostMarkerOfTheManifest(t *testing.T) {
	dir := t.TempDir()
	e := sessions(t, Options{Dir: dir})
	if err := errors.Join(inBatches(e, 100, func(w Writer, i int) error { return insert(fmt.Sprint(i), nil, epoch)(w) }), flush(e), e.Close()); err != nil {
		t.Fatal(err)
	}
	markers, err := filepath.Glob(filepath.Join(dir, pebbleName, "marker.manifest.*"))
	if err != nil || len(markers) != 1 {
		t.Fatal(markers, err)
	}
	if err := os.Rename(markers[0], filepath.Join(dir, "kept")); err != nil {
		t.Fatal(err)
	}
	before := listing(t, dir)
	if _, err := Open(background, Options{Dir: dir}); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "marker.manifest") {
		t.Errorf("got %v", err)
	}
	if after := listing(t, dir); after != before {
		t.Errorf("files changed:\n%s\n%s", before, after)
	}
	if err := os.Rename(filepath.Join(dir, "kept"), markers[0]); err != nil {
		t.Fatal(err)
	}
	mustCheck(t, open(t, Options{Dir: dir}), 100)
}

func TestPathWithPatternsInIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), `a[b]*?\c`)
	for range 2 {
		if err := open(t, Options{Dir: dir}).Close(); err != nil {
			t.Fatal(err)
		}
	}
}
