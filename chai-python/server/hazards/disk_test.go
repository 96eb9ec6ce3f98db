package hazards

// A disk that fails, fills up or is slow. Pebble takes vfs.Default when it
// opens a database, so a test puts one of these there first. Tests that do so
// run in a process of their own, or put the default back.

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk asks before it changes a file.
type disk struct {
	vfs.FS
	ask func(operation, name string) error
}

// useDisk makes Pebble open its files on a disk that asks.
func useDisk(ask func(operation, name string) error) (restore func()) {
	before := vfs.Default
	vfs.Default = &disk{FS: before, ask: ask}
	return func() { vfs.Default = before }
}

func isLog(name string) bool   { return strings.HasSuffix(name, ".log") }
func isTable(name string) bool { return strings.HasSuffix(name, ".sst") }

func (d *disk) open(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &diskFile{f, d, filepath.Base(name)}, nil
}

func (d *disk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := d.ask("create", name); err != nil {
		return nil, err
	}
	f, err := d.FS.Create(name, c)
	return d.open(name, f, err)
}

func (d *disk) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.ReuseForWrite(oldname, newname, c)
	return d.open(newname, f, err)
}

type diskFile struct {
	vfs.File
	disk *disk
	name string
}

func (f *diskFile) Write(p []byte) (int, error) {
	if err := f.disk.ask("write", f.name); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *diskFile) Sync() error {
	if err := f.disk.ask("sync", f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *diskFile) SyncData() error {
	if err := f.disk.ask("sync", f.name); err != nil {
		return err
	}
	return f.File.SyncData()
}

// tables are the names of a closed database's table files.
func tables(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "pebble", "*.sst"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no tables in %s: %v", dir, err)
	}
	return names
}
