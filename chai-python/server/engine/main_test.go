package engine

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"chaisqld/internal/chaistore"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// childVar names the part that a re-executed test binary plays.
const childVar = "CHAISQLD_TEST_CHILD"

var children = map[string]func(dir string){
	"writer":    childWriter,
	"ioerror":   childIOError,
	"create":    childCreate,
	"unshimmed": childUnshimmed,
	"adopt":     childAdopt,
	"repair":    childRepair,
	"backup":    childBackup,
	"restore":   childRestore,
	"index":     childIndex,
	"open":      childOpen,
}

func TestMain(m *testing.M) {
	fatal.FS = hooks // below the shim, where a disk would fail
	if part := os.Getenv(childVar); part != "" {
		children[part](os.Getenv("CHAISQLD_TEST_DIR"))
		os.Exit(0)
	}
	code := m.Run()
	chaistore.Remove()
	os.Exit(code)
}

// child runs a part in a process of its own.
func child(t *testing.T, part, dir string, env ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(append(os.Environ(), childVar+"="+part, "CHAISQLD_TEST_DIR="+dir), env...)
	return cmd
}

// acknowledged reads the tokens that a child prints after each commit, until
// enough is true or the child ends.
func acknowledged(out io.Reader, enough func(n int) bool) (tokens []string) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if token, ok := strings.CutPrefix(lines.Text(), "acknowledged "); ok {
			tokens = append(tokens, token)
			if enough(len(tokens)) {
				return tokens
			}
		}
	}
	return tokens
}

// hooks let a test see and fail file operations below a directory.
var hooks = &hookFS{FS: fatal.FS}

type hook func(operation, name string) error

type hookFS struct {
	vfs.FS
	mu    sync.Mutex
	hooks map[string]hook
}

// hookFiles calls h before every changing operation on files under dir.
func hookFiles(dir string, h hook) (remove func()) {
	hooks.mu.Lock()
	defer hooks.mu.Unlock()
	if hooks.hooks == nil {
		hooks.hooks = make(map[string]hook)
	}
	hooks.hooks[dir] = h
	return func() {
		hooks.mu.Lock()
		defer hooks.mu.Unlock()
		delete(hooks.hooks, dir)
	}
}

func (fs *hookFS) call(operation, name string) error {
	fs.mu.Lock()
	var found []hook
	for dir, h := range fs.hooks {
		if strings.HasPrefix(name, dir) {
			found = append(found, h)
		}
	}
	fs.mu.Unlock()
	for _, h := range found {
		if err := h(operation, name); err != nil {
			return err
		}
	}
	return nil
}

func (fs *hookFS) file(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &hookFile{File: f, fs: fs, name: name}, nil
}

func (fs *hookFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := fs.call("create", name); err != nil {
		return nil, err
	}
	f, err := fs.FS.Create(name, c)
	return fs.file(name, f, err)
}

func (fs *hookFS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := fs.call("create", newname); err != nil {
		return nil, err
	}
	f, err := fs.FS.ReuseForWrite(oldname, newname, c)
	return fs.file(newname, f, err)
}

func (fs *hookFS) OpenDir(name string) (vfs.File, error) {
	f, err := fs.FS.OpenDir(name)
	return fs.file(name, f, err)
}

func (fs *hookFS) Rename(oldname, newname string) error {
	if err := fs.call("rename", newname); err != nil {
		return err
	}
	return fs.FS.Rename(oldname, newname)
}

func (fs *hookFS) MkdirAll(dir string, perm os.FileMode) error {
	if err := fs.call("mkdir", dir); err != nil {
		return err
	}
	return fs.FS.MkdirAll(dir, perm)
}

func (fs *hookFS) Unwrap() vfs.FS { return fs.FS }

type hookFile struct {
	vfs.File
	fs   *hookFS
	name string
}

func (f *hookFile) Write(p []byte) (int, error) {
	if err := f.fs.call("write", f.name); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *hookFile) Sync() error {
	if err := f.fs.call("sync", f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *hookFile) SyncData() error {
	if err := f.fs.call("sync", f.name); err != nil {
		return err
	}
	return f.File.SyncData()
}

// within fails the test when f is not done in time; nothing here may hang for ever.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s: not done after 30 s", what)
	}
}

// eventually waits for a state that no event announces.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not so after 30 s", what)
		}
	}
}

func childFail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

// onlyAtLength skips a test that takes minutes under the race detector, unless CHAISQLD_TESTS=all asks for it.
func onlyAtLength(t *testing.T) {
	t.Helper()
	if os.Getenv("CHAISQLD_TESTS") != "all" {
		t.Skip("takes minutes; CHAISQLD_TESTS=all runs it")
	}
}
