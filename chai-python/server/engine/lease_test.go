package engine

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"chaisqld/pgerr"
)

func lease(t *testing.T, e *Engine) *Lease {
	t.Helper()
	l, err := e.Lease(background, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLeaseCommits(t *testing.T) {
	e := sessions(t, Options{})
	l := lease(t, e)
	for _, token := range []string{"a", "b"} {
		if err := l.Run(insert(token, nil, epoch)); err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	err := l.Run(func(w Writer) error {
		return w.Query("SELECT token FROM sessions", nil, func([]any) error { seen++; return nil })
	})
	if err != nil || seen != 2 {
		t.Errorf("the lease sees %d rows of its own, error %v", seen, err)
	}
	if n := count(t, e); n != 0 {
		t.Errorf("others see %d rows before the commit", n)
	}
	if err := l.Commit(); err != nil {
		t.Fatal(err)
	}
	if n := count(t, e); n != 2 {
		t.Errorf("%d rows after the commit, want 2", n)
	}
	wantCode(t, l.Run(insert("c", nil, epoch)), pgerr.NoActiveSQLTransaction)
	wantCode(t, l.Commit(), pgerr.NoActiveSQLTransaction)
	if err := l.Rollback(); err != nil {
		t.Error(err)
	}
}

func TestLeaseRollsBack(t *testing.T) {
	own := errors.New("own")
	for name, end := range map[string]func(t *testing.T, l *Lease){
		"rollback": func(t *testing.T, l *Lease) {
			if err := l.Rollback(); err != nil {
				t.Error(err)
			}
			wantCode(t, l.Commit(), pgerr.NoActiveSQLTransaction)
		},
		"error": func(t *testing.T, l *Lease) {
			if err := l.Run(func(Writer) error { return own }); err != own {
				t.Errorf("got %v", err)
			}
			wantCode(t, l.Run(insert("b", nil, epoch)), pgerr.InFailedSQLTransaction)
			wantCode(t, l.Commit(), pgerr.InFailedSQLTransaction)
		},
		"failed statement": func(t *testing.T, l *Lease) {
			wantCode(t, l.Run(insert("a", nil, epoch)), pgerr.UniqueViolation)
			wantCode(t, l.Commit(), pgerr.InFailedSQLTransaction)
		},
		"panic": func(t *testing.T, l *Lease) {
			wantCode(t, l.Run(func(Writer) error { panic("a bug") }), pgerr.InternalError)
			wantCode(t, l.Commit(), pgerr.InFailedSQLTransaction)
		},
		"panic in Chai": func(t *testing.T, l *Lease) {
			wantCode(t, l.Run(func(w Writer) error { return w.Exec("UPDATE sessions SET data=*", nil) }), pgerr.InternalError)
			wantCode(t, l.Commit(), pgerr.InFailedSQLTransaction)
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := sessions(t, Options{})
			l := lease(t, e)
			if err := l.Run(insert("a", nil, epoch)); err != nil {
				t.Fatal(err)
			}
			end(t, l)
			within(t, "the next write", func() {
				if err := e.Write(background, WriteRequest{Run: insert("a", nil, epoch)}); err != nil {
					t.Error(err)
				}
			})
			mustCheck(t, e, 1)
		})
	}
}

// later is beyond every limit of these tests but those of unlimited.
const later = time.Hour

func unlimited(o Options) Options {
	for _, d := range []*time.Duration{&o.WriterWait, &o.IdleInTransaction, &o.TransactionTime, &o.TransactionTurn, &o.HangLimit} {
		if *d == 0 {
			*d = 10 * later
		}
	}
	return o
}

func TestLeaseLimits(t *testing.T) {
	for name, test := range map[string]struct {
		o    Options
		code string
	}{
		"idle":  {Options{IdleInTransaction: later}, pgerr.IdleInTransactionSessionTimeout},
		"total": {Options{TransactionTime: later}, pgerr.TransactionTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			e := sessions(t, unlimited(test.o))
			l := lease(t, e)
			if err := l.Run(insert("a", nil, epoch)); err != nil {
				t.Fatal(err)
			}
			written := make(chan error, 1)
			go func() { written <- e.Write(background, WriteRequest{Run: insert("b", nil, epoch)}) }()
			eventually(t, "the write waits", func() bool { return waiting(e) == 1 })
			e.watchdog.sweep(time.Now().Add(later))
			within(t, "a write behind a lease", func() {
				if err := <-written; err != nil {
					t.Error(err)
				}
			})
			wantCode(t, l.Run(insert("c", nil, epoch)), test.code)
			wantCode(t, l.Commit(), test.code)
			if exists(t, e, "a") || !exists(t, e, "b") {
				t.Error("the lease was not rolled back, or the write after it is missing")
			}
		})
	}
}

// The watchdog looks by itself.
func TestIdleLeaseIsEnded(t *testing.T) {
	e := sessions(t, unlimited(Options{IdleInTransaction: time.Millisecond}))
	l := lease(t, e)
	eventually(t, "its end", func() bool { return !e.WriterBusy() })
	wantCode(t, l.Commit(), pgerr.IdleInTransactionSessionTimeout)
}

// A transaction may hold the writer beyond its turn for as long as nobody waits.
func TestLeaseEndsForThoseWhoWait(t *testing.T) {
	e := sessions(t, Options{TransactionTurn: time.Nanosecond})
	l := lease(t, e)
	for _, token := range []string{"a", "b"} {
		if err := l.Run(insert(token, nil, epoch)); err != nil {
			t.Fatal(err)
		}
	}
	within(t, "a write behind a transaction", func() {
		if err := e.Write(background, WriteRequest{Run: insert("c", nil, epoch)}); err != nil {
			t.Error(err)
		}
	})
	wantCode(t, l.Run(insert("d", nil, epoch)), pgerr.SerializationFailure)
	wantCode(t, l.Commit(), pgerr.SerializationFailure)
	mustCheck(t, e, 1)
}

// The service manager's watchdog is fed after a look at the writer, which must not cost anybody a transaction.
func TestNoLeaseEndsForAProbe(t *testing.T) {
	e := sessions(t, unlimited(Options{TransactionTurn: time.Nanosecond}))
	l := lease(t, e)
	probed := make(chan error, 1)
	go func() {
		probed <- e.Write(background, WriteRequest{Probe: true, Run: func(Writer) error { return nil }})
	}()
	eventually(t, "the probe waits", func() bool { return waiting(e) == 1 })
	e.watchdog.sweep(time.Now())
	if err := l.Run(insert("a", nil, epoch)); err != nil {
		t.Fatal(err)
	}
	if err := l.Commit(); err != nil {
		t.Fatal(err)
	}
	within(t, "the probe", func() {
		if err := <-probed; err != nil {
			t.Error(err)
		}
	})
}

// One that always has a statement running is ended all the same.
func TestBusyLeaseEndsForThoseWhoWait(t *testing.T) {
	e := sessions(t, Options{TransactionTurn: time.Nanosecond, WriterWait: time.Hour}) // the watchdog looks every quarter of a second
	l := lease(t, e)
	written := make(chan error, 1)
	err := l.Run(func(w Writer) error {
		go func() { written <- e.Write(background, WriteRequest{Run: insert("a", nil, epoch)}) }()
		eventually(t, "the write waits", func() bool { return waiting(e) == 1 })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, l.Run(func(Writer) error { t.Error("it ran"); return nil }), pgerr.SerializationFailure)
	within(t, "the write", func() {
		if err := <-written; err != nil {
			t.Error(err)
		}
	})
}

func TestBusyLeaseIsNotIdle(t *testing.T) {
	e := sessions(t, unlimited(Options{IdleInTransaction: later}))
	l := lease(t, e)
	err := l.Run(func(w Writer) error {
		e.watchdog.sweep(time.Now().Add(later))
		return insert("a", nil, epoch)(w)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestLeaseTransactionLimit(t *testing.T) {
	e := sessions(t, Options{MaxTransactionBytes: 1000})
	l := lease(t, e)
	charge := func(w Writer) error { return w.Charge(600) }
	if err := l.Run(charge); err != nil {
		t.Fatal(err)
	}
	wantCode(t, l.Run(charge), pgerr.ProgramLimitExceeded)
}

func TestCanceledLeaseIsNotKept(t *testing.T) {
	e := sessions(t, Options{IdleInTransaction: time.Hour, TransactionTime: time.Hour})
	first := lease(t, e)
	ctx, cancel := context.WithCancel(background)
	done := make(chan error, 1)
	go func() {
		_, err := e.Lease(ctx, nil)
		done <- err
	}()
	eventually(t, "the lease waits", func() bool { return waiting(e) == 1 })
	cancel()
	wantCode(t, <-done, pgerr.QueryCanceled)
	if err := first.Rollback(); err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(background)
	end()
	_, err := e.Lease(ended, nil)
	wantCode(t, err, pgerr.QueryCanceled)
	within(t, "the next write", func() {
		if err := e.Write(background, WriteRequest{Run: insert("a", nil, epoch)}); err != nil {
			t.Error(err)
		}
	})
}

func TestReadsRunBesideALease(t *testing.T) {
	e := sessions(t, Options{Readers: 1, IdleInTransaction: time.Hour})
	l := lease(t, e)
	defer l.Rollback()
	if err := l.Run(insert("a", nil, epoch)); err != nil {
		t.Fatal(err)
	}
	within(t, "reads beside a lease", func() {
		for range 5 { // more than there are readers: the writer opens new ones meanwhile
			s, err := e.Snapshot(background)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
		}
		if n := count(t, e); n != 0 {
			t.Errorf("%d uncommitted rows are visible", n)
		}
	})
}

func TestWatchdogSeesAHungCommit(t *testing.T) {
	dir := t.TempDir()
	reasons := make(chan string, 1)
	e := sessions(t, unlimited(Options{Dir: dir, HangLimit: later, Fatal: func(reason string) { reasons <- reason }}))
	entered, release := holdSync(t, dir)
	defer release()
	hung := make(chan error, 1)
	go func() { hung <- e.Write(background, WriteRequest{Run: insert("a", nil, epoch)}) }()
	<-entered
	e.watchdog.lookAtWriter(time.Now().Add(later))
	if reason := <-reasons; !strings.HasPrefix(reason, "a commit took") {
		t.Errorf("reason is %q", reason)
	}
	wantCode(t, e.Write(background, WriteRequest{Run: insert("b", nil, epoch)}), pgerr.InternalError)
	if n := count(t, e); n != 0 {
		t.Errorf("reads see %d rows", n)
	}
	release()
	<-hung
}

// The watchdog looks by itself.
func TestWatchdogSeesAHungRequest(t *testing.T) {
	reasons := make(chan string, 1)
	e := open(t, Options{HangLimit: time.Second, Fatal: func(reason string) { reasons <- reason }})
	_ = e.Write(background, WriteRequest{Run: func(Writer) error {
		if reason := <-reasons; !strings.Contains(reason, "a write request took") {
			t.Errorf("reason is %q", reason)
		}
		return nil
	}})
}

// hangingTx and hangingConn hang where Chai may: whatever the writer does is watched.
type hangingTx struct {
	driver.Tx
	release <-chan struct{}
}

func (h *hangingTx) Rollback() error {
	<-h.release
	return h.Tx.Rollback()
}

type hangingConn struct {
	chaiConn
	release <-chan struct{}
}

func (h *hangingConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	<-h.release
	return h.chaiConn.BeginTx(ctx, o)
}

func TestWatchdogSeesWhateverHangs(t *testing.T) {
	own := errors.New("own")
	write := func(e *Engine) { _ = e.Write(background, WriteRequest{Run: func(Writer) error { return own }}) }
	transaction := func(e *Engine) {
		if l, err := e.Lease(background, nil); err == nil {
			_ = l.Rollback()
		}
	}
	for _, test := range []struct {
		what string
		run  func(e *Engine)
	}{
		{"a rollback", write}, {"a rollback", transaction},
		{"the beginning of a transaction", write}, {"the beginning of a transaction", transaction},
	} {
		t.Run(test.what, func(t *testing.T) {
			reasons, release, done := make(chan string, 1), make(chan struct{}), make(chan struct{})
			e := sessions(t, unlimited(Options{HangLimit: later, Fatal: func(reason string) { reasons <- reason }}))
			write(e) // from now on a transaction begins when it is needed
			e.writer.turn.Lock()
			if c := e.writer.conn; strings.HasPrefix(test.what, "the beginning") {
				c.chai = &hangingConn{c.chai, release}
			} else if err := c.begin(false); err == nil {
				c.tx = &hangingTx{c.tx, release}
			}
			e.writer.turn.Unlock()
			go func() { defer close(done); test.run(e) }()
			eventually(t, "it is timed", func() bool { return e.watchdog.since.Load() != 0 && e.watchdog.doing.Load().what == test.what })
			e.watchdog.lookAtWriter(time.Now().Add(later))
			if reason := <-reasons; !strings.HasPrefix(reason, test.what+" took") {
				t.Errorf("the reason is %q", reason)
			}
			close(release)
			within(t, "the end of what hung", func() { <-done })
		})
	}
}

// A look at a directory that hangs, as on a network, keeps nothing else from being looked after.
func TestHungDirectoryDelaysNothing(t *testing.T) {
	o := Options{WriterWait: time.Millisecond}
	o.setDefaults()
	q := newQueue(1, o.WriterWait)
	d := newWatchdog(&o, q, newSnapshots())
	looking, release := make(chan struct{}), make(chan struct{})
	d.reclaim = func(time.Time) {}
	d.gone = func() string { close(looking); <-release; return "" }
	go d.run()
	defer d.stop()
	defer close(release)
	<-looking
	r := &request{queued: time.Now(), done: make(chan error, 1)}
	if err := q.push(r); err != nil {
		t.Fatal(err)
	}
	within(t, "the end of a wait", func() { wantCode(t, <-r.done, pgerr.LockNotAvailable) })
}

func TestIdleLeaseIsNoHang(t *testing.T) {
	e := sessions(t, unlimited(Options{HangLimit: later, Fatal: func(reason string) { t.Errorf("the process would end: %s", reason) }}))
	l := lease(t, e)
	e.watchdog.lookAtWriter(time.Now().Add(later))
	if err := l.Commit(); err != nil {
		t.Fatal(err)
	}
}

// Whatever the writer has done, it is not timed afterwards.
func TestWriterAtRestIsNotTimed(t *testing.T) {
	e := open(t, unlimited(Options{}))
	atRest := func(after string) {
		t.Helper()
		eventually(t, "rest after "+after, func() bool { return !e.WriterBusy() })
	}
	atRest("the start")
	createSessions(t, e)
	atRest("a commit")
	for _, err := range []error{nil, errors.New("own")} {
		_ = e.Write(background, WriteRequest{Run: func(Writer) error { return err }})
		atRest("a request")
		for _, run := range []func(Writer) error{func(Writer) error { return err }, insert(fmt.Sprint(err), nil, epoch)} {
			for _, end := range []func(*Lease) error{(*Lease).Commit, (*Lease).Rollback} {
				l := lease(t, e)
				_ = l.Run(run)
				_ = end(l)
				atRest("a transaction")
			}
		}
	}
}

func TestSchemaChangesMayTakeLonger(t *testing.T) {
	e := sessions(t, unlimited(Options{HangLimit: later, SchemaLimit: 3 * later, Fatal: func(reason string) { t.Errorf("the process would end: %s", reason) }}))
	err := e.Write(background, WriteRequest{Schema: true, Run: func(w Writer) error {
		if err := w.Define("CREATE TABLE t (a TEXT PRIMARY KEY)"); err != nil {
			return err
		}
		e.watchdog.lookAtWriter(time.Now().Add(2 * later))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
}
