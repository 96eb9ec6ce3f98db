package engine

import (
	"context"
	"database/sql/driver"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Engine owns one database directory.
type Engine struct {
	o         Options
	log       *slog.Logger
	directory *directory // nil in memory
	connector driver.Connector

	queue     *queue
	readers   *readers
	writer    *writer
	watchdog  *watchdog
	snapshots *snapshots
	disk      *disk
	requests  sync.Pool

	life    context.Context // ends with Close
	endLife context.CancelFunc
	closing sync.Once
	closed  error
}

// Open checks the directory, takes its lock, and starts the engine. It proves
// first that the shims without which Chai must not run are in place.
func Open(ctx context.Context, o Options) (*Engine, error) {
	o.setDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	if err := selfTest(); err != nil {
		return nil, err
	}
	e := newEngine(o)
	if err := e.open(ctx); err != nil {
		return nil, errors.Join(err, e.abandon())
	}
	return e, nil
}

// Create makes a new database and closes it again. One that is there already
// is an error; one whose creation was cut short is finished.
func Create(ctx context.Context, o Options) error {
	o.mustCreate = true
	e, err := Open(ctx, o)
	if err != nil {
		return err
	}
	return e.Close()
}

func newEngine(o Options) *Engine {
	e := &Engine{o: o, log: o.Log, snapshots: newSnapshots()}
	e.life, e.endLife = context.WithCancel(context.Background())
	e.queue = newQueue(o.QueueRequests, o.WriterWait)
	e.watchdog = newWatchdog(&e.o, e.queue, e.snapshots)
	e.requests.New = func() any { return &request{done: make(chan error, 1)} }
	return e
}

func (e *Engine) open(ctx context.Context) (err error) {
	path := Memory
	if e.o.Dir != Memory {
		if e.directory, err = openDirectory(ctx, &e.o); err != nil {
			return err
		}
		path = e.directory.path
	}
	e.disk = newDisk(path, &e.o)
	if e.connector, err = e.openMarked(ctx, path); err != nil {
		return err
	}
	return e.start()
}

// start reads the catalogue and lets the goroutines run.
func (e *Engine) start() error {
	catalogue, err := e.prepare()
	if err != nil {
		return err
	}
	direct := e.directRows()
	e.readers = newReaders(&e.o, e.connector, direct)
	e.writer = &writer{o: &e.o, log: e.log, connector: e.connector, queue: e.queue, readers: e.readers,
		direct: direct, disk: e.disk, watchdog: e.watchdog, quit: make(chan struct{}), stopped: make(chan struct{})}
	if err := e.writer.start(catalogue); err != nil {
		return errors.Join(err, e.readers.close(0), e.writer.stop())
	}
	if e.directory != nil {
		e.watchdog.gone = e.directory.gone
	}
	e.watchdog.reclaim = func(now time.Time) { e.disk.reclaim(now, e.flush) }
	go e.watchdog.run()
	return nil
}

// prepare cleans up after the process before and reads the catalogue.
func (e *Engine) prepare() (*Catalogue, error) {
	c, err := connect(e.connector)
	if err != nil {
		return nil, err
	}
	if err := cleanTransient(c); err != nil {
		return nil, errors.Join(err, c.close())
	}
	var definitions []definition
	err = c.reading(func() (err error) {
		definitions, err = readDefinitions(c)
		return err
	})
	return parseCatalogue(1, definitions), errors.Join(err, c.close())
}

// abandon undoes an Open that failed.
func (e *Engine) abandon() error {
	e.endLife()
	var errs []error
	if e.connector != nil {
		errs = append(errs, closeChai(e.connector, e.o.CloseWait))
	}
	if e.directory != nil {
		errs = append(errs, e.directory.close())
	}
	return errors.Join(errs...)
}

// Close takes no new work, finishes what waits, bounded by Options.CloseWait,
// and frees the directory. After an error the process should end: what is
// committed is safe, but the directory may still be held.
func (e *Engine) Close() error {
	e.closing.Do(func() { e.closed = e.close(time.Now().Add(e.o.CloseWait)) })
	return e.closed
}

func (e *Engine) close(deadline time.Time) error {
	e.queue.refuse(errShutdown)
	close(e.writer.quit)
	select {
	case <-e.writer.stopped:
	case <-time.After(time.Until(deadline)):
		return errors.New("writes were still running when the time for closing was over")
	}
	e.endLife()
	e.snapshots.closeAll()
	if err := e.readers.close(time.Until(deadline)); err != nil {
		return err
	}
	e.watchdog.stop()
	if err := errors.Join(e.writer.stop(), closeChai(e.connector, time.Until(deadline))); err != nil {
		return err
	}
	if e.directory == nil {
		return nil
	}
	return e.directory.close()
}

// Catalogue is the newest published one.
func (e *Engine) Catalogue() *Catalogue { return e.readers.catalogue.Load() }

// Read runs fn on the newest published snapshot, in the caller's goroutine. It
// waits neither for the writer nor for other reads; beyond Options.MaxReads of
// them it fails. The Reader is valid until fn returns.
func (e *Engine) Read(ctx context.Context, fn func(Reader) error) error {
	c, err := e.readers.acquire(ctx, shortRead)
	if err != nil {
		return err
	}
	defer e.readers.release(c)
	return runReader(ctx, e.log, c, fn)
}

// Write returns once the transaction is durable and a snapshot with it is
// published, or with an error when none of it happened.
func (e *Engine) Write(ctx context.Context, w WriteRequest) error {
	if err := e.writable(w.Frees); err != nil {
		return err
	}
	r := e.requests.Get().(*request)
	r.WriteRequest = w
	err := e.writer.do(ctx, r)
	r.WriteRequest = WriteRequest{}
	e.requests.Put(r)
	return err
}

// WriterBusy tells whether a transaction holds the writer or a request is at
// work, for as long as the engine's own limits let them.
func (e *Engine) WriterBusy() bool { return e.watchdog.busy() }

// flush writes Pebble's memtable to a table, from which space can be freed.
func (e *Engine) flush() (err error) {
	c, err := connect(e.connector)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	defer c.guard(&err) // the database may be closing
	db, err := pebbleOf(c)
	if err != nil {
		return err
	}
	return db.Flush()
}

func (e *Engine) writable(frees bool) error {
	if err := e.watchdog.failed(); err != nil {
		return err
	}
	return e.disk.check(frees)
}
