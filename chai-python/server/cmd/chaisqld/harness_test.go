package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

// shortDir is a directory whose path leaves room for a socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "chaisqld")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// output collects what several goroutines write.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// command runs chaisqld in this process to its end: exit code and output.
func command(t *testing.T, args ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out output
	code := exitCode(run(ctx, args, &out, &out), &out)
	if ctx.Err() != nil {
		t.Fatalf("%q did not end within %s: %s", args, patience, out.String())
	}
	return code, out.String()
}

// instance is a server that runs in this process.
type instance struct {
	t         *testing.T
	socketDir string
	stop      context.CancelFunc
	ended     chan struct{}
	code      int
	out       output
}

// start returns when the server has said that it is ready.
func start(t *testing.T, socketDir string, args ...string) *instance {
	t.Helper()
	ready, fd := readyPipe(t)
	ctx, stop := context.WithCancel(context.Background())
	s := &instance{t: t, socketDir: socketDir, stop: stop, ended: make(chan struct{})}
	args = append(args, "--ready-fd", strconv.Itoa(fd))
	go func() {
		defer close(s.ended)
		s.code = exitCode(run(ctx, args, &s.out, &s.out), &s.out)
	}()
	t.Cleanup(func() { stop(); s.wait() })
	if line, err := io.ReadAll(ready); string(line) != "ready\n" {
		t.Fatalf("ready line %q, %v; output: %s", line, err, s.out.String())
	}
	return s
}

// readyPipe gives the end to read from, and a descriptor that the server owns.
func readyPipe(t *testing.T) (*os.File, int) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	fd, err := unix.Dup(int(w.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	r.SetReadDeadline(time.Now().Add(patience))
	return r, fd
}

// wait gives the exit code.
func (s *instance) wait() int {
	s.t.Helper()
	select {
	case <-s.ended:
		return s.code
	case <-time.After(patience):
		s.t.Fatalf("the server does not end; output: %s", s.out.String())
	}
	return -1
}

func connect(t *testing.T, socketDir string) *pgx.Conn {
	t.Helper()
	c, err := dial(t.Context(), socketDir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func dial(ctx context.Context, socketDir string) (*pgx.Conn, error) {
	return pgx.Connect(ctx, fmt.Sprintf("host=%s port=5432 user=tester dbname=chai sslmode=disable connect_timeout=10", socketDir))
}

func execute(t *testing.T, c *pgx.Conn, sql string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := c.Exec(ctx, sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func exists(t *testing.T, path ...string) bool {
	t.Helper()
	_, err := os.Lstat(filepath.Join(path...))
	return err == nil
}
