package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"chaisqld/engine"

	"github.com/jackc/pgx/v5/pgproto3"
)

func TestVersion(t *testing.T) {
	if code, out := command(t, "version"); code != 0 || out != "chaisqld "+Version+"\n" {
		t.Errorf("%d %q", code, out)
	}
}

func TestHelp(t *testing.T) {
	for line, wants := range map[string][]string{
		"--help":       {"serve", "version", "64", "65", "70", "73", "75"},
		"serve --help": {"--dir", "--socket-dir", "--idle-exit", "CHAISQLD_IDLE_EXIT"},
	} {
		code, out := command(t, strings.Fields(line)...)
		for _, want := range wants {
			if code != 0 || !strings.Contains(out, want) {
				t.Errorf("%s: code %d, no %s in\n%s", line, code, want, out)
			}
		}
	}
}

// What is wrong with the command line is said in one line, and nothing happens.
func TestUsageErrors(t *testing.T) {
	dir := shortDir(t)
	db := filepath.Join(dir, "db")
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no directory":         {nil, "--dir"},
		"empty directory":      {[]string{"--dir="}, "--dir"},
		"unknown flag":         {[]string{"--dir", db, "--nosuch"}, "--nosuch"},
		"unknown command":      {[]string{"nosuch"}, "nosuch"},
		"no duration":          {[]string{"--dir", db, "--idle-exit", "soon"}, "--idle-exit"},
		"negative duration":    {[]string{"--dir", db, "--idle-exit=-1s"}, "--idle-exit"},
		"no connections":       {[]string{"--dir", db, "--max-connections", "0"}, "--max-connections"},
		"log level":            {[]string{"--dir", db, "--log-level", "loud"}, "--log-level"},
		"ready on stdout":      {[]string{"--dir", db, "--ready-fd", "1"}, "--ready-fd"},
		"ready on nothing":     {[]string{"--dir", db, "--ready-fd", "999"}, "--ready-fd"},
		"memory, no socket":    {[]string{"--dir", ":memory:"}, "--socket-dir"},
		"socket path too long": {[]string{"--dir", db, "--socket-dir", filepath.Join(dir, strings.Repeat("x", 100))}, "--socket-dir"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out := command(t, test.args...)
			if code != exitUsage || !strings.Contains(out, test.want) || strings.Count(out, "\n") != 1 {
				t.Errorf("%d %q", code, out)
			}
		})
	}
	if exists(t, db) {
		t.Error("a wrong command line created the database")
	}
}

func TestServe(t *testing.T) {
	dir := filepath.Join(shortDir(t), "db")
	s := start(t, dir, "serve", "--dir", dir)
	for path, mode := range map[string]os.FileMode{".": 0o700 | os.ModeDir, socketName: 0o600 | os.ModeSocket, runtimeName: 0o600} {
		if info, err := os.Lstat(filepath.Join(dir, path)); err != nil || info.Mode() != mode {
			t.Errorf("%s: mode %v, %v; want %v", path, info.Mode(), err, mode)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, runtimeName))
	var found struct {
		PID       int    `json:"pid"`
		Version   string `json:"version"`
		SocketDir string `json:"socket_dir"`
	}
	if err := errors.Join(err, json.Unmarshal(text, &found)); err != nil || found.PID != os.Getpid() || found.Version != Version || found.SocketDir != dir {
		t.Errorf("%s says %s, %v", runtimeName, text, err)
	}
	c := connect(t, dir)
	execute(t, c, "CREATE TABLE t (id TEXT PRIMARY KEY)")
	execute(t, c, "INSERT INTO t VALUES ('kept')")
	s.stop()
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d: %s", code, s.out.String())
	}
	if exists(t, dir, socketName) || exists(t, dir, runtimeName) {
		t.Error("socket or chaisqld.json left behind")
	}
	start(t, dir, "--dir", dir, "--must-exist") // serve is the default command
	execute(t, connect(t, dir), "DELETE FROM t WHERE id = 'kept'")
}

func TestServeFromTheEnvironment(t *testing.T) {
	dir := shortDir(t)
	t.Setenv("CHAISQLD_DIR", filepath.Join(dir, "db"))
	t.Setenv("CHAISQLD_SOCKET_DIR", filepath.Join(dir, "run"))
	t.Setenv("CHAISQLD_MAX_CONNECTIONS", "1")
	start(t, filepath.Join(dir, "run"))
	connect(t, filepath.Join(dir, "run"))
	if _, err := dial(t.Context(), filepath.Join(dir, "run")); err == nil || !strings.Contains(err.Error(), "53300") {
		t.Errorf("a second connection: %v", err)
	}
}

func TestServeInMemory(t *testing.T) {
	dir := shortDir(t)
	start(t, dir, "--dir", ":memory:", "--socket-dir", dir)
	execute(t, connect(t, dir), "CREATE TABLE t (id TEXT PRIMARY KEY)")
	if !exists(t, dir, runtimeName) {
		t.Error("no chaisqld.json beside the socket")
	}
}

func TestIdleExit(t *testing.T) {
	dir := filepath.Join(shortDir(t), "db")
	s := start(t, dir, "--dir", dir, "--idle-exit", "100ms")
	if code := s.wait(); code != 0 || !strings.Contains(s.out.String(), "no connections") {
		t.Errorf("%d: %s", code, s.out.String())
	}
	if exists(t, dir, socketName) {
		t.Error("socket left behind")
	}
}

func TestDirectoryHeldByAnother(t *testing.T) {
	dir := filepath.Join(shortDir(t), "db")
	start(t, dir, "--dir", dir)
	code, out := command(t, "--dir", dir)
	if code != exitBusy || !strings.Contains(out, dir) {
		t.Errorf("%d %q", code, out)
	}
	execute(t, connect(t, dir), "SELECT 1") // and its socket is untouched
}

func TestDirectoriesThatCannotBeUsed(t *testing.T) {
	dir := shortDir(t)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("not a directory"), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign")
	if err := os.MkdirAll(filepath.Join(foreign, "pebble"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(foreign, "pebble", "000001.log"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		code int
		path string
	}{
		"a file":                   {[]string{"--dir", file}, exitCreate, file},
		"no parent":                {[]string{"--dir", filepath.Join(dir, "no", "such")}, exitCreate, filepath.Join(dir, "no")},
		"must exist":               {[]string{"--dir", filepath.Join(dir, "new"), "--must-exist"}, exitData, filepath.Join(dir, "new")},
		"not ours":                 {[]string{"--dir", foreign}, exitData, foreign},
		"socket directory no path": {[]string{"--dir", filepath.Join(dir, "db"), "--socket-dir", filepath.Join(file, "x")}, exitCreate, file},
	} {
		t.Run(name, func(t *testing.T) {
			code, out := command(t, test.args...)
			if code != test.code || !strings.Contains(out, test.path) {
				t.Errorf("%d %q, want %d", code, out, test.code)
			}
		})
	}
}

func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, 0}, {usageError{errors.New("x")}, 64}, {fmt.Errorf("x: %w", engine.ErrNotADatabase), 65},
		{errors.Join(engine.ErrDamaged, engine.ErrCannotOpen), 65}, {errors.New("x"), 70},
		{fmt.Errorf("x: %w", engine.ErrCannotOpen), 73}, {fmt.Errorf("x: %w", errSocketDir), 73},
		{fmt.Errorf("x: %w", engine.ErrLocked), 75}, {errSocketBusy, 75},
	} {
		var out output
		if got := exitCode(test.err, &out); got != test.want {
			t.Errorf("%v: %d, want %d", test.err, got, test.want)
		}
		if (test.err == nil) != (out.String() == "") {
			t.Errorf("%v: said %q", test.err, out.String())
		}
	}
}

// SIGTERM lets the running statement finish; its client gets its answer.
func TestSignalFinishesStatements(t *testing.T) {
	dir := filepath.Join(shortDir(t), "db")
	s := start(t, dir, "--dir", dir)
	c := connect(t, dir)
	execute(t, c, "CREATE TABLE t (id TEXT PRIMARY KEY)")
	holder := connect(t, dir)
	tx, err := holder.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "INSERT INTO t VALUES ('held')"); err != nil {
		t.Fatal(err)
	}
	// Sent at once: when the first statement is answered, the server has the second one.
	p := c.PgConn().Frontend()
	for _, sql := range []string{"SELECT 1", "INSERT INTO t VALUES ('running')"} {
		p.SendParse(&pgproto3.Parse{Query: sql})
		p.SendBind(&pgproto3.Bind{})
		p.SendExecute(&pgproto3.Execute{})
		if sql == "SELECT 1" {
			p.Send(&pgproto3.Flush{})
		}
	}
	p.SendSync(&pgproto3.Sync{})
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	c.PgConn().Conn().SetDeadline(time.Now().Add(patience))
	completed(t, p, "SELECT 1")
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	completed(t, p, "INSERT 0 1")
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d: %s", code, s.out.String())
	}
	start(t, dir, "--dir", dir)
	var n int
	if err := connect(t, dir).QueryRow(t.Context(), "SELECT count(*) FROM t").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows, %v; want the one that was acknowledged", n, err)
	}
}

// completed reads replies until that statement's.
func completed(t *testing.T, p *pgproto3.Frontend, tag string) {
	t.Helper()
	for {
		m, err := p.Receive()
		if err != nil {
			t.Fatalf("no answer %s: %v", tag, err)
		}
		switch m := m.(type) {
		case *pgproto3.CommandComplete:
			if string(m.CommandTag) != tag {
				t.Fatalf("%s, want %s", m.CommandTag, tag)
			}
			return
		case *pgproto3.ErrorResponse:
			t.Fatalf("%s %s, want %s", m.Code, m.Message, tag)
		}
	}
}
