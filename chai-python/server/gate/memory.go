package gate

import (
	"sync/atomic"
	"time"

	"chaisqld/pgerr"
)

// Memory bounds what the connections of a server hold together: rows on their way to clients, parameters, prepared statements.
type Memory struct {
	limit int64
	used  atomic.Int64
}

// NewMemory returns a Memory of that many bytes.
func NewMemory(limit int) *Memory { return &Memory{limit: int64(limit)} }

const (
	allowance  = 1 << 20   // bytes that every connection may hold whatever the others do
	reserveIn  = 256 << 10 // bytes that are reserved at a time
	chargeFrom = 64 << 10  // bytes that a statement may hold before it is charged
)

// Hold adds to what the connection holds, or fails without effect.
func (m *Meter) Hold(bytes int) error {
	held := m.held + int64(bytes)
	if m.limit > 0 && held > m.limit {
		return pgerr.New(pgerr.ProgramLimitExceeded, "this connection would hold %d bytes of rows, parameters and prepared statements, the limit is %d", held, m.limit).
			WithHint("Ask for fewer rows at a time (LIMIT), send fewer statements between two Syncs, close portals and statements that are no longer needed.")
	}
	if wanted := reservation(held); m.memory != nil && wanted > m.reserved {
		if used := m.memory.used.Add(wanted - m.reserved); used > m.memory.limit {
			m.memory.used.Add(m.reserved - wanted)
			return pgerr.New(outOfMemory, "the connections hold all of the %d bytes that there are for rows, parameters and prepared statements", m.memory.limit).
				WithHint("Try again when others are done, or ask for fewer rows at a time (LIMIT).")
		}
		m.reserved = wanted
	}
	m.held = held
	return nil
}

// Settle says what the connection holds now that something was given back.
func (m *Meter) Settle(bytes int) {
	m.held = int64(bytes)
	if wanted := reservation(m.held); m.memory != nil && wanted != m.reserved {
		m.memory.used.Add(wanted - m.reserved)
		m.reserved = wanted
	}
}

// Held is what the connection holds, in bytes.
func (m *Meter) Held() int { return int(m.held) }

// reservation is what the memory is told of.
func reservation(held int64) int64 {
	return max(held-allowance+reserveIn-1, 0) / reserveIn * reserveIn
}

// outOfMemory is SQLSTATE 53200.
const outOfMemory = "53200"

// keep counts what the running statement holds until it has been answered.
func (m *Meter) keep(bytes int) error {
	u := &m.statement
	if u.bytes += bytes; u.limit > 0 && u.bytes > u.limit {
		return pgerr.New(pgerr.ProgramLimitExceeded, "statement needs more than %d bytes in memory", u.limit).
			WithHint(pagesHint)
	}
	if u.pending += bytes; u.pending < chargeFrom {
		return nil
	}
	if err := m.Hold(u.pending); err != nil {
		return err
	}
	u.charged, u.pending = u.charged+u.pending, 0
	return nil
}

// smallValue is how many bytes an expression may make without being counted.
const smallValue = 4 << 10

// made counts what the expressions of one row make. All of it may be needed until the row is done.
func (m *Meter) made(bytes int) error {
	u := &m.statement
	if u.made += bytes; u.limit > 0 && u.made > u.limit {
		return pgerr.New(pgerr.ProgramLimitExceeded, "expressions need more than %d bytes in memory for one row", u.limit).
			WithHint("Compute fewer long values at a time.")
	}
	if more := u.made - u.most; more >= chargeFrom {
		if err := m.Hold(more); err != nil {
			return err
		}
		u.most += more
	}
	return nil
}

// beginRow counts the work on a row, for which nothing has been made yet.
func (m *Meter) beginRow(units int) error {
	m.statement.made = 0
	return m.spend(units)
}

// forget gives back what was held for what expressions made.
func (m *Meter) forget() {
	if u := &m.statement; u.most > 0 {
		m.Settle(m.Held() - u.most)
		u.made, u.most = 0, 0
	}
}

// making counts a value of that many bytes, which an expression makes.
func (s *scope) making(bytes int) error {
	if bytes > smallValue && s != nil && s.meter != nil {
		return s.meter.made(bytes)
	}
	return nil
}

// madeSoFar is what expressions have made for the row at hand.
func (s *scope) madeSoFar() int {
	if s == nil || s.meter == nil {
		return 0
	}
	return s.meter.statement.made
}

// madeInstead counts a value that takes the place of all that was made for it.
func (s *scope) madeInstead(before, bytes int) error {
	if s == nil || s.meter == nil {
		return nil
	}
	s.meter.statement.made = before
	return s.making(bytes)
}

// valueBytes is what a value takes in memory.
func valueBytes(v any) int {
	const word = 16 // of the interface
	switch v := v.(type) {
	case string:
		return word + 16 + len(v)
	case []byte:
		return word + 24 + len(v)
	case time.Time:
		return word + 24
	case Span:
		return word + spanBytes
	case Decimal:
		return word + 64 + v.digits.BitLen()/8
	case nil, bool:
		return word
	}
	return word + 8
}

// rowBytes is what a row takes in memory.
func rowBytes(row []any) int {
	const slice = 48
	total := slice
	for _, v := range row {
		total += valueBytes(v)
	}
	return total
}

// buffer counts rows that a statement keeps.
type buffer struct {
	x    *execution
	rows int
}

// count counts a row whose bytes are counted already.
func (b *buffer) count() error {
	if b.rows++; b.rows > b.x.limits.ResultRows {
		return pgerr.New(pgerr.ProgramLimitExceeded, "statement needs more than %d rows in memory", b.x.limits.ResultRows).WithHint(pagesHint)
	}
	return nil
}

// add counts a row and its bytes.
func (b *buffer) add(row []any) error {
	if err := b.count(); err != nil {
		return err
	}
	return b.x.meter.keep(rowBytes(row))
}

const pagesHint = "Add conditions or LIMIT, or read in pages: … WHERE key > $1 ORDER BY key LIMIT $2."
