package engine

import (
	"context"
	"sync"
	"time"

	"chaisqld/pgerr"
)

// Lease is an exclusive write transaction for one client. It stands in the
// same queue as single requests, and has limits, because everybody else's
// writes wait for its end. Its methods run one after the other.
type Lease struct {
	w    *writer
	disk *disk
	end  chan leaseEnd

	mu      sync.Mutex // held while a call runs: a lease that is busy is not idle
	err     error      // why it is over
	granted time.Time
	used    time.Time
}

// leaseEnd asks the writer to finish the transaction.
type leaseEnd struct {
	commit bool
	done   chan error
}

func newLease(w *writer, disk *disk) *Lease {
	return &Lease{w: w, disk: disk, end: make(chan leaseEnd)}
}

var (
	// ErrFailedTransaction answers whatever comes in a transaction after its first error.
	ErrFailedTransaction = pgerr.New(pgerr.InFailedSQLTransaction, "current transaction is aborted, commands ignored until end of transaction block")
	errLeaseEnded        = pgerr.New(pgerr.NoActiveSQLTransaction, "there is no transaction in progress")
)

// serveLease lets the lease's owner have the transaction until it is over. The
// owner's statements run in its own goroutine; commit and rollback here.
func (w *writer) serveLease(r *request, l *Lease) {
	defer w.watchdog.rest()
	if err := w.begin(); err != nil {
		r.done <- err
		return
	}
	l.grant(time.Now())
	w.watchdog.setLease(l)
	w.watchdog.rest()
	r.done <- nil
	end := w.awaitEnd(l)
	w.watchdog.setLease(nil)
	r.took = time.Since(l.granted)
	w.queue.charge([]*request{r})
	if !end.commit {
		w.undo()
		end.done <- nil
		return
	}
	end.done <- w.commit()
}

// awaitEnd ends the lease itself when the engine closes.
func (w *writer) awaitEnd(l *Lease) leaseEnd {
	select {
	case end := <-l.end:
		return end
	case <-w.quit:
		go l.finish(errShutdown)
		return <-l.end
	}
}

func (l *Lease) grant(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.granted, l.used = now, now
}

// Run executes fn in the transaction. The first error or panic rolls the whole
// transaction back and frees the writer.
func (l *Lease) Run(fn func(Writer) error) error { return l.run(fn, false) }

// RunFreeing is Run for what writes nothing but deletions: see WriteRequest.Frees.
func (l *Lease) RunFreeing(fn func(Writer) error) error { return l.run(fn, true) }

func (l *Lease) run(fn func(Writer) error, frees bool) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	if l.turnOver(time.Now()) {
		_ = l.over(turnError(l.w.o.TransactionTurn), false)
		return l.err
	}
	returned := false // fn may end its goroutine instead
	defer func() {
		l.used = time.Now()
		if err != nil || !returned {
			_ = l.over(ErrFailedTransaction, false) // err says more than a rollback's outcome
		}
	}()
	if err = l.disk.check(frees); err == nil {
		err = l.statement(fn)
	}
	returned = true
	return err
}

func (l *Lease) statement(fn func(Writer) error) error {
	l.w.watchdog.work(&l.w.limits.statement)
	defer l.w.watchdog.rest()
	return l.w.tx.run(fn, true)
}

// Commit makes the transaction durable and visible, and frees the writer.
func (l *Lease) Commit() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	return l.over(errLeaseEnded, true)
}

// Rollback undoes the transaction and frees the writer. It is harmless when
// the transaction is over.
func (l *Lease) Rollback() error {
	l.finish(errLeaseEnded)
	return nil
}

// finish rolls back, waiting for a call that runs, and leaves reason for later calls.
func (l *Lease) finish(reason error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		_ = l.over(reason, false)
	}
}

// over hands the transaction back to the writer and waits until it is done.
func (l *Lease) over(reason error, commit bool) error {
	l.err = reason
	done := make(chan error, 1)
	l.end <- leaseEnd{commit: commit, done: done}
	return <-done
}

// turnOver tells whether it is somebody else's turn.
func (l *Lease) turnOver(now time.Time) bool {
	return now.Sub(l.granted) >= l.w.o.TransactionTurn && l.w.queue.contended()
}

// expire ends a lease that no call is using and that is beyond a limit.
func (l *Lease) expire(now time.Time, idle, total time.Duration) {
	if !l.mu.TryLock() {
		return // a call is running
	}
	defer l.mu.Unlock()
	if l.err != nil || l.granted.IsZero() {
		return
	}
	switch {
	case now.Sub(l.used) >= idle:
		_ = l.over(idleError(idle), false)
	case now.Sub(l.granted) >= total:
		_ = l.over(totalError(total), false)
	case l.turnOver(now):
		_ = l.over(turnError(l.w.o.TransactionTurn), false)
	}
}

func turnError(limit time.Duration) error {
	return pgerr.New(pgerr.SerializationFailure, "terminating transaction that held the writer for more than %s while others waited for it; it was rolled back", limit).
		WithHint("Try it again, with less between its first write and its end.")
}

func idleError(limit time.Duration) error {
	return pgerr.New(pgerr.IdleInTransactionSessionTimeout, "terminating transaction that was idle for more than %s; it was rolled back", limit)
}

func totalError(limit time.Duration) error {
	return pgerr.New(pgerr.TransactionTimeout, "terminating transaction that was open for more than %s; it was rolled back", limit)
}

// Lease waits in the writer's queue and then owns the write transaction, for
// Options.TransactionTime, or for Options.TransactionTurn where others wait. client
// is as in WriteRequest.
func (e *Engine) Lease(ctx context.Context, client *Client) (*Lease, error) {
	if err := e.writable(true); err != nil { // what it may write, Run decides
		return nil, err
	}
	l := newLease(e.writer, e.disk)
	r := &request{WriteRequest: WriteRequest{Client: client}, lease: l, queued: time.Now(), done: make(chan error, 1)}
	if err := e.queue.push(r); err != nil {
		return nil, err
	}
	if err := e.queue.await(ctx, r); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		l.finish(errLeaseEnded)
		return nil, canceled(ctx)
	}
	return l, nil
}
