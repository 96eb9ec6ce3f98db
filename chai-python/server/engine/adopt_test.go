package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"chaisqld/internal/chaistore"

	"github.com/cockroachdb/pebble/v2"
)

func chaistoreCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	program, err := chaistore.Program()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(background, time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = os.Stderr
	return cmd
}

// goDirectory is what the Go program leaves: its directory and what it stored, a line each.
func goDirectory(t *testing.T, sessions, renewals int) (dir string, stored []string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "chai_db")
	out, err := chaistoreCommand(t, dir, strconv.Itoa(sessions), strconv.Itoa(renewals)).Output()
	if err != nil {
		t.Fatal(err)
	}
	return dir, strings.Split(strings.TrimSpace(string(out)), "\n")
}

// held is what an engine finds in the sessions table, in the same form.
func held(t *testing.T, e *Engine) map[string]bool {
	t.Helper()
	found := make(map[string]bool)
	err := e.Read(background, func(r Reader) error {
		return r.Query("SELECT token, data, expiry FROM sessions", nil, func(v []any) error {
			found[fmt.Sprintf("%s %x %d", v[0], v[1], v[2].(time.Time).UnixMicro())] = true
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func mustHoldLines(t *testing.T, e *Engine, stored []string) {
	t.Helper()
	found := held(t, e)
	for _, line := range stored {
		if !found[line] {
			t.Fatalf("not found: %s", line)
		}
	}
	if len(found) != len(stored) {
		t.Fatalf("%d rows, the program stored %d", len(found), len(stored))
	}
}

func countOf(r *CheckReport, kind string) (n int64) {
	r.each(func(_ string, p *Problem) {
		if p.Kind == kind {
			n += p.Count
		}
	})
	return n
}

func TestAdoptPoisonedDirectory(t *testing.T) {
	dir, stored := goDirectory(t, 400, 150)
	if _, err := Open(background, Options{Dir: dir}); !errors.Is(err, ErrNotADatabase) || !strings.Contains(err.Error(), "chaisqld adopt") {
		t.Fatalf("before adoption: %v", err)
	}
	before := listing(t, filepath.Join(dir, pebbleName))
	report, err := Adopt(background, Options{Dir: dir}, AdoptOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if countOf(report.Found, ProblemMissing) != 150 || countOf(report.Found, ProblemStray) != 150 || !report.Left.OK() || report.Already {
		t.Errorf("found %v, left %v", report.Found.Problems(), report.Left.Problems())
	}
	// But for the lock, which holds nothing, the copy is what was there.
	was := strings.ReplaceAll(before, filepath.Join(dir, pebbleName, "LOCK")+" \n", "")
	if copied := listing(t, filepath.Join(report.Backup, pebbleName)); strings.ReplaceAll(copied, report.Backup, dir) != was {
		t.Error("the copy is not what was there")
	}
	e := open(t, Options{Dir: dir, MustExist: true})
	mustHoldLines(t, e, stored)
	mustCheck(t, e, 400)
	// What the poisoned index made impossible: find, renew and delete by expiry.
	sweep := func(w Writer) error {
		if err := w.Exec("UPDATE sessions SET expiry = $1 WHERE token = $2", []any{epoch, fmt.Sprintf("%043d", 7)}); err != nil {
			return err
		}
		return w.Exec("DELETE FROM sessions WHERE expiry < $1", []any{epoch.AddDate(0, 0, 1)})
	}
	if err := e.Write(background, WriteRequest{Run: sweep}); err != nil {
		t.Fatal(err)
	}
	mustCheck(t, e, 149) // the renewed ones but for the one that was moved back
	again, err := Adopt(background, Options{Dir: goCopy(t, report.Backup)}, AdoptOptions{NoBackup: true}, nil)
	if err != nil || again.Backup != "" || countOf(again.Found, ProblemMissing) != 150 {
		t.Errorf("from the copy: %+v, %v", again, err)
	}
}

// goCopy copies a directory that nobody has open.
func goCopy(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := copyDatabase(background, dir, to, nil); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestAdoptedIsAdoptedAlready(t *testing.T) {
	dir := database(t)
	before := listing(t, dir)
	report, err := Adopt(background, Options{Dir: dir}, AdoptOptions{}, nil)
	if err != nil || !report.Already || !report.Left.OK() || report.Backup != "" {
		t.Fatalf("%+v, %v", report, err)
	}
	if listing(t, dir) != before {
		t.Error("the directory was changed")
	}
}

// childAdopt is killed at its n-th step or file operation.
func childAdopt(dir string) {
	n, err := strconv.ParseInt(os.Getenv("CHAISQLD_TEST_STEP"), 10, 64)
	if err != nil {
		childFail("step: %v", err)
	}
	step := killAt(n)
	hookFiles(dir, func(string, string) error { step(); return nil })
	if _, err := Adopt(background, Options{Dir: dir, step: func(string) { step() }}, AdoptOptions{}, nil); err != nil {
		childFail("adopt: %v", err)
	}
}

// killAt ends the process, as by kill -9, when it is called the n-th time.
func killAt(n int64) func() {
	var steps atomic.Int64
	return func() {
		if steps.Add(1) == n {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
}

func TestAdoptionSurvivesKillAtEveryStep(t *testing.T) {
	origin, stored := goDirectory(t, 60, 30)
	for step := 1; ; step++ {
		dir := goCopy(t, origin)
		out, err := child(t, "adopt", dir, "CHAISQLD_TEST_STEP="+strconv.Itoa(step)).CombinedOutput()
		if err != nil && !strings.Contains(err.Error(), "killed") {
			t.Fatalf("step %d: %v\n%s", step, err, out)
		}
		report, adoptErr := Adopt(background, Options{Dir: dir}, AdoptOptions{}, nil)
		if adoptErr != nil || !report.Left.OK() {
			t.Fatalf("killed at step %d, adoption says %+v, %v", step, report, adoptErr)
		}
		mustBeAdopted(t, dir, stored)
		if err == nil { // the child had fewer steps
			if step < 20 {
				t.Fatalf("adoption has %d steps only: are they counted?", step-1)
			}
			return
		}
	}
}

func mustBeAdopted(t *testing.T, dir string, stored []string) {
	t.Helper()
	e, err := Open(background, Options{Dir: dir, MustExist: true})
	if err != nil {
		t.Fatal(err)
	}
	mustHoldLines(t, e, stored)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	copies, _ := filepath.Glob(dir + ".before-adopt-*")
	if len(copies) != 1 {
		t.Fatalf("%d copies were made: %v", len(copies), copies)
	}
	o := Options{Dir: copies[0]}
	o.setDefaults()
	copied, err := checkLocked(background, copies[0], &o, nil)
	if err != nil || countOf(copied, ProblemMissing) != 30 {
		t.Fatalf("the copy: %+v, %v", copied, err)
	}
}

func TestAdoptRefuses(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T) string
		want    error
		message string
	}{
		{"absent", func(t *testing.T) string { return filepath.Join(t.TempDir(), "new") }, ErrNotADatabase, "does not exist"},
		{"empty", func(t *testing.T) string { return t.TempDir() }, ErrNotADatabase, "nothing to adopt"},
		{"being created", func(t *testing.T) string {
			dir := t.TempDir()
			write(t, dir, creatingName, "")
			return dir
		}, ErrNotADatabase, "being created"},
		{"a table that cannot be served", func(t *testing.T) string {
			return unmarked(t, "CREATE TABLE pairs (a TEXT PRIMARY KEY, b TEXT, c TEXT)", "CREATE INDEX bc ON pairs (b, c)")
		}, ErrUnservable, "several columns"},
		{"duplicates", duplicated, ErrDamaged, "more than once"},
		{"bricked", bricked, ErrDamaged, "cannot be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := test.prepare(t)
			before := listing(t, filepath.Dir(dir))
			_, err := Adopt(background, Options{Dir: dir}, AdoptOptions{}, nil)
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.message) {
				t.Fatalf("got %v, want %v with %q", err, test.want, test.message)
			}
			if after := listing(t, filepath.Dir(dir)); after != before {
				t.Errorf("the directory was changed:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
}

// unmarked makes a database with these tables and takes its marker away.
func unmarked(t *testing.T, ddl ...string) string {
	t.Helper()
	dir := database(t)
	e, err := Open(background, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := define(e, ddl...); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, markerName)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// duplicated: a unique index that DO REPLACE has poisoned lets the same value in twice.
func duplicated(t *testing.T) string {
	t.Helper()
	dir := unmarked(t, "CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT UNIQUE)")
	run(t, dir, "INSERT INTO users (id, name) VALUES ('1', 'ann')", "INSERT INTO users (id, name) VALUES ('1', 'bob') ON CONFLICT DO REPLACE",
		"INSERT INTO users (id, name) VALUES ('2', 'bob')")
	return dir
}

// run executes statements on Chai, without an engine.
func run(t *testing.T, dir string, statements ...string) {
	t.Helper()
	o := Options{Dir: dir}
	o.setDefaults()
	err := throughChai(background, dir, &o, func(c *conn, _ *pebble.DB) error {
		return c.writing(func() error {
			for _, sql := range statements {
				if err := c.exec(sql, nil); err != nil {
					return fmt.Errorf("%s: %w", sql, err)
				}
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// bricked: the shortened separators that an untouched Chai writes.
func bricked(t *testing.T) string {
	t.Helper()
	dir := database(t)
	out, err := child(t, "unshimmed", dir).CombinedOutput()
	if err == nil {
		t.Fatalf("the untouched engine was to break its directory: %s", out)
	}
	if err := os.Remove(filepath.Join(dir, markerName)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAdoptWhatCannotBeServedWhenAsked(t *testing.T) {
	dir := unmarked(t, "CREATE TABLE pairs (a TEXT PRIMARY KEY, b TEXT, c TEXT)", "CREATE INDEX bc ON pairs (b, c)")
	report, err := Adopt(background, Options{Dir: dir}, AdoptOptions{AllowUnsupported: true}, nil)
	if err != nil || len(report.Unsupported) != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	if e := open(t, Options{Dir: dir}); e.Catalogue().Table("pairs").Unsupported == "" {
		t.Error("the table is served")
	}
}

func TestAdoptWaitsForNobody(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "chai_db")
	cmd := chaistoreCommand(t, dir, "3", "1", "hold")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitForLine(t, out, "holding")
	_, err = Adopt(background, Options{Dir: dir, LockWait: 50 * time.Millisecond}, AdoptOptions{}, nil)
	if !errors.Is(err, ErrLocked) {
		t.Errorf("while the program runs: %v", err)
	}
	if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	if report, err := Adopt(background, Options{Dir: dir}, AdoptOptions{}, nil); err != nil || !report.Left.OK() {
		t.Errorf("after it has ended without closing: %+v, %v", report, err)
	}
}

func waitForLine(t *testing.T, r io.Reader, want string) {
	t.Helper()
	seen := make([]byte, 0, 1000)
	within(t, "line "+want, func() {
		for !strings.Contains(string(seen), want) {
			b := make([]byte, 100)
			n, err := r.Read(b)
			if seen = append(seen, b[:n]...); err != nil {
				t.Errorf("%v after %q", err, seen)
				return
			}
		}
	})
}
