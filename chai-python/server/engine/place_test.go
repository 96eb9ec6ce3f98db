package engine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// What goes on around a database: its directory vanishes, or may not be written.

func TestDirectoryThatVanishesEndsTheServer(t *testing.T) {
	for name, vanish := range map[string]func(dir string) error{
		"removed": os.RemoveAll,
		"moved":   func(dir string) error { return os.Rename(dir, dir+".away") },
		"replaced": func(dir string) error {
			return errors.Join(os.Rename(dir, dir+".away"), os.Mkdir(dir, 0o700))
		},
		"emptied": func(dir string) error { return os.Remove(filepath.Join(dir, markerName)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "db")
			var reason atomic.Value
			e, err := Open(background, Options{Dir: dir, Fatal: func(text string) { reason.Store(text) }})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			createSessions(t, e)
			if err := vanish(dir); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the end of the server", func() bool { return reason.Load() != nil })
			if text := reason.Load().(string); !strings.Contains(text, dir) {
				t.Errorf("the reason does not name the directory: %s", text)
			}
			if err := e.Write(background, WriteRequest{Run: insert("late", nil, epoch)}); err == nil {
				t.Error("a write was acknowledged that nobody will find")
			}
		})
	}
}

func TestServiceResumesInDirectoryThatCameBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	ended := make(chan string, 1)
	e, err := Open(background, Options{Dir: dir, Fatal: func(text string) { ended <- text }})
	if err != nil {
		t.Fatal(err)
	}
	createSessions(t, e)
	if err := e.Write(background, WriteRequest{Run: insert("kept", nil, epoch)}); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	within(t, "the end", func() { <-ended })
	_ = e.Close() // the process would be gone
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	if n := count(t, open(t, Options{Dir: dir, MustExist: true})); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// childOpen opens, writes, and says what came of it.
func childOpen(dir string) {
	e, err := Open(background, Options{Dir: dir})
	if err == nil {
		err = errors.Join(e.Write(background, WriteRequest{Run: insert("x", nil, epoch)}), e.Close())
	}
	fmt.Printf("cannot open: %v; error: %v\n", errors.Is(err, ErrCannotOpen), err)
}

// asNobody runs a child as a user that owns nothing.
func asNobody(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	const nobody = 65534
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cmd
}

// open to all but the last part of the path.
func reachable(t *testing.T, dir string) string {
	t.Helper()
	for d := filepath.Dir(dir); len(d) > len(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPermissionDenied(t *testing.T) {
	for name, forbid := range map[string]func(dir string) error{
		"directory": func(dir string) error { return os.Chmod(dir, 0o700) },
		"files":     func(dir string) error { return os.Chmod(dir, 0o755) },
		"data": func(dir string) error {
			return errors.Join(os.Chmod(dir, 0o777), os.Chmod(filepath.Join(dir, markerName), 0o644))
		},
		"not there, no write": os.RemoveAll,
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "db")
			e := sessions(t, Options{Dir: dir})
			if err := errors.Join(e.Close(), forbid(reachable(t, dir))); err != nil {
				t.Fatal(err)
			}
			before := listing(t, dir)
			cmd := asNobody(t, child(t, "open", dir))
			cmd.Path = worldReadable(t, cmd.Path)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), "cannot open: true") || !strings.Contains(string(out), dir) || !strings.Contains(string(out), "permission denied") {
				t.Errorf("%v: %s", err, out)
			}
			if listing(t, dir) != before {
				t.Error("the directory was changed")
			}
		})
	}
}

// worldReadable copies the test binary to where everybody can run it.
func worldReadable(t *testing.T, program string) string {
	t.Helper()
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	to := reachable(t, filepath.Join(t.TempDir(), "program"))
	if err := os.WriteFile(to, content, 0o755); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestReadOnlyFileSystem(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	e := sessions(t, Options{Dir: dir})
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	mount := `mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" || exit 99; exec "$1"`
	cmd := child(t, "open", dir)
	cmd.Args = []string{"unshare", "-m", "sh", "-c", mount, dir, cmd.Path}
	var err error
	if cmd.Path, err = exec.LookPath("unshare"); err != nil {
		t.Skip(err)
	}
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code == 99 || code == 1 {
		t.Skipf("no mounts here: %s", out)
	}
	if err != nil || !strings.HasPrefix(string(out), "cannot open: true") || !strings.Contains(string(out), "read-only file system") {
		t.Errorf("%v: %s", err, out)
	}
}
