package gate

import (
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// INSERT … SELECT runs the SELECT to its end and then inserts its rows, so that it never sees what it inserts itself.

// insertQuery binds the query, and the row that each of its rows becomes. The query cannot name columns of the table.
func (b *binder) insertQuery(p *insertPlan, s *syntax.Insert, places []int) (err error) {
	inner := b.inner(nil)
	inner.keepOpen = true
	if p.query, err = inner.selectPlan(s.Query); err != nil {
		return err
	}
	b.repeated += inner.repeated
	items := p.query.items
	switch {
	case len(items) > len(places):
		return b.fail(items[len(places)].at, pgerr.SyntaxError, "INSERT has more expressions than target columns")
	case len(items) < len(places) && s.Columns != nil:
		return b.fail(s.Columns[len(items)].At, pgerr.SyntaxError, "INSERT has more target columns than expressions")
	}
	row := make([]node, len(p.table.Columns))
	for i, item := range items {
		n := item.x
		if n.typ().family() != openFamily { // one that is open becomes a constant of the column's type
			n = &column{i, n.typ()}
		}
		if row[places[i]], err = b.assign(p.table, places[i], n, itemAt(item.at)); err != nil {
			return err
		}
	}
	p.rows = [][]node{row}
	return fillDefaults(p.table, row, b.limits)
}

// insertQuery is INSERT … SELECT, whose rows are looked for before the writer is asked for.
type insertQuery struct{ *insertPlan }

func (p insertQuery) scouts() bool { return p.query.looksThrough() || p.insertPlan.scouts() }

func (p insertQuery) find(x *execution) ([][]any, error) {
	if err := p.prepare(x); err != nil {
		return nil, err
	}
	rows, err := p.query.rows(x)
	if len(rows) > x.limits.WriteRows {
		return nil, tooManyRows("INSERT", x.limits.WriteRows)
	}
	return rows, err
}

func (p insertQuery) execute(x *execution) (*Result, error) { return changeFound(x, p) }

// change inserts the rows that were found.
func (p insertQuery) change(x *execution, rows [][]any) (*Result, error) {
	w, err := x.writer()
	if err != nil {
		return nil, err
	}
	to := p.begin(w)
	for _, row := range rows {
		x.scope.row = row
		if err := to.insert(x, p.rows[0]); err != nil {
			return nil, err
		}
	}
	x.scope.row = nil
	return to.done(), nil
}
