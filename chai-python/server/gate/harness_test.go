package gate_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"chaisqld/engine"
	"chaisqld/gate"
	"chaisqld/pgerr"
)

// database is a gate on a real engine.
type database struct {
	testing.TB
	gate   *gate.Gate
	engine *engine.Engine
	now    time.Time
}

var testNow = time.Date(2025, 6, 1, 12, 0, 0, 123456000, time.UTC)

func openDatabase(tb testing.TB, dir string, limits gate.Limits) *database {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	e, err := engine.Open(ctx, engine.Options{Dir: dir, DiskFloor: -1, HangLimit: time.Minute, Fatal: func(reason string) { tb.Errorf("fatal: %s", reason) }})
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	tb.Cleanup(func() {
		if err := e.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return &database{TB: tb, gate: gate.New(limits), engine: e, now: testNow}
}

func openMemory(tb testing.TB) *database { return openDatabase(tb, ":memory:", gate.Limits{}) }

// run prepares and runs one statement the way a session does.
func (d *database) run(sql string, args ...any) (*gate.Result, error) {
	d.Helper()
	p, err := d.gate.Prepare(sql, nil, d.engine.Catalogue())
	if err != nil {
		return nil, err
	}
	return d.runPlan(p, args...)
}

func (d *database) runPlan(p *gate.Plan, args ...any) (result *gate.Result, err error) {
	d.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	switch p.Access {
	case gate.None:
		return p.Run(nil, args, d.now, new(gate.Meter))
	case gate.Read:
		err = d.engine.Read(ctx, func(r engine.Reader) error {
			result, err = p.Run(r, args, d.now, new(gate.Meter))
			return err
		})
		return result, err
	}
	err = d.engine.Write(ctx, engine.WriteRequest{Bytes: p.Bytes(args), Schema: p.Access == gate.Schema, Run: func(w engine.Writer) error {
		result, err = p.Run(w, args, d.now, new(gate.Meter))
		return err
	}})
	return result, err
}

// exec runs a statement that must succeed and checks its command tag.
func (d *database) exec(tag, sql string, args ...any) *gate.Result {
	d.Helper()
	r, err := d.run(sql, args...)
	if err != nil {
		d.Fatalf("%s %v: %v", sql, args, describe(err))
	}
	if r.Tag != tag {
		d.Fatalf("%s %v: tag %q, want %q", sql, args, r.Tag, tag)
	}
	return r
}

// fails runs a statement that must fail with a SQLSTATE.
func (d *database) fails(code, sql string, args ...any) *pgerr.Error {
	d.Helper()
	_, err := d.run(sql, args...)
	var e *pgerr.Error
	if !errors.As(err, &e) || e.Code != code {
		d.Fatalf("%s %v: error %v, want SQLSTATE %s", sql, args, describe(err), code)
	}
	return e
}

func describe(err error) string {
	var e *pgerr.Error
	if errors.As(err, &e) {
		return e.Error() + " hint: " + e.Hint
	}
	if err == nil {
		return "none"
	}
	return err.Error()
}

const (
	sessionsTable = `CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMP NOT NULL)`
	sessionsIndex = `CREATE INDEX IF NOT EXISTS idx_sessions_expiry ON sessions (expiry)`
)

func (d *database) createSessions() {
	d.Helper()
	d.exec("CREATE TABLE", sessionsTable)
	d.exec("CREATE INDEX", sessionsIndex)
}

func after(minutes int) time.Time { return testNow.Add(time.Duration(minutes) * time.Minute) }

// mustEnd fails where work goes on beyond all patience: what nothing stops would otherwise end the whole test run.
func mustEnd(t *testing.T, work func()) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		work()
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("has not ended")
	}
}
