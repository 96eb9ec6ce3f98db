package engine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

// childRestore is killed at its n-th step or piece of progress.
func childRestore(dir string) {
	n, err := strconv.ParseInt(os.Getenv("CHAISQLD_TEST_STEP"), 10, 64)
	if err != nil {
		childFail("step: %v", err)
	}
	step := killAt(n)
	o := Options{Dir: dir + ".restored", step: func(string) { step() }}
	if _, err := Restore(background, dir, o, func(string, int64, int64) { step() }); err != nil {
		childFail("restore: %v", err)
	}
}

// backupOf makes a backup of a hundred sessions.
func backupOf(t *testing.T) string {
	t.Helper()
	e, _ := filled(t, 100)
	dest := filepath.Join(t.TempDir(), "backup")
	if _, err := e.Backup(background, dest, nil); err != nil {
		t.Fatal(err)
	}
	return dest
}

func TestRestoreCopiesEverything(t *testing.T) {
	from := backupOf(t)
	before := listing(t, from)
	to := filepath.Join(t.TempDir(), "new")
	report, err := Restore(background, from, Options{Dir: to}, nil)
	if err != nil || !report.Left.OK() || report.Left.Tables[0].Rows != 101 {
		t.Fatalf("%+v, %v", report, err)
	}
	mustShareNothing(t, from, to)
	mustBeBackup(t, to, map[string]bool{"row99": true, "again": true})
	if listing(t, from) != before {
		t.Error("the backup was changed")
	}
}

// mustShareNothing: with hard links, what happens to one happens to the other.
func mustShareNothing(t *testing.T, one, two string) {
	t.Helper()
	inodes := make(map[uint64]string)
	for _, dir := range []string{one, two} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			inode := info.Sys().(*syscall.Stat_t).Ino
			if other := inodes[inode]; other != "" {
				t.Errorf("%s and %s are one file", other, path)
			}
			inodes[inode] = path
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestRestoreOfDatabaseThatIsNotServed(t *testing.T) {
	from := database(t)
	to := t.TempDir() // an empty directory will do
	if report, err := Restore(background, from, Options{Dir: to}, nil); err != nil || !report.Left.OK() {
		t.Fatalf("%+v, %v", report, err)
	}
	if e := open(t, Options{Dir: to, MustExist: true}); e.Catalogue().Table("sessions") == nil {
		t.Error("the table is gone")
	}
}

func TestRestoreRepairsIndexes(t *testing.T) {
	from := damaging(t, func(db *pebble.DB, _, entries [][]byte) error { return db.Delete(entries[2], nil) })
	report, err := Restore(background, from, Options{Dir: filepath.Join(t.TempDir(), "new")}, nil)
	if err != nil || countOf(report.Found, ProblemMissing) != 1 || !report.Left.OK() {
		t.Fatalf("%+v, %v", report, err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	for _, test := range []struct {
		name    string
		spoil   func(t *testing.T, from, to string)
		want    error
		message string
	}{
		{"no backup", func(t *testing.T, from, _ string) { remove(t, from, markerName) }, ErrNotADatabase, "without the marker"},
		{"log lost", func(t *testing.T, from, _ string) { remove(t, from, "pebble/*.log") }, ErrDamaged, "has lost its file"},
		{"log emptied", func(t *testing.T, from, _ string) {
			change(t, from, "pebble/*.log", func([]byte) []byte { return nil })
		},
			ErrDamaged, "has 0 bytes"},
		{"log changed", func(t *testing.T, from, _ string) { change(t, from, "pebble/*.log", flip) }, ErrDamaged, "not as it was"},
		{"table cut", func(t *testing.T, from, _ string) {
			change(t, from, "pebble/*.sst", func(b []byte) []byte { return b[:len(b)-1] })
		}, ErrDamaged, "bytes, it had"},
		{"stranger's file", func(t *testing.T, from, _ string) { write(t, from, "pebble/999999.log", "") }, ErrDamaged, "was not made with"},
		{"list damaged", func(t *testing.T, from, _ string) { write(t, from, listName, "{") }, ErrDamaged, listName},
		{"place taken", func(t *testing.T, _, to string) { write(t, to, "thesis.doc", "") }, ErrExists, "not empty"},
		{"rows unreadable", func(t *testing.T, from, _ string) {
			remove(t, from, listName)
			onPebble(t, from, func(db *pebble.DB, c *storedCatalogue) error {
				return db.Set(append(intKey(c.namespace("sessions")), typeText, 1, 'x'), []byte{typeText}, pebble.Sync)
			})
		}, ErrDamaged, "use another backup"},
	} {
		t.Run(test.name, func(t *testing.T) {
			from, to := backupOf(t), filepath.Join(t.TempDir(), "new")
			test.spoil(t, from, to)
			before := listing(t, filepath.Dir(to))
			_, err := Restore(background, from, Options{Dir: to}, nil)
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.message) {
				t.Fatalf("got %v, want %v with %q", err, test.want, test.message)
			}
			if after := listing(t, filepath.Dir(to)); after != before {
				t.Errorf("left behind:\n%s", after)
			}
		})
	}
}

func remove(t *testing.T, dir, pattern string) {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(dir, pattern))
	for _, name := range names {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if len(names) == 0 {
		t.Fatalf("no %s in %s", pattern, dir)
	}
}

// change rewrites one file under its own name, not through a link.
func change(t *testing.T, dir, pattern string, to func([]byte) []byte) {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(dir, pattern))
	if len(names) == 0 {
		t.Fatalf("no %s in %s", pattern, dir)
	}
	content, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	remove(t, filepath.Dir(names[0]), filepath.Base(names[0]))
	if err := os.WriteFile(names[0], to(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func flip(content []byte) []byte {
	content[len(content)/2] ^= 1
	return content
}

func TestRestoreLooksAtFreeSpaceFirst(t *testing.T) {
	o := Options{Dir: filepath.Join(t.TempDir(), "new"), statfs: func(string) (int64, int64, error) { return 100, 1 << 40, nil }}
	_, err := Restore(background, backupOf(t), o, nil)
	if !errors.Is(err, ErrCannotOpen) || !strings.Contains(err.Error(), "100 are free") {
		t.Fatal(err)
	}
}

func TestRestoreEndsWithItsContext(t *testing.T) {
	from, to := backupOf(t), filepath.Join(t.TempDir(), "new")
	ctx, cancel := context.WithCancel(background)
	if _, err := Restore(ctx, from, Options{Dir: to}, func(string, int64, int64) { cancel() }); err == nil {
		t.Error("the restore went on without its context")
	}
	if entries, err := os.ReadDir(filepath.Dir(to)); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// Served, a backup is a database of its own: check no longer knows what it held.
func TestCheckOfSpoiledBackup(t *testing.T) {
	from := backupOf(t)
	change(t, from, "pebble/*.log", flip)
	if _, err := CheckDirectory(background, Options{Dir: from}, nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("a changed log: %v", err)
	}
	open(t, Options{Dir: from})
	if l, err := readFileList(from); err != nil || l != nil {
		t.Errorf("opened, it still has its list: %+v, %v", l, err)
	}
}
