package gate

import (
	"slices"
	"strconv"

	"chaisqld/engine"
	"chaisqld/gate/syntax"
	"chaisqld/pgerr"
)

// VALUES as a query is the SELECT of all columns of a table whose rows are written out.

// valueRows are the rows of a VALUES.
type valueRows struct{ list [][]node }

func (v *valueRows) run(x *execution, emit func([]any) error) error {
	for _, nodes := range v.list {
		if err := x.meter.beginRow(rowUnits + nodeUnits*len(nodes)); err != nil {
			return err
		}
		row := make([]any, len(nodes))
		for i, n := range nodes {
			v, err := n.eval(&x.scope)
			if err != nil {
				return err
			}
			row[i] = v
		}
		if err := emit(row); err == engine.Stop {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// useValues makes a VALUES the table that columns are looked up in. PostgreSQL calls it *VALUES*.
func (b *binder) useValues(rows [][]syntax.Expr) (*valueRows, error) {
	defer b.without("VALUES")()
	v := &valueRows{}
	for _, values := range rows {
		list, err := b.list(values)
		if err != nil {
			return nil, err
		}
		if len(values) != len(rows[0]) {
			return nil, b.fail(values[0].At(), pgerr.SyntaxError, "VALUES lists must all be the same length")
		}
		v.list = append(v.list, list)
	}
	t := madeTable("*VALUES*", v)
	for i := range rows[0] {
		of, err := b.alikeInColumn(v.list, rows, i)
		if err != nil {
			return nil, err
		}
		t.addColumn("column"+strconv.Itoa(i+1), of)
	}
	b.table, b.alias = t, t.name
	return v, nil
}

// alikeInColumn converts the values of one column to the type that they have in common.
func (b *binder) alikeInColumn(list [][]node, rows [][]syntax.Expr, i int) (Type, error) {
	var column []node
	var from []syntax.Expr
	for r := range list {
		column, from = append(column, list[r][i]), append(from, rows[r][i])
	}
	of, err := b.alike("VALUES", column, from)
	for r := range list {
		list[r][i] = column[r]
	}
	return of, err
}

// nodes are all values.
func (v *valueRows) nodes() []node {
	if v == nil {
		return nil
	}
	return slices.Concat(v.list...)
}
