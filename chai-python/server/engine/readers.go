package engine

// Reads never wait for an fsync. In Chai a new read transaction does: Commit
// holds a lock across the sync that every begin needs. So the writer opens
// read transactions itself, right after each commit, and publishes them; reads
// that come during the next commit use those. What they do not see is not
// acknowledged yet.

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

// readers hands out the connections of the newest generation and recycles
// those of older ones when their users are done.
type readers struct {
	connector driver.Connector
	size      int
	direct    *directRows // nil: rows are read through SQL
	cache     *rowCache

	mu      sync.Mutex
	current *generation
	spare   []*conn // without a transaction
	waiting []chan *conn
	inUse   int
	closed  bool
	idle    chan struct{} // after closed: closed when nothing is in use

	// refresh asks the writer for new transactions on the same snapshot when
	// the current ones are all taken, perhaps by somebody who holds them long.
	refresh chan struct{}

	catalogue atomic.Pointer[Catalogue]
}

func newReaders(connector driver.Connector, size int, direct *directRows, cache *rowCache) *readers {
	return &readers{connector: connector, size: size, direct: direct, cache: cache, refresh: make(chan struct{}, 1), idle: make(chan struct{})}
}

var errShutdown = pgerr.New(pgerr.AdminShutdown, "the server is shutting down").AsFatal()

// publish makes what is committed now the state that reads see. Only the
// writer calls it, and never while it commits.
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
	p.retire(p.swap(next))
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

// swap serves those who wait from the new generation and returns the old one's free connections.
func (p *readers) swap(next *generation) (old []*conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current != nil {
		old, p.current.free = p.current.free, nil
	}
	p.current = next
	p.catalogue.Store(next.catalogue)
	for len(p.waiting) > 0 && len(next.free) > 0 {
		p.waiting[0] <- p.pop()
		p.waiting = p.waiting[1:]
	}
	if len(p.waiting) > 0 {
		p.wantMore()
	}
	return old
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
	p.inUse++
	return c
}

func (p *readers) wantMore() {
	select {
	case p.refresh <- struct{}{}:
	default:
	}
}

// acquire takes a connection of the newest generation.
func (p *readers) acquire(ctx context.Context) (*conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errShutdown
	}
	if len(p.current.free) > 0 {
		c := p.pop()
		p.mu.Unlock()
		return c, nil
	}
	turn := make(chan *conn, 1)
	p.waiting = append(p.waiting, turn)
	p.wantMore()
	p.mu.Unlock()
	return p.wait(ctx, turn)
}

func (p *readers) wait(ctx context.Context, turn chan *conn) (*conn, error) {
	select {
	case c := <-turn:
		if c == nil {
			return nil, errShutdown
		}
		return c, nil
	case <-ctx.Done():
		if !p.forget(turn) {
			if c := <-turn; c != nil {
				p.release(c)
			}
		}
		return nil, canceled(ctx)
	}
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
	p.mu.Lock()
	stays := c.generation == p.current && !c.doubtful && !c.broken && !p.closed
	switch {
	case stays && len(p.waiting) > 0:
		p.waiting[0] <- c
		p.waiting = p.waiting[1:]
	case stays:
		p.current.free = append(p.current.free, c)
		p.inUse--
	}
	p.mu.Unlock()
	if !stays {
		c.doubtful = false
		p.retire([]*conn{c})
		p.leave()
	}
}

// leave comes after retire, so that close sees every connection among the spare ones.
func (p *readers) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inUse--
	p.signalIdle()
}

func (p *readers) signalIdle() {
	if p.closed && p.inUse == 0 {
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
