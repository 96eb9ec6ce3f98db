package gate

import (
	"time"

	"chaisqld/pgerr"
)

// Limits bound what one statement may cost. Each zero field takes the default named beside it.
type Limits struct {
	TextBytes       int // SQL text of one message; default 16 KiB
	Nesting         int // depth of parentheses, operators and comments; default 50
	Parameters      int // parameters of one statement; default 1,000
	KeyBytes        int // a TEXT or BYTEA value of a primary key or indexed column; default 120
	ValueBytes      int // any other value; default 4 MiB
	ResultRows      int // rows that one statement buffers; default 100,000
	ResultBytes     int // bytes that one statement buffers; default 32 MiB
	CachedPlans     int // plans kept by text; default 500
	CachedPlanBytes int // that they may weigh together; default 16 MiB
	WriteRows       int // rows that one UPDATE, DELETE or INSERT … SELECT changes; default 10,000

	// WriteTime is how long one statement may keep the writer; default 2 s, well below the engine's HangLimit, after which
	// it takes the database for hung.
	WriteTime time.Duration
}

func (l Limits) withDefaults() Limits {
	set := func(field *int, value int) {
		if *field <= 0 {
			*field = value
		}
	}
	set(&l.TextBytes, 16<<10)
	set(&l.Nesting, 50)
	set(&l.Parameters, 1000)
	set(&l.KeyBytes, 120)
	set(&l.ValueBytes, 4<<20)
	set(&l.ResultRows, 100_000)
	set(&l.ResultBytes, 32<<20)
	set(&l.CachedPlans, 500)
	set(&l.CachedPlanBytes, 16<<20)
	set(&l.WriteRows, 10_000)
	if l.WriteTime <= 0 {
		l.WriteTime = 2 * time.Second
	}
	return l
}

func (l Limits) checkText(sql string) error {
	if len(sql) <= l.TextBytes {
		return nil
	}
	return pgerr.New(pgerr.ProgramLimitExceeded, "statement has %d bytes, the limit is %d", len(sql), l.TextBytes).
		WithHint("Pass values as parameters ($1, $2, …) instead of writing them into the statement.")
}
