package gate

import (
	"chaisqld/gate/syntax"
)

// updatePlan is a checked UPDATE: the rows are found first, then each is written by its key.
type updatePlan struct {
	scan      *scan
	write     *rowWrite
	returning []outputItem
	folded    []node

	selections []*selection
}

func (b *binder) updatePlan(s *syntax.Update) (*updatePlan, error) {
	if err := b.use(s.Table); err != nil {
		return nil, err
	}
	p := &updatePlan{}
	condition, err := b.where(s.Where)
	if err != nil {
		return nil, err
	}
	if p.returning, err = b.returning(s.Returning); err != nil {
		return nil, err
	}
	if p.write, err = b.rowWrite(s.Set); err != nil {
		return nil, err
	}
	if p.write.twice != nil {
		return nil, p.write.twice
	}
	p.folded = foldable(append(append(p.write.values(), condition), expressions(p.returning)...)...)
	p.selections = b.selections
	p.scan = newScan(b.table, condition, nil)
	p.scan.needsAll() // the row is written whole, and its size is charged
	return p, nil
}

func (p *updatePlan) bytes(args []any) int { return argumentBytes(args) }

func (p *updatePlan) execute(x *execution) (*Result, error) { return changeFound(x, p) }

func (p *updatePlan) scouts() bool    { return !p.scan.byPrimaryKey() || lookThrough(p.selections) }
func (p *updatePlan) target() *scan   { return p.scan }
func (p *updatePlan) nothing() string { return updateTags.of(0) }

func (p *updatePlan) find(x *execution) ([][]any, error) {
	if err := x.fold(p.folded); err != nil {
		return nil, err
	}
	if err := x.selections(p.selections); err != nil {
		return nil, err
	}
	return p.scan.matches(x, "UPDATE", -1)
}

func (p *updatePlan) change(x *execution, rows [][]any) (*Result, error) {
	w, err := x.writer()
	if err != nil {
		return nil, err
	}
	result := &Result{Tag: updateTags.of(len(rows))}
	for _, row := range rows {
		x.scope.row = row
		changed, err := p.write.apply(x, w)
		if err != nil {
			return nil, err
		}
		if err := returnRow(result, p.returning, x, changed); err != nil {
			return nil, err
		}
	}
	return result, nil
}
