package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Who may take a socket's name, and whose socket stays.

func TestSocketOfAnotherServer(t *testing.T) {
	dir := shortDir(t)
	start(t, dir, "--dir", filepath.Join(dir, "one"), "--socket-dir", dir)
	code, out := command(t, "--dir", filepath.Join(dir, "two"), "--socket-dir", dir)
	if code != exitBusy || !strings.Contains(out, "--socket-dir") {
		t.Errorf("%d %q", code, out)
	}
	execute(t, connect(t, dir), "SELECT 1")
}

// A socket that a killed server left is no obstacle.
func TestStaleSocket(t *testing.T) {
	dir := shortDir(t)
	leaveSocket(t, dir)
	start(t, dir, "--dir", filepath.Join(dir, "db"), "--socket-dir", dir)
	execute(t, connect(t, dir), "SELECT 1")
}

// leaveSocket is what a server that is killed leaves behind.
func leaveSocket(t *testing.T, dir string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, socketName), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

// stopped listens as a server does that was sent SIGSTOP: its queue is full.
func stopped(t *testing.T, path string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		t.Cleanup(func() { unix.Close(fd) })
		if err = unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err == nil {
			err = unix.Listen(fd, 0)
		}
	}
	for i := 0; err == nil; i++ {
		var c net.Conn
		if c, err = net.Dial("unix", path); err == nil {
			t.Cleanup(func() { c.Close() })
		}
		if i > 100 {
			t.Fatal("its queue does not fill")
		}
	}
	if !strings.Contains(err.Error(), syscall.EAGAIN.Error()) {
		t.Fatal(err)
	}
}

// Nothing is taken away but what nobody listens to, and only sockets.
func TestWhatIsInTheSocketsPlaceStays(t *testing.T) {
	for name, test := range map[string]struct {
		put  func(t *testing.T, path string)
		code int
		want string
	}{
		"a stopped server's": {stopped, exitBusy, "does not answer"},
		"a file":             {func(t *testing.T, path string) { writeText(t, path) }, exitCreate, "no socket"},
		"a link": {func(t *testing.T, path string) {
			writeText(t, path+".target")
			if err := os.Symlink(path+".target", path); err != nil {
				t.Fatal(err)
			}
		}, exitCreate, "no socket"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := shortDir(t)
			path := filepath.Join(dir, socketName)
			test.put(t, path)
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			code, out := command(t, "--dir", filepath.Join(dir, "db"), "--socket-dir", dir)
			if code != test.code || !strings.Contains(out, test.want) || !strings.Contains(out, "--socket-dir") {
				t.Errorf("%d %q", code, out)
			}
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
				t.Errorf("it is not there any more: %v, %v", after, err)
			}
		})
	}
}

func writeText(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("somebody's"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Of servers that find a socket left over at the same time, one gets its name.
func TestOneServerTakesTheSocket(t *testing.T) {
	for range 30 {
		dir := shortDir(t)
		leaveSocket(t, dir)
		var taken atomic.Int32
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				p := &place{socketDir: dir, runtimeDir: dir, mode: 0o600}
				if l, err := p.listen(); err == nil {
					taken.Add(1)
					t.Cleanup(func() { l.Close() })
				}
			})
		}
		all.Wait()
		if n := taken.Load(); n != 1 {
			t.Fatalf("%d servers have the socket", n)
		}
	}
}

// A server that leaves takes its own socket away and no other one.
func TestSuccessorsSocketStays(t *testing.T) {
	dir := shortDir(t)
	p := &place{socketDir: dir, runtimeDir: dir, mode: 0o600}
	l, err := p.listen()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Remove(p.socket()); err != nil {
		t.Fatal(err)
	}
	leaveSocket(t, dir)
	if p.remove(); !exists(t, dir, socketName) {
		t.Error("it removed a socket that is not its own")
	}
}

func TestLockFileIsNoLink(t *testing.T) {
	dir := shortDir(t)
	writeText(t, filepath.Join(dir, "file"))
	if err := os.Symlink(filepath.Join(dir, "file"), filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	if code, out := command(t, "--dir", filepath.Join(dir, "db"), "--socket-dir", dir); code != exitCreate || !strings.Contains(out, lockName) {
		t.Errorf("%d %q", code, out)
	}
}
