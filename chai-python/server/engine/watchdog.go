package engine

// Chai takes no deadline and can hang for ever with its locks held: a full
// disk is enough. So one goroutine looks at the clock. It sends away requests
// that waited too long, ends transactions that sit idle, and ends the process
// when the writer itself hangs, because a new one is well after a second.

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"chaisqld/pgerr"
)

// limited is a piece of work and how long it may take.
type limited struct {
	what  string
	limit time.Duration
}

// workLimits are made once, so that noting the work allocates nothing.
type workLimits struct {
	begin, request, statement, schema, commit, rollback, undoIndex limited
}

func newWorkLimits(o *Options) workLimits {
	return workLimits{
		begin:     limited{"the beginning of a transaction", o.HangLimit},
		request:   limited{"a write request", o.HangLimit},
		statement: limited{"a statement of a transaction", o.HangLimit},
		schema:    limited{"a schema change", o.SchemaLimit},
		commit:    limited{"a commit", o.HangLimit},
		rollback:  limited{"a rollback", o.HangLimit},
		undoIndex: limited{"the rollback of a large index", o.SchemaLimit},
	}
}

type watchdog struct {
	o         *Options
	log       *slog.Logger
	queue     *queue
	snapshots *snapshots
	gone      func() string       // why the directory is not the one that was opened, "" while it is; nil in memory
	reclaim   func(now time.Time) // frees space where deletions have made some

	start time.Time
	since atomic.Int64            // nanoseconds after start at which the writer began to work; 0: it rests
	doing atomic.Pointer[limited] // what it does
	lease atomic.Pointer[Lease]
	dead  atomic.Pointer[pgerr.Error]

	looking  atomic.Bool // at the directory
	sweeping atomic.Bool
	quit     chan struct{}
	done     chan struct{}
}

func newWatchdog(o *Options, queue *queue, snapshots *snapshots) *watchdog {
	return &watchdog{o: o, log: o.Log, queue: queue, snapshots: snapshots, start: time.Now(),
		quit: make(chan struct{}), done: make(chan struct{})}
}

// work notes that the writer begins something; rest, that it is done.
func (d *watchdog) work(l *limited) {
	d.doing.Store(l)
	d.since.Store(max(1, int64(time.Since(d.start))))
}

func (d *watchdog) rest() { d.since.Store(0) }

func (d *watchdog) setLease(l *Lease) { d.lease.Store(l) }

// busy tells whether the writer is held or at work, within limits that are watched.
func (d *watchdog) busy() bool { return d.lease.Load() != nil || d.since.Load() != 0 }

// period is short enough to keep every limit within a tenth.
func (d *watchdog) period() time.Duration {
	shortest := min(d.o.WriterWait, d.o.IdleInTransaction, d.o.TransactionTime, d.o.IdleReadTransaction, d.o.ReadTransactionTime, d.o.HangLimit)
	return min(max(shortest/10, time.Millisecond), 250*time.Millisecond)
}

func (d *watchdog) run() {
	defer close(d.done)
	tick := time.NewTicker(d.period())
	defer tick.Stop()
	for {
		select {
		case <-d.quit:
			return
		case now := <-tick.C:
			d.lookAtWriter(now)
			apart(&d.sweeping, func() { d.sweep(now) })
			apart(&d.looking, d.lookAtDirectory)
		}
	}
}

// apart runs what may have to wait, so that nothing else has to, unless it runs already.
func apart(runs *atomic.Bool, do func()) {
	if runs.CompareAndSwap(false, true) {
		go func() {
			defer runs.Store(false)
			do()
		}()
	}
}

// sweep ends what is over its time: ending a transaction may have to wait for the writer.
func (d *watchdog) sweep(now time.Time) {
	d.reclaim(now)
	d.queue.expire(now)
	d.snapshots.expire(now, d.o.IdleReadTransaction, d.o.ReadTransactionTime)
	if l := d.lease.Load(); l != nil {
		l.expire(now, d.o.IdleInTransaction, d.o.TransactionTime)
	}
}

func (d *watchdog) lookAtWriter(now time.Time) {
	since, doing := d.since.Load(), d.doing.Load()
	if since == 0 || d.failed() != nil {
		return
	}
	if took := now.Sub(d.start) - time.Duration(since); took >= doing.limit {
		_ = d.fail(fmt.Sprintf("%s took %s, more than the limit of %s", doing.what, took.Round(time.Millisecond), doing.limit))
	}
}

// lookAtDirectory: Pebble goes on writing to files that have been removed, and
// nobody will ever find again what is acknowledged then. On a network the look
// may take for ever.
func (d *watchdog) lookAtDirectory() {
	if d.gone == nil {
		return
	}
	why := d.gone()
	select {
	case <-d.quit: // the database is closed: what happens to its directory is somebody else's business
	default:
		if why != "" {
			_ = d.fail(why)
		}
	}
}

func (d *watchdog) failed() error {
	if err := d.dead.Load(); err != nil {
		return err
	}
	return nil
}

// fail ends the process. Where Options.Fatal returns, as it does in tests,
// nothing is written any more, and everybody who waits hears why.
func (d *watchdog) fail(reason string) error {
	err := pgerr.New(pgerr.InternalError, "the database server had to stop: %s", reason).AsFatal()
	if !d.dead.CompareAndSwap(nil, err) {
		return d.failed()
	}
	d.o.Fatal(reason)
	d.queue.fail(err)
	return err
}

func (d *watchdog) stop() {
	close(d.quit)
	<-d.done
}
