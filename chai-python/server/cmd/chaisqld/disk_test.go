package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

// smallDisk mounts a file system of its own.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := shortDir(t)
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mounting a small disk needs the right to: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func free(t *testing.T, dir string) int64 {
	t.Helper()
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}

// fillUp leaves just so much free.
func fillUp(t *testing.T, disk string, leave int64) (empty func()) {
	t.Helper()
	name := filepath.Join(disk, "somebody-elses")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 64<<10)
	for free(t, disk) > leave {
		if _, err := f.Write(block[:min(int64(len(block)), max(free(t, disk)-leave, 4096))]); err != nil {
			break
		}
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
}

const bigSessions = 400 // of 10 kB each, and as much in the log

func insertSessions(t *testing.T, c *pgx.Conn, from, to int) error {
	t.Helper()
	for i := from; i < to; i++ {
		if err := try(t, c, "INSERT INTO sessions VALUES ($1, $2, $3)", fmt.Sprintf("%05d", i), make([]byte, 10_000),
			time.Date(2030, 1, 1, 0, 0, 0, i, time.UTC).Add(time.Duration(i)*time.Second)); err != nil {
			return err
		}
	}
	return nil
}

func countRows(t *testing.T, c *pgx.Conn) (n int) {
	t.Helper()
	if err := c.QueryRow(t.Context(), "SELECT count(*) FROM sessions").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A disk that somebody else fills: writes are refused with a word, rows can be
// read and deleted, and writing goes on by itself once there is room.
func TestDiskThatFillsUp(t *testing.T) {
	disk := smallDisk(t, "64m")
	dir := filepath.Join(disk, "db")
	sockets := shortDir(t)
	p := startProgram(t, nil, []string{"--dir", dir, "--socket-dir", sockets}, nil)
	p.says("msg=ready")
	c := connect(t, sockets)
	execute(t, c, "CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMP NOT NULL)")
	if err := insertSessions(t, c, 0, bigSessions); err != nil {
		t.Fatal(err)
	}
	empty := fillUp(t, disk, 12<<20)
	waitUntil(t, "writes are refused", func() bool {
		err := insertSessions(t, c, bigSessions, bigSessions+1)
		if err == nil {
			execute(t, c, "DELETE FROM sessions WHERE token = $1", fmt.Sprintf("%05d", bigSessions))
			return false
		}
		wantState(t, err, "53100")
		return true
	})
	execute(t, c, "DELETE FROM sessions WHERE token < '00010'")
	if n := countRows(t, c); n != bigSessions-10 {
		t.Errorf("%d rows", n)
	}
	empty()
	waitUntil(t, "writes go on", func() bool { return insertSessions(t, c, 0, 10) == nil })
	p.signal(syscall.SIGKILL)
	<-p.ended
	p = startProgram(t, nil, []string{"--dir", dir, "--socket-dir", sockets}, nil)
	p.says("msg=ready")
	if n := countRows(t, connect(t, sockets)); n != bigSessions {
		t.Errorf("%d rows after a kill, want %d", n, bigSessions)
	}
}

// A start on a disk without any room says what is wrong, can be stopped, and
// succeeds by itself when there is room again; nothing is lost.
func TestStartOnAFullDisk(t *testing.T) {
	disk := smallDisk(t, "64m")
	dir := filepath.Join(disk, "db")
	sockets := shortDir(t)
	args := []string{"--dir", dir, "--socket-dir", sockets}
	p := startProgram(t, nil, args, nil)
	p.says("msg=ready")
	c := connect(t, sockets)
	execute(t, c, "CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMP NOT NULL)")
	if err := insertSessions(t, c, 0, bigSessions/2); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGKILL) // so that the rows are in the log alone
	<-p.ended
	empty := fillUp(t, disk, 0)
	p = startProgram(t, nil, args, nil)
	p.says("not open yet")
	p.says("bytes are free")
	p.signal(syscall.SIGTERM)
	p.ends(exitOK)
	p = startProgram(t, nil, args, nil)
	p.says("not open yet")
	empty()
	p.says("msg=ready")
	if n := countRows(t, connect(t, sockets)); n != bigSessions/2 {
		t.Errorf("%d rows, want %d", n, bigSessions/2)
	}
	if out := p.out.String(); strings.Contains(out, "panic") {
		t.Error(out)
	}
}

func TestReadOnlyDisk(t *testing.T) {
	disk := smallDisk(t, "64m")
	dir := filepath.Join(disk, "db")
	mustRun(t, "init", "--dir", dir)
	if err := unix.Mount("", disk, "", unix.MS_REMOUNT|unix.MS_RDONLY, "size=64m"); err != nil {
		t.Skip(err)
	}
	for _, args := range [][]string{{"--dir", dir}, {"check", "--dir", dir}, {"init", "--dir", filepath.Join(disk, "new")}} {
		if code, out := command(t, args...); code != exitCreate || !strings.Contains(out, "read-only file system") {
			t.Errorf("%q: %d %q", args, code, out)
		}
	}
	if err := unix.Mount("", disk, "", unix.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	start(t, dir, "--dir", dir)
}
