package gate

import (
	"context"
	"errors"
	"runtime"
	"time"

	"chaisqld/pgerr"
)

// Meter measures what one connection's statements cost: work, so that they end in time wherever it is spent, and memory, so
// that no connection takes what others need. It is for one goroutine. The zero Meter limits nothing but the writer's time.
type Meter struct {
	ctx  context.Context // its end ends the statement; nil: nothing does
	turn time.Time       // when the writer is needed by others; zero: it is not held

	spent, next int // units of work; at next, it is time to look

	lane    *Lane
	entered time.Time // the lane; zero: outside

	memory    *Memory
	limit     int64 // bytes that the connection may hold; 0: any
	held      int64
	reserved  int64 // of it, what the pool knows of
	statement usage
}

// usage is what the running statement holds.
type usage struct {
	limit, bytes int
	pending      int // not yet in held: little things are not worth it
	charged      int

	made int // bytes of the long values that expressions made for the row at hand
	most int // that there were at once, of which the connection knows

	alwaysNull map[node]bool // what was found out about expressions
}

// A unit of work is about ten nanoseconds.
const (
	unitsPerLook = 4096    // some fifty microseconds pass between two looks at the clock
	heavyUnits   = 100_000 // after a millisecond, a read keeps to the lane
	rowUnits     = 64      // reading a row
	writeUnits   = 1000    // writing one
	nodeUnits    = 2       // evaluating one node of an expression
	bytesPerUnit = 8       // looked at, changed or copied
)

// ErrTurnOver is the cause of the error of a statement that kept the writer for too long.
var ErrTurnOver = errors.New("the writer's time is over")

// NewMeter returns a Meter for one connection, which may hold limit bytes of what the memory has.
func NewMeter(lane *Lane, memory *Memory, limit int) *Meter {
	return &Meter{lane: lane, memory: memory, limit: int64(limit)}
}

// Begin opens a time in which the end of ctx ends whatever runs. The caller calls End.
func (m *Meter) Begin(ctx context.Context) {
	m.ctx, m.spent, m.next = ctx, 0, unitsPerLook
}

// End closes it.
func (m *Meter) End() {
	m.ctx, m.statement.alwaysNull = nil, nil
	m.EndTurn()
	m.leaveLane()
}

// BeginTurn starts the time with the writer that the statements up to EndTurn share.
func (m *Meter) BeginTurn(limit time.Duration) { m.turn = time.Now().Add(limit) }

// EndTurn says that the writer is no longer held.
func (m *Meter) EndTurn() { m.turn = time.Time{} }

// spend counts work that is about to be done. Its error ends the statement.
func (m *Meter) spend(units int) error {
	if m.spent += units; m.spent < m.next {
		return nil
	}
	return m.look()
}

// look finds out whether there is still time. Work that keeps the writer waits for nobody else.
func (m *Meter) look() error {
	m.next = m.spent + unitsPerLook
	if m.ctx != nil && m.ctx.Err() != nil {
		return context.Cause(m.ctx)
	}
	if !m.turn.IsZero() {
		if time.Now().After(m.turn) {
			return turnOver()
		}
		return nil
	}
	if m.spent < heavyUnits {
		return nil
	}
	runtime.Gosched()
	return m.keepLane()
}

func turnOver() error {
	e := pgerr.New(pgerr.QueryCanceled, "canceling statement: it held the writer for too long, and nothing of it was kept").
		WithHint("Use an indexed condition, or change a few rows at a time: … WHERE key IN (SELECT key FROM … LIMIT 100).")
	e.Cause = ErrTurnOver
	return e
}

// maxText bounds what expressions can make of texts, in bytes.
const maxText = 16 << 20

func checkTextLength(bytes int) error {
	if bytes > maxText {
		return pgerr.New(pgerr.ProgramLimitExceeded, "an expression makes a value of %d bytes, the limit is %d", bytes, maxText)
	}
	return nil
}

// textUnits is the work of going through that many bytes.
func textUnits(bytes int) int { return bytes/bytesPerUnit + 1 }

// spend counts work on a value. A scope without a Meter is that of a constant, which is no longer than its statement.
func (s *scope) spend(units int) error {
	if s == nil || s.meter == nil {
		return nil
	}
	return s.meter.spend(units)
}

// spendOn counts work that goes through a value.
func (s *scope) spendOn(v any) error {
	if n := textLength(v); n > bytesPerUnit {
		return s.spend(textUnits(n))
	}
	return nil
}

// spendMaking counts the work of making a value of that many bytes, if it may be that long.
func (s *scope) spendMaking(bytes int) error {
	if err := checkTextLength(bytes); err != nil {
		return err
	}
	return s.spend(textUnits(bytes))
}

// spendRepeating is for a value that stands in another one so many times, beside more bytes.
func (s *scope) spendRepeating(bytes int, times int64, more int) error {
	if times > maxText {
		return checkTextLength(max(bytes, maxText) + 1)
	}
	return s.spendMaking(bytes*int(times) + more)
}

// spendComparing counts what comparing two values takes; that of short ones is in the node's own work.
func (s *scope) spendComparing(x, y any) error {
	const perUnit = 64 // bytes: they are compared faster than looked at
	for _, v := range [...]any{x, y} {
		if d, ok := v.(Decimal); ok {
			return s.spend(d.units())
		}
	}
	if n := min(textLength(x), textLength(y)); n > perUnit {
		return s.spend(n / perUnit)
	}
	return nil
}

func textLength(v any) int {
	switch v := v.(type) {
	case string:
		return len(v)
	case []byte:
		return len(v)
	}
	return 0
}

// keep counts memory as the Meter does.
func (s *scope) keep(bytes int) error {
	if s == nil || s.meter == nil {
		return nil
	}
	return s.meter.keep(bytes)
}

// nodes counts the nodes of expressions, those inside aggregates too.
func nodes(list ...node) int {
	count := 0
	for _, x := range list {
		walk(x, func(n node) bool {
			count++
			if a, ok := n.(*aggregate); ok {
				count += nodes(a.inputs()...)
			}
			return true
		})
	}
	return count
}
