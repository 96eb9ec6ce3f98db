package engine

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"chaisqld/pgerr"
)

var background = context.Background()

// wantCode fails unless err carries the SQLSTATE.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var e *pgerr.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("got %v, want SQLSTATE %s", err, code)
	}
}

func sessions(t testing.TB, o Options) *Engine {
	e := open(t, o)
	createSessions(t, e)
	return e
}

// together lets all writes wait behind a lease, so that they meet in one group.
func together(t *testing.T, e *Engine, runs ...func(Writer) error) []error {
	t.Helper()
	lease, err := e.Lease(background, nil)
	if err != nil {
		t.Fatal(err)
	}
	errs := make([]error, len(runs))
	var wg sync.WaitGroup
	for i, run := range runs {
		wg.Go(func() { errs[i] = e.Write(background, WriteRequest{Run: run}) })
		eventually(t, "the request waits", func() bool { return waiting(e) == i+1 })
	}
	if err := lease.Rollback(); err != nil {
		t.Fatal(err)
	}
	within(t, "the group", wg.Wait)
	return errs
}

func waiting(e *Engine) int {
	e.queue.mu.Lock()
	defer e.queue.mu.Unlock()
	return len(e.queue.waiting)
}

// countSyncs counts the syncs of the log.
func countSyncs(t *testing.T, dir string) *atomic.Int64 {
	var n atomic.Int64
	t.Cleanup(hookFiles(dir, func(operation, name string) error {
		if operation == "sync" && strings.HasSuffix(name, ".log") {
			n.Add(1)
		}
		return nil
	}))
	return &n
}

func TestGroupSharesOneSync(t *testing.T) {
	dir := t.TempDir()
	e := sessions(t, Options{Dir: dir})
	syncs := countSyncs(t, dir)
	var runs []func(Writer) error
	for i := range 20 {
		runs = append(runs, insert(fmt.Sprint("t", i), []byte("x"), epoch))
	}
	if err := errors.Join(together(t, e, runs...)...); err != nil {
		t.Fatal(err)
	}
	if n := syncs.Load(); n != 1 {
		t.Errorf("%d syncs for a group of 20", n)
	}
	if n := count(t, e); n != 20 {
		t.Errorf("%d rows, want 20", n)
	}
}

func TestErrorsAreIsolatedInAGroup(t *testing.T) {
	own := errors.New("the request's own error")
	for _, bad := range []struct {
		name string
		run  func(Writer) error
		want func(t *testing.T, err error)
	}{
		{"own error after a write", func(w Writer) error {
			if err := insert("half", nil, epoch)(w); err != nil {
				return err
			}
			return own
		}, func(t *testing.T, err error) {
			if err != own {
				t.Errorf("got %v, want its own error", err)
			}
		}},
		{"unique violation", insert("t0", nil, epoch), func(t *testing.T, err error) { wantCode(t, err, pgerr.UniqueViolation) }},
		{"error that the request ignores", func(w Writer) error {
			_ = insert("half", nil, epoch)(w)
			_ = w.Exec("INSERT INTO sessions (token, data) VALUES ($1, $2)", []any{"half2", []byte{}})
			return nil
		}, func(t *testing.T, err error) { wantCode(t, err, pgerr.NotNullViolation) }},
		{"panic of the request", func(w Writer) error {
			if err := insert("half", nil, epoch)(w); err != nil {
				return err
			}
			panic("a bug")
		}, func(t *testing.T, err error) { wantCode(t, err, pgerr.InternalError) }},
		{"panic inside Chai", func(w Writer) error {
			if err := insert("half", nil, epoch)(w); err != nil {
				return err
			}
			return w.Exec("DELETE FROM sessions WHERE 1=0", nil)
		}, func(t *testing.T, err error) { wantCode(t, err, pgerr.InternalError) }},
		{"panic while rows are read", func(w Writer) error {
			return w.Query("SELECT * FROM sessions", nil, func([]any) error { panic("a bug") })
		}, func(t *testing.T, err error) { wantCode(t, err, pgerr.InternalError) }},
	} {
		for position := range 4 {
			t.Run(fmt.Sprint(bad.name, " at ", position), func(t *testing.T) {
				e := sessions(t, Options{})
				runs := []func(Writer) error{insert("t1", nil, epoch), insert("t2", nil, epoch), insert("t3", nil, epoch)}
				runs = append(runs[:position:position], append([]func(Writer) error{bad.run}, runs[position:]...)...)
				runs = append([]func(Writer) error{insert("t0", nil, epoch)}, runs...)
				errs := together(t, e, runs...)
				bad.want(t, errs[position+1])
				errs[position+1] = nil
				if err := errors.Join(errs...); err != nil {
					t.Errorf("another member failed: %v", err)
				}
				if n := count(t, e); n != 4 {
					t.Errorf("%d rows, want 4", n)
				}
				mustCheck(t, e, 4)
			})
		}
	}
}

func TestManyFailingMembers(t *testing.T) {
	e := sessions(t, Options{})
	var runs []func(Writer) error
	for i := range 40 {
		runs = append(runs, insert(fmt.Sprint("t", i/2), nil, epoch.Add(time.Duration(i)*time.Second))) // every second one fails
	}
	for i, err := range together(t, e, runs...) {
		if i%2 == 0 && err != nil {
			t.Errorf("member %d: %v", i, err)
		}
		if i%2 == 1 {
			wantCode(t, err, pgerr.UniqueViolation)
		}
	}
	mustCheck(t, e, 20)
}

func TestFirstMembersFail(t *testing.T) {
	e := sessions(t, Options{})
	own := errors.New("own")
	fail := func(Writer) error { return own }
	errs := together(t, e, fail, fail, insert("a", nil, epoch), fail, insert("b", nil, epoch))
	if fmt.Sprint(errs) != fmt.Sprint([]error{own, own, nil, own, nil}) {
		t.Errorf("got %v", errs)
	}
	mustCheck(t, e, 2)
}

func TestMembersSeeThoseBefore(t *testing.T) {
	e := sessions(t, Options{})
	found := 0
	look := func(w Writer) error {
		found = 0
		return w.Query("SELECT token FROM sessions", nil, func([]any) error { found++; return nil })
	}
	if err := errors.Join(together(t, e, insert("a", nil, epoch), insert("b", nil, epoch), look)...); err != nil {
		t.Fatal(err)
	}
	if found != 2 {
		t.Errorf("the third member saw %d rows", found)
	}
}

func TestNothingWrittenSyncsNothing(t *testing.T) {
	dir := t.TempDir()
	e := sessions(t, Options{Dir: dir})
	syncs := countSyncs(t, dir)
	err := e.Write(background, WriteRequest{Run: func(w Writer) error {
		return w.Query("SELECT token FROM sessions", nil, func([]any) error { return nil })
	}})
	if err != nil || syncs.Load() != 0 {
		t.Errorf("%d syncs, error %v", syncs.Load(), err)
	}
}

func TestTransactionLimit(t *testing.T) {
	e := sessions(t, Options{MaxTransactionBytes: 1000})
	big := func(token string, bytes int) func(Writer) error {
		return func(w Writer) error {
			if err := w.Charge(bytes); err != nil {
				return err
			}
			return insert(token, make([]byte, bytes), epoch)(w)
		}
	}
	errs := together(t, e, big("a", 600), big("b", 600), big("c", 1001), big("d", 1000))
	wantCode(t, errs[2], pgerr.ProgramLimitExceeded)
	errs[2] = nil
	if err := errors.Join(errs...); err != nil { // each fits alone, so the group is only split
		t.Error(err)
	}
	if n := count(t, e); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
}

func TestTakeGroups(t *testing.T) {
	q := newQueue(10, time.Second)
	single, large := WriteRequest{Bytes: 1}, WriteRequest{Bytes: 100}
	schema := WriteRequest{Schema: true}
	for _, r := range []WriteRequest{single, single, schema, single, large, large, single} {
		if err := q.push(&request{WriteRequest: r}); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.push(&request{lease: &Lease{}}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{2, 1, 1, 1, 1, 1, 1, 0} {
		if got, _ := q.take(nil, time.Now(), 64, 100); len(got) != want {
			t.Fatalf("group %d has %d members, want %d", i, len(got), want)
		}
	}
}

func TestRequestsDoNotWaitForEver(t *testing.T) {
	e := sessions(t, Options{WriterWait: 50 * time.Millisecond, IdleInTransaction: time.Hour, TransactionTime: time.Hour})
	lease, err := e.Lease(background, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Rollback()
	within(t, "a write behind a lease", func() {
		err = e.Write(background, WriteRequest{Run: func(Writer) error {
			t.Error("a request that was sent away ran")
			return nil
		}})
	})
	wantCode(t, err, pgerr.LockNotAvailable)
	within(t, "a lease behind a lease", func() { _, err = e.Lease(background, nil) })
	wantCode(t, err, pgerr.LockNotAvailable)
}

func TestFullQueueRefuses(t *testing.T) {
	q := newQueue(2, time.Second)
	for range 2 {
		if err := q.push(&request{}); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, q.push(&request{}), pgerr.TooManyConnections)
}

func TestCanceledRequestLeavesTheQueue(t *testing.T) {
	e := sessions(t, Options{})
	lease, err := e.Lease(background, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(background)
	done := make(chan error, 1)
	go func() { done <- e.Write(ctx, WriteRequest{Run: insert("never", nil, epoch)}) }()
	eventually(t, "the request waits", func() bool { return waiting(e) == 1 })
	cancel()
	wantCode(t, <-done, pgerr.QueryCanceled)
	if n := waiting(e); n != 0 {
		t.Errorf("%d requests wait", n)
	}
	if err := lease.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := e.Write(background, WriteRequest{Run: insert("after", nil, epoch)}); err != nil {
		t.Fatal(err)
	}
	if n := count(t, e); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

func TestRollbackThatFailsIsFatal(t *testing.T) {
	reasons := make(chan string, 1)
	e := sessions(t, Options{Fatal: func(reason string) { reasons <- reason }})
	err := e.Write(background, WriteRequest{Run: func(w Writer) error {
		c := w.(*writeTx).w.conn
		c.tx = &stuckTx{Tx: c.tx}
		panic("a bug")
	}})
	wantCode(t, err, pgerr.InternalError)
	if reason := <-reasons; !strings.Contains(reason, "rolled back") {
		t.Errorf("reason is %q", reason)
	}
	wantCode(t, e.Write(background, WriteRequest{Run: insert("a", nil, epoch)}), pgerr.InternalError)
}

// stuckTx refuses to roll back the first time; at Close it works.
type stuckTx struct {
	driver.Tx
	asked bool
}

func (s *stuckTx) Rollback() error {
	if !s.asked {
		s.asked = true
		return errors.New("stuck")
	}
	return s.Tx.Rollback()
}
