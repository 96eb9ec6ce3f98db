package engine

// The writer: one connection, one transaction at a time. Whoever has its turn
// works with it: run in a goroutine of its own, or a client that finds it free.
//
// It takes what waits, runs it in one transaction and syncs once for all of
// it: the group commit that Chai does not have. A statement that failed may
// have done half of its work in Chai, so any error rolls the transaction back
// whole; the members before the failed one are run again without it, then it
// alone, then the rest. Nobody is answered before the commit returned.

import (
	"context"
	"database/sql/driver"
	"log/slog"
	"sync"
	"time"
)

type writer struct {
	o         *Options
	log       *slog.Logger
	connector driver.Connector
	queue     *queue
	readers   *readers
	direct    *directRows
	disk      *disk
	watchdog  *watchdog

	turn    sync.Mutex // guards what follows
	conn    *conn      // its next transaction is begun right after a commit: readers then share that one's snapshot
	tx      writeTx
	group   []*request // reused; nil where a member was answered
	limits  workLimits
	crowded bool // the last group had several members
	quit    chan struct{}
	stopped chan struct{}

	resigned bool // there is nothing left to do
}

// start publishes the first snapshot.
func (w *writer) start(catalogue *Catalogue) error {
	defer w.watchdog.rest()
	w.tx = writeTx{w: w, committed: catalogue, version: catalogue.Version}
	w.limits = newWorkLimits(w.o)
	if err := w.begin(); err != nil {
		return err
	}
	if err := w.readers.publish(catalogue, &rowChanges{}); err != nil {
		return err
	}
	go w.run()
	return nil
}

// run serves those who wait. At its end it keeps the turn.
func (w *writer) run() {
	defer w.ended()
	var rest time.Time // until then those who wait let others go before them
	for more := true; more; {
		more = w.awaitWork(rest)
		w.turn.Lock()
		rest = w.work()
		if more {
			w.turn.Unlock()
		}
	}
	w.resigned = true
}

// awaitWork returns false when there will be none.
func (w *writer) awaitWork(rest time.Time) bool {
	var rested <-chan time.Time
	if !rest.IsZero() {
		timer := time.NewTimer(time.Until(rest))
		defer timer.Stop()
		rested = timer.C
	}
	select {
	case <-w.queue.wake:
	case <-rested:
	case <-w.quit:
		return false
	}
	return true
}

// work goes on until nobody waits but those who rest until a certain time.
func (w *writer) work() (rest time.Time) {
	for {
		if w.group, rest = w.queue.take(w.group[:0], time.Now(), w.o.GroupRequests, w.o.GroupBytes); len(w.group) == 0 {
			return rest
		}
		w.crowded = len(w.group) > 1
		if l := w.group[0].lease; l != nil {
			w.serveLease(w.group[0], l)
		} else {
			w.serve(w.group)
		}
		clear(w.group)
	}
}

// do returns a request's answer.
func (w *writer) do(ctx context.Context, r *request) error {
	if w.lead(r) {
		return <-r.done
	}
	r.queued = time.Now()
	if err := w.queue.push(r); err != nil {
		return err
	}
	return w.queue.await(ctx, r)
}

// lead serves a request in its client's own goroutine, if the writer is free
// and nobody goes before it: to hand it over and to be woken for the answer would cost a
// lone client more than most of its work. Whoever comes meanwhile is for run,
// and so is everybody while clients come in groups.
func (w *writer) lead(r *request) bool {
	if !w.turn.TryLock() {
		return false
	}
	if w.crowded || !w.queue.pass(r) { // crowded: others are about to come, and can share the sync
		w.turn.Unlock()
		return false
	}
	w.group = append(w.group[:0], r)
	defer w.led()
	w.serve(w.group)
	w.group = w.group[:0]
	return true
}

// led gives the turn back. A request that serve did not return from took its
// goroutine with it, or will be answered by a recover outside: what it left of
// the transaction nobody knows.
func (w *writer) led() {
	if len(w.group) > 0 {
		w.group = w.group[:0]
		_ = w.watchdog.fail("a write request ended its goroutine")
	}
	w.turn.Unlock()
}

// ended answers those who would wait for ever: a request that calls
// runtime.Goexit takes the writer's goroutine with it.
func (w *writer) ended() {
	defer close(w.stopped)
	if w.resigned {
		return
	}
	err := w.watchdog.fail("a write request ended the writer's goroutine")
	for _, r := range w.group {
		if r != nil {
			r.done <- err
		}
	}
}

// serve answers every member of the group.
func (w *writer) serve(group []*request) {
	for len(group) > 0 {
		failed, err := w.attempt(group)
		switch {
		case err == nil:
			for _, r := range group {
				r.done <- nil
			}
			clear(group)
			return
		case failed == 0: // nothing came before it: it fails alone as well
			group[0].done <- err
			group[0], group = nil, group[1:]
		default:
			w.serve(group[:failed])
			w.serve(group[failed : failed+1])
			group = group[failed+1:]
		}
	}
}

// attempt runs the group in one transaction and commits it, or rolls it back
// and tells which member failed.
func (w *writer) attempt(group []*request) (failed int, err error) {
	defer w.watchdog.rest()
	if err := w.begin(); err != nil {
		return 0, err
	}
	for i, r := range group {
		w.watchdog.work(&w.limits.request)
		began := time.Now()
		err := w.tx.run(r.Run, r.Schema)
		r.took = time.Since(began)
		if err != nil {
			w.queue.charge(group[:i+1])
			w.undo()
			return i, err
		}
	}
	w.queue.charge(group)
	return 0, w.commit()
}

// begin makes sure that a transaction is open.
func (w *writer) begin() (err error) {
	if err := w.watchdog.failed(); err != nil {
		return err
	}
	if w.conn != nil && w.conn.tx != nil {
		return nil
	}
	w.watchdog.work(&w.limits.begin)
	if w.conn == nil {
		if w.conn, err = connect(w.connector); err != nil {
			return w.watchdog.fail("cannot connect to the database: " + err.Error())
		}
		w.conn.rows.use(w.direct, w.readers.cache, &w.tx.changes)
	}
	w.tx.reset()
	if err := w.conn.begin(false); err != nil {
		return w.watchdog.fail("cannot begin a write transaction: " + err.Error())
	}
	return nil
}

// commit makes the transaction durable and publishes it. After a commit that
// failed nobody can say what is on the disk, so only a restart helps.
func (w *writer) commit() error {
	if !w.tx.dirty {
		return nil
	}
	w.watchdog.work(&w.limits.commit)
	if err := w.readers.pause(); err != nil {
		return w.cannotRead(err)
	}
	if err := w.conn.commit(); err != nil {
		return w.watchdog.fail("commit failed, its outcome is unknown: " + err.Error())
	}
	w.disk.committed()
	w.tx.committed = w.tx.catalogue
	changes := w.tx.changes // begin resets them
	if err := w.begin(); err != nil {
		return err
	}
	w.watchdog.work(&w.limits.commit)
	if err := w.readers.publish(w.tx.committed, &changes); err != nil {
		return w.cannotRead(err)
	}
	return nil
}

func (w *writer) cannotRead(err error) error {
	return w.watchdog.fail("cannot open read transactions: " + err.Error())
}

// undo rolls back, and replaces the connection when a panic left it in doubt.
func (w *writer) undo() {
	inDoubt := w.conn.broken
	if w.tx.alone {
		w.watchdog.work(&w.limits.undoIndex)
	} else {
		w.watchdog.work(&w.limits.rollback)
	}
	if err := w.readers.pause(); err != nil {
		_ = w.cannotRead(err)
		return
	}
	if err := w.conn.rollback(); err != nil {
		_ = w.watchdog.fail("a failed write could not be rolled back: " + err.Error())
		return
	}
	if err := w.readers.resume(); err != nil {
		_ = w.cannotRead(err)
	}
	if inDoubt {
		_ = w.conn.close() // without a transaction there is nothing left in it to lose
		w.conn = nil
	}
}

// stop ends the transaction that was begun ahead, so that Chai can close.
func (w *writer) stop() error {
	if w.conn == nil {
		return nil
	}
	if err := w.conn.rollback(); err != nil {
		return err
	}
	return w.conn.close()
}
