package gate

import (
	"fmt"
	"slices"

	"chaisqld/engine"
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// insertPlan is a checked INSERT. Conflicts are found by looking the key up in the same transaction, so that counts are
// exact; Chai's own DO REPLACE leaves the indexes wrong.
type insertPlan struct {
	table      *table
	rows       [][]node    // a value for every column
	query      *selectPlan // INSERT … SELECT: rows has one entry, made of a row of the query
	lookup     *scan       // by the key of the scope's proposed row; nil without ON CONFLICT
	update     *rowWrite   // DO UPDATE
	where      node
	returning  []outputItem
	folded     []node
	selections []*selection
	unmatched  error // ON CONFLICT names columns that are not the key, which PostgreSQL notices when it runs
}

func (b *binder) insertPlan(s *syntax.Insert) (*insertPlan, error) {
	if err := b.use(s.Table); err != nil {
		return nil, err
	}
	t := b.table
	p := &insertPlan{table: t}
	places, err := b.insertPlaces(s)
	if err != nil {
		return nil, err
	}
	if s.Query != nil {
		err = b.insertQuery(p, s, places)
	} else {
		p.rows, err = b.insertRows(s, places)
	}
	if err != nil {
		return nil, err
	}
	b.table = t
	if err := b.conflict(p, s.Conflict); err != nil {
		return nil, err
	}
	if p.returning, err = b.returning(s.Returning); err != nil {
		return nil, err
	}
	if p.update != nil && p.update.twice != nil {
		return nil, p.update.twice
	}
	p.folded, p.selections = foldable(p.fixed()...), b.selections
	return p, nil
}

// fixed are the expressions that PostgreSQL computes as far as it can before it begins.
func (p *insertPlan) fixed() []node {
	list := append(expressions(p.returning), p.where)
	for _, values := range p.rows {
		list = append(list, values...)
	}
	if p.update != nil {
		list = append(list, p.update.values()...)
	}
	if p.query != nil {
		list = append(append(list, p.query.folded...), p.query.foldedWindow...)
	}
	return list
}

// insertPlaces finds the columns that values are given for.
func (b *binder) insertPlaces(s *syntax.Insert) ([]int, error) {
	var places []int
	if s.Columns == nil {
		for place := range b.table.Columns {
			places = append(places, place)
		}
		return places, nil
	}
	seen := map[int]bool{}
	for _, name := range s.Columns {
		place, err := b.target(name)
		if err != nil {
			return nil, err
		}
		if seen[place] {
			return nil, b.fail(name.At, pgerr.DuplicateColumn, "column \"%s\" specified more than once", name.Text)
		}
		seen[place] = true
		places = append(places, place)
	}
	return places, nil
}

// target finds a column that is written.
func (b *binder) target(name syntax.Name) (int, error) {
	place, ok := b.table.places[name.Text]
	if !ok {
		return 0, b.fail(name.At, pgerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", name.Text, b.table.name)
	}
	return place, nil
}

// insertRows binds the values, and defaults for the columns without one. Values cannot name columns.
func (b *binder) insertRows(s *syntax.Insert, places []int) ([][]node, error) {
	defer b.without("VALUES")()
	t := b.table
	b.table = nil
	var rows [][]node
	for _, values := range s.Rows {
		bound, err := b.bindRow(values)
		if err != nil {
			return nil, err
		}
		if err := b.checkWidth(s, places, values); err != nil {
			return nil, err
		}
		if err := b.countCells(len(t.Columns)); err != nil {
			return nil, err
		}
		row := make([]node, len(t.Columns))
		for i, x := range values {
			if row[places[i]], err = b.assign(t, places[i], bound[i], x); err != nil {
				return nil, err
			}
		}
		if err := fillDefaults(t, row, b.limits); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// bindRow binds the values of one row. They are converted afterwards: an error here comes before one there.
func (b *binder) bindRow(values []syntax.Expr) (bound []node, err error) {
	bound = make([]node, len(values))
	for i, x := range values {
		if _, isDefault := x.(*syntax.Default); isDefault {
			continue
		}
		if bound[i], err = b.expr(x); err != nil {
			return nil, err
		}
	}
	return bound, nil
}

// checkWidth compares how many values a row has with how many it should.
func (b *binder) checkWidth(s *syntax.Insert, places []int, values []syntax.Expr) error {
	switch {
	case len(values) != len(s.Rows[0]):
		return b.fail(values[0].At(), pgerr.SyntaxError, "VALUES lists must all be the same length")
	case len(values) > len(places):
		return b.fail(values[len(places)].At(), pgerr.SyntaxError, "INSERT has more expressions than target columns")
	case len(values) < len(places) && s.Columns != nil:
		return b.fail(s.Columns[len(values)].At, pgerr.SyntaxError, "INSERT has more target columns than expressions")
	}
	return nil
}

func fillDefaults(t *table, row []node, limits Limits) (err error) {
	for place := range row {
		if row[place] == nil {
			if row[place], err = columnDefault(t, place, limits); err != nil {
				return err
			}
		}
	}
	return nil
}

// conflict binds ON CONFLICT. The only unique columns are the primary key's.
func (b *binder) conflict(p *insertPlan, c *syntax.Conflict) error {
	if c == nil {
		return nil
	}
	t := p.table
	if c.Update && c.Target == nil {
		return b.fail(c.At, pgerr.SyntaxError, "ON CONFLICT DO UPDATE requires inference specification or constraint name")
	}
	for _, name := range c.Target {
		if _, known := t.places[name.Text]; !known {
			return b.fail(name.At, pgerr.UndefinedColumn, "column \"%s\" does not exist", name.Text)
		}
	}
	if c.Target != nil && slices.ContainsFunc(c.Target, func(name syntax.Name) bool { return name.Text != t.names[t.key] }) {
		p.unmatched = b.fail(c.At, invalidColumnReference, "there is no unique or exclusion constraint matching the ON CONFLICT specification").
			WithHint(fmt.Sprintf("The key of \"%s\" is (%s).", t.name, t.names[t.key]))
	}
	key := &comparison{"=", &column{t.key, t.types[t.key]}, &excluded{t.key, t.types[t.key]}}
	p.lookup = keyScan(t, key)
	if !c.Update {
		return nil
	}
	b.proposed = true
	defer func() { b.proposed = false }()
	var err error
	if p.update, err = b.rowWrite(c.Set); err != nil {
		return err
	}
	if p.where, err = b.clauseCondition(c.Where, "WHERE"); err != nil {
		return err
	}
	p.lookup.needsAll()
	return nil
}

// keyScan looks up the row with the key of the proposed one.
func keyScan(t *table, key *comparison) *scan {
	s := &scan{table: t, condition: key, path: &path{column: t.key, equal: []node{key.y}}}
	s.needs(key)
	return s
}

func (p *insertPlan) bytes(args []any) int { return argumentBytes(args) }

// Inner SELECTs that look through rows do so before the writer is asked for.
func (p *insertPlan) scouts() bool    { return lookThrough(p.selections) }
func (p *insertPlan) nothing() string { return insertTags.of(0) }

// find gives no rows, which are computed when they are inserted, but says how many there will be.
func (p *insertPlan) find(x *execution) ([][]any, error) {
	return make([][]any, len(p.rows)), p.prepare(x)
}

// prepare does what comes before any row.
func (p *insertPlan) prepare(x *execution) error {
	if err := x.fold(p.folded); err != nil {
		return err
	}
	if p.unmatched != nil {
		return p.unmatched
	}
	return x.selections(p.selections)
}

func (p *insertPlan) execute(x *execution) (*Result, error) {
	if _, err := x.writer(); err != nil {
		return nil, err
	}
	if err := p.prepare(x); err != nil {
		return nil, err
	}
	return p.change(x, nil)
}

func (p *insertPlan) change(x *execution, _ [][]any) (*Result, error) {
	w, err := x.writer()
	if err != nil {
		return nil, err
	}
	to := p.begin(w)
	for _, values := range p.rows {
		if err := to.insert(x, values); err != nil {
			return nil, err
		}
	}
	return to.done(), nil
}

// insertion is a run of an INSERT.
type insertion struct {
	plan    *insertPlan
	writer  engine.Writer
	result  *Result
	count   int
	touched map[any]bool // keys of the rows that were written
}

func (p *insertPlan) begin(w engine.Writer) *insertion {
	return &insertion{plan: p, writer: w, result: &Result{}, touched: map[any]bool{}}
}

func (i *insertion) insert(x *execution, values []node) error {
	if err := x.meter.beginRow(writeUnits); err != nil {
		return err
	}
	proposed, err := i.plan.propose(x, values)
	if err != nil {
		return err
	}
	written, err := i.plan.put(x, i.writer, proposed, i.touched)
	if written == nil || err != nil {
		return err
	}
	i.count++
	return returnRow(i.result, i.plan.returning, x, written)
}

func (i *insertion) done() *Result {
	i.result.Tag = insertTags.of(i.count)
	return i.result
}

// propose evaluates the row to be inserted.
func (p *insertPlan) propose(x *execution, values []node) ([]any, error) {
	row := make([]any, len(values))
	for place, n := range values {
		v, err := n.eval(&x.scope)
		if err != nil {
			return nil, err
		}
		row[place] = v
	}
	for place := range row { // after all are computed, so that an error there comes first
		var err error
		if row[place], err = p.table.storable(place, row[place], x.limits); err != nil {
			return nil, err
		}
	}
	return row, nil
}

// put inserts a row or resolves its conflict; it returns the row as written, nil if none was.
func (p *insertPlan) put(x *execution, w engine.Writer, proposed []any, touched map[any]bool) ([]any, error) {
	existing, err := p.existing(x, proposed)
	if err != nil {
		return nil, err
	}
	key := hashable(proposed[p.table.key])
	if existing == nil {
		touched[key] = true
		if err := w.Charge(p.table.weight(proposed)); err != nil {
			return nil, err
		}
		return proposed, p.table.named(w.Insert(p.table.Table, proposed))
	}
	if p.update == nil {
		return nil, nil
	}
	if touched[key] {
		return nil, pgerr.New(pgerr.CardinalityViolation, "ON CONFLICT DO UPDATE command cannot affect row a second time").
			WithHint("Ensure that no rows proposed for insertion within the same command have the same key.")
	}
	inner := *x
	inner.scope.row, inner.scope.proposed = existing, proposed
	if ok, err := isTrue(p.where, &inner.scope); err != nil || !ok {
		return nil, err
	}
	changed, err := p.update.apply(&inner, w)
	if err != nil {
		return nil, err
	}
	touched[hashable(changed[p.table.key])] = true
	return changed, nil
}

// existing looks up the row with the proposed key, nil if there is none.
func (p *insertPlan) existing(x *execution, proposed []any) (found []any, err error) {
	if p.lookup == nil {
		return nil, nil
	}
	x.scope.proposed = proposed
	found, err = p.lookup.one(x)
	x.scope.proposed = nil
	return found, err
}
