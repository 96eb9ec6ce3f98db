package engine

import (
	"context"
	"sync"
	"time"

	"chaisqld/pgerr"
)

// request waits for the writer. Its answer comes through done, once.
type request struct {
	WriteRequest
	lease  *Lease // the request is for the transaction itself
	queued time.Time
	done   chan error
}

// alone tells whether it shares its transaction with nobody.
func (r *request) alone() bool { return r.Schema || r.lease != nil }

// queue is the way to a writer that is not free: first come, first served.
type queue struct {
	limit int
	wait  time.Duration // the longest
	wake  chan struct{}

	mu      sync.Mutex
	waiting []*request
	refused error // why nothing is taken any more
}

func newQueue(limit int, wait time.Duration) *queue {
	return &queue{limit: limit, wait: wait, wake: make(chan struct{}, 1)}
}

// idle says that nobody waits, and that requests are taken.
func (q *queue) idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) == 0 && q.refused == nil
}

func (q *queue) push(r *request) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.refused != nil {
		return q.refused
	}
	if len(q.waiting) >= q.limit {
		return pgerr.New(pgerr.TooManyConnections, "too many writes at once: %d are waiting already", q.limit).
			WithHint("Try again later.")
	}
	q.waiting = append(q.waiting, r)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}

// await returns the request's answer. A request whose context ends leaves the
// queue; one whose turn has come is waited for, as its outcome is not known.
func (q *queue) await(ctx context.Context, r *request) error {
	if ctx.Done() == nil {
		return <-r.done
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if q.remove(r) {
			return canceled(ctx)
		}
		return <-r.done
	}
}

func (q *queue) remove(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, w := range q.waiting {
		if w == r {
			q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// take moves what waits into group, up to the limits; one that must be alone is taken alone.
func (q *queue) take(group []*request, requests, bytes int) []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for n < len(q.waiting) && n < requests {
		r := q.waiting[n]
		bytes -= r.Bytes
		if n > 0 && (bytes < 0 || r.alone()) {
			break
		}
		n++
		if r.alone() {
			break
		}
	}
	group = append(group, q.waiting[:n]...)
	left := copy(q.waiting, q.waiting[n:])
	clear(q.waiting[left:])
	q.waiting = q.waiting[:left]
	return group
}

// expire sends away who has waited too long. The oldest are in front.
func (q *queue) expire(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for n < len(q.waiting) && now.Sub(q.waiting[n].queued) >= q.wait {
		q.waiting[n].done <- pgerr.New(pgerr.LockNotAvailable, "the write transaction was not free within %s", q.wait).
			WithHint("Another transaction holds it; keep transactions short.")
		n++
	}
	q.waiting = q.waiting[n:]
}

// refuse takes nothing any more; what waits is still served.
func (q *queue) refuse(reason error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.refused == nil {
		q.refused = reason
	}
}

// fail answers all who wait.
func (q *queue) fail(reason error) {
	q.refuse(reason)
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range q.waiting {
		r.done <- reason
	}
	q.waiting = nil
}
