package gate

import (
	"fmt"
	"slices"
	"strings"

	"chaisqld/engine"
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// EXPLAIN tells how a statement would read and in which steps, from the plan that would run. It knows no costs: a path is chosen
// by what the conditions say, not by what the table holds.

// explainPlan is EXPLAIN. It answers what was settled when it was planned; another catalogue has it planned again.
type explainPlan struct{ lines []string }

func (p *explainPlan) bytes([]any) int { return 0 }

func (p *explainPlan) execute(x *execution) (*Result, error) {
	r := &Result{Tag: "EXPLAIN"}
	for _, line := range p.lines {
		row := []any{line}
		if err := x.meter.keep(rowBytes(row)); err != nil {
			return nil, err
		}
		r.Rows = append(r.Rows, row)
	}
	return r, nil
}

func (b *binder) explainPlan(s *syntax.Explain) (*Plan, error) {
	p, err := b.plan(s.Statement)
	if err != nil {
		return nil, err
	}
	e := &explanation{}
	switch run := p.run.(type) {
	case *selectPlan:
		e.query(run, 0)
	case insertQuery:
		e.insert(run.insertPlan, 0)
	case *insertPlan:
		e.insert(run, 0)
	case *updatePlan:
		e.step(0, "Update of "+run.scan.table.name)
		e.scan(run.scan, 1)
		e.inner(run.selections, 1)
	case *deletePlan:
		e.delete(run)
	default:
		return nil, b.fail(s.At, pgerr.FeatureNotSupported, "EXPLAIN of this statement is not supported").
			WithHint("Supported are SELECT, VALUES, TABLE, INSERT, UPDATE and DELETE of tables.")
	}
	return &Plan{Verb: Explain, Access: Read, Columns: []Column{{"QUERY PLAN", Text}}, run: &explainPlan{e.lines}}, nil
}

// explanation is lines as PostgreSQL indents them: the last step first, and beneath each what it takes its rows from.
type explanation struct {
	lines   []string
	selects int // inner SELECTs met so far
}

func (e *explanation) step(depth int, text string) {
	if depth > 0 {
		text = strings.Repeat(" ", 6*depth-4) + "->  " + text
	}
	e.lines = append(e.lines, text)
}

// note says more of the step above it.
func (e *explanation) note(depth int, format string, args ...any) {
	e.lines = append(e.lines, strings.Repeat(" ", 6*depth+2)+fmt.Sprintf(format, args...))
}

func (e *explanation) query(p *selectPlan, depth int) {
	streamed := p.groups == nil && (p.scan == nil || p.scan.byOneKey() || p.served)
	if p.limit != nil || p.offset != nil {
		e.step(depth, limitStep(p, streamed))
		depth++
	}
	if len(p.keys) > 0 && !streamed {
		e.step(depth, "Sort in memory by "+named(sortExpressions(p.keys), p.table()))
		depth++
	}
	if p.distinct {
		e.step(depth, "Distinct, with all rows in memory")
		depth++
	}
	if g := p.groups; g != nil {
		if len(g.by) > 0 {
			e.step(depth, "Groups in memory by "+named(g.by, p.table()))
		} else {
			e.step(depth, "Aggregate of all rows")
		}
		if g.having != nil {
			e.note(depth, "Filter: HAVING is asked for each group")
		}
		if g.first {
			e.note(depth, "The first row settles it")
		}
		depth++
	}
	if p.scan != nil {
		e.scan(p.scan, depth)
	} else {
		e.step(depth, "One row, from no table")
		if p.condition != nil {
			e.note(depth, "Filter: asked once")
		}
	}
	e.inner(p.selections, depth+1)
}

func limitStep(p *selectPlan, streamed bool) string {
	var words []string
	if p.limit != nil {
		words = append(words, "Limit")
	}
	if p.offset != nil {
		words = append(words, "Offset")
	}
	text := strings.Join(words, " and ")
	if streamed && p.limit != nil {
		return text + ": ends reading when there are enough rows"
	}
	if !streamed {
		return text + ": of rows that were all read"
	}
	return text
}

func (p *selectPlan) table() *table {
	if p.scan == nil {
		return nil
	}
	return p.scan.table
}

// named lists columns by their names; all else is just an expression.
func named(list []node, t *table) string {
	names := make([]string, len(list))
	for i, n := range list {
		names[i] = "an expression"
		if c, ok := n.(*column); ok && t != nil {
			names[i] = t.names[c.place]
		}
	}
	return strings.Join(names, ", ")
}

func (e *explanation) scan(s *scan, depth int) {
	if s.table.made != nil {
		if rows, ok := s.table.made.(*valueRows); ok {
			e.step(depth, fmt.Sprintf("Values: %d %s", len(rows.list), plural("row", len(rows.list))))
		} else {
			e.step(depth, "View "+s.table.name+", made from the catalogue")
		}
	} else {
		e.step(depth, s.way())
	}
	once, each := 0, 0
	used := &path{column: s.path.column}
	for _, c := range s.all {
		switch {
		case used.take(s.table, c) && s.table.made == nil:
		case rowless(c):
			once++
		default:
			each++
		}
	}
	if once > 0 {
		e.note(depth, "Filter: %d %s asked once, before reading", once, plural("condition", once))
	}
	if each > 0 {
		e.note(depth, "Filter: %d %s asked for each row that is read", each, plural("condition", each))
	}
}

func plural(word string, n int) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// way tells the access path.
func (s *scan) way() string {
	t, p := s.table, s.path
	if p.column < 0 {
		return "Whole table " + t.name
	}
	name := t.names[p.column]
	index := ""
	if p.column != t.key {
		index = " by index " + t.indexOn(p.column)
	}
	backwards := ""
	if p.descending {
		backwards = ", backwards"
	}
	switch {
	case p.keys != nil:
		return fmt.Sprintf("Look-ups in %s%s: %s by each value of an inner SELECT", t.name, index, name)
	case p.equal != nil:
		return fmt.Sprintf("Look-up in %s%s: %s by %d %s", t.name, index, name, len(p.equal), plural("value", len(p.equal)))
	case p.bounded():
		var ends []string
		for _, end := range []*bound{p.low, p.high} {
			if end != nil {
				ends = append(ends, name+" "+end.op+" …")
			}
		}
		return fmt.Sprintf("Range of %s%s: %s%s", t.name, index, strings.Join(ends, " and "), backwards)
	}
	return fmt.Sprintf("Whole table %s%s, in the order of %s%s", t.name, index, name, backwards)
}

// indexOn is the name of an index on a column alone. Of several Chai may take any.
func (t *table) indexOn(place int) string {
	i := slices.IndexFunc(t.Indexes, func(i engine.Index) bool { return len(i.Columns) == 1 && i.Columns[0] == t.Columns[place].Name })
	if i < 0 {
		return "on " + t.names[place]
	}
	return engine.ShownName(t.Indexes[i].Name)
}

var selectionUses = map[selectionUse]string{asSet: "for IN", asValue: "as a value", asExistence: "for EXISTS"}

// inner tells of inner SELECTs, which run before the statement reads.
func (e *explanation) inner(list []*selection, depth int) {
	for _, s := range list {
		e.selects++
		e.step(depth, fmt.Sprintf("Inner SELECT %d, run once before, %s", e.selects, selectionUses[s.use]))
		e.query(s.plan, depth+1)
	}
}

func (e *explanation) insert(p *insertPlan, depth int) {
	e.step(depth, "Insert into "+p.table.name)
	if p.lookup != nil {
		action := "NOTHING"
		if p.update != nil {
			action = "UPDATE"
		}
		e.note(depth, "On conflict: DO %s, found by key %s", action, p.table.names[p.table.key])
	}
	if p.query != nil {
		e.query(p.query, depth+1)
	} else {
		e.step(depth+1, fmt.Sprintf("Values: %d %s", len(p.rows), plural("row", len(p.rows))))
	}
	e.inner(p.selections, depth+1)
}

func (e *explanation) delete(p *deletePlan) {
	e.step(0, "Delete from "+p.scan.table.name)
	if p.batch != nil {
		e.note(0, "Rows are deleted as the inner SELECT finds them")
		e.query(p.batch, 1)
	} else {
		e.scan(p.scan, 1)
	}
	e.inner(p.besides, 1)
}
