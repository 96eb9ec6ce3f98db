package gate

import (
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// What a statement returns: the select list or RETURNING, bound, named as PostgreSQL names it, and computed.

// outputItem is one column of a result: a select list's or RETURNING's.
type outputItem struct {
	x    node
	name string
	at   int
}

// output binds a select list.
func (b *binder) output(items []syntax.Item) ([]outputItem, error) {
	var list []outputItem
	for _, item := range items {
		if len(list) > maxItems {
			break
		}
		if item.Expr == nil {
			all, err := b.star(item)
			if err != nil {
				return nil, err
			}
			list = append(list, all...)
			continue
		}
		x, err := b.expr(item.Expr)
		if _, open := x.(*parameter); err == nil && !open && !b.keepOpen {
			x, err = b.coerceOpen(x, Text, item.Expr)
		}
		if err != nil {
			return nil, err
		}
		name := item.Alias
		if name == "" {
			name = columnName(item.Expr)
		}
		list = append(list, outputItem{x, name, item.At})
	}
	if len(list) > maxItems {
		return nil, b.fail(items[0].At, tooManyColumns, "target lists can have at most %d entries", maxItems)
	}
	return list, nil
}

// PostgreSQL's limits, and its SQLSTATE 54011 for what lies beyond.
const (
	maxItems       = 1664
	maxColumns     = 1600
	tooManyColumns = "54011"
)

// settle makes parameters text that stand in a select list by themselves, once all else had its say.
func (b *binder) settle(items []outputItem) error {
	for i := range items {
		if err := b.settleItem(items, i); err != nil {
			return err
		}
	}
	return nil
}

func (b *binder) settleItem(items []outputItem, i int) (err error) {
	items[i].x, err = b.coerceOpen(items[i].x, Text, itemAt(items[i].at))
	return err
}

// returning binds RETURNING.
func (b *binder) returning(from []syntax.Item) ([]outputItem, error) {
	defer b.without("RETURNING")()
	items, err := b.output(from)
	if err != nil {
		return nil, err
	}
	return items, b.settle(items)
}

// itemAt is where an entry of a select list begins.
type itemAt int

func (i itemAt) At() int { return int(i) }

func (b *binder) star(item syntax.Item) ([]outputItem, error) {
	for outer := b.outer; outer != nil && item.Star != "" && (b.table == nil || item.Star != b.alias); outer = outer.outer {
		if outer.table != nil && outer.alias == item.Star {
			return nil, b.correlated(item.At)
		}
	}
	if b.table == nil {
		return nil, b.fail(item.At, pgerr.SyntaxError, "SELECT * with no tables specified is not valid")
	}
	if item.Star != "" && item.Star != b.alias {
		return nil, b.fail(item.At, pgerr.UndefinedTable, "missing FROM-clause entry for table \"%s\"", item.Star)
	}
	var list []outputItem
	for place, name := range b.table.names {
		n := &column{place, b.table.types[place]}
		b.columnAt(n, item.At)
		list = append(list, outputItem{n, name, item.At})
	}
	return list, nil
}

// columnName is what PostgreSQL calls a result column without AS.
func columnName(x syntax.Expr) string {
	name, _ := figureName(x)
	return name
}

// figureName finds a name, and whether it is one that goes through casts and CASE.
func figureName(x syntax.Expr) (name string, strong bool) {
	switch x := x.(type) {
	case *syntax.Column:
		return x.Name, true
	case *syntax.Call:
		return x.Name, true
	case *syntax.Choice:
		return x.Name, true
	case *syntax.Subquery:
		if x.Exists {
			return "exists", true
		}
		return x.Column, true
	case *syntax.Cast:
		if name, strong := figureName(x.X); strong {
			return name, true
		}
		if short := shortTypeNames[typeNames[x.Type.Name]]; short != "" {
			return short, false
		}
	case *syntax.Case:
		if name, strong := figureName(x.Else); strong {
			return name, true
		}
		return "case", false
	}
	return unnamed, false
}

const unnamed = "?column?"

var shortTypeNames = map[Type]string{Bool: "bool", Bytea: "bytea", Name: "name", Int8: "int8", Int2: "int2", Int4: "int4", Text: "text",
	Varchar: "varchar", Numeric: "numeric", Float4: "float4", Float8: "float8", Timestamp: "timestamp", Timestamptz: "timestamptz",
	Date: "date", Interval: "interval"}

func columnsOf(items []outputItem) []Column {
	columns := make([]Column, len(items))
	for i, item := range items {
		columns[i] = Column{Name: item.name, Type: item.x.typ()}
	}
	return columns
}

func expressions(items []outputItem) []node {
	list := make([]node, len(items))
	for i, item := range items {
		list[i] = item.x
	}
	return list
}

// project evaluates a result row, which the statement keeps.
func project(items []outputItem, s *scope) ([]any, error) {
	if err := s.spend(nodeUnits * len(items)); err != nil {
		return nil, err
	}
	out := make([]any, len(items))
	kept := rowBytes(nil)
	for i, item := range items {
		v, err := item.x.eval(s)
		if err != nil {
			return nil, err
		}
		out[i] = v
		if kept += valueBytes(v); kept > chargeFrom { // before the next one is made
			if err := s.keep(kept); err != nil {
				return nil, err
			}
			kept = 0
		}
	}
	return out, s.keep(kept)
}

// output makes the rows of a result.
type output struct {
	plan *selectPlan
	kept buffer
	seen map[string]bool // the rows that DISTINCT has met
}

func newOutput(p *selectPlan, x *execution) *output {
	o := &output{plan: p, kept: buffer{x: x}}
	if p.distinct {
		o.seen = map[string]bool{}
	}
	return o
}

// row makes one, nil if it is not the first of its like.
func (o *output) row(s *scope) ([]any, error) {
	row, err := project(o.plan.items, s)
	if err != nil {
		return nil, err
	}
	if o.seen != nil {
		if again, err := met(o.seen, row, s); err != nil {
			return nil, err
		} else if again {
			return nil, s.keep(-rowBytes(row))
		}
	}
	return row, o.kept.count()
}
