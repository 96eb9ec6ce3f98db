package engine

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"chaisqld/pgerr"
)

// request waits for the writer. Its answer comes through done, once.
type request struct {
	WriteRequest
	lease  *Lease // the request is for the transaction itself
	queued time.Time
	took   time.Duration // its turn, without the commit that it shares
	done   chan error
}

// alone tells whether it shares its transaction with nobody.
func (r *request) alone() bool {
	return r.Schema || r.lease != nil || r.Client.long()
}

// queue is the way to a writer that is not free: who has used it least goes
// first, and among equals who came first. So that none waits in vain who has
// used it much, every other turn is for who has waited longest, once that is
// half of what it may be.
type queue struct {
	limit int
	wait  time.Duration // the longest
	wake  chan struct{}

	mu      sync.Mutex
	waiting []*request
	shares  shares
	byAge   bool  // the last turn was for who had waited longest
	refused error // why nothing is taken any more
}

func newQueue(limit int, wait time.Duration) *queue {
	return &queue{limit: limit, wait: wait, wake: make(chan struct{}, 1)}
}

// pass lets a request go past a queue in which nobody waits who should go before it.
func (q *queue) pass(r *request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if q.refused != nil || q.shares.resting(r.Client, now) {
		return false
	}
	for _, other := range q.waiting {
		if !q.shares.resting(other.Client, now) {
			return false
		}
	}
	q.shares.ask(r.Client)
	q.shares.begin(r.Client)
	return true
}

// charge counts the turns that requests have had.
func (q *queue) charge(served []*request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, r := range served {
		q.shares.end(r.Client, r.took, now)
	}
}

// contended says that somebody waits who has something to write.
func (q *queue) contended() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.ContainsFunc(q.waiting, func(r *request) bool { return !r.Probe })
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
	q.shares.ask(r.Client)
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

// take moves those whose turn it is into group, up to the limits; one that must
// be alone is taken alone. Where everybody rests it tells until when.
func (q *queue) take(group []*request, now time.Time, requests, bytes int) (_ []*request, rest time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.order(now)
	stay, full := q.waiting[:0], false
	for i, r := range q.waiting {
		if !full && !(i == 0 && q.byAge) && q.refused == nil && q.shares.resting(r.Client, now) {
			if stay = append(stay, r); rest.IsZero() || r.Client.rests.Before(rest) {
				rest = r.Client.rests
			}
			continue
		}
		bytes -= r.Bytes
		if full = full || len(group) > 0 && (len(group) == requests || bytes < 0 || r.alone() || group[0].alone()); full {
			stay = append(stay, r)
			continue
		}
		group = append(group, r)
	}
	clear(q.waiting[len(stay):])
	q.waiting = stay
	if len(group) > 0 && !q.byAge {
		q.shares.begin(group[0].Client)
	}
	return group, rest
}

// order puts those who have used the writer least in front, and before them, at
// every other turn, who has waited too long.
func (q *queue) order(now time.Time) {
	slices.SortStableFunc(q.waiting, func(a, b *request) int { return cmp.Compare(q.shares.after(a.Client), q.shares.after(b.Client)) })
	if q.byAge = !q.byAge && len(q.waiting) > 0; !q.byAge {
		return
	}
	oldest := 0
	for i, r := range q.waiting {
		if r.queued.Before(q.waiting[oldest].queued) {
			oldest = i
		}
	}
	r := q.waiting[oldest]
	if q.byAge = now.Sub(r.queued) >= q.wait/2; q.byAge {
		q.waiting = slices.Insert(slices.Delete(q.waiting, oldest, oldest+1), 0, r)
	}
}

// expire sends away who has waited too long.
func (q *queue) expire(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = slices.DeleteFunc(q.waiting, func(r *request) bool {
		late := now.Sub(r.queued) >= q.wait
		if late {
			r.done <- pgerr.New(pgerr.LockNotAvailable, "the write transaction was not free within %s", q.wait).
				WithHint("Another transaction holds it; keep transactions short.")
		}
		return late
	})
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
