package gate

import (
	"errors"
	"slices"

	"chaisqld/engine"
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// rowWrite changes one row, found by its key.
type rowWrite struct {
	table  *table
	set    []assignment
	places []int // of the columns that are set
	twice  error // a column is set twice, which PostgreSQL notices when the rest of the statement is right
}

func (b *binder) rowWrite(set []syntax.Assignment) (*rowWrite, error) {
	w := &rowWrite{table: b.table}
	values := make([]syntax.Expr, len(set))
	for i, a := range set {
		values[i] = a.Value
	}
	defer b.without("UPDATE")()
	bound, err := b.bindRow(values)
	if err != nil {
		return nil, err
	}
	for i, a := range set {
		place, err := b.target(a.Column)
		if err != nil {
			return nil, err
		}
		if slices.Contains(w.places, place) && w.twice == nil {
			w.twice = b.fail(a.Column.At, pgerr.SyntaxError, "multiple assignments to same column \"%s\"", a.Column.Text)
		}
		value, err := b.assign(b.table, place, bound[i], a.Value)
		if err != nil {
			return nil, err
		}
		w.set = append(w.set, assignment{place, value})
		w.places = append(w.places, place)
	}
	return w, nil
}

func (w *rowWrite) values() []node {
	list := make([]node, len(w.set))
	for i, a := range w.set {
		list[i] = a.value
	}
	return list
}

// apply changes the scope's row and returns it as changed.
func (w *rowWrite) apply(x *execution, to engine.Writer) ([]any, error) {
	if err := x.meter.beginRow(writeUnits); err != nil {
		return nil, err
	}
	old := x.scope.row
	row := append([]any(nil), old...)
	values := make([]any, len(w.set))
	for i, a := range w.set {
		v, err := a.value.eval(&x.scope)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	for i, a := range w.set { // after all are computed, so that an error there comes first
		v, err := w.table.storable(a.place, values[i], x.limits)
		if err != nil {
			return nil, err
		}
		row[a.place], values[i] = v, v
	}
	// Chai writes the whole row again, and takes every index entry out and puts it back.
	if err := to.Charge(w.table.weight(row) + w.table.entryWeight(old)); err != nil {
		return nil, err
	}
	return row, w.table.named(to.Update(w.table.Table, old[w.table.key], w.places, values))
}

// named gives a unique violation PostgreSQL's wording. The value stays out of it: a key may be somebody's token.
func (t *table) named(err error) error {
	var e *pgerr.Error
	if !errors.As(err, &e) || e.Code != pgerr.UniqueViolation {
		return err
	}
	constraint := primaryKeyName(t.Table)
	return pgerr.New(pgerr.UniqueViolation, "duplicate key value violates unique constraint \"%s\"", constraint).
		WithDetail("Key (" + t.names[t.key] + ") already exists.").
		On(pgerr.Object{Schema: publicSchema, Table: t.name, Constraint: constraint}).WithCause(err)
}

// entryWeight estimates the bytes that taking a row out puts into the transaction: its key and index entries.
func (t *table) entryWeight(row []any) int {
	const perEntry = 16
	total := 0
	for place, v := range row {
		if t.indexed[place] {
			total += sizeOf(v) + sizeOf(row[t.key]) + perEntry
		}
	}
	return total
}

// returnRow adds RETURNING's output for a row.
func returnRow(to *Result, items []outputItem, x *execution, row []any) error {
	if items == nil {
		return nil
	}
	inner := *x
	inner.scope.row = row
	out, err := project(items, &inner.scope)
	to.Rows = append(to.Rows, out)
	return err
}

// matches collects the rows that an UPDATE or DELETE changes, before the first of them is; most -1 is all of them.
func (s *scan) matches(x *execution, verb string, most int64) ([][]any, error) {
	if s.byOneKey() && most != 0 {
		row, err := s.one(x)
		if row == nil || err != nil {
			return nil, err
		}
		kept := buffer{x: x}
		return [][]any{row}, kept.add(row)
	}
	var rows [][]any
	kept := buffer{x: x}
	err := s.run(x, func(row []any) error {
		rows = append(rows, row)
		if len(rows) > x.limits.WriteRows {
			return tooManyRows(verb, x.limits.WriteRows)
		}
		if err := kept.add(row); err != nil || int64(len(rows)) != most {
			return err
		}
		return engine.Stop
	})
	return rows, err
}

func tooManyRows(verb string, limit int) error {
	return pgerr.New(pgerr.ProgramLimitExceeded, "%s would change more than %d rows", verb, limit).
		WithHint("Repeat it for a few rows at a time: … WHERE key IN (SELECT key FROM … LIMIT 100).")
}
