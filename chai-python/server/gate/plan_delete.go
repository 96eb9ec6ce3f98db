package gate

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"chaisqld/engine"
	"chaisqld/gate/syntax"
)

// deletePlan is a checked DELETE: the rows are found first, then each is deleted by its key.
type deletePlan struct {
	scan      *scan
	batch     *selectPlan // the inner SELECT, if that alone says which rows go
	batchScan *scan       // reads what deleting its rows needs
	returning []outputItem
	folded    []node

	selections []*selection
	besides    []*selection // those besides the batch
}

func (b *binder) deletePlan(s *syntax.Delete) (*deletePlan, error) {
	if err := b.use(s.Table); err != nil {
		return nil, err
	}
	p := &deletePlan{}
	condition, err := b.where(s.Where)
	if err != nil {
		return nil, err
	}
	if p.returning, err = b.returning(s.Returning); err != nil {
		return nil, err
	}
	p.folded = foldable(append(expressions(p.returning), condition)...)
	p.selections, p.besides = b.selections, b.selections
	t := b.table
	p.scan = newScan(t, condition, nil, append(expressions(p.returning), keyAndIndexes(t)...)...)
	if p.batch = p.scan.innerSelect(); p.batch != nil {
		p.batchScan = p.batch.scan.reading(append(expressions(p.returning), keyAndIndexes(t)...)...)
		p.besides = slices.DeleteFunc(slices.Clone(p.selections), func(s *selection) bool { return s.plan == p.batch })
	}
	return p, nil
}

// keyAndIndexes are the columns that decide how much deleting a row writes.
func keyAndIndexes(t *table) []node {
	var list []node
	for place, indexed := range t.indexed {
		if indexed {
			list = append(list, &column{place, t.types[place]})
		}
	}
	return list
}

// innerSelect recognizes key IN (SELECT key FROM same table WHERE conditions [ORDER BY what it is read along] [LIMIT n]) with
// or without some of the same conditions outside: its rows can be deleted as they are read, without looking each up again.
func (s *scan) innerSelect() *selectPlan {
	if s.path.keys == nil || s.path.column != s.table.key {
		return nil
	}
	inner := s.path.keys.plan
	if inner.scan == nil || inner.scan.table.Name != s.table.Name || inner.groups != nil || inner.distinct || inner.selections != nil || inner.offset != nil || !inner.served {
		return nil
	}
	if key, ok := inner.items[0].x.(*column); !ok || key.place != s.table.key {
		return nil
	}
	for _, c := range s.all {
		if in, ok := c.(*inSelect); ok && in.from == s.path.keys {
			continue
		}
		if !slices.ContainsFunc(inner.scan.all, func(same node) bool { return reflect.DeepEqual(c, same) }) {
			return nil
		}
	}
	return inner
}

func (p *deletePlan) bytes(args []any) int { return argumentBytes(args) }

func (p *deletePlan) execute(x *execution) (*Result, error) {
	w, err := x.writer()
	if err != nil {
		return nil, err
	}
	if err := x.fold(p.folded); err != nil {
		return nil, err
	}
	if err := x.selections(p.besides); err != nil {
		return nil, err
	}
	swept, done, err := p.sweep(x, w)
	if err != nil {
		return nil, err
	}
	if done {
		return &Result{Tag: fmt.Sprintf("DELETE %d", swept)}, nil
	}
	rows, err := p.rows(x, swept)
	if err != nil {
		return nil, err
	}
	result, err := p.change(x, rows)
	if err == nil && swept > 0 {
		result.Tag = fmt.Sprintf("DELETE %d", swept+int64(len(rows)))
	}
	return result, err
}

// Where an index says which rows go, or how many at most, the writer is not kept for long.
func (p *deletePlan) scouts() bool {
	return (!p.scan.byPrimaryKey() || lookThrough(p.besides)) && (p.batch == nil || p.batch.limit == nil)
}
func (p *deletePlan) target() *scan   { return p.scan }
func (p *deletePlan) nothing() string { return "DELETE 0" }

func (p *deletePlan) find(x *execution) ([][]any, error) {
	if err := x.fold(p.folded); err != nil {
		return nil, err
	}
	if err := x.selections(p.selections); err != nil {
		return nil, err
	}
	return p.scan.matches(x, "DELETE", -1)
}

func (p *deletePlan) change(x *execution, rows [][]any) (*Result, error) {
	w, err := x.writer()
	if err != nil {
		return nil, err
	}
	result := &Result{Tag: fmt.Sprintf("DELETE %d", len(rows))}
	for _, row := range rows {
		if err := p.deleteRow(x, w, row); err != nil {
			return nil, err
		}
		if err := returnRow(result, p.returning, x, row); err != nil {
			return nil, err
		}
	}
	return result, nil
}

func (p *deletePlan) deleteRow(x *execution, w engine.Writer, row []any) error {
	if err := x.meter.beginRow(writeUnits); err != nil {
		return err
	}
	if err := w.Charge(p.scan.table.entryWeight(row)); err != nil {
		return err
	}
	return w.Delete(p.scan.table.Table, row[p.scan.table.key])
}

// rows are those that go.
func (p *deletePlan) rows(x *execution, swept int64) ([][]any, error) {
	if p.batch == nil {
		return p.scan.matches(x, "DELETE", -1)
	}
	_, limit, err := p.batch.window(x)
	if err != nil || limit == swept {
		return nil, err
	}
	return p.batchScan.matches(x, "DELETE", max(limit-swept, -1))
}

// sweep deletes the first rows along an index where a bound from above alone says which. done is false where it does not, or
// where some of them have to be looked at.
func (p *deletePlan) sweep(x *execution, w engine.Writer) (swept int64, done bool, err error) {
	const chunk = 200 // rows, after which the time is looked at
	if p.batch == nil || p.returning != nil || p.batch.scan.path.descending {
		return 0, false, nil
	}
	s := p.batch.scan
	begin, exact, err := s.exactBound(x)
	if err != nil || !exact {
		return 0, false, err
	}
	below, fits := exclusive(begin)
	if !fits {
		return 0, false, nil
	}
	_, limit, err := p.batch.window(x)
	if err != nil || limit < 0 || limit > int64(x.limits.WriteRows) {
		return 0, false, err
	}
	for done = true; begin != nil && done && swept < limit; {
		if err := x.meter.look(); err != nil {
			return 0, false, err
		}
		most := min(limit-swept, chunk)
		var deleted int
		if deleted, done, err = w.DeleteFirst(s.table.Table, s.path.column, below, int(most)); err != nil {
			return 0, false, err
		}
		swept += int64(deleted)
		if int64(deleted) < most {
			break
		}
	}
	return swept, done, nil
}

// exclusive is the value below which all lie that a bound from above takes in. fits is false where there is none.
func exclusive(l *limit) (below any, fits bool) {
	if l == nil {
		return nil, true
	}
	if t, ok := l.value.(time.Time); ok && l.op == "<=" && t.Before(latestTimestamp) {
		return t.Add(time.Microsecond), true
	}
	return l.value, l.op == "<"
}
