package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"chaisqld/engine"
	"chaisqld/pgerr"
)

// manager is what a service manager hears.
type manager struct {
	t      *testing.T
	socket *net.UnixConn
}

func listenToUs(t *testing.T) *manager {
	t.Helper()
	path := filepath.Join(shortDir(t), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return &manager{t, l}
}

// next gives the next message that is not the watchdog's, or that is.
func (m *manager) next(watchdog bool) string {
	m.t.Helper()
	m.socket.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, 4096)
	for {
		n, err := m.socket.Read(b)
		if err != nil {
			m.t.Fatalf("nothing is said: %v", err)
		}
		if text := string(b[:n]); (text == "WATCHDOG=1") == watchdog {
			return text
		}
	}
}

func (m *manager) expect(wants ...string) {
	m.t.Helper()
	got := m.next(false)
	for _, want := range wants {
		if !strings.Contains(got+"\n", want) {
			m.t.Errorf("said %q, want %q", got, want)
		}
	}
}

func TestServiceManagerIsTold(t *testing.T) {
	m := listenToUs(t)
	f := newRemoteFiles(t)
	dir := filepath.Join(shortDir(t), "db")
	s := start(t, dir, append(f.flags(), "--dir", dir, "--listen", "tcp://127.0.0.1:0")...)
	m.expect("READY=1\n", "STATUS=Serving "+dir+"\n")
	syscall.Kill(os.Getpid(), syscall.SIGHUP)
	m.expect("RELOADING=1\n", "MONOTONIC_USEC=", "STATUS=")
	m.expect("READY=1\n", "STATUS=Serving "+dir+"\n")
	os.Chmod(f.key, 0o644)
	syscall.Kill(os.Getpid(), syscall.SIGHUP)
	m.expect("RELOADING=1\n")
	m.expect("READY=1\n", "failed\n")
	s.stop()
	m.expect("STOPPING=1\n", "STATUS=")
	if code := s.wait(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// Nobody is told that a server is ready that is not.
func TestServiceManagerHearsNothingOfAFailedStart(t *testing.T) {
	m := listenToUs(t)
	if code, _ := command(t, "--dir", filepath.Join(shortDir(t), "no", "db")); code != exitCreate {
		t.Errorf("exit code %d", code)
	}
	m.socket.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := m.socket.Read(make([]byte, 100)); err == nil {
		t.Errorf("%d bytes were said", n)
	}
}

// A manager that is gone is no reason not to serve.
func TestServiceManagerThatIsGone(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(shortDir(t), "gone"))
	dir := filepath.Join(shortDir(t), "db")
	s := start(t, dir, "--dir", dir)
	execute(t, connect(t, dir), "SELECT 1")
	waitUntil(t, "a warning", func() bool { return strings.Contains(s.out.String(), "cannot tell the service manager") })
}

func TestWatchdogIsFed(t *testing.T) {
	m := listenToUs(t)
	t.Setenv("WATCHDOG_USEC", "90000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	dir := filepath.Join(shortDir(t), "db")
	start(t, dir, "--dir", dir)
	began := time.Now()
	for range 5 {
		m.next(true)
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("five times in %s", took)
	}
}

// An engine that refuses for a reason gets its food. One whose writer hangs has
// a watchdog of its own, after whose verdict it gets none.
func TestWatchdogStarvesWhenTheWriterHangs(t *testing.T) {
	hung, ended := make(chan struct{}), make(chan struct{})
	db, err := engine.Open(t.Context(), engine.Options{Dir: engine.Memory, WriterWait: 50 * time.Millisecond, TransactionTime: time.Hour, TransactionTurn: time.Hour,
		IdleInTransaction: time.Hour, HangLimit: time.Second, Fatal: func(string) { close(ended) }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	defer close(hung)
	if err := answers(t.Context(), db, patience); err != nil {
		t.Errorf("an engine that is well: %v", err)
	}
	lease, err := db.Lease(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := answers(t.Context(), db, patience); err != nil {
		t.Errorf("while somebody holds the writer: %v", err)
	}
	lease.Rollback()
	go db.Write(context.Background(), engine.WriteRequest{Run: func(engine.Writer) error { <-hung; return nil }})
	<-ended
	if err := answers(t.Context(), db, patience); err == nil {
		t.Error("the writer hangs, but the engine is said to answer")
	}
}

// To wait in vain is an answer only while the writer is known to be busy.
func TestAnswersOfAnEngine(t *testing.T) {
	for _, test := range []struct {
		err  error
		busy bool
		want bool
	}{
		{nil, false, true}, {errors.New("x"), true, false}, {pgerr.New(pgerr.InternalError, "x"), true, false},
		{pgerr.New(pgerr.DiskFull, "x"), false, true}, {pgerr.New(pgerr.TooManyConnections, "x"), false, true},
		{pgerr.New(pgerr.LockNotAvailable, "x"), true, true}, {pgerr.New(pgerr.LockNotAvailable, "x"), false, false},
		{pgerr.New(pgerr.QueryCanceled, "x"), true, true}, {pgerr.New(pgerr.QueryCanceled, "x"), false, false},
	} {
		if got := isAnswer(test.err, test.busy); got != test.want {
			t.Errorf("%v, busy %v: %v", test.err, test.busy, got)
		}
	}
}

func TestUnitFiles(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	dir := t.TempDir()
	units, err := filepath.Glob("../../../chaisql/systemd/chaisqld.*")
	if err != nil || len(units) < 2 {
		t.Fatalf("%v, %v", units, err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var copies []string
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		copies = append(copies, filepath.Join(dir, filepath.Base(unit)))
		if err := os.WriteFile(copies[len(copies)-1], []byte(strings.ReplaceAll(string(text), "/usr/local/bin/chaisqld", self)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), analyze, append([]string{"verify", "--man=no"}, copies...)...).CombinedOutput()
	if err != nil || strings.Contains(string(out), dir) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	fmt.Fprintf(t.Output(), "%s", out)
}
