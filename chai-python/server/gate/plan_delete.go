package gate

import (
	"fmt"
	"reflect"

	"chaisqld/engine"
	"chaisqld/gate/syntax"
)

// deletePlan is a checked DELETE: the rows are found first, then each is deleted by its key. Where one bound says which
// rows go, all or the first of them in its order, Chai deletes them in one sentence.
type deletePlan struct {
	scan      *scan
	batch     *batch // nil if it is none
	returning []outputItem
}

// batch is a DELETE of what one bound says.
type batch struct {
	scan   *scan
	window *selectPlan // has the LIMIT; nil without one
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
	if p.returning, err = b.output(s.Returning); err != nil {
		return nil, err
	}
	t := b.table
	p.scan = newScan(t, condition, nil, append(expressions(p.returning), keyAndIndexes(t)...)...)
	if p.returning == nil {
		p.batch = p.scan.deleteBatch()
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

// deleteBatch recognizes WHERE bound, and key IN (SELECT key FROM same table WHERE bound [ORDER BY the bound's column]
// [LIMIT n]) with or without the same bound outside.
func (s *scan) deleteBatch() *batch {
	if s.path.oneBound() {
		return &batch{scan: s}
	}
	if s.path.keys == nil || s.path.column != s.table.key {
		return nil
	}
	inner := s.path.keys.plan
	if inner.scan == nil || inner.scan.table.Name != s.table.Name || inner.aggregates != nil || inner.offset != nil {
		return nil
	}
	key, ok := inner.items[0].x.(*column)
	if !ok || key.place != s.table.key || !inner.scan.path.oneBound() || inner.scan.path.descending || !inner.served {
		return nil
	}
	for _, c := range s.all {
		in, ok := c.(*inSelect)
		if !(ok && in.from == s.path.keys) && !reflect.DeepEqual(c, inner.scan.condition) {
			return nil
		}
	}
	return &batch{newScan(s.table, inner.scan.condition, nil, keyAndIndexes(s.table)...), inner}
}

// oneBound says whether a single bound gives just the rows that the conditions want.
func (p *path) oneBound() bool {
	return p.exact && !p.byKey() && (p.low == nil) != (p.high == nil)
}

func (p *deletePlan) bytes(args []any) int { return argumentBytes(args) }

func (p *deletePlan) execute(x *execution) (*Result, error) {
	w, err := x.writer()
	if err != nil {
		return nil, err
	}
	if p.batch != nil {
		result, done, err := p.deleteBatch(x, w)
		if done || err != nil {
			return result, err
		}
	}
	rows, err := p.scan.matches(x, "DELETE")
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
	if err := x.check(); err != nil {
		return err
	}
	if err := w.Charge(p.scan.table.entryWeight(row)); err != nil {
		return err
	}
	return w.Delete(p.scan.table.Table, row[p.scan.table.key])
}

// deleteBatch counts the rows by reading them, then has Chai delete as many: it takes them from the same index, in the same
// order, in the same transaction. done is false where the bound is not exact.
func (p *deletePlan) deleteBatch(x *execution, w engine.Writer) (result *Result, done bool, err error) {
	s, limit := p.batch.scan, int64(-1)
	begin, exact, err := s.exactBound(x)
	if err != nil || !exact {
		return nil, false, err
	}
	if p.batch.window != nil {
		if _, limit, err = p.batch.window.window(x); err != nil {
			return nil, false, err
		}
	}
	count := int64(0)
	if begin != nil && limit != 0 {
		if count, err = s.chargeBatch(x, w, limit); err != nil {
			return nil, false, err
		}
	}
	if count > 0 {
		err = s.deleteFirst(x, w, begin, count)
	}
	return &Result{Tag: fmt.Sprintf("DELETE %d", count)}, true, err
}

// deleteFirst deletes the first rows of a range, a few in each sentence, so that the time can be watched.
func (s *scan) deleteFirst(x *execution, w engine.Writer, begin *limit, count int64) error {
	const chunk = 200
	sentence := "DELETE FROM " + s.table.quoted + " WHERE " + s.table.columns[s.path.column] + " " + begin.op + " $1 LIMIT $2"
	for ; count > 0; count -= chunk {
		if err := x.checkNow(); err != nil {
			return err
		}
		if err := w.Exec(sentence, []any{begin.value, min(count, chunk)}); err != nil {
			return err
		}
	}
	return nil
}

func (s *scan) chargeBatch(x *execution, w engine.Writer, limit int64) (count int64, err error) {
	bytes := 0
	err = s.run(x, func(row []any) error {
		if count++; count > int64(x.limits.WriteRows) {
			return tooManyRows("DELETE", x.limits.WriteRows)
		}
		bytes += s.table.entryWeight(row)
		if count == limit {
			return engine.Stop
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return count, w.Charge(bytes)
}
