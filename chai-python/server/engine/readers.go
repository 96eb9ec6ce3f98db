package engine

// Reads never wait: not for each other, not for the writer, not for an fsync.
//
// A reader takes a transaction that is free, or opens one itself. In Chai that
// blocks while a commit is syncing: Commit holds a lock across the sync that
// every begin needs. So the writer sees to it before each commit that some are
// free, and opens others right after it; meanwhile nobody opens any. What the
// readers of that time do not see is not acknowledged yet.

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"chaisqld/pgerr"
)

// generation is one published snapshot: what its transactions see is the same.
type generation struct {
	catalogue *Catalogue
	free      []*conn
}

// readUse is what a read transaction is taken for. Each use has a limit of its
// own, so that those who hold one long leave room for those who only look.
type readUse int

const (
	shortRead readUse = iota // one call of Read
	heldRead                 // a Snapshot
	readUses
)

// readers hands out the connections of the newest generation and recycles
// those of older ones when their users are done.
type readers struct {
	connector driver.Connector
	size      int // transactions that are free when a commit begins
	limits    [readUses]int
	direct    *directRows // nil: rows are read through SQL
	cache     *rowCache

	mu      sync.Mutex
	current *generation
	spare   []*conn // without a transaction
	inUse   [readUses]int
	closed  bool
	idle    chan struct{} // after closed: closed when nothing is in use

	paused  bool         // between pause and resume nobody but the writer begins a transaction
	waiting []chan *conn // those who came then and found none free
	opening int          // readers that are about to begin one
	opened  sync.Cond    // opening is 0

	catalogue atomic.Pointer[Catalogue]
}

func newReaders(o *Options, connector driver.Connector, direct *directRows) *readers {
	p := &readers{connector: connector, size: o.Readers, limits: [readUses]int{shortRead: o.MaxReads, heldRead: o.MaxReadTransactions},
		direct: direct, cache: newRowCache(o.CacheBytes), idle: make(chan struct{})}
	p.opened.L = &p.mu
	return p
}

var errShutdown = pgerr.New(pgerr.AdminShutdown, "the server is shutting down").AsFatal()

// pause keeps readers from beginning transactions, which would wait for the
// commit to come or see what a rollback has not undone yet. Only the writer
// calls it, and ends it by publish or resume.
func (p *readers) pause() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.current != nil && len(p.current.free) < p.size {
		if err := p.openFree(); err != nil {
			return err
		}
	}
	p.paused = true
	for p.opening > 0 {
		p.opened.Wait()
	}
	return nil
}

// publish makes what is committed now the state that reads see, after a pause.
func (p *readers) publish(catalogue *Catalogue, changes *rowChanges) error {
	next := &generation{catalogue: catalogue, free: make([]*conn, 0, p.size)}
	for len(next.free) < p.size {
		c, err := p.open(next)
		if err != nil {
			return errors.Join(err, p.closeAll(next.free))
		}
		next.free = append(next.free, c)
	}
	p.cache.advance(next, changes)
	old := p.swap(next)
	err := p.resume()
	p.retire(old)
	return err
}

// swap makes next the current generation and returns the old one's free connections.
func (p *readers) swap(next *generation) (old []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != nil {
		old, p.current.free = p.current.free, nil
	}
	p.current = next
	p.catalogue.Store(next.catalogue)
	return old
}

// resume serves those who came during the pause, and ends it.
func (p *readers) resume() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.waiting) > 0 {
		if len(p.current.free) == 0 {
			if err := p.openFree(); err != nil {
				return err
			}
			continue // who waited may have left
		}
		p.waiting[0] <- p.pop()
		p.waiting = p.waiting[1:]
	}
	p.paused = false
	return nil
}

// openFree adds a free connection to the current generation. p.mu is held, but
// not while the transaction begins.
func (p *readers) openFree() error {
	g := p.current
	p.mu.Unlock()
	c, err := p.open(g)
	p.mu.Lock()
	if err != nil {
		return err
	}
	g.free = append(g.free, c)
	return nil
}

// open begins a read transaction on a spare connection or a new one.
func (p *readers) open(g *generation) (c *conn, err error) {
	p.mu.Lock()
	if n := len(p.spare); n > 0 {
		c, p.spare = p.spare[n-1], p.spare[:n-1]
	}
	p.mu.Unlock()
	if c == nil {
		if c, err = connect(p.connector); err != nil {
			return nil, err
		}
	}
	c.generation = g
	c.rows.use(p.direct, p.cache, nil)
	if err := c.begin(true); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// retire ends the transactions of connections that nobody uses, outside of the lock.
func (p *readers) retire(conns []*conn) {
	for _, c := range conns {
		if c.broken || c.rollback() != nil {
			_ = c.close() // it is given up in any case
			continue
		}
		c.generation = nil
		p.mu.Lock()
		p.spare = append(p.spare, c)
		p.mu.Unlock()
	}
}

func (p *readers) pop() *conn {
	free := p.current.free
	c := free[len(free)-1]
	p.current.free = free[:len(free)-1]
	return c
}

// acquire takes a connection of the newest generation; the caller releases it.
func (p *readers) acquire(ctx context.Context, use readUse) (c *conn, err error) {
	p.mu.Lock()
	if err := p.refusal(use); err != nil {
		p.mu.Unlock()
		return nil, err
	}
	p.inUse[use]++
	switch {
	case len(p.current.free) > 0:
		c = p.pop()
		p.mu.Unlock()
	case p.paused:
		turn := make(chan *conn, 1)
		p.waiting = append(p.waiting, turn)
		p.mu.Unlock()
		return p.wait(ctx, turn, use)
	default:
		g := p.current
		p.opening++
		p.mu.Unlock()
		c, err = p.open(g)
		p.hasOpened()
		if err != nil {
			p.leave(use)
			return nil, translate(err)
		}
	}
	c.use = use
	return c, nil
}

// refusal is why nobody more can be served. p.mu is held.
func (p *readers) refusal(use readUse) error {
	switch {
	case p.closed:
		return errShutdown
	case p.inUse[use] < p.limits[use]:
		return nil
	case use == heldRead:
		return pgerr.New(pgerr.ConfigurationLimitExceeded, "too many read-only transactions at once: %d are open", p.limits[use]).
			WithHint("Try again later, and end them soon: each keeps old files on the disk.")
	}
	return pgerr.New(pgerr.ConfigurationLimitExceeded, "too many reads at once: %d are running", p.limits[use]).
		WithHint("Try again later.")
}

// hasOpened lets the writer go on that waits in pause.
func (p *readers) hasOpened() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opening--; p.opening == 0 {
		p.opened.Signal()
	}
}

// wait returns the connection that the end of the pause, or of another read, brings.
func (p *readers) wait(ctx context.Context, turn chan *conn, use readUse) (*conn, error) {
	select {
	case c := <-turn:
		return p.taken(c, use)
	case <-ctx.Done():
	}
	if p.forget(turn) {
		p.leave(use)
	} else if c, err := p.taken(<-turn, use); err == nil {
		p.release(c)
	}
	return nil, canceled(ctx)
}

// taken looks at what came; close sends nil.
func (p *readers) taken(c *conn, use readUse) (*conn, error) {
	if c == nil {
		p.leave(use)
		return nil, errShutdown
	}
	c.use = use
	return c, nil
}

// forget takes back a wait; false means that its turn had already come.
func (p *readers) forget(turn chan *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, w := range p.waiting {
		if w == turn {
			p.waiting = append(p.waiting[:i:i], p.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// release gives a connection back: to its generation while that is the newest one.
func (p *readers) release(c *conn) {
	use := c.use
	p.mu.Lock()
	stays := c.generation == p.current && !c.doubtful && !c.broken && !p.closed
	if stays {
		p.giveBack(c)
		p.inUse[use]--
	}
	p.mu.Unlock()
	if !stays {
		c.doubtful = false
		p.retire([]*conn{c})
		p.leave(use)
	}
}

// giveBack hands a free connection to who waits first. p.mu is held.
func (p *readers) giveBack(c *conn) {
	if len(p.waiting) > 0 {
		p.waiting[0] <- c
		p.waiting = p.waiting[1:]
		return
	}
	p.current.free = append(p.current.free, c)
}

// leave comes after retire, so that close sees every connection among the spare ones.
func (p *readers) leave(use readUse) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inUse[use]--
	p.signalIdle()
}

func (p *readers) signalIdle() {
	if p.closed && p.inUse == [readUses]int{} {
		close(p.idle)
	}
}

// close refuses new reads and waits for the running ones.
func (p *readers) close(wait time.Duration) error {
	p.mu.Lock()
	p.closed = true
	for _, w := range p.waiting {
		w <- nil
	}
	p.waiting = nil
	var free []*conn
	if p.current != nil {
		free, p.current.free = p.current.free, nil
	}
	p.signalIdle()
	p.mu.Unlock()
	p.retire(free)
	select {
	case <-p.idle:
	case <-time.After(wait):
		return pgerr.New(pgerr.InternalError, "reads were still running after %s", wait)
	}
	return p.closeAll(p.spare)
}

func (p *readers) closeAll(conns []*conn) error {
	var errs []error
	for _, c := range conns {
		errs = append(errs, c.rollback(), c.close())
	}
	return errors.Join(errs...)
}

func canceled(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return pgerr.New(pgerr.QueryCanceled, "canceling statement due to statement timeout").WithCause(ctx.Err())
	}
	return pgerr.New(pgerr.QueryCanceled, "canceling statement due to user request").WithCause(ctx.Err())
}
