package engine

// Pebble reports a failed write of its log through Logger.Fatalf and relies on
// that call not to return; Chai installs a logger whose Fatalf does nothing.
// So after a full disk or an I/O error Pebble's Commit returns nil, Chai
// acknowledges it, and the data is gone at the next start. Neither the logger
// nor the options can be reached from outside, but the file system can: this
// one ends the process at the first error on the log or the manifest, before
// anybody hears of a commit. Errors on tables are left to Pebble, which
// retries those.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// fatal is installed as vfs.Default, which Pebble reads when it opens a database.
var fatal = &fatalFS{FS: vfs.Default, exit: exitOnIOError}

func init() { vfs.Default = fatal }

type fatalFS struct {
	vfs.FS
	exit func(operation, name string, err error) // does not return in production

	mu     sync.RWMutex
	spared map[string]func(name string) error // directories of copies
}

// spare takes a directory out: the log and the manifest in it are a copy's, so
// a failure there concerns the copy alone. Before each file comes into it, next
// is called, and its error ends the copying.
func (fs *fatalFS) spare(dir string, next func(name string) error) (end func()) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.spared == nil {
		fs.spared = make(map[string]func(string) error)
	}
	fs.spared[dir] = next
	return func() {
		fs.mu.Lock()
		defer fs.mu.Unlock()
		delete(fs.spared, dir)
	}
}

// copied returns what to call before a copy's file is made, nil for all other files.
func (fs *fatalFS) copied(name string) func(name string) error {
	fs.mu.RLock()
	defer fs.mu.RUnlock()
	for dir, next := range fs.spared {
		if strings.HasPrefix(name, dir+string(filepath.Separator)) {
			return next
		}
	}
	return nil
}

// exitOnIOError does nothing but the least: another thread may be about to
// acknowledge, and logging through a handler could block on the same disk.
func exitOnIOError(operation, name string, err error) {
	fmt.Fprintf(os.Stderr, "chaisqld: %s %s: %v; the database cannot be trusted to keep what it would acknowledge, so the server ends itself\n", operation, name, err)
	os.Exit(ExitFatal)
}

// vital tells whether an acknowledged commit rests on the file: the log, the
// manifest, and the empty file whose name says which manifest is the newest.
func vital(name string) bool {
	base := filepath.Base(name)
	return strings.HasSuffix(base, ".log") || strings.HasPrefix(base, "MANIFEST") || strings.HasPrefix(base, "marker.manifest")
}

func (fs *fatalFS) wrap(operation, name string, file vfs.File, err error) (vfs.File, error) {
	if !vital(name) {
		return file, err
	}
	if err != nil {
		fs.exit(operation, name, err)
		return nil, err
	}
	return &fatalFile{File: file, fs: fs, name: name}, nil
}

func (fs *fatalFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if next := fs.copied(name); next != nil {
		if err := next(name); err != nil {
			return nil, err
		}
		return fs.FS.Create(name, category)
	}
	file, err := fs.FS.Create(name, category)
	return fs.wrap("create", name, file, err)
}

// Link is how the files of a copy come that are not written anew.
func (fs *fatalFS) Link(oldname, newname string) error {
	if next := fs.copied(newname); next != nil {
		if err := next(oldname); err != nil {
			return err
		}
	}
	return fs.FS.Link(oldname, newname)
}

func (fs *fatalFS) OpenReadWrite(name string, category vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	file, err := fs.FS.OpenReadWrite(name, category, options...)
	return fs.wrap("open", name, file, err)
}

func (fs *fatalFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := fs.FS.ReuseForWrite(oldname, newname, category)
	return fs.wrap("reuse", newname, file, err)
}

func (fs *fatalFS) Unwrap() vfs.FS { return fs.FS }

type fatalFile struct {
	vfs.File
	fs   *fatalFS
	name string
}

func (f *fatalFile) check(operation string, err error) error {
	if err != nil {
		f.fs.exit(operation, f.name, err)
	}
	return err
}

func (f *fatalFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.check("write", err)
}

func (f *fatalFile) WriteAt(p []byte, offset int64) (int, error) {
	n, err := f.File.WriteAt(p, offset)
	return n, f.check("write", err)
}

func (f *fatalFile) Sync() error     { return f.check("sync", f.File.Sync()) }
func (f *fatalFile) SyncData() error { return f.check("sync", f.File.SyncData()) }
func (f *fatalFile) Close() error    { return f.check("close", f.File.Close()) }

func (f *fatalFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	return full, f.check("sync", err)
}

// testFatalFS proves that Pebble will open its log through the shim.
func testFatalFS(installed vfs.FS) error {
	shim, ok := installed.(*fatalFS)
	if !ok || shim != fatal {
		return fmt.Errorf("vfs.Default is %T, not the shim that ends the process on I/O errors", installed)
	}
	return testFatalFile()
}

// testFatalFile lets a copy of the shim meet an error, and looks whether it would have ended the process.
func testFatalFile() error {
	died := ""
	probe := &fatalFS{FS: vfs.NewMem(), exit: func(operation, _ string, _ error) { died += operation + " " }}
	file := &fatalFile{File: brokenFile{}, fs: probe, name: "000001.log"}
	_, _ = file.Write([]byte("x"))
	_ = file.SyncData()
	_, _ = probe.Create("missing/000001.log", vfs.WriteCategoryUnspecified)
	if died != "write sync create " {
		return fmt.Errorf("the file system shim let an I/O error pass (it caught %q)", died)
	}
	return nil
}

var errBroken = errors.New("this error belongs to a self-test")

type brokenFile struct{ vfs.File }

func (brokenFile) Write([]byte) (int, error) { return 0, errBroken }
func (brokenFile) SyncData() error           { return errBroken }
