package gate

import (
	"context"
	"sync/atomic"
	"time"
)

// Lane is where reads go that take long. It has room for one less than there are processors, so that short statements always
// find one: a look-up by key must not queue behind other people's scans.
type Lane struct {
	places  chan struct{}
	waiting atomic.Int32
}

// laneSlice is how long a read stays while others wait.
const laneSlice = 5 * time.Millisecond

// NewLane returns a Lane with that many places, one at least.
func NewLane(places int) *Lane { return &Lane{places: make(chan struct{}, max(places, 1))} }

func (l *Lane) enter(ctx context.Context) error {
	select {
	case l.places <- struct{}{}:
		return nil
	default:
	}
	l.waiting.Add(1)
	defer l.waiting.Add(-1)
	var over <-chan struct{}
	if ctx != nil {
		over = ctx.Done()
	}
	select {
	case l.places <- struct{}{}:
		return nil
	case <-over:
		return context.Cause(ctx)
	}
}

func (l *Lane) leave() { <-l.places }

// EnterLane begins work that will take long, outside of the writer's time. End leaves.
func (m *Meter) EnterLane() error {
	if m.lane == nil || !m.entered.IsZero() {
		return nil
	}
	return m.keepLane()
}

// keepLane enters the lane, or after a while lets others have their turn in it.
func (m *Meter) keepLane() error {
	switch {
	case m.lane == nil:
		return nil
	case m.entered.IsZero():
	case m.lane.waiting.Load() == 0 || time.Since(m.entered) < laneSlice:
		return nil
	default:
		m.leaveLane()
	}
	if err := m.lane.enter(m.ctx); err != nil {
		return err
	}
	m.entered = time.Now()
	return nil
}

func (m *Meter) leaveLane() {
	if !m.entered.IsZero() {
		m.entered = time.Time{}
		m.lane.leave()
	}
}
