package engine

import (
	"context"
	"sync"
	"time"
)

// Snapshot is a read transaction that its owner holds. It sees the database as
// it was when it was taken. It keeps old files alive, so it has time limits.
type Snapshot struct {
	e      *Engine
	opened time.Time

	mu   sync.Mutex // held while a call runs
	conn *conn
	err  error // why it is over
	used time.Time
}

// Snapshot takes the newest published snapshot for the caller alone. Beyond
// Options.MaxReadTransactions of them it fails.
func (e *Engine) Snapshot(ctx context.Context) (*Snapshot, error) {
	c, err := e.readers.acquire(ctx, heldRead)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	s := &Snapshot{e: e, conn: c, opened: now, used: now}
	e.snapshots.add(s)
	return s, nil
}

// Run executes fn on the snapshot.
func (s *Snapshot) Run(fn func(Reader) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	err := runReader(s.e.life, s.e.log, s.conn, fn)
	s.used = time.Now()
	if s.conn.broken {
		s.over(ErrFailedTransaction)
	}
	return err
}

// Close frees the snapshot. It is harmless when the snapshot is over.
func (s *Snapshot) Close() { s.finish(errLeaseEnded) }

func (s *Snapshot) finish(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.over(reason)
	}
}

func (s *Snapshot) over(reason error) {
	s.err = reason
	s.e.snapshots.remove(s)
	s.e.readers.release(s.conn)
	s.conn = nil
}

func (s *Snapshot) expire(now time.Time, idle, total time.Duration) {
	if !s.mu.TryLock() {
		return // a call is running
	}
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
	case now.Sub(s.used) >= idle:
		s.over(idleError(idle))
	case now.Sub(s.opened) >= total:
		s.over(totalError(total))
	}
}

// snapshots are those that are held now.
type snapshots struct {
	mu   sync.Mutex
	held map[*Snapshot]struct{}
}

func newSnapshots() *snapshots { return &snapshots{held: make(map[*Snapshot]struct{})} }

func (r *snapshots) add(s *Snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held[s] = struct{}{}
}

func (r *snapshots) remove(s *Snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, s)
}

// list copies, because those that are ended take themselves out.
func (r *snapshots) list() []*Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*Snapshot, 0, len(r.held))
	for s := range r.held {
		all = append(all, s)
	}
	return all
}

func (r *snapshots) expire(now time.Time, idle, total time.Duration) {
	for _, s := range r.list() {
		s.expire(now, idle, total)
	}
}

func (r *snapshots) closeAll() {
	for _, s := range r.list() {
		go s.finish(errShutdown) // one that runs is waited for by readers.close
	}
}
