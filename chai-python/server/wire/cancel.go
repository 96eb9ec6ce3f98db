package wire

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"sync"
	"time"

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
	began    time.Time
	deadline time.Time   // of what is running; zero: none
	timer    *time.Timer // rings at the deadline or before
	rings    time.Time   // when; zero: it is not set
	secret   uint32
}

func newCanceler() *canceler {
	k := &canceler{}
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
func (k *canceler) begin(timeout time.Duration) context.Context {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.busy, k.began, k.deadline = true, time.Now(), time.Time{}
	if timeout > 0 {
		k.deadline = k.began.Add(timeout)
		k.setTimer()
	}
	return k.ctx
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

// end closes it, and tells how long it was.
func (k *canceler) end() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.busy = false
	if k.ctx.Err() != nil {
		k.ctx, k.stop = context.WithCancelCause(context.Background())
	}
	return time.Since(k.began)
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
