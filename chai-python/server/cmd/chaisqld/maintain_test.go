package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"chaisqld/engine"
	"chaisqld/internal/chaistore"
)

func TestMain(m *testing.M) {
	code := m.Run()
	chaistore.Remove()
	os.Exit(code)
}

// goDirectory is a directory of a Go program that knows nothing of chaisqld;
// the indexes of its first ten rows are wrong.
func goDirectory(t *testing.T) string {
	t.Helper()
	db := filepath.Join(shortDir(t), "db")
	program, err := chaistore.Program()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), program, db, "50", "10").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return db
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	code, out := command(t, args...)
	if code != exitOK {
		t.Fatalf("%q: exit code %d: %s", args, code, out)
	}
	return out
}

func TestInit(t *testing.T) {
	dir := filepath.Join(shortDir(t), "db")
	mustRun(t, "init", "--dir", dir)
	if code, out := command(t, "init", "--dir", dir); code != exitCreate || !strings.Contains(out, "already") {
		t.Errorf("a second time: %d %q", code, out)
	}
	start(t, dir, "--dir", dir, "--must-exist")
	if code, out := command(t, "init", "--dir", dir); code != exitBusy {
		t.Errorf("while it is served: %d %q", code, out)
	}
}

// From the Go program's directory to a served one, and on to a restored copy.
func TestAdoptCheckBackupRestore(t *testing.T) {
	dir := goDirectory(t)
	if code, out := command(t, "--dir", dir, "--must-exist"); code != exitData || !strings.Contains(out, "adopt") {
		t.Fatalf("before adoption: %d %q", code, out)
	}
	out := mustRun(t, "adopt", "--dir", dir)
	for _, want := range []string{"repaired: table sessions, index idx_sessions_expiry: 10 rows are missing", "table sessions: 50 rows, 1 indexes: ok", ".before-adopt-"} {
		if !strings.Contains(out, want) {
			t.Errorf("adopt says nothing of %q:\n%s", want, out)
		}
	}
	s := start(t, dir, "--dir", dir)
	execute(t, connect(t, dir), "DELETE FROM sessions WHERE expiry < $1", "2030-01-01 00:00:15Z")
	if code, out := command(t, "check", "--dir", dir); code != exitBusy || !strings.Contains(out, dir) {
		t.Errorf("check of a served directory: %d %q", code, out)
	}
	s.stop()
	s.wait()
	mustSay(t, "table sessions: 45 rows, 1 indexes: ok\n", "check", "--dir", dir) // 0 to 9 had been renewed
	backup, restored := filepath.Join(shortDir(t), "backup"), filepath.Join(shortDir(t), "restored")
	mustRun(t, "backup", "--dir", dir, "--to", backup)
	mustSay(t, "table sessions: 45 rows, 1 indexes: ok\n", "check", "--dir", backup)
	mustRun(t, "restore", "--from", backup, "--dir", restored)
	start(t, restored, "--dir", restored, "--must-exist")
	var n int
	if err := connect(t, restored).QueryRow(t.Context(), "SELECT count(*) FROM sessions").Scan(&n); err != nil || n != 45 {
		t.Errorf("%d rows, %v", n, err)
	}
}

func mustSay(t *testing.T, want string, args ...string) {
	t.Helper()
	if out := mustRun(t, args...); out != want {
		t.Errorf("%q says %q, want %q", args, out, want)
	}
}

func TestMaintenanceErrors(t *testing.T) {
	dir := shortDir(t)
	db, full := filepath.Join(dir, "db"), filepath.Join(dir, "full")
	mustRun(t, "init", "--dir", db)
	if err := os.MkdirAll(filepath.Join(full, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"check without directory":     {[]string{"check"}, exitUsage, "--dir"},
		"check in memory":             {[]string{"check", "--dir", ":memory:"}, exitUsage, "--dir"},
		"unknown progress":            {[]string{"check", "--dir", db, "--progress", "loud"}, exitUsage, "--progress"},
		"backup to nowhere":           {[]string{"backup", "--dir", db, "--to", ""}, exitUsage, "--to"},
		"restore from nowhere":        {[]string{"restore", "--from", "", "--dir", full}, exitUsage, "--from"},
		"check of nothing":            {[]string{"check", "--dir", filepath.Join(dir, "none")}, exitData, "none"},
		"adopt of nothing":            {[]string{"adopt", "--dir", full}, exitData, "nothing to adopt"},
		"backup into itself":          {[]string{"backup", "--dir", db, "--to", filepath.Join(db, "b")}, exitSoftware, "inside"},
		"backup to a full directory":  {[]string{"backup", "--dir", db, "--to", full}, exitCreate, "not empty"},
		"backup without a parent":     {[]string{"backup", "--dir", db, "--to", filepath.Join(dir, "no", "b")}, exitCreate, "parent"},
		"restore to a full directory": {[]string{"restore", "--from", db, "--dir", full}, exitCreate, "not empty"},
		"restore of no database":      {[]string{"restore", "--from", full, "--dir", filepath.Join(dir, "new")}, exitData, full},
	} {
		t.Run(name, func(t *testing.T) {
			code, out := command(t, test.args...)
			if code != test.code || !strings.Contains(out, test.want) || strings.Count(out, "\n") != 1 {
				t.Errorf("%d %q, want %d with %q", code, out, test.code, test.want)
			}
		})
	}
}

// What programs read: lines of progress, then one of the result; damage is an exit code.
func TestMaintenanceJSON(t *testing.T) {
	dir := goDirectory(t)
	out := mustRun(t, "adopt", "--dir", dir, "--no-backup", "--json", "--progress", "json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var result struct {
		Result engine.AdoptReport `json:"result"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &result); err != nil || result.Result.Backup != "" || result.Result.Found.OK() || !result.Result.Left.OK() {
		t.Errorf("result %+v, %v in\n%s", result, err, out)
	}
	for _, line := range lines[:len(lines)-1] {
		var event struct {
			Progress struct {
				Step        string
				Done, Total int64
			}
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil || event.Progress.Step == "" || event.Progress.Done > event.Progress.Total {
			t.Errorf("progress %q: %v", line, err)
		}
	}
	if len(lines) < 2 {
		t.Errorf("no progress: %s", out)
	}
}

func TestCheckFindsAndRepairs(t *testing.T) {
	dir := goDirectory(t)
	mark(t, dir)
	code, out := command(t, "check", "--dir", dir)
	if code != exitData || !strings.Contains(out, "table sessions: 50 rows, 1 indexes: damaged\n") || !strings.Contains(out, "10 rows are missing") {
		t.Errorf("%d %s", code, out)
	}
	if out := mustRun(t, "check", "--dir", dir, "--repair"); !strings.Contains(out, "repaired: ") {
		t.Error(out)
	}
	mustSay(t, "table sessions: 50 rows, 1 indexes: ok\n", "check", "--dir", dir)
}

// mark makes a database of ours of a damaged directory: what adopt would not
// do, a marker in the style of one whose index was damaged later.
func mark(t *testing.T, dir string) {
	t.Helper()
	donor := filepath.Join(shortDir(t), "donor")
	mustRun(t, "init", "--dir", donor)
	text, err := os.ReadFile(filepath.Join(donor, "chaisqld.id"))
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimSpace(strings.TrimPrefix(string(text), "chaisqld 1 "))
	db, err := sql.Open("chai", dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"CREATE TABLE __chaisqld (id TEXT PRIMARY KEY)", fmt.Sprintf("INSERT INTO __chaisqld (id) VALUES ('%s')", id)} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "chaisqld.id"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}
