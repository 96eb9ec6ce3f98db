package wire

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"sync"
	"time"

	"chaisqld/engine"

	"github.com/jackc/pgx/v5/pgproto3"
)

// canceler stops the statement that a connection is running, and never one
// that it runs later. Its context is renewed only after a cancellation, and its
// timer goes on from one statement to the next, so that a statement costs
// neither an allocation nor a timer.
type canceler struct {
	mu       sync.Mutex
	ctx      context.Context
	stop     context.CancelCauseFunc
	busy     bool
	deadline time.Time   // of what is running; zero: none
	timer    *time.Timer // rings at the deadline or before
	rings    time.Time   // when; zero: it is not set
	secret   uint32
	done     func() // end, bound once
}

func newCanceler() *canceler {
	k := &canceler{}
	k.done = k.end
	var secret [4]byte
	rand.Read(secret[:])
	k.secret = binary.BigEndian.Uint32(secret[:])
	k.ctx, k.stop = context.WithCancelCause(context.Background())
	return k
}

func (k *canceler) key() []byte { return binary.BigEndian.AppendUint32(nil, k.secret) }

func (k *canceler) matches(key []byte) bool { return subtle.ConstantTimeCompare(k.key(), key) == 1 }

// begin opens the time in which cancel has an effect; the caller calls end.
// A timeout of 0 is none.
func (k *canceler) begin(timeout time.Duration) (ctx context.Context, end func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.busy, k.deadline = true, time.Time{}
	if timeout > 0 {
		k.deadline = time.Now().Add(timeout)
		k.setTimer()
	}
	return k.ctx, k.done
}

// setTimer sees to it that the timer rings in time. k.mu is held.
func (k *canceler) setTimer() {
	if !k.rings.IsZero() && !k.rings.After(k.deadline) {
		return
	}
	k.rings = k.deadline
	if k.timer == nil {
		k.timer = time.AfterFunc(time.Until(k.rings), k.ring)
		return
	}
	k.timer.Reset(time.Until(k.rings))
}

// ring finds a statement that has had its time, or one that came later.
func (k *canceler) ring() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rings = time.Time{}
	switch {
	case !k.busy || k.deadline.IsZero():
	case time.Now().Before(k.deadline):
		k.setTimer()
	default:
		k.stop(errTimeout)
	}
}

// close frees the timer, whose next ring may be far away.
func (k *canceler) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.timer != nil {
		k.timer.Stop()
	}
}

func (k *canceler) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.busy = false
	if k.ctx.Err() != nil {
		k.ctx, k.stop = context.WithCancelCause(context.Background())
	}
}

// cancel stops what is running, with the reason that its client is told.
func (k *canceler) cancel(reason error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.busy {
		k.stop(reason)
	}
}

// cancelRequest serves a connection that came only to stop another one's
// statement. As in PostgreSQL, a wrong key is not answered.
func (s *Server) cancelRequest(m *pgproto3.CancelRequest) {
	if c := s.find(m.ProcessID); c != nil && c.cancel.matches(m.SecretKey) {
		c.cancel.cancel(errUserCancel)
	}
}

// rowsPerCheck is how many rows pass between two looks at the context: the
// engine under us looks at none.
const rowsPerCheck = 64

// watch counts rows, however they are read.
type watch struct {
	ctx  context.Context
	rows int
}

func (w *watch) row() error {
	if w.rows++; w.rows%rowsPerCheck == 0 && w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	return nil
}

func (w *watch) query(r engine.Reader, sql string, args []any, row func([]any) error) error {
	return r.Query(sql, args, func(values []any) error {
		if err := w.row(); err != nil {
			return err
		}
		return row(values)
	})
}

func (w *watch) get(r engine.Reader, t *engine.Table, key any) ([]any, error) {
	if err := w.row(); err != nil {
		return nil, err
	}
	return r.Get(t, key)
}

type watchedReader struct {
	engine.Reader
	watch
}

func (w *watchedReader) Query(sql string, args []any, row func([]any) error) error {
	return w.query(w.Reader, sql, args, row)
}

func (w *watchedReader) Get(t *engine.Table, key any) ([]any, error) { return w.get(w.Reader, t, key) }

type watchedWriter struct {
	engine.Writer
	watch
}

func (w *watchedWriter) Query(sql string, args []any, row func([]any) error) error {
	return w.query(w.Writer, sql, args, row)
}

func (w *watchedWriter) Get(t *engine.Table, key any) ([]any, error) { return w.get(w.Writer, t, key) }
