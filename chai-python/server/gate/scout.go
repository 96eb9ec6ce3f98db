package gate

import (
	"time"

	"chaisqld/engine"
)

// An UPDATE, DELETE or INSERT … SELECT that has to look through rows does so before it asks for the writer, which it then keeps
// only for the rows that it has found. As in PostgreSQL's READ COMMITTED, a row that has changed since is looked at again, and a row that
// has come since is not there yet.

// Found are the rows that a statement is about to change, by their keys, or to insert.
type Found struct {
	plan     *Plan
	keys     []any
	rows     [][]any
	selected map[*selection]*outcome // what its inner SELECTs gave
	tag      string
}

// scout is an executor whose rows can be found beforehand.
type scout interface {
	executor
	scouts() bool
	find(x *execution) ([][]any, error)
	change(x *execution, rows [][]any) (*Result, error)
	nothing() string // the tag where there are no rows
}

// changeFound runs a scout that was not sent ahead.
func changeFound(x *execution, s scout) (*Result, error) {
	if _, err := x.writer(); err != nil {
		return nil, err
	}
	rows, err := s.find(x)
	if err != nil {
		return nil, err
	}
	return s.change(x, rows)
}

// targeted is a scout that changes rows which are there, and might be others by then.
type targeted interface{ target() *scan }

// Scouts tells whether Find should run before Run.
func (p *Plan) Scouts() bool {
	s, ok := p.run.(scout)
	return ok && s.scouts()
}

// Find looks for the rows that Run would change; nil where the plan is of another catalogue, and Run has to look itself.
func (p *Plan) Find(r engine.Reader, args []any, now time.Time, m *Meter) (*Found, error) {
	if r.Catalogue().Version != p.version {
		return nil, nil
	}
	x, err := p.execution(r, args, now, m)
	if err != nil {
		return nil, err
	}
	defer m.forget()
	s := p.run.(scout)
	rows, err := s.find(x)
	if err != nil {
		return nil, err
	}
	found := &Found{plan: p, selected: x.scope.selected, tag: s.nothing()}
	t, changes := s.(targeted)
	if !changes {
		found.rows = rows
		return found, nil
	}
	for _, row := range rows {
		found.keys = append(found.keys, row[t.target().table.key])
	}
	return found, nil
}

// Nothing is the result of a statement without rows to change, nil if there are some.
func (f *Found) Nothing() *Result {
	if len(f.keys) > 0 || len(f.rows) > 0 {
		return nil
	}
	return &Result{Tag: f.tag}
}

// Run changes the rows that were found and are still what the statement wants.
func (f *Found) Run(w engine.Writer, args []any, now time.Time, m *Meter) (*Result, error) {
	if w.Catalogue().Version != f.plan.version {
		return f.plan.Run(w, args, now, m)
	}
	return f.plan.measured(w, args, now, m, func(x *execution) (*Result, error) {
		s := f.plan.run.(scout)
		x.scope.selected = f.selected
		t, changes := s.(targeted)
		if !changes {
			return s.change(x, f.rows)
		}
		rows, err := t.target().again(x, f.keys)
		if err != nil {
			return nil, err
		}
		return s.change(x, rows)
	})
}

// again reads rows by their keys, and leaves out those that do not meet the condition any more.
func (s *scan) again(x *execution, keys []any) (rows [][]any, err error) {
	inner := *x
	for _, key := range keys {
		if err := x.meter.beginRow(s.units); err != nil {
			return nil, err
		}
		row, err := x.reader.Get(s.table.Table, key)
		if err != nil {
			return nil, err
		}
		if row == nil {
			continue
		}
		inner.scope.row = row
		switch ok, err := isTrue(s.condition, &inner.scope); {
		case err != nil:
			return nil, err
		case ok:
			rows = append(rows, row)
		}
	}
	return rows, nil
}
